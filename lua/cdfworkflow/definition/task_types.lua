-- SPDX-License-Identifier: Apache-2.0
-- What each type of task may hold, and what its output has (CDF.md sections 6 and 20). Where the published description
-- of CDF's API is stricter than what definitions in use hold, that is a warning.

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

local task_types = {}

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
local app_parameters = all(any_object, texts(10, nil, report_error))

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

local function app_method(report, value, path)
  if type(value) ~= "string" then must(report, path, "text", value) end
end

local function mapping_inputs(report, value, path)
  if not is_reference(value) then entries(report, value, path) end
end

--- A definition holds a reference here; an array stands there only once the task has run.
local function dynamic_tasks(report, value, path)
  if type(value) == "table" then
    report_warning(report, "bad-value", path,
      "tasks of a dynamic task is meant to be a ${…} reference; use a subworkflow for tasks known beforehand")
  elseif not is_reference(value) then
    must(report, path, "one ${…} reference to a list of tasks", value)
  end
end

--- By type: the member of `parameters` that holds the task's own, its rules, and what may stand beside it;
--- `output` lists the members of the task's output.
task_types.types = {
  ["function"] = {
    holder = "function", required = { "externalId" }, output = { "callId", "functionId", "response" },
    rules = { externalId = name_text, data = all(any_object, size(MAX_DATA, report_warning)) },
    beside = { isAsyncComplete = boolean },
  },
  transformation = {
    holder = "transformation", required = { "externalId" }, output = { "jobId" },
    rules = {
      externalId = name_text, useTransformationCredentials = boolean,
      concurrencyPolicy = one_of { "fail", "waitForCurrent", "restartAfterCurrent" },
    },
  },
  cdf = {
    holder = "cdfRequest", required = { "resourcePath", "method" }, output = { "response", "statusCode" },
    rules = {
      resourcePath = all(name_text, published_text(128)), method = one_of({ "GET", "POST", "PUT" }, true),
      queryParameters = query_parameters, body = all(any_object, request_size), cdfVersionHeader = version_header,
      requestTimeoutInMillis = all(milliseconds, long_enough),
    },
  },
  dynamic = { holder = "dynamic", required = { "tasks" }, output = {}, rules = { tasks = dynamic_tasks } },
  subworkflow = {
    holder = "subworkflow", required = {}, output = {},
    rules = { tasks = true, workflowExternalId = identifier, version = identifier },
  },
  simulation = {
    holder = "simulation", required = { "routineExternalId" }, output = { "runId", "logId", "statusMessage" },
    rules = { routineExternalId = name_text, runTime = nullable(milliseconds), inputs = inputs },
  },
  functionApp = {
    holder = "functionApp", required = { "externalId", "path" },
    rules = {
      externalId = name_text, path = text(255), method = app_method, parameters = app_parameters, body = true,
    },
  },
  jsonMapping = {
    holder = "jsonMapping", required = { "expression" }, output = { "result" },
    rules = { expression = name_text, inputs = mapping_inputs, input = true },
  },
}

--- What every task may hold.
task_types.common = {
  externalId = identifier, type = true, parameters = true, dependsOn = true, name = text(255),
  description = text(500), retries = rules.whole_number(0, 10), timeout = rules.timeout,
  onFailure = one_of { "abortWorkflow", "skipTask" },
}

return task_types
