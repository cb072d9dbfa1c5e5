-- SPDX-License-Identifier: Apache-2.0
-- What CDF makes of members that a task leaves out, as it is seen on reading a version back (CDF.md sections 6 and
-- 16.10).

local core = require "cdfworkflow.core"

local defaults = {}

local function default(holder, name, value)
  if holder[name] == nil then holder[name] = value end
end

local function parameters_of(task, holder)
  local parameters = type(task.parameters) == "table" and task.parameters
  local own = parameters and parameters[holder]
  return type(own) == "table" and own or nil
end

--- By type: what the task's parameters get.
local FILL = {
  ["function"] = function(task)
    if type(task.parameters) == "table" then default(task.parameters, "isAsyncComplete", false) end
  end,
  transformation = function(task)
    local transformation = parameters_of(task, "transformation")
    if not transformation then return end
    default(transformation, "concurrencyPolicy", "fail")
    default(transformation, "useTransformationCredentials", false)
  end,
  cdf = function(task)
    local request = parameters_of(task, "cdfRequest")
    if request then default(request, "requestTimeoutInMillis", 10000) end
  end,
  subworkflow = function(task)
    local subworkflow = parameters_of(task, "subworkflow")
    if subworkflow and type(subworkflow.tasks) == "table" then defaults.fill(subworkflow.tasks) end
  end,
}

--- Fills in the defaults of a list of tasks, in place.
---@param tasks table[]
function defaults.fill(tasks)
  for _, task in ipairs(tasks) do
    default(task, "retries", 3)
    default(task, "timeout", 3600)
    default(task, "onFailure", "abortWorkflow")
    default(task, "dependsOn", core.array {})
    local fill = FILL[task.type]
    if fill then fill(task) end
  end
end

return defaults
