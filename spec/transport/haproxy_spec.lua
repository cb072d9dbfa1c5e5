-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The library inside real HAProxy, which loads its Lua 5.3 build, with a slow CDF behind.

local core_now = require("cdfworkflow.core").now
local haproxy = require "haproxy"
local nginx = require "nginx"
local slow_cdf = require "slow_cdf"

local PROGRAM = [[
local cdf = require "cdfworkflow"
local now = require("cdfworkflow.core").now
local client = assert(%s)

local function answer(applet, status, body)
  applet:set_status(status)
  applet:add_header("content-length", tostring(#body))
  applet:start_response()
  applet:send(body)
end

core.register_service("run", "http", function(applet)
  local workflow = applet.path:match "^/run/(%%w+)" or "w"
  local execution, err = client:run(workflow, "1", { request_id = applet.qs:match "id=(%%w+)" })
  answer(applet, execution and 200 or 502, execution and execution.id or err.kind .. ": " .. tostring(err))
end)

core.register_service("sibling", "http", function(applet) answer(applet, 200, "here") end)

core.register_service("collect", "http", function(applet)
  collectgarbage()
  answer(applet, 200, ("%%d %%s %%s"):format(client.transport.handle:pending(),
    tostring(next(client.transport.waiting)), tostring(client.transport.pump)))
end)

core.register_service("gather", "http", function(applet)
  local function run() return client:run("w", "1") end
  assert(client:auth())
  local begun = now()
  local results, errors = cdf.gather(run, run, function() return cdf.gather(run, run) end, function()
    client:_sleep(0.01)
    error("oops", 0)
  end)
  answer(applet, 200, ("%%s %%s %%s %%s %%s"):format(results[1].status, results[2].status, results[3][2].status,
    errors[4], now() - begun < 0.8 and "quick" or "slow"))
end)

core.register_action("run", { "http-req" }, function(txn)
  local execution = client:run("w", "1")
  txn:set_var("txn.execution", execution and execution.status or "none")
end)
]]

local RULES = [[
http-request lua.run if { path /action }
http-request return status 200 content-type text/plain lf-string "%[var(txn.execution)]" if { path /action }
http-request use-service lua.sibling if { path /sibling }
http-request use-service lua.collect if { path /collect }
http-request use-service lua.gather if { path /gather }
http-request use-service lua.run]]

describe("HAProxy", function()
  local slow, server

  setup(function() slow = slow_cdf.start { delay = 0.2 } end)
  teardown(function() slow:stop() end)
  after_each(function() server:stop() end)

  local function start(options)
    server = haproxy.start {
      lua = PROGRAM:format(slow:client_source(options.client)), rules = RULES, load = options.load,
      threads = options.threads,
    }
  end

  for _, load in ipairs { "lua-load", "lua-load-per-thread" } do
    describe("with " .. load .. " and two threads", function()
      before_each(function() start { load = load, threads = 2, client = "max_connections = 300" } end)

      it("serves a sibling throughout 100 runs, by services and actions", function()
        local tokens, runs = slow:counts().tokens, slow:counts().runs
        local curl = io.popen(("curl -s -Z --parallel-immediate --parallel-max 100 -m 30 -w '%%{http_code}\\n' "
          .. "-o /dev/null '%s/run/[1-100]' 2>/dev/null | sort | uniq -c"):format(server.url))
        nginx.wait_until("a run is under way", function() return slow:counts().runs > runs end)
        local begun = core_now()
        for _ = 1, 4 do assert.equal("here", (select(2, server:ask "/sibling"))) end
        assert.is_true(core_now() - begun < 10, core_now() - begun) -- threads that block have 20 s of runs before them
        assert.matches("100 200\n", curl:read "*a")
        curl:close()
        local spent = slow:counts().tokens - tokens
        assert.is_true(spent >= 1 and spent <= (load == "lua-load" and 1 or 2), spent)
        assert.equal("RUNNING", (select(2, server:ask "/action")))
      end)
    end)
  end

  describe("with one thread", function()
    before_each(function() start { client = "timeout = 2" } end)

    it("keeps nothing, and lives on when a client goes away", function()
      server:ask "/run"
      local descriptors, runs = nginx.holds(server.pid), slow:counts().runs
      assert.equal(0, (server:ask("/run?id=gone", "-m 0.3")))
      assert.equal(200, (server:ask "/run"))
      assert.equal(runs + 2, slow:counts().runs) -- HAProxy lets a service go on to its end
      nginx.wait_until("nothing is under way", function()
        return select(2, server:ask "/collect") == "0 nil nil"
      end)
      assert.is_true(nginx.holds(server.pid) <= descriptors + 2)
    end)

    it("sleeps while nothing stirs", function()
      server:ask "/run"
      local runs = slow:counts().runs
      local curl = io.popen(("curl -s -m 5 '%s/run/hangs'"):format(server.url))
      nginx.wait_until("a run is under way", function() return slow:counts().runs > runs end)
      os.execute "sleep 0.5"
      local before = nginx.used(server.pid)
      os.execute "sleep 0.5"
      local wake_ups = nginx.used(server.pid) - before
      assert.is_true(wake_ups >= 1 and wake_ups < 60, wake_ups .. " wake-ups in half a second")
      assert.matches("^ambiguous: ", curl:read "*a")
      curl:close()
    end)

    it("ends the runs under way at a soft stop", function()
      server:ask "/run"
      local runs = slow:counts().runs
      local curl = io.popen(("curl -s -m 5 '%s/run'"):format(server.url))
      nginx.wait_until("a run is under way", function() return slow:counts().runs > runs end)
      server:signal "USR1"
      assert.matches("^059edaa4", curl:read "*a")
      curl:close()
    end)

    it("gives every request an answer when CDF hangs, breaks off or talks nonsense", function()
      assert.matches("^ambiguous: ", (select(2, server:ask "/run/hangs")))
      assert.matches("^ambiguous: ", (select(2, server:ask "/run/resets")))
      assert.matches("^ambiguous: ", (select(2, server:ask "/run/garbage")))
      assert.equal(200, (server:ask "/run"))
    end)

    it("gathers", function()
      assert.equal("RUNNING RUNNING RUNNING oops quick", (select(2, server:ask "/gather")))
    end)
  end)
end)
