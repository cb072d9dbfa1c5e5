-- SPDX-License-Identifier: Apache-2.0
-- What each type of task may hold, and what its output has (CDF.md sections 6 and 20): the builders, cdf.lint,
-- cdf.graph and `versions:upsert` go by it. Where the published description of CDF's API is stricter than what
-- definitions in use hold, that is a warning.

local core = require "cdfworkflow.core"
local findings = require "cdfworkflow.definition.findings"
local rules = require "cdfworkflow.definition.rules"

local report_error, report_warning = findings.error, findings.warning
local shown, at, last, sorted_keys = findings.shown, findings.at, findings.last, findings.sorted_keys
local is_reference, is_whole, must, text = rules.is_reference, rules.is_whole, rules.must, rules.text
local all, any_object, nullable, size = rules.all, rules.any_object, rules.nullable, rules.size
local name_text, identifier, boolean = rules.name_text, rules.identifier, rules.boolean
local milliseconds, one_of, members, entries = rules.milliseconds, rules.one_of, rules.members, rules.entries
local published_text = rules.published_text

local MAX_INPUTS = 200
local MAX_DATA = 100 * 1024
local MAX_BODY = 1024 * 1024
local PUBLISHED_BODY = 100 * 1024

---@class cdfworkflow.TaskType
---@field type string as CDF calls it
---@field builder string the name of the builder in `cdf.task`
---@field holder string the member of `parameters` that holds what is the type's own
---@field output? string[] the members of the task's output; nil where nobody says
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
---@field is_list? boolean an empty one is sent as `[]`
---@field is_tasks? boolean a list of tasks
---@field not_empty? boolean an empty object says nothing, and is not sent
---@field default? any what CDF assumes where it is left out

---@type cdfworkflow.TaskType[]
local task_types = {}

