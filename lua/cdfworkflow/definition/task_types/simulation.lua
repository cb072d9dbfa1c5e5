-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `simulation`.

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.SimulationTaskMembers : cdfworkflow.TaskMembers
---@field routineExternalId string the simulator routine to run
---@field runTime? integer|string milliseconds since the epoch at which it takes its data, or a reference
---@field inputs? table[]|string at most 200 of `{ referenceId, value, unit = { name } }`, or a reference

---     local solve = cdf.task.simulation { externalId = "solve", routineExternalId = "steady-state", timeout = 600 }
---@class cdfworkflow.task
---@field simulation fun(t: cdfworkflow.SimulationTaskMembers): cdfworkflow.Task runs a simulator routine. The task's
---  output has the members `runId`, `logId` and `statusMessage`

local MAX_INPUTS = 200

local function input_value(report, value, path)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" then
    return rules.must(report, path, "text, a number or a list of these", value)
  end
  local count = kind == "table" and #value or 1
  if value == "" or count == 0 then
    rules.report_warning(report, "bad-value", path, "value is empty, which CDF's own API description forbids")
  elseif count > MAX_INPUTS then
    rules.report_warning(report, "too-many", path,
      ("value has %d entries; CDF's own API description allows %d"):format(count, MAX_INPUTS))
  end
end

local unit = rules.nullable(function(report, value, path)
  rules.members(report, value, path, { name = rules.name_text }, { "name" })
end)

local input_rules = { referenceId = rules.name_text, value = input_value, unit = unit }

local function inputs(report, value, path)
  if rules.is_reference(value) then return end
  local found = rules.entries(report, value, path)
  if #found > MAX_INPUTS then
    rules.report_error(report, "too-many", path,
      ("inputs has %d entries; CDF takes at most %d"):format(#found, MAX_INPUTS))
  end
  for _, entry in ipairs(found) do
    rules.members(report, entry.value, rules.at(path, entry.index), input_rules, { "referenceId", "value" })
  end
end

---@type cdfworkflow.TaskType
return {
  type = "simulation", builder = "simulation", holder = "simulation", output = { "runId", "logId", "statusMessage" },
  members = {
    { "routineExternalId", rules.name_text, required = true },
    { "runTime", rules.nullable(rules.milliseconds) },
    { "inputs", inputs, is_list = true },
  },
}
