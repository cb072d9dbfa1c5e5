-- SPDX-License-Identifier: Apache-2.0
-- What transport/poll.lua does with hosts that behave, and with hosts that kill or forget coroutines. The host here
-- blocks where others yield: waiting for anything moves the transfers' clock.

local Poll = require "cdfworkflow.transport.poll"
local clock = require "clock"
local core = require "cdfworkflow.core"
local cqueues = require "cqueues"
local slow_cdf = require "slow_cdf"

describe("a transport that is pumped", function()
  local slow, client, host, log

  setup(function() slow = slow_cdf.start { delay = 0.01, token_delay = 0 } end)
  teardown(function() slow:stop() end)

  --- Until the transfers have something to do, or a little while.
  local function until_it_stirs()
    if client.transport.closed then return end
    cqueues.poll({ pollfd = client.transport.handle:fd(), events = "r" }, 0.02)
  end

  --- A host whose pumps are coroutines that go on whenever somebody waits.
  local function new_host()
    local pumps = {}
    log = { spawned = 0, waits = 0 }
    return {
      pumps = pumps,
      wait = function()
        log.waits = log.waits + 1
        local co, is_main = coroutine.running()
        if co and not is_main then coroutine.yield() else until_it_stirs() end
      end,
      sleep = function(seconds) cqueues.sleep(seconds) end,
      signal = function()
        return {
          wait = function()
            until_it_stirs()
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
    assert(client:run("w", "1"))
    assert.equal(1, most)
    assert.is_nil(next(transport.waiting))
  end)

  describe("in a host whose pump nothing wakes", function()
    local slept

    before_each(function()
      slept, host.blind = {}, true
      local wait = host.wait
      function host.wait(handle, seconds)
        slept[#slept + 1] = seconds
        return wait(handle, seconds)
      end
      assert(connect():auth())
      slept = {}
    end)

    it("looks ever more seldom while nothing stirs, and is in time for what is due", function()
      local begun = core.now()
      local _, err = client:request("GET", "/hangs", nil, { timeout = 0.6 })
      assert.equal("timeout", err.kind)
      assert.is_true(core.now() - begun < 0.7)
      assert.is_true(slept[1] <= 0.001, slept[1])
      local most = math.max((table.unpack or unpack)(slept)) -- luacheck: globals unpack
      assert.is_true(most >= 0.009 and most <= 0.016, most)
    end)

    it("is soon there for what is asked meanwhile", function()
      local signal = host.signal
      function host.signal()
        local made = signal()
        local wait = made.wait
        function made.wait(...)
          local co, is_main = coroutine.running()
          if co and not is_main then coroutine.yield() else wait(...) end
        end
        return made
      end
      local first = coroutine.create(function() client:request("GET", "/hangs", nil, { timeout = 2 }) end)
      assert(coroutine.resume(first))
      local begun = core.now()
      while core.now() - begun < 0.4 do
        os.execute "sleep 0.001"
        assert(coroutine.resume(host.pumps[#host.pumps]))
      end
      for i = #host.pumps, 1, -1 do host.pumps[i] = nil end -- it sleeps
      begun = core.now()
      assert(client:request("GET", "/sessions", nil, { timeout = 2 }))
      assert.is_true(core.now() - begun < 0.2, core.now() - begun)
    end)
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

  describe("in a host whose coroutines may vanish", function()
    local gone, told

    before_each(function()
      gone, told = {}, {}
      host.signals_tell = true
      function host.signal()
        local co = coroutine.running()
        return {
          wait = function() coroutine.yield() end,
          wake = function() end,
          is_waited_for = function() return not gone[co] end,
        }
      end
      connect().on_event = function(event)
        if event.type == "abandoned" then told[#told + 1] = event end
      end
    end)

    --- Runs the function as a coroutine of the host, until it waits.
    local function begin(fn)
      local co = coroutine.create(fn)
      assert(coroutine.resume(co))
      return co
    end

    --- Moves the pumps, and those coroutines, until it is true.
    local function go_on(is_enough, ...)
      for _ = 1, 6000 do -- some libcurls stir often for nothing
        for _, pump in ipairs(host.pumps) do
          if coroutine.status(pump) == "suspended" then assert(coroutine.resume(pump)) end
        end
        for _, co in ipairs { ... } do
          if coroutine.status(co) == "suspended" then assert(coroutine.resume(co)) end
        end
        if is_enough() then return end
        until_it_stirs()
      end
      error("waited in vain", 2)
    end

    --- A coroutine that waits for an answer which does not come.
    local function begin_to_read()
      local signed_in = false
      local first = begin(function() signed_in = client:auth() end)
      go_on(function() return signed_in end, first)
      return begin(function() client:request("GET", "/hangs") end)
    end

    local function is_at_rest()
      return client.transport.handle:pending() == 0 and next(client.transport.waiting) == nil
    end

    it("gives up a read that nobody waits for", function()
      local reader = begin_to_read()
      assert.equal(1, client.transport.handle:pending())
      gone[reader] = true
      go_on(is_at_rest)
      assert.same({}, told)
    end)

    it("takes nothing from those who do wait", function()
      local done = 0
      local waiters = {}
      for i = 1, 3 do waiters[i] = begin(function() if client:run("w", "1") then done = done + 1 end end) end
      clock.pass(0.15) -- so that it is looked who has vanished
      go_on(function() return done == 3 end, waiters[1], waiters[2], waiters[3])
    end)

    it("lets the next one fetch the token", function()
      local first = begin(function() client:run("w", "1") end)
      local run
      local second = begin(function() run = assert(client:run("w", "1")) end)
      gone[first] = true
      go_on(function() return run end, second)
      assert.same({}, told)
    end)

    it("brings a run that was sent to its end, looking for it too, and tells it", function()
      local runs = slow:counts().runs
      local runner = begin(function() client:run("hangs", "1", { request_id = "r", timeout = 4 }) end)
      go_on(function() return slow:counts().runs > runs end, runner)
      gone[runner] = true
      local looked = false
      local on_event = client.on_event
      client.on_event = function(event)
        looked = looked or event.phase == "look"
        on_event(event)
      end
      go_on(function() return told[1] end)
      assert.is_true(looked)
      assert.equal("POST /workflows/hangs/versions/1/run", told[1].what)
      assert.equal("r", told[1].request_id)
      assert.equal("ambiguous", told[1].err.kind)
      go_on(is_at_rest)
    end)

    it("refuses a call when too many are under way, also where all who could move them have vanished", function()
      local reader = begin_to_read()
      client.transport.most_pending = 1
      local result, err = client:run("w", "1")
      assert.is_nil(result)
      assert.equal("throttled", err.kind)
      assert.is_true(err.retryable)
      assert.equal(0, err.attempts)
      gone[reader] = true
      host.pumps[1], host.pumps[2], host.pumps[3] = nil, nil, nil
      clock.pass(0.3)
      assert.equal("throttled", select(2, client:run("w", "1")).kind) -- and gives up what nobody waits for
      assert.truthy(is_at_rest())
    end)
  end)
end)
