-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/pace.lua: when the next attempt may be made, and what the end of one means.

local Pace = require "cdfworkflow.queue.pace"

local ERR = { kind = "transport", message = "no connection" }
local random = math.random

before_each(function() math.random = function() return 0 end end) -- luacheck: ignore 122
after_each(function() math.random = random end) -- luacheck: ignore 122

describe("what an error means", function()
  it("waits for what passes", function()
    for _, kind in ipairs { "throttled", "transport", "timeout", "auth", "tls", "protocol", "cancelled" } do
      assert.equal("waits", Pace.meaning { kind = kind }, kind)
    end
    assert.equal("waits", Pace.meaning { kind = "api", status = 503 })
    assert.equal("waits", Pace.meaning { kind = "api", status = 409, retryable = true })
    assert.equal("waits", Pace.meaning { kind = "api" })
  end)

  it("sets apart what is refused for good", function()
    assert.equal("refused", Pace.meaning { kind = "invalid" })
    for _, status in ipairs { 400, 403, 404, 409, 422 } do
      assert.equal("refused", Pace.meaning { kind = "api", status = status }, status)
    end
  end)

  it("looks again where a run may have been started", function()
    assert.equal("doubt", Pace.meaning { kind = "ambiguous" })
  end)
end)

describe("the pace", function()
  it("lets all go while CDF answers", function()
    local pace = Pace.new()
    local one, other = pace:take(0), pace:take(0)
    assert.truthy(one and other)
    pace:up(one)
    pace:up(other)
    assert.truthy(pace:take(0))
  end)

  it("holds everything back after a failure, ever longer, from 10 s to 10 min", function()
    local pace, now = Pace.new(), 0
    local waits = {}
    for i = 1, 9 do
      local round = assert(pace:take(now))
      waits[i] = pace:down(round, now, ERR)
      local none, seconds, err = pace:take(now)
      assert.is_nil(none)
      assert.equal(waits[i], seconds)
      assert.equal(ERR, err)
      assert.is_nil((pace:take(now + waits[i] - 0.1)))
      now = now + waits[i]
    end
    assert.same({ 10, 20, 40, 80, 160, 320, 600, 600, 600 }, waits)
  end)

  it("spreads those who lost CDF together, never below 10 s or above 10 min", function()
    math.random = function() return 0.999 end -- luacheck: ignore 122
    local pace = Pace.new()
    assert.is_true(math.abs(pace:down(pace:take(0), 0, ERR) - 12.5) < 0.1)
    pace.failures = 20
    assert.equal(600, pace:down(pace:take(100), 100, ERR))
  end)

  it("sends one to find out, and no other until that one is back", function()
    local pace = Pace.new()
    pace:down(pace:take(0), 0, ERR)
    local probe = assert(pace:take(10))
    local none, seconds, err = pace:take(10)
    assert.is_nil(none)
    assert.equal(1, seconds)
    assert.is_nil(err)
    pace:up(probe)
    assert.truthy(pace:take(10) and pace:take(10))
    assert.equal(10, pace:down(pace:take(20), 20, ERR)) -- from the beginning
  end)

  it("sends another where no attempt was made after all", function()
    local pace = Pace.new()
    pace:down(pace:take(0), 0, ERR)
    pace:give_back(assert(pace:take(10)))
    assert.truthy(pace:take(10))
  end)

  it("counts those that failed together once, and is not fooled by an answer from before", function()
    local pace = Pace.new()
    local rounds = { pace:take(0), pace:take(0), pace:take(0) }
    assert.equal(10, pace:down(rounds[1], 0, ERR))
    assert.equal(8, pace:down(rounds[2], 2, ERR))
    pace:up(rounds[3])
    assert.is_nil((pace:take(5)))
    assert.equal(20, pace:down(pace:take(10), 10, ERR))
  end)
end)
