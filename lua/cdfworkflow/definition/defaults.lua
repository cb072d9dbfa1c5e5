-- SPDX-License-Identifier: Apache-2.0
-- What CDF makes of members that a task leaves out, as it is seen on reading a version back (CDF.md sections 6 and
-- 16.10).

local core = require "cdfworkflow.core"
local task_types = require "cdfworkflow.definition.task_types"

local defaults = {}

local function default(holder, name, value)
  if holder[name] == nil then holder[name] = value end
end

--- An empty object is no default that CDF writes: it is the same as nothing.
local function fill_members(holder, members)
  for _, member in ipairs(members or {}) do
    if member.default ~= nil and type(member.default) ~= "table" then default(holder, member[1], member.default) end
    if member.is_tasks and type(holder[member[1]]) == "table" then defaults.fill(holder[member[1]]) end
  end
end

local types = {}
for _, kind in ipairs(task_types) do types[kind.type] = kind end

local function fill_parameters(kind, parameters)
  if type(parameters) ~= "table" then return end
  fill_members(parameters, kind.beside)
  if type(parameters[kind.holder]) == "table" then fill_members(parameters[kind.holder], kind.members) end
end

--- Fills in the defaults of a list of tasks, in place.
---@param tasks table[]
function defaults.fill(tasks)
  for _, task in ipairs(tasks) do
    default(task, "retries", 3)
    default(task, "timeout", 3600)
    default(task, "onFailure", "abortWorkflow")
    default(task, "dependsOn", core.array {})
    local kind = types[task.type]
    if kind then fill_parameters(kind, task.parameters) end
  end
end

return defaults
