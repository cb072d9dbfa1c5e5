-- SPDX-License-Identifier: Apache-2.0
-- Executions and their tasks as the API shows them: run, list, retrieve, cancel, retry, task update. What happens
-- inside an execution is the engine's.

local core = require "cdfworkflow.core"
local lag = require "cdfworkflow.simulator.api.lag"
local paging = require "cdfworkflow.simulator.api.paging"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"
local sessions = require "cdfworkflow.simulator.api.sessions"
local versions = require "cdfworkflow.simulator.api.versions"

local executions = {}

local MOST_INPUT = 102400 -- bytes of compact JSON
local DEFAULT_LIMIT = 100
local RETRYABLE = { FAILED = true, TIMED_OUT = true, TERMINATED = true }

--- Starts an execution of a version; runs and triggers both come here.
---@param project cdfworkflow.simulator.Project
---@param version table the version resource
---@param given { input: table?, metadata: table?, session: integer }
---@return table # the execution as the engine keeps it
function executions.start(project, version, given)
  local workflow = project.state.workflows[version.workflowExternalId]
  local execution = project.engine:start {
    workflowExternalId = version.workflowExternalId,
    version = version.version,
    definition = version.workflowDefinition,
    input = given.input,
    metadata = given.metadata,
    session = given.session,
    maxConcurrentExecutions = workflow and workflow.resource.maxConcurrentExecutions,
  }
  local order = project.state.execution_order
  order[#order + 1] = execution.id
  return execution
end

local function check_size(input)
  local text = input and core.encode(input)
  if input and not text or text and #text > MOST_INPUT then
    refuse(refusals.input_too_large)
  end
end

local function run(exchange)
  local project, body = exchange.project, exchange.body
  check_size(body.input)
  local version = versions.get(project, exchange.params.workflowExternalId, exchange.params.version)
  local session = sessions.open(project, body.authentication.nonce)
  local execution = executions.start(project, version, {
    input = body.input,
    metadata = body.metadata,
    session = session.id,
  })
  sessions.bind(project, session, "execution")
  return project.engine:summary(execution), 202
end

local function status_set(list)
  local set = {}
  for _, status in ipairs(list or {}) do
    set[status] = true
  end
  return next(set) and set
end

local function list(exchange)
  local project, body = exchange.project, exchange.body
  local filter = body.filter or {}
  local statuses = status_set(filter.status)
  local stored, time = project.engine_state.executions, lag.time(exchange)
  local step = paging.newest_first(project.state.execution_order, function(id)
    local execution = stored[id]
    if execution.createdTime < (filter.createdTimeStart or 0) then
      return nil, true
    elseif time then
      execution = lag.execution(project.engine:summary(execution), time)
    end
    if execution.createdTime > (filter.createdTimeEnd or math.huge)
      or statuses and not statuses[execution.status]
      or not versions.matches(filter.workflowFilters, execution.workflowExternalId, execution.version) then
      return nil
    end
    return time and execution or project.engine:summary(execution)
  end)
  return paging.page(step, { limit = body.limit or DEFAULT_LIMIT, cursor = body.cursor }, { "executions", filter })
end

local function find(exchange)
  local execution = exchange.project.engine_state.executions[exchange.params.executionId:lower()]
  return execution or refuse(refusals.execution)
end

local function retrieve(exchange)
  return exchange.project.engine:detail(find(exchange))
end

local function cancel(exchange)
  local execution = find(exchange)
  if not exchange.project.engine:cancel(execution.id, exchange.body.reason or "cancelled") then
    refuse(refusals.execution_not_running)
  end
  return exchange.project.engine:summary(execution)
end

local function retry(exchange)
  local project, execution = exchange.project, find(exchange)
  if not RETRYABLE[execution.status] then
    refuse(refusals.execution_not_retryable)
  end
  local session = sessions.open(project, exchange.body.authentication.nonce)
  project.engine:retry(execution.id, session.id)
  sessions.bind(project, session, "execution")
  return project.engine:summary(execution)
end

local UPDATE_REFUSALS = {
  unknown = refusals.task, not_in_progress = refusals.task_not_in_progress, invalid_status = refusals.task_status,
}

local function update_task(exchange)
  local body = exchange.body
  local task, why = exchange.project.engine:update_task(exchange.params.taskId:lower(), body.status, body.output)
  if not task then
    refuse(UPDATE_REFUSALS[why])
  end
  return task
end

local READ, WRITE = { "workflowOrchestrationAcl", "READ" }, { "workflowOrchestrationAcl", "WRITE" }

executions.operations = {
  { operation = "runWorkflowVersion", method = "POST", path = "/workflows/{workflowExternalId}/versions/{version}/run",
    acl = WRITE, handle = run },
  { operation = "listWorkflowExecutions", method = "POST", path = "/workflows/executions/list", acl = READ,
    handle = list },
  { operation = "retrieveWorkflowExecution", method = "GET", path = "/workflows/executions/{executionId}", acl = READ,
    handle = retrieve },
  { operation = "cancelWorkflowExecution", method = "POST", path = "/workflows/executions/{executionId}/cancel",
    acl = WRITE, optional_body = true, handle = cancel },
  { operation = "retryWorkflowExecution", method = "POST", path = "/workflows/executions/{executionId}/retry",
    acl = WRITE, handle = retry },
  { operation = "updateTaskStatus", method = "POST", path = "/workflows/tasks/{taskId}/update", acl = WRITE,
    handle = update_task },
}

return executions
