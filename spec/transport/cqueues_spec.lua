-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 5.3 luajit
local adapter = require "cdfworkflow.transport.cqueues"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local cqueues = require "cqueues"
local shell = require "shell"
local slow_cdf = require "slow_cdf"

local DELAY = 0.1

describe("the transport for cqueues", function()
  local slow, client, loop

  setup(function() slow = slow_cdf.start { delay = DELAY, token_delay = 0 } end)
  teardown(function() slow:stop() end)

  before_each(function()
    loop = cqueues.new()
    client = slow:client { transport = adapter.new { max_connections = 200 } }
  end)

  after_each(function() client:close() end)

  local function open_descriptors()
    return tonumber((shell.run("ls /proc/$PPID/fd | wc -l"):match "%d+"))
  end

  --- Runs the functions as coroutines of the loop, to the end. → seconds
  local function finish(...)
    for _, fn in ipairs { ... } do loop:wrap(fn) end
    local begun = core.now()
    assert(loop:loop(20))
    assert.is_true(loop:empty())
    return core.now() - begun
  end

  it("waits in coroutines of the loop, while others go on", function()
    local before, done, ticks, tokens = open_descriptors(), 0, 0, slow:counts().tokens
    local function run()
      assert(client:run("w", "1"))
      done = done + 1
    end
    local runs = {}
    for i = 1, 200 do runs[i] = run end
    runs[201] = function()
      while done < 200 do
        cqueues.sleep(0.005)
        ticks = ticks + 1
      end
    end
    finish((table.unpack or unpack)(runs)) -- luacheck: ignore 113
    assert.equal(200, done)
    assert.is_true(ticks > 10, ticks)
    assert.equal(tokens + 1, slow:counts().tokens)
    assert.equal(0, client.transport.handle:pending())
    client:close()
    loop = cqueues.new()
    collectgarbage()
    collectgarbage()
    assert.is_true(open_descriptors() <= before + 1)
  end)

  it("gathers in a coroutine of the loop", function()
    local results, errors, ticks, done = nil, nil, 0, false
    local function run() return client:run("w", "1") end
    local seconds = finish(function()
      assert(client:auth())
      results, errors = cdf.gather(run, run, run, function()
        client:_sleep(DELAY / 2)
        error("oops", 0)
      end)
      done = true
    end, function()
      while not done do
        cqueues.sleep(0.005)
        ticks = ticks + 1
      end
    end)
    assert.equal(3, #results)
    assert.same({ [4] = "oops" }, errors)
    assert.is_true(seconds < 6 * DELAY, seconds)
    assert.is_true(ticks > 10, ticks)
  end)

  it("blocks outside of a loop", function()
    assert.equal("RUNNING", assert(client:run("w", "1")).status)
    finish(function() assert(client:run("w", "1")) end)
    assert.equal("RUNNING", assert(client:run("w", "1")).status)
  end)

  it("goes on in another loop when one was left", function()
    assert(client:auth())
    loop:wrap(function() client:run("w", "1") end)
    assert(loop:step(0.01))
    loop = cqueues.new()
    local execution
    finish(function() execution = client:run("w", "1") end)
    assert.equal("RUNNING", execution.status)
  end)

  it("gives those who wait an error when it is closed", function()
    local ok, err
    finish(function() ok, err = pcall(client.run, client, "w", "1") end, function()
      cqueues.sleep(DELAY / 2)
      client:close()
    end)
    assert.is_false(ok)
    assert.matches("client was closed", err)
  end)

  it("sleeps as long as it is told", function()
    local seconds = finish(function() client:_sleep(0.05) end, function() client:_sleep(0.05) end)
    assert.is_true(seconds >= 0.05 and seconds < 0.1, seconds)
  end)
end)
