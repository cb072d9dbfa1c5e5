-- SPDX-License-Identifier: Apache-2.0
-- Workflow triggers: upsert with a nonce, list, delete, pause, resume, history; schedules fire on the clock, data
-- triggers when the user says that there is data.

local copy = require "cdfworkflow.simulator.lib.copy"
local cron = require "cdfworkflow.simulator.lib.cron"
local executions = require "cdfworkflow.simulator.api.executions"
local core = require "cdfworkflow.core"
local kept = require "cdfworkflow.simulator.lib.kept"
local mistake = require "cdfworkflow.mistake"
local paging = require "cdfworkflow.simulator.api.paging"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"
local sessions = require "cdfworkflow.simulator.api.sessions"
local versions = require "cdfworkflow.simulator.api.versions"

local triggers = {}

local MOST = 200
local DEFAULT_LIMIT = 100

local function parse(project, rule)
  if rule.triggerType ~= "schedule" then
    return nil
  end
  local parsed, problem = project:parse_cron(rule.cronExpression, rule.timezone)
  return parsed or refuse(refusals.cron, problem)
end

local function next_fire(project, rule)
  local parsed = parse(project, rule)
  return parsed and cron.next(parsed, project:now())
end

local function complete_rule(rule)
  local complete = copy(rule)
  if rule.triggerType == "schedule" then
    complete.timezone = rule.timezone or "UTC"
  end
  return complete
end

local function check(project, item)
  local stored = project.state.triggers
  parse(project, item.triggerRule)
  versions.get(project, item.workflowExternalId, item.workflowVersion)
  if not stored[item.externalId] and project:count(stored) >= MOST then
    refuse(refusals.too_many_triggers, MOST)
  end
  local session = sessions.open(project, item.authentication.nonce)
  if item.triggerRule.triggerType == "recordStream" and session.type ~= "CLIENT_CREDENTIALS" then
    refuse(refusals.record_stream_session)
  end
  return session
end

local function upsert(exchange)
  local project, item = exchange.project, exchange.body.items[1]
  local session = check(project, item)
  local before, now = project.state.triggers[item.externalId], project:now()
  sessions.bind(project, session, "trigger")
  if before then
    sessions.release(project, before.session, "trigger")
  end
  local resource = {
    externalId = item.externalId,
    triggerRule = complete_rule(item.triggerRule),
    input = item.input,
    metadata = item.metadata or {},
    workflowExternalId = item.workflowExternalId,
    workflowVersion = item.workflowVersion,
    createdTime = before and before.resource.createdTime or now,
    lastUpdatedTime = now,
    isPaused = before and before.resource.isPaused or false,
  }
  project.state.triggers[item.externalId] = {
    seq = before and before.seq or project:new_seq(),
    resource = resource,
    session = session.id,
    next_fire = not resource.isPaused and next_fire(project, resource.triggerRule) or nil,
    waiting = resource.triggerRule.batchSize and before and before.waiting or {},
  }
  project.state.trigger_runs[item.externalId] = project.state.trigger_runs[item.externalId] or {}
  return { items = { resource } }
end

-- Firing ----------------------------------------------------------------------------------------------------------

local function run_input(resource, items)
  local input = copy(resource.input or {})
  if input.version == nil then
    input.version = resource.workflowVersion
  end
  if items then
    input.items = items
  end
  return input
end

local function start(project, trigger, items)
  local resource = trigger.resource
  local version = versions.find(project, resource.workflowExternalId, resource.workflowVersion)
  if not version then
    return nil, "Workflow version not found."
  elseif not sessions.principal(project, trigger.session) then
    return nil, "Session is no longer valid"
  end
  return executions.start(project, version, {
    input = run_input(resource, items),
    metadata = copy(resource.metadata),
    session = trigger.session,
  })
end

local function fire(project, trigger, items)
  local resource = trigger.resource
  local execution, problem = start(project, trigger, items)
  local runs = project.state.trigger_runs[resource.externalId]
  runs[#runs + 1] = {
    externalId = resource.externalId,
    fireTime = project:now(),
    workflowExternalId = resource.workflowExternalId,
    workflowVersion = resource.workflowVersion,
    status = execution and "success" or "failed",
    workflowExecutionId = execution and execution.id,
    reasonForFailure = problem,
  }
end

