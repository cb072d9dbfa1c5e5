-- SPDX-License-Identifier: Apache-2.0
-- Faults as words: every form, and what is refused.

local fault_notation = require "cdfworkflow.simulator.serve.fault_notation"
local simulator = require "cdfworkflow.simulator"

describe("an ordered fault", function()
  local good = {
    ["run:503"] = { status = 503, match = { operation = "run" } },
    ["run:503x2"] = { status = 503, match = { operation = "run", times = 2 } },
    ["token:drop-after@2"] = { drop = "after", match = { operation = "token", nth = 2 } },
    ["session:drop-beforex3@4"] = { drop = "before", match = { operation = "session", times = 3, nth = 4 } },
    ["any:delay=2.5"] = { delay = 2.5, match = {} },
    ["listWorkflows:truncate=0"] = { truncate = 0, match = { operation = "listWorkflows" } },
    ["run:502,foreign-after"] = { status = 502, foreign = "after", match = { operation = "run" } },
    ["run:504,foreign-before,date=-120.5x2"] = {
      status = 504, foreign = "before", date = -120.5, match = { operation = "run", times = 2 },
    },
    ["any:close@2"] = { close = true, match = { nth = 2 } },
    ["listWorkflowExecutions:behind=10x3"] = {
      behind = 10, match = { operation = "listWorkflowExecutions", times = 3 },
    },
    ["cancelWorkflowExecution:delay=1,429x10"] = {
      delay = 1, status = 429, match = { operation = "cancelWorkflowExecution", times = 10 },
    },
  }
  for text, fault in pairs(good) do
    it("is read: " .. text, function()
      assert.same(fault, fault_notation.parse(text))
      simulator.new():fault(fault)
    end)
  end

  local bad = {
    ["run"] = "not of the form WHERE:WHAT", [":503"] = "not of the form", ["run:"] = "not of the form",
    ["Run:503"] = 'there is no operation "Run"; did you mean "run"?',
    ["run:99"] = "status must be a whole number from 200 to 599, not 99",
    ["run:600"] = "status must be a whole number from 200 to 599, not 600",
    ["run:foreign-after"] = "foreign has no effect without status", ["run:date=0"] = "other than 0",
    ["run:behind=5"] = "behind has no effect on run, which gives no list",
    ["run:503,drop-after"] = "status has no effect beside drop", ["run:clsoe"] = 'did you mean "close"?',
    ["any:behind=soon"] = 'behind must be a number of seconds above 0, not "soon"',
    ["run:503,"] = '"" is nothing that a fault can do',
    ["run:drop"] = '"drop" is nothing that a fault can do; did you mean', ["run:dleay=1"] = 'did you mean "delay"?',
    ["run:delay="] = "delay must be a number", ["run:delay=-1"] = "delay must be a number",
    ["run:truncate=1.5"] = "whole number", ["run:503x0"] = "nothing that a fault can do",
    ["run:503@0"] = "nothing that a fault can do", ["run:503x2x3"] = "nothing that a fault can do",
  }
  for text, message in pairs(bad) do
    it("is refused: " .. text, function()
      local fault, said = fault_notation.parse(text)
      assert.is_nil(fault)
      assert.matches(message, said, 1, true)
    end)
  end

  it("may name every operation of the simulator", function()
    local folder = debug.getinfo(fault_notation.parse, "S").source:match("^@(.*)serve/fault_notation%.lua$") .. "api/"
    local found = 0
    local files = assert(io.popen("ls '" .. folder .. "'"))
    for name in files:lines() do
      local room = name:match("^([%a_]+)%.lua$")
      local module = room and require("cdfworkflow.simulator.api." .. room)
      for _, operation in ipairs(type(module) == "table" and module.operations or {}) do
        assert.truthy(fault_notation.parse(operation.operation .. ":500"), operation.operation)
        found = found + 1
      end
    end
    files:close()
    assert.is_true(found > 30)
  end)
end)
