-- SPDX-License-Identifier: Apache-2.0
-- client.workflows: the workflow containers themselves. Versions, executions, triggers and tasks have own files.

local check = require "cdfworkflow.check"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

---@class cdfworkflow.Workflow a resource of CDF; further members pass through
---@field externalId string
---@field description? string an upsert without it clears the earlier one
---@field dataSetId? integer
---@field maxConcurrentExecutions? integer further executions wait in a queue
---@field createdTime? integer ms since the epoch, in answers
---@field lastUpdatedTime? integer

---@class cdfworkflow.Workflows
---@field versions cdfworkflow.Versions
---@field executions cdfworkflow.Executions
---@field triggers cdfworkflow.Triggers
---@field tasks cdfworkflow.Tasks
local Workflows = {}
Workflows.__index = Workflows

local LIST = { "limit" }
local DELETE = { "ignore_unknown_ids" }
local READ_ONLY = { "createdTime", "lastUpdatedTime" } -- so that what was read can be sent back
local MOST_DELETED = 100 -- in one request

--- Creates the workflow, or replaces the one with that external id.
---@param workflow cdfworkflow.Workflow
---@return cdfworkflow.Workflow|nil stored, table? err
function Workflows:upsert(workflow)
  check.type(workflow, "table", "workflow")
  local ok, err = check.identifier("externalId", workflow.externalId)
  if not ok then return nil, err end
  ok, err = check.text("description", workflow.description, 500)
  if not ok then return nil, err end
  return check.first("workflow", self.client:_call("POST", "/workflows",
    { items = { check.without(workflow, READ_ONLY) } }))
end

--- One workflow; `err.status` is 404 when there is none.
---@param external_id string
---@return cdfworkflow.Workflow|nil workflow, table? err
function Workflows:retrieve(external_id)
  local id, err = check.segment("external_id", external_id)
  if not id then return nil, err end
  return self.client:_call("GET", "/workflows/" .. id)
end

local function fetcher(self)
  return function(limit, cursor)
    return self.client:_call("GET", "/workflows", nil, { query = { limit = limit, cursor = cursor } })
  end
end

--- The workflows of the project, up to `limit` (25 unless told; `math.huge` for all).
---@param opts? { limit?: integer }
---@return cdfworkflow.Workflow[]|nil workflows, table? err
function Workflows:list(opts)
  opts = options.check(opts, LIST, "workflows:list")
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  return paging.list(fetcher(self), limit)
end

--- An iterator over the workflows, all unless `limit` is given. An error is raised, as the error table.
---@param opts? { limit?: integer }
---@return fun(): cdfworkflow.Workflow|nil
function Workflows:each(opts)
  opts = options.check(opts, LIST, "workflows:each")
  local limit, err = paging.limit(opts.limit, math.huge)
  if not limit then error(err, 0) end
  return paging.each(fetcher(self), limit)
end

--- Deletes one workflow or several, with their versions. CDF refuses while executions run. Above 100 several requests
--- are sent, in order, up to the first error.
---@param external_ids string|string[]
---@param opts? { ignore_unknown_ids?: boolean } without it an unknown id is an error (404) and nothing of that request
---  is deleted
---@return true|nil done, table? err
function Workflows:delete(external_ids, opts)
  opts = options.check(opts, DELETE, "workflows:delete")
  if type(external_ids) ~= "table" then external_ids = { external_ids } end
  check.sequence(external_ids, "external_ids")
  local items = {}
  for i, external_id in ipairs(external_ids) do
    local id, err = check.identifier("external_id", external_id)
    if not id then return nil, err end
    items[i] = { externalId = id }
  end
  local ok, err = check.slices(items, MOST_DELETED, function(slice)
    return check.done(self.client:_call("POST", "/workflows/delete", { items = slice },
      { query = { ignoreUnknownIds = opts.ignore_unknown_ids == true }, deletes = true }))
  end)
  return check.done(ok, err)
end

return Workflows
