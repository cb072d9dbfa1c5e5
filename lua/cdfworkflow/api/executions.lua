-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.executions: starting, finding, following, cancelling and retrying runs of workflow versions.
-- Following has its own file, wait.lua.

local check = require "cdfworkflow.check"
local later = require "cdfworkflow.later"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local run_many = require "cdfworkflow.api.run_many"
local session_options = require "cdfworkflow.api.session_options"

---@class cdfworkflow.Execution a resource of CDF; further members pass through
---@field id string a UUID
---@field workflowExternalId string
---@field version? string
---@field status "RUNNING"|"COMPLETED"|"FAILED"|"TIMED_OUT"|"TERMINATED"
---@field engineExecutionId string
---@field createdTime integer ms since the epoch
---@field startTime? integer
---@field endTime? integer
---@field reasonForIncompletion? string
---@field metadata table<string, string>
---@field workflowDefinition? table in detail only (`retrieve`, `wait`, `watch`), like the next two
---@field executedTasks? cdfworkflow.TaskExecution[]
---@field input? table

---@class cdfworkflow.TaskExecution
---@field id string a UUID
---@field externalId string
---@field status string
---@field taskType string
---@field input table references resolved
---@field output table
---@field parentTaskExternalId? string of the dynamic or subworkflow task that made it
---@field startTime? integer ms since the epoch
---@field endTime? integer
---@field reasonForIncompletion? string

---@class cdfworkflow.ExecutionFilter
---@field limit? integer 25 for `list` unless told, all for `each`; `math.huge` for all
---@field workflowFilters? cdfworkflow.WorkflowFilter[]
---@field createdTimeStart? integer ms since the epoch
---@field createdTimeEnd? integer
---@field status? string[] in upper case

---@class cdfworkflow.Executions
local Executions = {}
Executions.__index = Executions

local takes = {}

local wait = later.table(function() return require "cdfworkflow.api.wait" end)

local EXECUTION = { "execution", check.execution, required = true }

local function run_rule(given)
  if given.look_back ~= nil and given.request_id == nil then return "look_back needs a request_id to look for" end
  return session_options.rule(given)
end

takes.run = {
  { "workflow_external_id", check.name, required = true },
  { "version", check.name, required = true },
  { "opts", options.passed({
    { "input", check.json_object },
    { "metadata", check.object },
    session_options.ALL,
    { "request_id", check.string },
    { "look_back", check.seconds(0, 92 * 86400) }, -- CDF keeps executions for three months (CDF.md 5)
    { "timeout", check.timeout },
    { "dry_run", check.boolean },
  }, run_rule) },
}

---@class cdfworkflow.RunOptions : cdfworkflow.SessionOptions
---@field input? table|userdata a JSON object, or what `cdf.json` gives; at most 102,400 bytes of JSON
---@field metadata? table<string, string> at most 10 pairs, key ≤ 32, value ≤ 255 characters
---@field request_id? string makes the run exactly-once: it travels in the metadata under `cdfworkflow.requestId`, and
---  after a lost answer the run is looked for before it is started again
---@field look_back? number seconds; with `request_id`: what was started with it so far back is looked for before
---  anything is sent, and returned
---@field timeout? number seconds, the client's own unless told
---@field dry_run? boolean sends nothing, and gives the list of requests that would be sent (`cdfworkflow.DryRequest[]`)

--- Starts an execution of a workflow version: a token, a session, the run. At most once, or with `request_id` exactly
--- once (README «Promises»): where the answer is lost after the run may have started, the error's kind is "ambiguous".
---
---     local execution, err = client.workflows.executions:run("report", "1", { request_id = "report-31" })
---     if not execution and err.retryable then print("later") end
---@param workflow_external_id string
---@param version string|integer
---@param opts? cdfworkflow.RunOptions
---@return cdfworkflow.Execution|cdfworkflow.DryRequest[]|nil execution
---@return cdfworkflow.Error? err of any kind
function Executions:run(workflow_external_id, version, opts)
  return self.client:_start(workflow_external_id, version, opts)
end

--- The older name of `run`.
Executions.trigger = Executions.run
takes.trigger = takes.run

Executions.run_many = run_many.run_many
takes.run_many = run_many.takes(takes.run)

takes.retry = {
  EXECUTION,
  { "opts", options.of({
    session_options.ALL,
    { "request_id", check.string },
    { "timeout", check.timeout },
  }, session_options.rule) },
}

---@class cdfworkflow.RetryOptions : cdfworkflow.SessionOptions
---@field request_id? string after a lost answer, looks whether the execution runs again before retrying once more
---@field timeout? number seconds, the client's own unless told

