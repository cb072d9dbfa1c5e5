-- SPDX-License-Identifier: Apache-2.0
-- Builders for workflow definitions: each gives the plain resource table that CDF takes, nothing else.
-- They catch slips of the pen (a misspelt or missing member); what CDF allows is for cdf.lint to say.

local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"

--- What every task may have beside the members of its own type.
--- (https://docs.cognite.com/cdf/data_workflows/task_types)
---@class cdfworkflow.TaskMembers
---@field externalId string the task's id within the workflow, by which `dependsOn` and `${id.output}` refer to it
---@field dependsOn? (string|table)[] the tasks that must end before this one starts: their ids, or their tables
---@field name? string for people, at most 255 characters
---@field description? string at most 500 characters
---@field retries? integer how often CDF repeats the task after a failure, 0 to 10; CDF's default is 3
---@field timeout? integer seconds that one attempt may take; CDF's default is 3600
---@field onFailure? "abortWorkflow"|"skipTask" what a failure does to the workflow; CDF's default is abortWorkflow
local common = { "externalId", "dependsOn", "name", "description", "retries", "timeout", "onFailure" }

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

local function with_common(members)
  local all = {}
  for _, name in ipairs(common) do all[#all + 1] = name end
  for _, name in ipairs(members) do all[#all + 1] = name end
  return all
end

local function copy(t)
  local result = {}
  for key, value in pairs(t) do result[key] = value end
  return result
end

--- True for a table whose only keys are 1 to n.
local function is_list(t)
  if type(t) ~= "table" then return false end
  local count = 0
  for _ in pairs(t) do count = count + 1 end
  return count == #t
end

--- `dependsOn` as CDF takes it; nil where there is nothing to wait for, since CDF does not take `{}`.
---@return table|nil links
---@return string|nil complaint
local function links(depends_on)
  if depends_on == nil then return nil end
  if not is_list(depends_on) then
    return nil, 'dependsOn must be a list of task ids, such as { "fetch", "clean" }'
  end
  local result = {}
  for i, item in ipairs(depends_on) do
    local id = type(item) == "table" and item.externalId or item
    if type(id) ~= "string" then
      return nil, ("dependsOn[%d] must be a task's id or a task"):format(i)
    end
    result[i] = { externalId = id }
  end
  return #result > 0 and result or nil
end

local whole_list -- both ways: a task may hold tasks

--- A copy of a task, written by a builder or by hand, in which no list can turn into `{}`.
---@return table|nil task
---@return string|nil complaint
local function whole(task)
  if type(task) ~= "table" or task.externalId == nil then
    return nil, "must be a task, such as cdf.task.fn{…} gives"
  end
  local depends_on, complaint = links(task.dependsOn)
  if complaint then return nil, complaint end
  local result = copy(task)
  result.dependsOn = depends_on
  local inner = type(task.parameters) == "table" and task.parameters.subworkflow
  if type(inner) ~= "table" or inner.tasks == nil then return result end
  result.parameters, inner = copy(task.parameters), copy(inner)
  result.parameters.subworkflow = inner
  inner.tasks, complaint = whole_list(inner.tasks)
  if complaint then return nil, complaint end
  return result
end

---@return table|nil tasks marked as an array
---@return string|nil complaint
function whole_list(tasks)
  if not is_list(tasks) then return nil, "tasks must be a list of tasks" end
  local result = {}
  for i, task in ipairs(tasks) do
    local complaint
    result[i], complaint = whole(task)
    if complaint then return nil, ("tasks[%d]: %s"):format(i, complaint) end
  end
  return core.array(result)
end

--- Checks what the user gave a builder: no unknown member, and those in `needed` are text.
local function check(t, allowed, needed, where)
  options.check_members(t, allowed, where, 3)
  for _, name in ipairs(needed) do
    if type(t[name]) ~= "string" then
      error(("%s: %s must be a string, got %s"):format(where, name, type(t[name])), 3)
    end
  end
  local _, complaint = links(t.dependsOn)
  if complaint then error(("%s: %s"):format(where, complaint), 3) end
end

--- The task table: what all tasks have, with the parameters of its type.
local function assemble(t, task_type, parameters)
  local task = { type = task_type, parameters = parameters }
  for _, name in ipairs(common) do task[name] = t[name] end
  task.dependsOn = links(t.dependsOn)
  return task
end

--- Builders for the tasks of a workflow definition, one for each task type of CDF. Members bear CDF's own names; a
--- misspelt one raises. A task of a type that CDF got later is written as a plain table, and passes through as it is.
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

---@class cdfworkflow.FunctionTaskMembers : cdfworkflow.TaskMembers
---@field functionExternalId string the Cognite Function to call; may hold a reference
---@field data? table|string the function's input: an object whose texts may hold references, or one reference
---@field isAsyncComplete? boolean when true the task stays in progress until `client.workflows.tasks:update`
local fn_members = with_common { "functionExternalId", "data", "isAsyncComplete" }

--- A task of type `function`: calls a Cognite Function. (`function` itself is a word of Lua.) Its output has the
--- members `callId`, `functionId` and `response`.
---@param t cdfworkflow.FunctionTaskMembers
---@return cdfworkflow.Task
function task.fn(t)
  check(t, fn_members, { "externalId", "functionExternalId" }, "cdf.task.fn")
  local data = t.data
  if type(data) == "table" and next(data) == nil then data = nil end -- says nothing, and might be taken for a list
  return assemble(t, "function", {
    ["function"] = { externalId = t.functionExternalId, data = data },
    isAsyncComplete = t.isAsyncComplete,
  })
end

---@class cdfworkflow.TransformationTaskMembers : cdfworkflow.TaskMembers
---@field transformationExternalId string the transformation to run
---@field concurrencyPolicy? "fail"|"waitForCurrent"|"restartAfterCurrent" what to do when it runs already; CDF's
---  default is fail
---@field useTransformationCredentials? boolean when true it runs with the credentials kept with it
local transformation_members = with_common {
  "transformationExternalId", "concurrencyPolicy", "useTransformationCredentials",
}

--- A task of type `transformation`: runs a CDF transformation. Its output has the member `jobId`.
---@param t cdfworkflow.TransformationTaskMembers
---@return cdfworkflow.Task
function task.transformation(t)
  check(t, transformation_members, { "externalId", "transformationExternalId" }, "cdf.task.transformation")
  return assemble(t, "transformation", {
    transformation = {
      externalId = t.transformationExternalId,
      concurrencyPolicy = t.concurrencyPolicy,
      useTransformationCredentials = t.useTransformationCredentials,
    },
  })
end

---@class cdfworkflow.CdfTaskMembers : cdfworkflow.TaskMembers
---@field resourcePath string the path below the project, such as `/timeseries/list`; may hold references
---@field method "GET"|"POST"|"PUT"|string one of these, or a reference
---@field queryParameters? table|string an object, or a reference
---@field body? table|string an object of at most 1024 KiB, or a reference
---@field requestTimeoutInMillis? integer|string milliseconds, or a reference; CDF's default is 10000
---@field cdfVersionHeader? "alpha"|"beta" for CDF's preview features
local cdf_members = with_common {
  "resourcePath", "method", "queryParameters", "body", "requestTimeoutInMillis", "cdfVersionHeader",
}

--- A task of type `cdf`: makes one request to CDF's own API. Its output has the members `response` and `statusCode`.
---@param t cdfworkflow.CdfTaskMembers
---@return cdfworkflow.Task
function task.cdf(t)
  check(t, cdf_members, { "externalId", "resourcePath", "method" }, "cdf.task.cdf")
  return assemble(t, "cdf", {
    cdfRequest = {
      resourcePath = t.resourcePath,
      method = t.method,
      queryParameters = t.queryParameters,
      body = t.body,
      requestTimeoutInMillis = t.requestTimeoutInMillis,
      cdfVersionHeader = t.cdfVersionHeader,
    },
  })
end

---@class cdfworkflow.DynamicTaskMembers : cdfworkflow.TaskMembers
---@field tasks string a reference to a list of tasks that an earlier task makes, such as
---  `"${plan.output.response.tasks}"`
local dynamic_members = with_common { "tasks" }

--- A task of type `dynamic`: runs tasks that an earlier task made. They must not be `dynamic` or `subworkflow`
--- tasks themselves. It has no output of its own.
---@param t cdfworkflow.DynamicTaskMembers
---@return cdfworkflow.Task
function task.dynamic(t)
  check(t, dynamic_members, { "externalId", "tasks" }, "cdf.task.dynamic")
  return assemble(t, "dynamic", { dynamic = { tasks = t.tasks } })
end

---@class cdfworkflow.SubworkflowTaskMembers : cdfworkflow.TaskMembers
---@field tasks? cdfworkflow.Task[] the tasks themselves, none of them `dynamic` or `subworkflow`; or else
---@field workflowExternalId? string another workflow
---@field version? string and its version
local subworkflow_members = with_common { "tasks", "workflowExternalId", "version" }

--- What a subworkflow task holds: its own tasks, or the name of a workflow version.
---@return table|nil subworkflow
---@return string|nil complaint
local function subworkflow(t)
  if t.tasks == nil and type(t.workflowExternalId) == "string" and type(t.version) == "string" then
    return { workflowExternalId = t.workflowExternalId, version = t.version }
  end
  if t.tasks == nil or t.workflowExternalId ~= nil or t.version ~= nil then
    return nil, "give either tasks, or workflowExternalId and version as strings"
  end
  local tasks, complaint = whole_list(t.tasks)
  if complaint then return nil, complaint end
  return { tasks = tasks }
end

--- A task of type `subworkflow`: runs several tasks as one step, given here or as a version of another workflow. It
--- has no output of its own.
---@param t cdfworkflow.SubworkflowTaskMembers
---@return cdfworkflow.Task
function task.subworkflow(t)
  check(t, subworkflow_members, { "externalId" }, "cdf.task.subworkflow")
  local parameters, complaint = subworkflow(t)
  if complaint then error("cdf.task.subworkflow: " .. complaint, 2) end
  return assemble(t, "subworkflow", { subworkflow = parameters })
end

---@class cdfworkflow.SimulationTaskMembers : cdfworkflow.TaskMembers
---@field routineExternalId string the simulator routine to run
---@field runTime? integer|string milliseconds since the epoch at which it takes its data, or a reference
---@field inputs? table[]|string at most 200 of `{ referenceId, value, unit = { name } }`, or a reference
local simulation_members = with_common { "routineExternalId", "runTime", "inputs" }

--- A task of type `simulation`: runs a simulator routine. Its output has the members `runId`, `logId` and
--- `statusMessage`.
---@param t cdfworkflow.SimulationTaskMembers
---@return cdfworkflow.Task
function task.simulation(t)
  check(t, simulation_members, { "externalId", "routineExternalId" }, "cdf.task.simulation")
  local inputs = t.inputs
  if type(inputs) == "table" then inputs = core.array(copy(inputs)) end
  return assemble(t, "simulation", {
    simulation = { routineExternalId = t.routineExternalId, runTime = t.runTime, inputs = inputs },
  })
end

---@class cdfworkflow.FunctionAppTaskMembers : cdfworkflow.TaskMembers
---@field functionAppExternalId string the Function App to call; may hold a reference
---@field path string the path in the app, at most 255 characters
---@field method? string such as "GET" or "POST", or a reference
---@field parameters? table<string, string> of the query, at most 10
---@field body? any JSON; may hold references
local function_app_members = with_common { "functionAppExternalId", "path", "method", "parameters", "body" }

--- A task of type `functionApp`: makes one request to a Function App. What its output holds is not documented.
---@param t cdfworkflow.FunctionAppTaskMembers
---@return cdfworkflow.Task
function task.function_app(t)
  check(t, function_app_members, { "externalId", "functionAppExternalId", "path" }, "cdf.task.function_app")
  return assemble(t, "functionApp", {
    functionApp = {
      externalId = t.functionAppExternalId, path = t.path, method = t.method, parameters = t.parameters, body = t.body,
    },
  })
end

---@class cdfworkflow.JsonMappingTaskMembers : cdfworkflow.TaskMembers
---@field expression string in CDF's own mapping language
---@field inputs? table[]|string what the expression calls its inputs, or a reference
---@field input? any JSON that the expression works on; may hold references
local json_mapping_members = with_common { "expression", "inputs", "input" }

--- A task of type `jsonMapping`: makes one JSON value of another. Its output has the member `result`.
---@param t cdfworkflow.JsonMappingTaskMembers
---@return cdfworkflow.Task
function task.json_mapping(t)
  check(t, json_mapping_members, { "externalId", "expression" }, "cdf.task.json_mapping")
  local inputs = t.inputs
  if type(inputs) == "table" then inputs = core.array(copy(inputs)) end
  return assemble(t, "jsonMapping", {
    jsonMapping = { expression = t.expression, inputs = inputs, input = t.input },
  })
end

---@class cdfworkflow.DefinitionMembers
---@field tasks table[] what the builders of `cdf.task` give, or plain task tables
---@field description? string at most 500 characters
local definition_members = { "tasks", "description" }

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
  options.check_members(t, definition_members, "cdf.definition")
  local tasks, complaint = whole_list(t.tasks)
  if complaint then error("cdf.definition: " .. complaint, 2) end
  return { tasks = tasks, description = t.description }
end

return { task = task, definition = definition }
