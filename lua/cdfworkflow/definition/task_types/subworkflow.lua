-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `subworkflow`.

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.SubworkflowTaskMembers : cdfworkflow.TaskMembers
---@field tasks? cdfworkflow.Task[] the tasks themselves, none of them `dynamic` or `subworkflow`; or else
---@field workflowExternalId? string another workflow
---@field version? string and its version

---     local north = cdf.task.subworkflow { externalId = "north", workflowExternalId = "report", version = "1" }
---@class cdfworkflow.task
---@field subworkflow fun(t: cdfworkflow.SubworkflowTaskMembers): cdfworkflow.Task runs several tasks as one step, given
---  here or as a version of another workflow. It has no output of its own

--- What stands in the builder's table together.
---@return string? complaint
local function together(given)
  local names_version = type(given.workflowExternalId) == "string" and type(given.version) == "string"
  local names_none = given.workflowExternalId == nil and given.version == nil
  if given.tasks == nil and names_version or given.tasks ~= nil and names_none then return nil end
  return "give either tasks, or workflowExternalId and version as strings"
end

--- The same of a definition, which may name itself.
local function look(report, own, path)
  local named = own.workflowExternalId ~= nil or own.version ~= nil
  if own.tasks ~= nil and named then
    rules.report_error(report, "bad-value", path, "a subworkflow holds tasks or names a workflow version, not both")
  elseif own.tasks == nil and (own.workflowExternalId == nil or own.version == nil) then
    rules.report_error(report, "missing-member", path, "a subworkflow needs tasks, or workflowExternalId and version")
  elseif named and own.workflowExternalId == report.workflow and own.version == report.version then
    rules.report_error(report, "nesting", path, "this workflow version runs itself as a subworkflow")
  end
end

---@type cdfworkflow.TaskType
return {
  type = "subworkflow", builder = "subworkflow", holder = "subworkflow", output = {}, holds_tasks = true,
  members = {
    { "tasks", true, is_tasks = true },
    { "workflowExternalId", rules.identifier },
    { "version", rules.identifier },
  },
  together = together, look = look,
}
