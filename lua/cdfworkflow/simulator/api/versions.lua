-- SPDX-License-Identifier: Apache-2.0
-- Workflow versions: upsert (which makes the workflow where there is none), retrieve, list, delete.

local graph = require "cdfworkflow.simulator.engine.definition"
local paging = require "cdfworkflow.simulator.api.paging"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"
local workflows = require "cdfworkflow.simulator.api.workflows"

local versions = {}

local DEFAULT_LIMIT = 100

---@param project cdfworkflow.simulator.Project
---@param workflow string external id
---@param version string
---@return table|nil # the version resource
function versions.find(project, workflow, version)
  local of_workflow = project.state.versions[workflow]
  local entry = of_workflow and of_workflow[version]
  return entry and entry.resource
end

---@param project cdfworkflow.simulator.Project
---@param workflow string
---@param version string
---@return table # the version resource; refuses with 404
function versions.get(project, workflow, version)
  return versions.find(project, workflow, version) or refuse(refusals.version)
end

local function upsert(exchange)
  local project, item = exchange.project, exchange.body.items[1]
  graph.check(item.workflowDefinition, project.limits.tasks)
  if not project.state.workflows[item.workflowExternalId] then
    workflows.store(project, { externalId = item.workflowExternalId })
  end
  local of_workflow = project.state.versions[item.workflowExternalId] or {}
  project.state.versions[item.workflowExternalId] = of_workflow
  local before, now = of_workflow[item.version], project:now()
  local resource = {
    workflowExternalId = item.workflowExternalId,
    version = item.version,
    workflowDefinition = graph.complete(item.workflowDefinition),
    createdTime = before and before.resource.createdTime or now,
    lastUpdatedTime = now,
  }
  of_workflow[item.version] = { seq = before and before.seq or project:new_seq(), resource = resource }
  return { items = { resource } }
end

---@param filters table[]|nil `{ externalId, version? }`; none means everything
---@param workflow string
---@param version string
---@return boolean
function versions.matches(filters, workflow, version)
  for _, filter in ipairs(filters or {}) do
    if filter.externalId == workflow and (filter.version == nil or filter.version == version) then
      return true
    end
  end
  return not filters or #filters == 0
end

local function list(exchange)
  local body = exchange.body
  local filters = body.filter and body.filter.workflowFilters
  local entries = {}
  for _, of_workflow in pairs(exchange.project.state.versions) do
    for _, entry in pairs(of_workflow) do
      entries[#entries + 1] = entry
    end
  end
  local step = paging.by_creation(entries, function(resource)
    return versions.matches(filters, resource.workflowExternalId, resource.version)
  end)
  return paging.page(step, { limit = body.limit or DEFAULT_LIMIT, cursor = body.cursor }, { "versions", body.filter })
end

local function retrieve(exchange)
  return versions.get(exchange.project, exchange.params.workflowExternalId, exchange.params.version)
end

local function delete(exchange)
  local project, missing = exchange.project, {}
  for _, item in ipairs(exchange.body.items) do
    if not versions.find(project, item.workflowExternalId, item.version) then
      missing[#missing + 1] = ("(%s, %s)"):format(item.workflowExternalId, item.version)
    end
  end
  if #missing > 0 and exchange.query.ignoreUnknownIds == false then
    refuse(refusals.versions_missing, table.concat(missing, ", "))
  end
  for _, item in ipairs(exchange.body.items) do
    local of_workflow = project.state.versions[item.workflowExternalId]
    if of_workflow then
      of_workflow[item.version] = nil
    end
  end
  return {}
end

local READ, WRITE = { "workflowOrchestrationAcl", "READ" }, { "workflowOrchestrationAcl", "WRITE" }

versions.operations = {
  { operation = "upsertWorkflowVersions", method = "POST", path = "/workflows/versions", acl = WRITE, handle = upsert },
  { operation = "listWorkflowVersions", method = "POST", path = "/workflows/versions/list", acl = READ, handle = list },
  { operation = "deleteWorkflowVersions", method = "POST", path = "/workflows/versions/delete", acl = WRITE,
    query = { "ignoreUnknownIds" }, handle = delete },
  { operation = "retrieveWorkflowVersion", method = "GET",
    path = "/workflows/{workflowExternalId}/versions/{version}", acl = READ, handle = retrieve },
}

return versions
