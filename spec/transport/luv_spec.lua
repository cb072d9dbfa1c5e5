-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 5.3 luajit
local adapter = require "cdfworkflow.transport.luv"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local shell = require "shell"
local slow_cdf = require "slow_cdf"
local uv = require "luv"

local DELAY = 0.1

describe("the transport for luv", function()
  local slow, client

  setup(function() slow = slow_cdf.start { delay = DELAY, token_delay = 0 } end)
  teardown(function() slow:stop() end)
  before_each(function() client = slow:client { transport = adapter.new { max_connections = 200 } } end)
  after_each(function()
    client:close()
    uv.run()
  end)

  local function open_descriptors()
    return tonumber((shell.run("ls /proc/$PPID/fd | wc -l"):match "%d+"))
  end

  --- Starts the functions as coroutines, and runs the loop to its end. → seconds
  local function finish(...)
    local begun = core.now()
    for _, fn in ipairs { ... } do coroutine.wrap(fn)() end
    uv.run()
    return core.now() - begun
  end

  it("waits in coroutines that the loop resumes, while timers go on #timed", function()
    local before, done, ticks, tokens = open_descriptors(), 0, 0, slow:counts().tokens
    local timer = uv.new_timer()
    timer:start(5, 5, function()
      ticks = ticks + 1
      if done == 200 then timer:close() end
    end)
    local runs = {}
    for i = 1, 200 do
      runs[i] = function()
        assert(client:run("w", "1"))
        done = done + 1
      end
    end
    finish((table.unpack or unpack)(runs)) -- luacheck: ignore 113
    assert.equal(200, done)
    assert.is_true(ticks > 10, ticks)
    assert.equal(tokens + 1, slow:counts().tokens)
    assert.equal(0, client.transport.handle:pending())
    client:close()
    uv.run()
    assert.is_true(open_descriptors() <= before + 3) -- the loop keeps some of its own
  end)

  it("gathers in a coroutine #timed", function()
    local results, errors
    local function run() return client:run("w", "1") end
    local seconds = finish(function()
      assert(client:auth())
      results, errors = cdf.gather(run, run, run, function()
        client:_sleep(DELAY / 2)
        error("oops", 0)
      end)
    end)
    assert.equal(3, #results)
    assert.same({ [4] = "oops" }, errors)
    assert.is_true(seconds < 6 * DELAY, seconds)
  end)

  it("says so outside of a coroutine", function()
    local result, err = client:run("w", "1")
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
    assert.matches("coroutine.wrap", err.message, 1, true)
  end)

  it("gives those who wait an error when it is closed", function()
    local ok, err
    finish(function() ok, err = pcall(client.run, client, "w", "1") end, function()
      client:_sleep(DELAY / 2)
      client:close()
    end)
    assert.is_false(ok)
    assert.matches("client was closed", err)
  end)

  it("sleeps as long as it is told #timed", function()
    local seconds = finish(function() client:_sleep(0.05) end, function() client:_sleep(0.05) end)
    assert.is_true(seconds >= 0.049 and seconds < 0.1, seconds)
  end)

  it("sleeps no shorter where the program has been busy since the loop last looked at its clock", function()
    local seconds = finish(function()
      os.execute "sleep 0.06"
      local begun = core.now()
      client:_sleep(0.05)
      assert.is_true(core.now() - begun >= 0.049, core.now() - begun)
    end)
    assert.is_true(seconds >= 0.1, seconds)
  end)

  it("shows an error of the program with its place", function()
    local said, status = shell.run_lua([[
      local uv = require "luv"
      local client = ]] .. slow:client_source "transport = require('cdfworkflow.transport.luv').new()" .. [[
      coroutine.wrap(function()
        client:run("w", "1")
        error "oops of the program"
      end)()
      uv.run()
    ]])
    assert.matches("oops of the program", said)
    assert.not_equal(0, status)
  end)
end)
