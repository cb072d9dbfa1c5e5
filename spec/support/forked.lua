-- SPDX-License-Identifier: Apache-2.0
-- A program for promises/lifecycle_spec.lua: forks while it has a client with a kept connection and a run under way,
-- and goes on in both processes. Its arguments are fork.c as a module, the server's URL, and how the child ends.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local process = assert(package.loadlib(arg[1], "luaopen_fork"))()
local url, ending = arg[2], arg[3]

local client = assert(cdf.client {
  project = "p", base_url = url, max_retries = 0, credentials = cdf.credentials { token = "t" },
})

--- A run by hand, so that this process can fork while it is under way.
local call = core.run(client.core, "foo", "1", { nonce = "n", request_id = "r-1" })
local http = core.http {}

local function await(id)
  local found, response
  repeat
    http:wait(1)
    found, response = http:finished()
  until found
  assert(found == id)
  return response
end

assert(client:request("GET", "/first"))
local _, request = call:step("start", core.now())
local id = http:submit(request)
http:step()

local child = process.fork()
if child == 0 then
  assert(client:request("GET", "/child"))
  if ending == "waits" then
    local response = await(id)
    assert(response.failure == "cancelled" and response.sent)
    local action, err = call:step("answer", core.now(), core.time(), response)
    assert(action == "http" or err.kind == "cancelled" or err.kind == "ambiguous")
  elseif ending == "closes" then
    http:close()
    client:close()
    client:close()
  end
  call, http, client = nil, nil, nil -- luacheck: no unused
  collectgarbage()
  return
end

local status = process.wait(child)
assert(status == 0, "the child ended with " .. status)
local action, execution = call:step("answer", core.now(), core.time(), await(id))
assert(action == "done" and execution.id == "i")
assert(client:request("GET", "/second"))
print "done"
