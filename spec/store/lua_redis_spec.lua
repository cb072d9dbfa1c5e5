-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The store by way of lua-redis inside real HAProxy (in scripts: redis_spec.lua, server_spec.lua).

local haproxy = require "haproxy"
local nginx = require "nginx"
local redis_server = require "redis_server"
local shell = require "shell"

local PROGRAM = [[
local shared = assert(require("cdfworkflow.store.redis").new { port = %d, timeout = 1 })

local function answer(applet, body)
  applet:set_status(200)
  applet:add_header("content-length", tostring(#body))
  applet:start_response()
  applet:send(body)
end

core.register_service("sibling", "http", function(applet) answer(applet, "here") end)

core.register_service("queue", "http", function(applet)
  local queue = require("cdfworkflow.queue.redis").new { port = %d }
  local now = require("cdfworkflow.core").time
  queue.clock = { now = now, time = now }
  assert(queue:put({ id = "d", workflow = "w", version = "1", input = "{}", created = 1 }, { max_entries = 9,
    max_bytes = 99 }))
  local claim = assert(queue:claim())
  local begun, state = queue:begin(claim, 60), queue:list({ limit = 9 })[1].state
  local settled = queue:settle(claim, { id = "e" })
  answer(applet, table.concat({ claim.id, claim.input, tostring(claim.metadata), tostring(begun), state,
    tostring(settled), queue:get("d").execution.id, queue:count().waiting }, " "))
end)

core.register_service("ask", "http", function(applet)
  local what, key, value = applet.qs:match "^(%%w+),(%%w+),?(%%w*)"
  local first, why = shared[what](shared, key, value ~= "" and value or nil)
  answer(applet, tostring(first) .. " " .. tostring(why))
end)
]]

local RULES = [[
http-request use-service lua.sibling if { path /sibling }
http-request use-service lua.queue if { path /queue }
http-request use-service lua.ask]]

describe("store.redis in HAProxy", function()
  local server, proxy

  after_each(function()
    if proxy then proxy:stop() end
    server:stop()
  end)

  local function start(load, threads)
    server = redis_server.start()
    proxy = haproxy.start {
      lua = PROGRAM:format(server.port, server.port), rules = RULES, load = load, threads = threads,
    }
  end

  local function ask(words)
    local _, body = proxy:ask("/ask?" .. words)
    return body
  end

  for _, load in ipairs { "lua-load", "lua-load-per-thread" } do
    it("gets, sets and adds with " .. load .. " and two threads", function()
      start(load, 2)
      assert.equal("nil nil", ask "get,a")
      assert.equal("true nil", ask "add,a,1")
      assert.equal("false exists", ask "add,a,2")
      for _ = 1, 20 do assert.equal("1 nil", ask "get,a") end
      assert.same({ [200] = 100 }, proxy:ask_many "/ask?get,a,[1-100]")
      assert.equal("true nil", ask "set,a")
    end)
  end

  it("keeps a queue", function()
    start("lua-load", 1)
    server:has_long_been_there(100000)
    local _, said = proxy:ask "/queue"
    assert.equal("d {} nil true starting true e 0", said)
  end)

  it("uses its connections again", function()
    start("lua-load", 1)
    local function connections() return tonumber(server:ask "INFO stats":match "total_connections_received:(%d+)") end
    ask "get,a"
    local before = connections()
    for _ = 1, 30 do ask "get,a" end
    assert.is_true(connections() - before <= 3)
  end)

  it("holds nobody else up while Redis is frozen, and uses it again when it thaws", function()
    start("lua-load", 1)
    assert.equal("true nil", ask "set,a,1")
    server:freeze()
    local slow = assert(io.popen(("curl -s -m 10 %s"):format(shell.quote(proxy.url .. "/ask?get,a"))))
    for _ = 1, 5 do assert.equal(200, (proxy:ask("/sibling", "-m 0.25"))) end
    assert.matches("^nil Redis at 127.0.0.1:%d+: no answer in time$", slow:read "*a")
    slow:close()
    server:thaw()
    nginx.wait_until("Redis is used again", function() return ask "get,a" == "1 nil" end)
    server:kill()
    assert.matches("^false Redis at 127.0.0.1:%d+: ", ask "add,b,1")
  end)
end)
