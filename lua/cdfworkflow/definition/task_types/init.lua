-- SPDX-License-Identifier: Apache-2.0
-- CDF's task types, a file each: what a task of the type holds, as the builders, cdf.lint, cdf.graph and
-- `versions:upsert` go by it. (CDF.md section 6)

---@class cdfworkflow.TaskType
---@field type string as CDF calls it
---@field builder string the name of the builder in `cdf.task`
---@field holder string the member of `parameters` that holds what is the type's own
---@field output? string[] the members of the task's output, where they are documented
---@field members cdfworkflow.TaskTypeMember[] of what is its own
---@field beside? cdfworkflow.TaskTypeMember[] what stands beside it in `parameters`
---@field holds_tasks? boolean it runs other tasks, and must not stand inside a task that does
---@field together? fun(given: table): string? what is wrong with a builder's members together
---@field look? fun(report: cdfworkflow.lint.Report, own: table, path: string) the same for cdf.lint

---@class cdfworkflow.TaskTypeMember
---@field [1] string its name
---@field [2] cdfworkflow.Rule|true true for what is looked at elsewhere
---@field required? boolean
---@field builder? string its name in the builder's table
---@field is_list? boolean
---@field is_tasks? boolean a list of tasks
---@field not_empty? boolean an empty object says nothing, and is not sent
---@field default? any what CDF assumes where it is left out

local NAMES = { "fn", "transformation", "cdf", "dynamic", "subworkflow", "simulation", "function_app", "json_mapping" }

---@type cdfworkflow.TaskType[]
local task_types = {}

for i, name in ipairs(NAMES) do task_types[i] = require("cdfworkflow.definition.task_types." .. name) end

return task_types
