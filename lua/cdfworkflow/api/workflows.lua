-- SPDX-License-Identifier: Apache-2.0
-- client.workflows: the workflow containers themselves. Versions, executions, triggers and tasks have own files.

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

---@class cdfworkflow.Workflow a resource of CDF; further members pass through
---@field externalId string
---@field description? string an upsert without it clears the earlier one
---@field dataSetId? integer
---@field maxConcurrentExecutions? integer 1 to 10000, where the project allows no less; further executions wait in a
---  queue. `cdf.null`, like nothing, is the project's own limit
---@field createdTime? integer ms since the epoch, in answers
---@field lastUpdatedTime? integer

---@class cdfworkflow.Workflows
---@field versions cdfworkflow.Versions
---@field executions cdfworkflow.Executions
---@field triggers cdfworkflow.Triggers
---@field tasks cdfworkflow.Tasks
local Workflows = {}
Workflows.__index = Workflows

local takes = {}

local READ_ONLY = { "createdTime", "lastUpdatedTime" }
local MOST_DELETED = 100 -- in one request

local WORKFLOW = options.resource({
  { "externalId", check.identifier, required = true },
  { "description", check.text(500) },
  { "maxConcurrentExecutions", check.whole_or_null(1, 10000) }, -- published (CDF.md section 20)
}, READ_ONLY)

takes.upsert = { { "workflow", WORKFLOW, required = true } }

--- Creates the workflow, or replaces the one with that external id.
---
---     assert(client.workflows:upsert { externalId = "report", description = "From sensors to a page" })
---@param workflow cdfworkflow.Workflow
---@return cdfworkflow.Workflow|nil stored
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Workflows:upsert(workflow)
  return answer.first("workflow", self.client:_call("POST", "/workflows", { items = { workflow } }))
end

takes.retrieve = { { "external_id", check.segment, required = true } }

--- One workflow; `err.status` is 404 when there is none.
---
---     print(assert(client.workflows:retrieve "report").externalId) --> report
---@param external_id string
---@return cdfworkflow.Workflow|nil workflow
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Workflows:retrieve(external_id)
  return self.client:_call("GET", "/workflows/" .. external_id)
end

local function fetcher(self)
  return function(limit, cursor)
    return self.client:_call("GET", "/workflows", nil, { query = { limit = limit, cursor = cursor } })
  end
end

takes.list = { { "opts", options.of { paging.LIMIT } } }

--- The workflows of the project, up to `limit` (25 unless told; `math.huge` for all).
---
---     local workflows = assert(client.workflows:list { limit = 100 })
---@param opts? { limit?: integer }
---@return cdfworkflow.Workflow[]|nil workflows
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Workflows:list(opts)
  return paging.list(fetcher(self), opts.limit)
end

takes.each = { { "opts", options.of { paging.ALL } }, raises = true }

--- An iterator over the workflows, all unless `limit` is given. An error is raised, as the error table.
---
---     for workflow in client.workflows:each() do print(workflow.externalId) end
---@param opts? { limit?: integer }
---@return fun(): cdfworkflow.Workflow|nil
function Workflows:each(opts)
  return paging.each(fetcher(self), opts.limit)
end

takes.delete = {
  { "external_ids", options.one_or_list(options.item("externalId", check.identifier)), required = true },
  { "opts", options.of { paging.IGNORE_UNKNOWN_IDS } },
}

--- Deletes one workflow or several, with their versions. CDF refuses while executions run. Above 100 several requests
--- are sent, in order, up to the first error.
---
---     assert(client.workflows:delete({ "old", "older" }, { ignore_unknown_ids = true }))
---@param external_ids string|string[]
---@param opts? { ignore_unknown_ids?: boolean } without it an unknown id is an error (404) and nothing of that request
---  is deleted
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Workflows:delete(external_ids, opts)
  return answer.done(paging.slices(external_ids, MOST_DELETED, function(slice)
    return answer.done(self.client:_call("POST", "/workflows/delete", { items = slice },
      { query = opts.query, result = "gone" }))
  end))
end

return method.class(Workflows, "client.workflows", takes)
