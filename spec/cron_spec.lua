-- SPDX-License-Identifier: Apache-2.0
-- What is read of a cron expression. When it fires, and more of what is refused: spec/simulator/lib/cron_spec.lua.

local cron = require "cdfworkflow.cron"

local function list(set)
  local numbers = {}
  for n in pairs(set) do numbers[#numbers + 1] = n end
  table.sort(numbers)
  return table.concat(numbers, " ")
end

describe("a cron expression", function()
  it("is read as five sets", function()
    local fields = assert(cron.read "*/20 6-8,12 1 JAN,jul 1-5")
    assert.same({ "0 20 40", "6 7 8 12", "1", "1 7", "1 2 3 4 5" },
      { list(fields.minutes), list(fields.hours), list(fields.days), list(fields.months), list(fields.weekdays) })
    assert.is_true(fields.either)
    assert.is_false(assert(cron.read "0 0 * * 7").either)
    assert.equal("0", list(assert(cron.read "0 0 * * 7").weekdays))
  end)

  it("says what is wrong with it", function()
    for expression, problem in pairs {
      ["* * * *"] = 'a cron expression has five fields, this one has 4: "* * * *"',
      ["61 * * * *"] = "minute 61 is not in 0 to 59", ["5/15 * * * *"] = "minute 5/15: a step needs a range or *",
    } do
      assert.same({ nil, problem }, { cron.read(expression) })
    end
    assert.same({ nil, "a cron expression is text" }, { cron.read(5) })
  end)
end)
