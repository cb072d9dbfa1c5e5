-- SPDX-License-Identifier: Apache-2.0
-- README «Promises» in every world of the model with up to two faults; `make model` goes to four.

local explorer = require "model.explorer"
local faults = require "model.faults"
local scenarios = require "model.scenarios"

local SHOWN = 10
local SEARCHES = { { depth = 1, alphabet = "full", reach = 2 }, { depth = 2, alphabet = "small", reach = 1 } }

--- Explores, and gives the figures and the first lines that something is wrong with.
local function explore(scenario, options)
  local lines = {}
  options.found = function(line, blamed)
    if #lines < SHOWN then lines[#lines + 1] = line .. "   (" .. table.concat(blamed, "; ") .. ")" end
  end
  return explorer.explore(scenario, options), table.concat(lines, "\n")
end

describe("whatever two things go wrong:", function()
  local sequences, requests, kinds = 0, 0, {}

  for _, scenario in ipairs(scenarios.list) do
    it(scenario.name, function()
      for _, options in ipairs(SEARCHES) do
        local figures, wrong = explore(scenario, options)
        sequences, requests = sequences + figures.sequences, requests + figures.requests
        assert.equal("", wrong)
        assert.equal(0, figures.violations)
      end
      kinds[#kinds + 1] = scenario.name
    end)
  end

  it("in at least 14 ways", function()
    assert.is_true(faults.count "small" >= 14)
    print(("# model: %d sequences of up to 2 faults, %d requests, %d of %d scenarios as promised; %d kinds of faults")
      :format(sequences, requests, #kinds, #scenarios.list, faults.count "full"))
  end)
end)

describe("the explorer", function()
  it("writes each world as a line that it can read", function()
    local line = "run_id: date+ run#1=lost_after list#2=slow | listed=late nonce=dies"
    local name, plan, choices = explorer.read(line)
    assert.equal(line, explorer.line(scenarios.get(name), plan, choices))
    assert.same({ kind = "list", nth = 2, fault = "slow" }, plan[3])
    assert.same({ listed = "late", nonce = "dies" }, choices)
    assert.has_error(function() explorer.read "run: run#1=nonsense" end, "no such fault: nonsense")
  end)

  it("tries each world once, and what nature may choose beside", function()
    local seen, late = {}, 0
    local figures = explorer.explore(scenarios.get "run_id", { depth = 2, alphabet = "small", reach = 1,
      make = function(w, scenario) return require("model.reference").new(w, scenario) end,
      visited = function(line)
        assert.is_nil(seen[line], line)
        seen[line] = true
        if line:find "listed=late" then late = late + 1 end
      end })
    assert.is_true(figures.sequences > 500 and late > 20)
    for _, line in ipairs { "run_id:", "run_id: run#1=lost_after", "run_id: run#1=lost_after | listed=late",
      "run_id: run#1=lost_before list#1=own429", "run_id: date+ run#1=silent_before" } do
      assert.is_true(seen[line], line)
    end
  end)
end)
