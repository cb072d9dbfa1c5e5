-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.versions: the versions of workflows, which hold the task graph.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

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

local LIST = { "limit", "workflowFilters" }
local DELETE = { "ignore_unknown_ids" }
local READ_ONLY = { "createdTime", "lastUpdatedTime" } -- so that what was read can be sent back
local MOST_DELETED = 100 -- in one request

local tidy_tasks

--- An empty Lua table would go out as an object where CDF wants an array, and `data` that holds nothing says nothing.
local function tidy_task(task)
  if type(task) ~= "table" then return task end
  task = check.without(task, {})
  if type(task.dependsOn) == "table" and next(task.dependsOn) == nil then task.dependsOn = nil end
  local parameters = task.parameters
  if type(parameters) ~= "table" then return task end
  parameters = check.without(parameters, {})
  for _, kind in ipairs { "function", "subworkflow", "dynamic", "simulation" } do
    local own = parameters[kind]
    if type(own) == "table" then
      own = check.without(own, {})
      if kind == "function" and type(own.data) == "table" and next(own.data) == nil then own.data = nil end
      if type(own.tasks) == "table" then own.tasks = tidy_tasks(own.tasks) end
      if type(own.inputs) == "table" then own.inputs = check.list(own.inputs) end
      parameters[kind] = own
    end
  end
  task.parameters = parameters
  return task
end

function tidy_tasks(tasks)
  local tidy = core.array {}
  for i, task in ipairs(tasks) do tidy[i] = tidy_task(task) end
  return tidy
end

--- Creates the version, or replaces it. Empty `tasks`, `dependsOn` and `inputs` are sent as CDF wants them, and what
--- CDF adds to a version that was read (`hash`, times) is left out.
---@param version cdfworkflow.Version
---@return cdfworkflow.Version|nil stored, table? err
function Versions:upsert(version)
  check.type(version, "table", "version")
  check.type(version.workflowDefinition, "table", "version.workflowDefinition")
  check.type(version.workflowDefinition.tasks, "table", "version.workflowDefinition.tasks")
  local item = check.without(version, READ_ONLY)
  local err
  item.workflowExternalId, err = check.identifier("workflowExternalId", version.workflowExternalId)
  if err then return nil, err end
  item.version, err = check.identifier("version", version.version)
  if err then return nil, err end
  local ok
  ok, err = check.text("workflowDefinition.description", version.workflowDefinition.description, 500)
  if not ok then return nil, err end
  item.workflowDefinition = check.without(version.workflowDefinition, { "hash" })
  item.workflowDefinition.tasks = tidy_tasks(version.workflowDefinition.tasks)
  return check.first("workflow version", self.client:_call("POST", "/workflows/versions", { items = { item } }))
end

--- One version; `err.status` is 404 when there is none.
---@param external_id string of the workflow
---@param version string
---@return cdfworkflow.Version|nil version, table? err
function Versions:retrieve(external_id, version)
  local workflow, err = check.segment("external_id", external_id)
  if not workflow then return nil, err end
  local segment
  segment, err = check.segment("version", version)
  if not segment then return nil, err end
  return self.client:_call("GET", "/workflows/" .. workflow .. "/versions/" .. segment)
end

local function fetcher(self, opts)
  local filter = { workflowFilters = check.list(opts.workflowFilters or {}) }
  return function(limit, cursor)
    return self.client:_call("POST", "/workflows/versions/list",
      { filter = filter, limit = limit, cursor = cursor })
  end
end

--- The versions of the project, or of the workflows named in `workflowFilters`, up to `limit` (25 unless told).
---@param opts? { limit?: integer, workflowFilters?: cdfworkflow.WorkflowFilter[] }
---@return cdfworkflow.Version[]|nil versions, table? err
function Versions:list(opts)
  opts = options.check(opts, LIST, "versions:list")
  check.optional(opts.workflowFilters, "table", "workflowFilters")
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  return paging.list(fetcher(self, opts), limit)
end

--- An iterator over the versions, all unless `limit` is given. An error is raised, as the error table.
---@param opts? { limit?: integer, workflowFilters?: cdfworkflow.WorkflowFilter[] }
---@return fun(): cdfworkflow.Version|nil
function Versions:each(opts)
  opts = options.check(opts, LIST, "versions:each")
  check.optional(opts.workflowFilters, "table", "workflowFilters")
  local limit, err = paging.limit(opts.limit, math.huge)
  if not limit then error(err, 0) end
  return paging.each(fetcher(self, opts), limit)
end

--- Deletes versions. Above 100 several requests are sent, in order, up to the first error.
---@param versions { workflowExternalId: string, version: string }[]
---@param opts? { ignore_unknown_ids?: boolean } without it an unknown version is an error (404) and nothing of that
---  request is deleted
---@return true|nil done, table? err
function Versions:delete(versions, opts)
  opts = options.check(opts, DELETE, "versions:delete")
  check.sequence(versions, "versions")
  local items = {}
  for i, version in ipairs(versions) do
    check.type(version, "table", ("versions[%d]"):format(i))
    local item = {}
    local err
    item.workflowExternalId, err = check.identifier("workflowExternalId", version.workflowExternalId)
    if err then return nil, err end
    item.version, err = check.identifier("version", version.version)
    if err then return nil, err end
    items[i] = item
  end
  local ok, err = check.slices(items, MOST_DELETED, function(slice)
    return check.done(self.client:_call("POST", "/workflows/versions/delete", { items = slice },
      { query = { ignoreUnknownIds = opts.ignore_unknown_ids == true }, deletes = true }))
  end)
  return check.done(ok, err)
end

return Versions
