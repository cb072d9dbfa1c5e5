-- SPDX-License-Identifier: Apache-2.0
-- Builders for workflow definitions: each gives the plain resource table that CDF takes, nothing else.
-- They catch slips of the pen (a misspelt or missing member); what CDF allows is for cdf.lint to say.

local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local task_types = require "cdfworkflow.definition.task_types"
local tidy = require "cdfworkflow.definition.tidy"

--- What every task may have beside the members of its own type.
---@class cdfworkflow.TaskMembers
---@field externalId string the task's id within the workflow, by which `dependsOn` and `${id.output}` refer to it
---@field dependsOn? (string|table)[] the tasks that must end before this one starts: their ids, or their tables
---@field name? string for people, at most 255 characters
---@field description? string at most 500 characters
---@field retries? integer how often CDF repeats the task after a failure, 0 to 10; CDF's default is 3
---@field timeout? integer seconds that one attempt may take; CDF's default is 3600
---@field onFailure? "abortWorkflow"|"skipTask" what a failure does to the workflow; CDF's default is abortWorkflow

---@class cdfworkflow.Task a task as CDF takes it and gives it back
---@field externalId string
---@field type string
---@field parameters table
---@field dependsOn? { externalId: string }[]
---@field name? string
---@field description? string
---@field retries? integer
---@field timeout? integer
---@field onFailure? string

---@class cdfworkflow.WorkflowDefinition the member `workflowDefinition` of a workflow version
---@field tasks cdfworkflow.Task[]
---@field description? string
---@field hash? string made by CDF; only in definitions read back

local DEPENDS_ON = {
  "dependsOn",
  options.list({
    word = "a task's id or a task",
    accepts = function(value) return type(type(value) == "table" and value.externalId or value) == "string" end,
  }, 'a list of task ids, such as { "fetch", "clean" }'),
}

local COMMON = {
  { "externalId", check.string, required = true },
  DEPENDS_ON,
  { "name", check.any },
  { "description", check.any },
  { "retries", check.any },
  { "timeout", check.any },
  { "onFailure", check.any },
}

local TASKS

--- A task, written by a builder or by hand.
local TASK = {
  word = "a task, such as cdf.task.fn{…} gives",
  accepts = function(value) return type(value) == "table" and value.externalId ~= nil end,
  look = function(task, path, name)
    options.expect_argument(DEPENDS_ON, task.dependsOn, path, name)
    local inner = type(task.parameters) == "table" and task.parameters.subworkflow
    if type(inner) == "table" then
      options.expect_argument(TASKS, inner.tasks, path .. ".parameters.subworkflow", name)
    end
  end,
}

TASKS = { "tasks", options.list(TASK, "a list of tasks") }

--- What a builder takes for a member of a task type.
local function taken(member, kind)
  local what = check.any
  if member.is_tasks and kind.together then what = TASKS[2] elseif member.required then what = check.string end
  return { member.builder or member[1], what, required = member.required }
end

local function members_of(kind)
  local members = { COMMON }
  for _, member in ipairs(kind.members) do members[#members + 1] = taken(member, kind) end
  for _, member in ipairs(kind.beside or {}) do members[#members + 1] = taken(member, kind) end
  return members
end

local function builder(kind)
  local arguments = { { "t", options.members(members_of(kind), kind.together), required = true } }
  return method.fn("cdf.task." .. kind.builder, arguments, function(t)
    local own = {}
    local task = { type = kind.type, parameters = { [kind.holder] = own } }
    for _, member in ipairs(COMMON) do task[member[1]] = t[member[1]] end
    for _, member in ipairs(kind.members) do own[member[1]] = t[member.builder or member[1]] end
    for _, member in ipairs(kind.beside or {}) do task.parameters[member[1]] = t[member[1]] end
    return tidy.task(task)
  end)
end

--- Builders for the tasks of a workflow definition, one for each task type of CDF (task_types/). Members bear CDF's own
--- names; a misspelt one raises. A task of a type that CDF got later is written as a plain table, and passes through as
--- it is.
---
--- ```lua
--- local task = cdf.task
--- local fetch = task.fn { externalId = "fetch", functionExternalId = "fn-fetch", data = "${workflow.input}" }
--- local clean = task.fn {
---   externalId = "clean", functionExternalId = "fn-clean", dependsOn = { fetch },
---   data = { rows = "${fetch.output.response.rows}" },
--- }
--- ```
---@class cdfworkflow.task
local task = {}

for _, kind in ipairs(task_types) do task[kind.builder] = builder(kind) end

---@class cdfworkflow.DefinitionMembers
---@field tasks table[] what the builders of `cdf.task` give, or plain task tables
---@field description? string at most 500 characters

local DEFINITION = options.members {
  { "tasks", TASKS[2], required = true },
  { "description", check.any },
}

--- A workflow definition, ready to be the `workflowDefinition` of `client.workflows.versions:upsert{…}`. Task tables
--- written by hand may stand beside built ones; in both, `dependsOn` may name tasks by their ids alone, and an empty
--- list never becomes `{}`. The tables given are not changed. Raises on a misspelt member and on what is no task; use
--- `cdf.lint` to learn what CDF would not take.
---
--- ```lua
--- client.workflows.versions:upsert {
---   workflowExternalId = "daily-report", version = "1",
---   workflowDefinition = cdf.definition { description = "From sensors to a page", tasks = { fetch, clean } },
--- }
--- ```
---@param t cdfworkflow.DefinitionMembers
---@return cdfworkflow.WorkflowDefinition
local function definition(t)
  return { tasks = tidy.tasks(t.tasks), description = t.description }
end

return { task = task, definition = method.fn("cdf.definition", { { "t", DEFINITION, required = true } }, definition) }