--- Starts a failed, timed out or terminated execution again, under the same id, from the tasks that did not succeed.
---
---     assert(client:cancel(execution))
---     print(assert(client.workflows.executions:retry(execution)).status) --> RUNNING
---@param execution string|cdfworkflow.Execution the execution or its id
---@param opts? cdfworkflow.RetryOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind
function Executions:retry(execution, opts)
  local path = "/workflows/executions/" .. execution
  opts.repeats, opts.result, opts.nonce_in = "run", "execution", "authentication"
  opts.execution = execution
  return self.client:_call("POST", path .. "/retry", nil, opts)
end

takes.retrieve = { EXECUTION }

--- One execution in detail: with its definition, input and task executions.
---
---     local detail = assert(client.workflows.executions:retrieve(execution.id))
---     print(cdf.graph(detail, "text", { ascii = true })) --> > report version 1  running
---                                                        --> `- > fetch  function  in progress
---@param execution string|cdfworkflow.Execution the execution or its id
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Executions:retrieve(execution)
  return self.client:_call("GET", "/workflows/executions/" .. execution)
end

local function fetcher(self, opts)
  return function(limit, cursor)
    return self.client:_call("POST", "/workflows/executions/list",
      { filter = opts.filter, limit = limit, cursor = cursor })
  end
end

local FILTER = options.into("filter", {
  { "workflowFilters", options.list(check.any) },
  { "createdTimeStart", check.number },
  { "createdTimeEnd", check.number },
  { "status", options.list(check.string) },
})

takes.list = { { "opts", options.of { paging.LIMIT, FILTER } } }

--- The executions that pass the filter, up to `limit`. They come without detail.
---
---     local newest = assert(client.workflows.executions:list { limit = 1 })[1]
---@param opts? cdfworkflow.ExecutionFilter
---@return cdfworkflow.Execution[]|nil executions
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Executions:list(opts)
  return paging.list(fetcher(self, opts), opts.limit)
end

takes.each = { { "opts", options.of { paging.ALL, FILTER } }, raises = true }

--- An iterator over the executions that pass the filter. An error is raised, as the error table.
---
---     for failed in client.workflows.executions:each { status = { "FAILED" } } do print(cdf.why(failed)) end
---@param opts? cdfworkflow.ExecutionFilter
---@return fun(): cdfworkflow.Execution|nil
function Executions:each(opts)
  return paging.each(fetcher(self, opts), opts.limit)
end

takes.cancel = { EXECUTION, { "reason", check.text(500) } }

--- Cancels a running execution: it becomes TERMINATED and its running tasks CANCELED. What they started elsewhere
--- (transformation jobs, function calls) goes on.
---
---     assert(client.workflows.executions:cancel(execution.id, "the wrong day"))
---@param execution string|cdfworkflow.Execution the execution or its id
---@param reason? string at most 500 characters; ends up in `reasonForIncompletion`
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Executions:cancel(execution, reason)
  return self.client:_call("POST", "/workflows/executions/" .. execution .. "/cancel", { reason = reason })
end

local WATCH = {
  { "timeout", check.patience, default = 25 * 3600, tells = "patient" },
  { "interval", check.interval },
  { "max_interval", check.interval },
  { "cancel", check.boolean },
}

takes.wait = { EXECUTION, { "opts", options.of { WATCH, { "on_change", check.fn } } } }

--- Follows an execution to its end and gives it back in detail, whatever its final status.
---
---     local ended, err = client.workflows.executions:wait(execution, { timeout = 3600 })
---     if not ended and err.kind == "timeout" then print(err.execution.status) end
---@param execution string|cdfworkflow.Execution the execution or its id
---@param opts? cdfworkflow.WaitOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind but "ambiguous"; "timeout" when `opts.timeout` has passed, with
---  `err.execution`, the last one seen
function Executions:wait(execution, opts)
  return wait.wait(self, execution, opts)
end

takes.watch = { EXECUTION, { "opts", options.of(WATCH) }, raises = true }

--- Follows an execution as an iterator over what happens in it, one event after the other, up to
--- `execution_ended`. An error, a passed `timeout` too, is raised, as the error table.
---
---     for event in client.workflows.executions:watch(execution) do
---       print(event.type, event.task and event.task.externalId, event.reason)
---     end
---@param execution string|cdfworkflow.Execution the execution or its id
---@param opts? cdfworkflow.WatchOptions
---@return fun(): cdfworkflow.Event|nil
function Executions:watch(execution, opts)
  return wait.watch(self, execution, opts)
end

return method.class(Executions, "client.workflows.executions", takes)
