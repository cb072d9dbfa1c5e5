-- SPDX-License-Identifier: Apache-2.0
-- What the API shows of stored executions and tasks: CDF's members, without the engine's own notes.

local core = require "cdfworkflow.core"

---@class cdfworkflow.simulator.views
local views = {}

local EXECUTION = {
  "id", "workflowExternalId", "version", "status", "engineExecutionId", "createdTime", "startTime", "endTime",
  "reasonForIncompletion", "metadata",
}
local TASK = {
  "id", "externalId", "status", "taskType", "input", "output", "parentTaskExternalId", "startTime", "endTime",
  "reasonForIncompletion",
}

local function pick(source, members)
  local result = {}
  for _, name in ipairs(members) do result[name] = source[name] end
  return result
end

--- The execution as in list and run answers.
---@param record table
---@return table
function views.summary(record)
  return pick(record, EXECUTION)
end

--- One task of `executedTasks`.
---@param entry table
---@return table
function views.task(entry)
  return pick(entry, TASK)
end

--- The execution with its definition, its tasks and its input.
---@param record table
---@return table
function views.detail(record)
  local result = pick(record, EXECUTION)
  result.workflowDefinition = record.workflowDefinition
  result.input = record.input
  result.executedTasks = core.array {}
  for index, entry in ipairs(record.executedTasks) do
    result.executedTasks[index] = views.task(entry)
  end
  return result
end

return views
