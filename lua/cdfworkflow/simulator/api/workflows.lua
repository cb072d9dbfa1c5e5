-- SPDX-License-Identifier: Apache-2.0
-- Workflow containers: upsert, retrieve, list, delete with all versions.

local core = require "cdfworkflow.core"
local paging = require "cdfworkflow.simulator.api.paging"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"

local workflows = {}

local MOST = 1000
local DEFAULT_LIMIT = 100

--- Stores a workflow, new or replaced.
---@param project cdfworkflow.simulator.Project
---@param item table the resource as sent
---@return table # the resource as CDF shows it
function workflows.store(project, item)
  local stored, now = project.state.workflows, project:now()
  local before, most_running = stored[item.externalId], item.maxConcurrentExecutions
  if not before and project:count(stored) >= MOST then
    refuse(refusals.too_many_workflows)
  end
  local resource = {
    externalId = item.externalId,
    description = item.description,
    dataSetId = item.dataSetId,
    maxConcurrentExecutions = most_running ~= core.null and most_running or nil, -- capped when executions start
    createdTime = before and before.resource.createdTime or now,
    lastUpdatedTime = now,
  }
  stored[item.externalId] = { seq = before and before.seq or project:new_seq(), resource = resource }
  return resource
end

local function upsert(exchange)
  return { items = { workflows.store(exchange.project, exchange.body.items[1]) } }
end

local function list(exchange)
  local step = paging.by_creation(exchange.project.state.workflows, function()
    return true
  end)
  local query = exchange.query
  return paging.page(step, { limit = query.limit or DEFAULT_LIMIT, cursor = query.cursor }, "workflows")
end

local function retrieve(exchange)
  local entry = exchange.project.state.workflows[exchange.params.workflowExternalId]
  return entry and entry.resource or refuse(refusals.workflow)
end

local function delete(exchange)
  local project, missing = exchange.project, {}
  for _, item in ipairs(exchange.body.items) do
    if not project.state.workflows[item.externalId] then
      missing[#missing + 1] = item.externalId
    elseif project.engine:running(item.externalId) > 0 then
      refuse(refusals.still_running)
    end
  end
  if #missing > 0 and exchange.query.ignoreUnknownIds == false then
    refuse(refusals.workflows_missing, table.concat(missing, ", "))
  end
  for _, item in ipairs(exchange.body.items) do
    project.state.workflows[item.externalId] = nil
    project.state.versions[item.externalId] = nil
  end
  return {}
end

local READ, WRITE = { "workflowOrchestrationAcl", "READ" }, { "workflowOrchestrationAcl", "WRITE" }

workflows.operations = {
  { operation = "upsertWorkflows", method = "POST", path = "/workflows", acl = WRITE, handle = upsert },
  { operation = "listWorkflows", method = "GET", path = "/workflows", acl = READ, query = { "limit", "cursor" },
    handle = list },
  { operation = "deleteWorkflows", method = "POST", path = "/workflows/delete", acl = WRITE,
    query = { "ignoreUnknownIds" }, handle = delete },
  { operation = "retrieveWorkflow", method = "GET", path = "/workflows/{workflowExternalId}", acl = READ,
    handle = retrieve },
}

return workflows
