-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.executions: starting, finding, following, cancelling and retrying runs of workflow versions.
-- Following has its own file, wait.lua.

local check = require "cdfworkflow.check"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local run_many = require "cdfworkflow.api.run_many"
local wait = require "cdfworkflow.api.wait"

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

local FILTER = { "workflowFilters", "createdTimeStart", "createdTimeEnd", "status" }
local LIST = { "limit", "workflowFilters", "createdTimeStart", "createdTimeEnd", "status" }
local LONGEST_REASON = 500

--- Starts an execution of a workflow version: a token, a session, the run. At most once, or with `request_id` exactly
--- once (README «Promises»).
---@param external_id string of the workflow
---@param version string|integer
---@param opts? cdfworkflow.RunOptions
---@return cdfworkflow.Execution|nil execution, table? err
function Executions:run(external_id, version, opts)
  return self.client:_run(external_id, version, opts)
end

--- The older name of `run`.
Executions.trigger = Executions.run

Executions.run_many = run_many

--- Starts a failed, timed out or terminated execution again, under the same id, from the tasks that did not succeed.
---@param id string
---@param opts? cdfworkflow.RetryOptions
---@return cdfworkflow.Execution|nil execution, table? err
function Executions:retry(id, opts)
  return self.client:_retry(id, opts)
end

--- One execution in detail: with its definition, input and task executions.
---@param id string
---@return cdfworkflow.Execution|nil execution, table? err
function Executions:retrieve(id)
  local uuid, err = check.uuid("id", id)
  if not uuid then return nil, err end
  return self.client:_call("GET", "/workflows/executions/" .. uuid)
end

local function fetcher(self, opts)
  local filter
  for _, member in ipairs(FILTER) do
    if opts[member] ~= nil then
      filter = filter or {}
      filter[member] = type(opts[member]) == "table" and check.list(opts[member]) or opts[member]
    end
  end
  return function(limit, cursor)
    return self.client:_call("POST", "/workflows/executions/list",
      { filter = filter, limit = limit, cursor = cursor })
  end
end

--- The executions that pass the filter, up to `limit`. They come without detail.
---@param filter? cdfworkflow.ExecutionFilter
---@return cdfworkflow.Execution[]|nil executions, table? err
function Executions:list(filter)
  filter = options.check(filter, LIST, "executions:list")
  check.optional(filter.workflowFilters, "table", "workflowFilters")
  check.optional(filter.status, "table", "status")
  local limit, err = paging.limit(filter.limit, 25)
  if not limit then return nil, err end
  return paging.list(fetcher(self, filter), limit)
end

--- An iterator over the executions that pass the filter. An error is raised, as the error table.
---@param filter? cdfworkflow.ExecutionFilter
---@return fun(): cdfworkflow.Execution|nil
function Executions:each(filter)
  filter = options.check(filter, LIST, "executions:each")
  check.optional(filter.workflowFilters, "table", "workflowFilters")
  check.optional(filter.status, "table", "status")
  local limit, err = paging.limit(filter.limit, math.huge)
  if not limit then error(err, 0) end
  return paging.each(fetcher(self, filter), limit)
end

--- Cancels a running execution: it becomes TERMINATED and its running tasks CANCELED. What they started elsewhere
--- (transformation jobs, function calls) goes on.
---@param id string
---@param reason? string at most 500 characters; ends up in `reasonForIncompletion`
---@return cdfworkflow.Execution|nil execution, table? err
function Executions:cancel(id, reason)
  check.optional(reason, "string", "reason")
  local uuid, err = check.uuid("id", id)
  if not uuid then return nil, err end
  local ok
  ok, err = check.text("reason", reason, LONGEST_REASON)
  if not ok then return nil, err end
  return self.client:_call("POST", "/workflows/executions/" .. uuid .. "/cancel", { reason = reason })
end

--- Follows an execution to its end and gives it back in detail, whatever its final status.
---@param execution cdfworkflow.Execution|string an execution or its id
---@param opts? cdfworkflow.WaitOptions
---@return cdfworkflow.Execution|nil execution, table? err kind "timeout" when `opts.timeout` has passed, with
---  `err.execution`, the last one seen
function Executions:wait(execution, opts)
  opts = options.check(opts, wait.WAIT_OPTIONS, "executions:wait")
  wait.check(opts, 3)
  return wait.wait(self, wait.id_of(execution, 3), opts)
end

--- Follows an execution as an iterator over what happens in it, one event after the other, up to
--- `execution_ended`. An error, a passed `timeout` too, is raised, as the error table.
---
---     for event in client.workflows.executions:watch(execution) do
---       print(event.type, event.task and event.task.externalId, event.reason)
---     end
---@param execution cdfworkflow.Execution|string an execution or its id
---@param opts? cdfworkflow.WatchOptions
---@return fun(): cdfworkflow.Event|nil
function Executions:watch(execution, opts)
  opts = options.check(opts, wait.WATCH_OPTIONS, "executions:watch")
  wait.check(opts, 3)
  return wait.watch(self, wait.id_of(execution, 3), opts)
end

return Executions
