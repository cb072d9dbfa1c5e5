-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `dynamic`.

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.DynamicTaskMembers : cdfworkflow.TaskMembers
---@field tasks string a reference to a list of tasks that an earlier task makes, such as
---  `"${plan.output.response.tasks}"`

---     local each = cdf.task.dynamic {
---       externalId = "each", tasks = "${plan.output.response.tasks}", dependsOn = { "plan" },
---     }
---@class cdfworkflow.task
---@field dynamic fun(t: cdfworkflow.DynamicTaskMembers): cdfworkflow.Task runs tasks that an earlier task made, which
---  must not be `dynamic` or `subworkflow` tasks themselves. It has no output of its own

--- A definition holds a reference here; an array stands there only once the task has run.
local function tasks(report, value, path)
  if type(value) == "table" then
    rules.report_warning(report, "bad-value", path,
      "tasks of a dynamic task is meant to be a ${…} reference; use a subworkflow for tasks known beforehand")
  elseif not rules.is_reference(value) then
    rules.must(report, path, "one ${…} reference to a list of tasks", value)
  end
end

---@type cdfworkflow.TaskType
return {
  type = "dynamic", builder = "dynamic", holder = "dynamic", output = {}, holds_tasks = true,
  members = { { "tasks", tasks, required = true, is_tasks = true } },
}
