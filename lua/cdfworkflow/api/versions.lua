-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.versions: the versions of workflows, which hold the task graph.

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local tidy = require "cdfworkflow.definition.tidy"

---@class cdfworkflow.Version a resource of CDF; further members pass through
---@field workflowExternalId string
---@field version string
---@field workflowDefinition { description?: string, tasks: table[], hash?: string } `cdf.task` has builders for tasks
---@field createdTime? integer ms since the epoch, in answers
---@field lastUpdatedTime? integer

---@class cdfworkflow.WorkflowFilter
---@field externalId string of a workflow
---@field version? string all versions without it

---@class cdfworkflow.Versions
local Versions = {}
Versions.__index = Versions

local takes = {}

local READ_ONLY = { "createdTime", "lastUpdatedTime" }
local MOST_DELETED = 100 -- in one request

local DEFINITION = options.resource({
  { "tasks", { word = "a list", accepts = check.list.accepts, use = tidy.tasks }, required = true },
  { "description", check.text(500) },
}, { "hash" })

local VERSION = options.resource({
  { "workflowExternalId", check.identifier, required = true },
  { "version", check.identifier, required = true },
  { "workflowDefinition", DEFINITION, required = true },
}, READ_ONLY)

takes.upsert = { { "version", VERSION, required = true } }

--- Creates the version, or replaces it. Empty `tasks`, `dependsOn` and `inputs` are sent as CDF wants them, and what
--- CDF adds to a version that was read (`hash`, times) is left out.
---
---     assert(client.workflows.versions:upsert {
---       workflowExternalId = "report", version = "2", workflowDefinition = cdf.definition {
---         tasks = { cdf.task.fn { externalId = "fetch", functionExternalId = "fetch" } },
---       },
---     })
---@param version cdfworkflow.Version
---@return cdfworkflow.Version|nil stored
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Versions:upsert(version)
  return answer.first("workflow version", self.client:_call("POST", "/workflows/versions", { items = { version } }))
end

takes.retrieve = { { "external_id", check.segment, required = true }, { "version", check.segment, required = true } }

--- One version; `err.status` is 404 when there is none.
---
---     local version = assert(client.workflows.versions:retrieve("report", "1"))
---     print(version.workflowDefinition.tasks[1].externalId) --> fetch
---@param external_id string of the workflow
---@param version string
---@return cdfworkflow.Version|nil version
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Versions:retrieve(external_id, version)
  return self.client:_call("GET", "/workflows/" .. external_id .. "/versions/" .. version)
end

local function fetcher(self, opts)
  return function(limit, cursor)
    return self.client:_call("POST", "/workflows/versions/list",
      { filter = opts.filter, limit = limit, cursor = cursor })
  end
end

local FILTER = { "workflowFilters", options.list(check.any), default = {}, to = "filter" }

takes.list = { { "opts", options.of { paging.LIMIT, FILTER } } }

--- The versions of the project, or of the workflows named in `workflowFilters`, up to `limit` (25 unless told).
---
---     local versions = assert(client.workflows.versions:list { limit = 100 })
---@param opts? { limit?: integer, workflowFilters?: cdfworkflow.WorkflowFilter[] }
---@return cdfworkflow.Version[]|nil versions
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Versions:list(opts)
  return paging.list(fetcher(self, opts), opts.limit)
end

takes.each = { { "opts", options.of { paging.ALL, FILTER } }, raises = true }

--- An iterator over the versions, all unless `limit` is given. An error is raised, as the error table.
---
---     for version in client.workflows.versions:each() do print(version.workflowExternalId, version.version) end
---@param opts? { limit?: integer, workflowFilters?: cdfworkflow.WorkflowFilter[] }
---@return fun(): cdfworkflow.Version|nil
function Versions:each(opts)
  return paging.each(fetcher(self, opts), opts.limit)
end

local NAMED = options.part {
  { "workflowExternalId", check.identifier, required = true },
  { "version", check.identifier, required = true },
}

takes.delete = {
  { "versions", options.list(NAMED), required = true },
  { "opts", options.of { paging.IGNORE_UNKNOWN_IDS } },
}

--- Deletes versions. Above 100 several requests are sent, in order, up to the first error.
---
---     assert(client.workflows.versions:delete { { workflowExternalId = "report", version = "1" } })
---@param versions { workflowExternalId: string, version: string }[]
---@param opts? { ignore_unknown_ids?: boolean } without it an unknown version is an error (404) and nothing of that
---  request is deleted
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Versions:delete(versions, opts)
  return answer.done(paging.slices(versions, MOST_DELETED, function(slice)
    return answer.done(self.client:_call("POST", "/workflows/versions/delete", { items = slice },
      { query = opts.query, result = "gone" }))
  end))
end

return method.class(Versions, "client.workflows.versions", takes)
