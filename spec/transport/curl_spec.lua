-- SPDX-License-Identifier: Apache-2.0
local core = require "cdfworkflow.core"
local slow_cdf = require "slow_cdf"

describe("the transport of plain scripts", function()
  local slow, client

  setup(function() slow = slow_cdf.start { delay = 0.05, token_delay = 0 } end)
  teardown(function() slow:stop() end)
  before_each(function() client = slow:client() end)
  after_each(function() client:close() end)

  --- The handle as after a wait in which nothing came: a call is carried on, and Lua waits for it.
  local function waiting_in_lua()
    local handle = client.transport.handle
    local other = setmetatable({ carry = function(_, call) return handle:carry(call) end }, {
      __index = function(_, name) return function(_, ...) return handle[name](handle, ...) end end,
    })
    client.transport.handle = other
    return other
  end

  it("blocks until the answer is there", function()
    local begun = core.now()
    assert.equal("RUNNING", assert(client:run("w", "1")).status)
    assert.is_true(core.now() - begun >= 0.1)
    assert.equal(0, client.transport.handle:pending())
  end)

  it("sleeps as long as it is told", function()
    local begun = core.now()
    client:_sleep(0.05)
    local slept = core.now() - begun
    assert.is_true(slept >= 0.05 and slept < 0.2, slept)
  end)

  it("gives the transfer up when a wait is interrupted, and goes on", function()
    assert(client:auth())
    local transport = client.transport
    local handle = transport.handle
    waiting_in_lua().wait = function()
      transport.handle = handle
      error("interrupted!", 0)
    end
    local ok, err = pcall(client.run, client, "w", "1")
    assert.is_false(ok)
    assert.equal("interrupted!", err)
    assert.equal(0, handle:pending())
    assert.is_nil(next(transport.waiting))
    assert.equal("RUNNING", assert(client:run("w", "1")).status)
  end)

  --- Runs, and is interrupted as soon as something is under way.
  local function interrupted_run(who)
    debug.sethook(function()
      if who.transport.handle:pending() == 1 then -- just submitted
        debug.sethook()
        error("interrupted!", 0)
      end
    end, "", 1)
    local ok = pcall(who.run, who, "w", "1")
    debug.sethook()
    assert.is_false(ok)
  end

  it("gives a call up that is interrupted before it waits", function()
    assert(client:auth())
    waiting_in_lua()
    interrupted_run(client)
    assert.equal(0, client.transport.handle:pending())
    assert.equal("RUNNING", assert(client:run("w", "1")).status)
  end)

  it("drops an answer that nobody waits for any more", function()
    local told = slow:client { on_event = function() end }
    assert(told:auth())
    interrupted_run(told)
    assert.equal(1, told.transport.handle:pending())
    told:_sleep(0.2)
    assert.equal(0, told.transport.handle:pending())
    assert.equal("RUNNING", assert(told:run("w", "1")).status)
    told:close()
  end)

  it("obeys max_connections", function()
    local other = slow:client { max_connections = 2 }
    local list = {}
    for i = 1, 6 do list[i] = { "w", "1" } end
    local begun = core.now()
    local _, errors = other.workflows.executions:run_many(list, { concurrency = 6 })
    assert.same({}, errors)
    assert.is_true(core.now() - begun >= 6 * 0.1 / 2)
    other:close()
  end)
end)
