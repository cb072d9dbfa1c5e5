-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/spool/moment.lua: how long ago something was, whatever was done to the clock.

local moment = require "cdfworkflow.queue.spool.moment"

local function clock(up, time, boot)
  return { now = function() return up end, time = function() return time end, boot = boot }
end

describe("a moment", function()
  local then_ = moment.new(clock(100, 5000, "a"))

  it("is known exactly within one start of the machine, also when the clock was set", function()
    for _, time in ipairs { 5040, 0, 9e9 } do
      local now = clock(140, time, "a")
      assert.equal(40, moment.exactly(now, then_))
      assert.equal(40, moment.at_least(now, then_))
      assert.equal(40, moment.at_most(now, then_))
    end
  end)

  it("is told by the clock on the wall after another start, give or take a day", function()
    local now = clock(3, 5040, "b")
    assert.is_nil(moment.exactly(now, then_))
    assert.equal(40, moment.at_least(now, then_))
    assert.equal(40 + 86400, moment.at_most(now, then_))
  end)

  it("was long ago where the clock was surely set back, and may have been just now", function()
    local now = clock(3, 4000, "b")
    assert.equal(0, moment.at_least(now, then_))
    assert.equal(92 * 86400, moment.at_most(now, then_))
  end)

  it("is not known exactly where starts cannot be told apart", function()
    assert.is_nil(moment.exactly(clock(140, 5040, nil), moment.new(clock(100, 5000, nil))))
  end)
end)
