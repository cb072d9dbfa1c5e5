-- SPDX-License-Identifier: Apache-2.0
-- A program for promises/lifecycle_spec.lua that ends while a call is under way, in the way that its second argument
-- says; the first is the server's URL, the third what is under way.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local url, ending, what = arg[1], arg[2], arg[3]

--- A transport in which each wait is a yield.
local function yielding()
  local handle = core.http {}
  return {
    now = core.now,
    sleep = coroutine.yield,
    http = function(_, request)
      local id, response
      handle:submit(request)
      repeat
        handle:wait(0.02)
        id, response = handle:finished()
        if not id then coroutine.yield() end
      until id
      return response
    end,
    close = function() handle:close() end,
  }
end

local blocking = ending == "interrupt" or ending == "hook"
local sent = 0
local client = assert(cdf.client {
  project = "p", base_url = url, max_retries = 0, transport = not blocking and yielding() or nil,
  credentials = cdf.credentials { token = "t" },
  on_event = function() sent = sent + 1 end,
})

local calls = {
  run = function() return client:run("foo", "1", { request_id = "r-1", nonce = "n" }) end,
  plain_run = function() return client:run("foo", "1", { nonce = "n" }) end,
  retry = function()
    return client.workflows.executions:retry("059edaa4-a17a-4102-910e-2c3591500cce", { nonce = "n" })
  end,
  session = function() return client:run("foo", "1") end,
  request = function() return client:request("GET", "/silent") end,
}

if ending == "hook" then
  debug.sethook(function()
    if sent == 2 then error "stopped by a hook" end
  end, "crl")
  cdf.gather(calls[what], calls[what])
elseif blocking then
  calls[what]()
end

local running = coroutine.create(calls[what])
for _ = 1, 10 do assert(coroutine.resume(running)) end
if ending == "exit" then os.exit(3, true) end
if ending == "error" then error "the program is wrong" end
if ending == "closed" then client:close() end
if ending == "collected" then
  running, client = nil, nil -- luacheck: no unused
  collectgarbage()
  collectgarbage()
  print "still here"
end
