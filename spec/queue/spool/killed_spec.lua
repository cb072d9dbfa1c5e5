-- SPDX-License-Identifier: Apache-2.0
-- A process that works on a spool is killed at each of its steps, or finds the disk full there: nothing is lost,
-- nothing is started twice, and what went wrong is said. And whole drains are killed again and again, before a bad
-- network.
-- `make queue` does more of it.

local core = require "cdfworkflow.core"
local queue_kills = require "queue_kills"
local queue_steps = require "queue_steps"

local real_time = core.time
after_each(function() core.time = real_time end)

describe("a process on a spool", function()
  for _, way in ipairs(queue_steps.WAYS) do
    it("may be " .. way .. " any of its steps", function()
      local made = queue_steps.try_all(way, 3)
      assert.is_true(made > 60, made)
    end)
  end
end)

describe("drains that are killed at random, before a bad network", function()
  it("start each delivery exactly once", function()
    local kills = 0
    for seed = 1, 6 do kills = kills + queue_kills.try(seed).kills end
    assert.is_true(kills > 50, kills)
  end)
end)