local function add(task_type) task_types[#task_types + 1] = task_type end

-- {==== function (which is a word of Lua) ====

---@class cdfworkflow.FunctionTaskMembers : cdfworkflow.TaskMembers
---@field functionExternalId string the Cognite Function to call; may hold a reference
---@field data? table|string the function's input: an object whose texts may hold references, or one reference
---@field isAsyncComplete? boolean when true the task stays in progress until `client.workflows.tasks:update`

---@class cdfworkflow.task
---@field fn fun(t: cdfworkflow.FunctionTaskMembers): cdfworkflow.Task calls a Cognite Function. The task's output has
---  the members `callId`, `functionId` and `response`

add {
  type = "function", builder = "fn", holder = "function", output = { "callId", "functionId", "response" },
  members = {
    { "externalId", name_text, required = true, builder = "functionExternalId" },
    { "data", all(any_object, size(MAX_DATA, report_warning)), not_empty = true, default = {} },
  },
  beside = { { "isAsyncComplete", boolean, default = false } },
}

-- }====

-- {==== transformation ====

---@class cdfworkflow.TransformationTaskMembers : cdfworkflow.TaskMembers
---@field transformationExternalId string the transformation to run
---@field concurrencyPolicy? "fail"|"waitForCurrent"|"restartAfterCurrent" what to do when it runs already; CDF's
---  default is fail
---@field useTransformationCredentials? boolean when true it runs with the credentials kept with it

---@class cdfworkflow.task
---@field transformation fun(t: cdfworkflow.TransformationTaskMembers): cdfworkflow.Task runs a CDF transformation. The
---  task's output has the member `jobId`

add {
  type = "transformation", builder = "transformation", holder = "transformation", output = { "jobId" },
  members = {
    { "externalId", name_text, required = true, builder = "transformationExternalId" },
    { "concurrencyPolicy", one_of { "fail", "waitForCurrent", "restartAfterCurrent" }, default = "fail" },
    { "useTransformationCredentials", boolean, default = false },
  },
}

-- }====

-- {==== cdf ====

---@class cdfworkflow.CdfTaskMembers : cdfworkflow.TaskMembers
---@field resourcePath string the path below the project, such as `/timeseries/list`; may hold references
---@field method "GET"|"POST"|"PUT"|string one of these, or a reference
---@field queryParameters? table|string an object, or a reference
---@field body? table|string an object of at most 1024 KiB, or a reference
---@field requestTimeoutInMillis? integer|string milliseconds, or a reference; CDF's default is 10000
---@field cdfVersionHeader? "alpha"|"beta" for CDF's preview features

---@class cdfworkflow.task
---@field cdf fun(t: cdfworkflow.CdfTaskMembers): cdfworkflow.Task makes one request to CDF's own API. The task's output
---  has the members `response` and `statusCode`

--- At most so many members, each of them a text.
local function texts(most, longest, severity)
  return function(report, value, path)
    if type(value) ~= "table" then return end
    local names = sorted_keys(value)
    if #names > most then
      severity(report, "too-many", path, ("%s has %d members; CDF's own API description allows %d"):format(last(path),
        #names, most))
    end
    for _, name in ipairs(names) do
      if type(value[name]) ~= "string" then
        severity(report, "wrong-type", at(path, name), ("%s must be text, not %s"):format(tostring(name),
          shown(value[name])))
      elseif longest then
        longest(report, value[name], at(path, name))
      end
    end
  end
end

local query_parameters = all(any_object, texts(5, published_text(50), report_warning))

--- The SDK allows 1024 KiB, the published description 100 KB.
local function request_size(report, value, path)
  local json = type(value) == "table" and core.encode(value) or ""
  if #json > MAX_BODY then return size(MAX_BODY, report_error)(report, value, path) end
  size(PUBLISHED_BODY, report_warning)(report, value, path)
end

local function version_header(report, value, path)
  if value ~= "alpha" and value ~= "beta" and not is_reference(value) then
    report_warning(report, "bad-value", path,
      ("cdfVersionHeader is %s; CDF's own API description allows alpha and beta"):format(shown(value)))
  end
end

local function long_enough(report, value, path)
  if is_whole(value, 0, 99) then
    report_warning(report, "out-of-range", path,
      ("requestTimeoutInMillis is %d; CDF's own API description allows 100 and more"):format(value))
  end
end

add {
  type = "cdf", builder = "cdf", holder = "cdfRequest", output = { "response", "statusCode" },
  members = {
    { "resourcePath", all(name_text, published_text(128)), required = true },
    { "method", one_of({ "GET", "POST", "PUT" }, true), required = true },
    { "queryParameters", query_parameters, default = {} },
    { "body", all(any_object, request_size) },
    { "requestTimeoutInMillis", all(milliseconds, long_enough), default = 10000 },
    { "cdfVersionHeader", version_header },
  },
}

-- }====

-- {==== dynamic ====

---@class cdfworkflow.DynamicTaskMembers : cdfworkflow.TaskMembers
---@field tasks string a reference to a list of tasks that an earlier task makes, such as
---  `"${plan.output.response.tasks}"`

---@class cdfworkflow.task
---@field dynamic fun(t: cdfworkflow.DynamicTaskMembers): cdfworkflow.Task runs tasks that an earlier task made, which
---  must not be `dynamic` or `subworkflow` tasks themselves. It has no output of its own

--- A definition holds a reference here; an array stands there only once the task has run.
local function dynamic_tasks(report, value, path)
  if type(value) == "table" then
    report_warning(report, "bad-value", path,
      "tasks of a dynamic task is meant to be a ${…} reference; use a subworkflow for tasks known beforehand")
  elseif not is_reference(value) then
    must(report, path, "one ${…} reference to a list of tasks", value)
  end
end

add {
  type = "dynamic", builder = "dynamic", holder = "dynamic", output = {}, holds_tasks = true,
  members = { { "tasks", dynamic_tasks, required = true, is_tasks = true } },
}

-- }====

-- {==== subworkflow ====

---@class cdfworkflow.SubworkflowTaskMembers : cdfworkflow.TaskMembers
---@field tasks? cdfworkflow.Task[] the tasks themselves, none of them `dynamic` or `subworkflow`; or else
---@field workflowExternalId? string another workflow
---@field version? string and its version

---@class cdfworkflow.task
---@field subworkflow fun(t: cdfworkflow.SubworkflowTaskMembers): cdfworkflow.Task runs several tasks as one step, given
---  here or as a version of another workflow. It has no output of its own

--- What stands in the builder's table together.
---@return string? complaint
local function tasks_or_version(given)
  local names_version = type(given.workflowExternalId) == "string" and type(given.version) == "string"
  local names_none = given.workflowExternalId == nil and given.version == nil
  if given.tasks == nil and names_version or given.tasks ~= nil and names_none then return nil end
  return "give either tasks, or workflowExternalId and version as strings"
end

--- The same of a definition, which may name itself.
local function look_at_subworkflow(report, own, path)
  local named = own.workflowExternalId ~= nil or own.version ~= nil
  if own.tasks ~= nil and named then
    report_error(report, "bad-value", path, "a subworkflow holds tasks or names a workflow version, not both")
  elseif own.tasks == nil and (own.workflowExternalId == nil or own.version == nil) then
    report_error(report, "missing-member", path, "a subworkflow needs tasks, or workflowExternalId and version")
  elseif named and own.workflowExternalId == report.workflow and own.version == report.version then
    report_error(report, "nesting", path, "this workflow version runs itself as a subworkflow")
  end
end

add {
  type = "subworkflow", builder = "subworkflow", holder = "subworkflow", output = {}, holds_tasks = true,
  members = {
    { "tasks", true, is_tasks = true },
    { "workflowExternalId", identifier },
    { "version", identifier },
  },
  together = tasks_or_version, look = look_at_subworkflow,
}

-- }====

-- {==== simulation ====

---@class cdfworkflow.SimulationTaskMembers : cdfworkflow.TaskMembers
---@field routineExternalId string the simulator routine to run
---@field runTime? integer|string milliseconds since the epoch at which it takes its data, or a reference
---@field inputs? table[]|string at most 200 of `{ referenceId, value, unit = { name } }`, or a reference

---@class cdfworkflow.task
---@field simulation fun(t: cdfworkflow.SimulationTaskMembers): cdfworkflow.Task runs a simulator routine. The task's
---  output has the members `runId`, `logId` and `statusMessage`

local function input_value(report, value, path)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" then
    return must(report, path, "text, a number or a list of these", value)
  end
  local count = kind == "table" and #value or 1
  if value == "" or count == 0 then
    report_warning(report, "bad-value", path, "value is empty, which CDF's own API description forbids")
  elseif count > MAX_INPUTS then
    report_warning(report, "too-many", path,
      ("value has %d entries; CDF's own API description allows %d"):format(count, MAX_INPUTS))
  end
end

local unit = nullable(function(report, value, path)
  members(report, value, path, { name = name_text }, { "name" })
end)

local input_rules = { referenceId = name_text, value = input_value, unit = unit }

local function inputs(report, value, path)
  if is_reference(value) then return end
  local found = entries(report, value, path)
  if #found > MAX_INPUTS then
    report_error(report, "too-many", path, ("inputs has %d entries; CDF takes at most %d"):format(#found, MAX_INPUTS))
  end
  for _, entry in ipairs(found) do
    members(report, entry.value, at(path, entry.index), input_rules, { "referenceId", "value" })
  end
end

add {
  type = "simulation", builder = "simulation", holder = "simulation", output = { "runId", "logId", "statusMessage" },
  members = {
    { "routineExternalId", name_text, required = true },
    { "runTime", nullable(milliseconds) },
    { "inputs", inputs, is_list = true },
  },
}

-- }====

-- {==== functionApp ====

---@class cdfworkflow.FunctionAppTaskMembers : cdfworkflow.TaskMembers
---@field functionAppExternalId string the Function App to call; may hold a reference
---@field path string the path in the app, at most 255 characters
---@field method? string such as "GET" or "POST", or a reference
---@field parameters? table<string, string> of the query, at most 10
---@field body? any JSON; may hold references

---@class cdfworkflow.task
---@field function_app fun(t: cdfworkflow.FunctionAppTaskMembers): cdfworkflow.Task makes one request to a Function App.
---  What its output holds is not documented

local function app_method(report, value, path)
  if type(value) ~= "string" then must(report, path, "text", value) end
end

add {
  type = "functionApp", builder = "function_app", holder = "functionApp",
  members = {
    { "externalId", name_text, required = true, builder = "functionAppExternalId" },
    { "path", text(255), required = true },
    { "method", app_method },
    { "parameters", all(any_object, texts(10, nil, report_error)) },
    { "body", true },
  },
}

-- }====

-- {==== jsonMapping ====

---@class cdfworkflow.JsonMappingTaskMembers : cdfworkflow.TaskMembers
---@field expression string in CDF's own mapping language
---@field inputs? table[]|string what the expression calls its inputs, or a reference
---@field input? any JSON that the expression works on; may hold references

---@class cdfworkflow.task
---@field json_mapping fun(t: cdfworkflow.JsonMappingTaskMembers): cdfworkflow.Task makes one JSON value of another. Its
---  output has the member `result`

local function mapping_inputs(report, value, path)
  if not is_reference(value) then entries(report, value, path) end
end

add {
  type = "jsonMapping", builder = "json_mapping", holder = "jsonMapping", output = { "result" },
  members = {
    { "expression", name_text, required = true },
    { "inputs", mapping_inputs, is_list = true },
    { "input", true },
  },
}

-- }====

return task_types