-- One run for every full batch and one for the rest; the batch timeout is not waited for.
local function fire_batches(project, trigger)
  local waiting, size = trigger.waiting, trigger.resource.triggerRule.batchSize
  trigger.waiting = {}
  for first = 1, #waiting, size or 1 do -- a schedule has no batches, and nothing waiting
    local items = core.array({})
    for position = first, math.min(first + size - 1, #waiting) do
      items[#items + 1] = waiting[position]
    end
    fire(project, trigger, items)
  end
end

--- Fires a trigger now: a data trigger with items, a schedule trigger out of its turn. Items that come while a data
--- trigger is paused are kept for its resumption.
---@param project cdfworkflow.simulator.Project
---@param external_id string
---@param items table[]?
function triggers.fire(project, external_id, items)
  local trigger = project.state.triggers[external_id]
  if not trigger then
    mistake.raise("there is no trigger " .. external_id)
  end
  if trigger.resource.triggerRule.triggerType == "schedule" then
    if items then
      mistake.raise "a schedule trigger takes no items"
    end
    return fire(project, trigger)
  end
  if not items or #items == 0 then
    mistake.raise "a data trigger needs items"
  end
  for _, item in ipairs(items) do
    trigger.waiting[#trigger.waiting + 1] = copy(item)
  end
  if not trigger.resource.isPaused then
    fire_batches(project, trigger)
  end
end

---@param project cdfworkflow.simulator.Project
---@return integer|nil # milliseconds
function triggers.next_due(project)
  return kept.first_due(project.state.triggers)
end

---@param project cdfworkflow.simulator.Project
function triggers.run_due(project)
  for _, trigger in ipairs(project:in_order(project.state.triggers)) do
    if trigger.next_fire and trigger.next_fire <= project:now() then
      fire(project, trigger)
      trigger.next_fire = cron.next(parse(project, trigger.resource.triggerRule), trigger.next_fire)
    end
  end
end

-- The API ---------------------------------------------------------------------------------------------------------

local function list(exchange)
  local query = exchange.query
  local step = paging.by_external_id(exchange.project.state.triggers, function(resource)
    return (not query.workflowExternalId or resource.workflowExternalId == query.workflowExternalId)
      and (not query.workflowVersion or resource.workflowVersion == query.workflowVersion)
  end)
  return paging.page(step, { limit = query.limit or DEFAULT_LIMIT, cursor = query.cursor },
    { "triggers", query.workflowExternalId, query.workflowVersion })
end

local function get(exchange, external_id, kind)
  return exchange.project.state.triggers[external_id] or refuse(kind or refusals.trigger)
end

local function delete(exchange)
  local external_id = exchange.body.items[1].externalId
  sessions.release(exchange.project, get(exchange, external_id).session, "trigger")
  exchange.project.state.triggers[external_id] = nil
  exchange.project.state.trigger_runs[external_id] = nil
  return {}
end

local function history(exchange)
  local external_id = exchange.params.triggerExternalId
  get(exchange, external_id, refusals.trigger_history)
  local runs = exchange.project.state.trigger_runs[external_id]
  local step = paging.newest_first(runs, function(run)
    return run
  end)
  return paging.page(step, { limit = exchange.query.limit or DEFAULT_LIMIT, cursor = exchange.query.cursor },
    { "history", external_id })
end

local function pause(exchange)
  local trigger = get(exchange, exchange.params.triggerExternalId)
  trigger.resource.isPaused = true
  trigger.next_fire = nil
  return {}
end

local function resume(exchange)
  local project, trigger = exchange.project, get(exchange, exchange.params.triggerExternalId)
  trigger.resource.isPaused = false
  trigger.next_fire = next_fire(project, trigger.resource.triggerRule)
  fire_batches(project, trigger)
  return {}
end

local READ, WRITE = { "workflowOrchestrationAcl", "READ" }, { "workflowOrchestrationAcl", "WRITE" }

triggers.operations = {
  { operation = "upsertTriggers", method = "POST", path = "/workflows/triggers", acl = WRITE, handle = upsert },
  { operation = "listTriggers", method = "GET", path = "/workflows/triggers", acl = READ,
    query = { "workflowExternalId", "workflowVersion", "limit", "cursor" }, handle = list },
  { operation = "deleteTriggers", method = "POST", path = "/workflows/triggers/delete", acl = WRITE,
    handle = delete },
  { operation = "listTriggerRuns", method = "GET", path = "/workflows/triggers/{triggerExternalId}/history",
    acl = READ, query = { "limit", "cursor" }, handle = history },
  { operation = "pauseTrigger", method = "POST", path = "/workflows/triggers/{triggerExternalId}/pause", acl = WRITE,
    handle = pause },
  { operation = "resumeTrigger", method = "POST", path = "/workflows/triggers/{triggerExternalId}/resume",
    acl = WRITE, handle = resume },
}

return triggers
