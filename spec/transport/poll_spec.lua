-- SPDX-License-Identifier: Apache-2.0
-- What transport/poll.lua does with hosts that behave, and with hosts that kill or forget coroutines. The host here
-- blocks where others yield: waiting for anything moves the transfers' clock.

local Poll = require "cdfworkflow.transport.poll"
local core = require "cdfworkflow.core"
local slow_cdf = require "slow_cdf"

describe("a transport that is pumped", function()
  local slow, client, host, log

  setup(function() slow = slow_cdf.start { delay = 0.01, token_delay = 0 } end)
  teardown(function() slow:stop() end)

  --- A host whose pumps are coroutines that go on whenever somebody waits.
  local function new_host()
    local pumps = {}
    log = { spawned = 0, waits = 0 }
    local function nap() os.execute "sleep 0.002" end
    return {
      pumps = pumps,
      wait = function()
        log.waits = log.waits + 1
        local co, is_main = coroutine.running()
        if co and not is_main then coroutine.yield() else nap() end
      end,
      sleep = nap,
      signal = function()
        return {
          wait = function()
            nap()
            for _, pump in ipairs(pumps) do
              if coroutine.status(pump) == "suspended" then assert(coroutine.resume(pump)) end
            end
          end,
          wake = function() end,
        }
      end,
      spawn = function(fn)
        log.spawned = log.spawned + 1
        pumps[#pumps + 1] = coroutine.create(fn)
        return true
      end,
    }
  end

  before_each(function() host = new_host() end)
  after_each(function() client:close() end)

  local function connect()
    client = slow:client { transport = Poll.new(host, {}) }
    return client
  end

  it("starts a pump where there is something to move, which ends with it", function()
    assert(connect():run("w", "1"))
    assert.equal(3, log.spawned) -- token, session, run
    for _, pump in ipairs(host.pumps) do assert.equal("dead", coroutine.status(pump)) end
    assert.is_nil(client.transport.pump)
    assert.is_nil(next(client.transport.waiting))
  end)

  it("lets the one who waits do it where the host can run no pump", function()
    function host.spawn() return false end
    assert(connect():run("w", "1"))
    assert.is_true(log.waits > 0)
  end)

  it("does the same where the host never runs the pump that it took", function()
    function host.spawn() return true end
    assert(connect():auth())
    local begun = core.now()
    assert(client:run("w", "1"))
    assert.is_true(core.now() - begun < 2)
  end)

  it("replaces a pump that was killed", function()
    connect()
    local spawn, killed = host.spawn, false
    function host.spawn(fn)
      if killed then return spawn(fn) end
      killed = true
      local pump = coroutine.create(fn)
      return assert(coroutine.resume(pump)) -- once, and never again
    end
    assert(client:run("w", "1"))
    assert.is_true(log.spawned > 0)
  end)

  it("hands one answer out before the host gets its turn", function()
    connect()
    assert(client:auth())
    local calls, handed, most = {}, 0, 0
    local transport = client.transport
    for i = 1, 20 do
      local request = assert(select(2, core.request(client.core, "GET", "/counts", nil, {}):step("start", core.now())))
      calls[i] = transport.handle:submit(request)
      transport.waiting[calls[i]] = { receive = function() handed = handed + 1 end }
    end
    function host.wait()
      most, handed = math.max(most, handed), 0
      coroutine.yield()
    end
    os.execute "sleep 0.2"
    assert(client:run("w", "1"))
    assert.equal(1, most)
    assert.is_nil(next(transport.waiting))
  end)

  it("gives those who wait an error when it is closed", function()
    connect()
    assert(client:auth())
    local signal, closed = host.signal, false
    function host.signal()
      local made = signal()
      local wait = made.wait
      function made.wait(...)
        if not closed then client:close() end
        closed = true
        return wait(...)
      end
      return made
    end
    local ok, err = pcall(client.run, client, "w", "1")
    assert.is_false(ok)
    assert.matches("client was closed", err)
    assert.error_matches(function() client:run("w", "1") end, "closed")
    client.transport:close()
  end)

  it("says why nobody may wait, where that is so", function()
    function host.check() return "not in this phase; use a timer" end
    local result, err = connect():run("w", "1")
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
    assert.equal("not in this phase; use a timer", err.message)
    assert.equal(0, log.spawned)
  end)
end)
