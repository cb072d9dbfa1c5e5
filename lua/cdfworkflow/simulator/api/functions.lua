-- SPDX-License-Identifier: Apache-2.0
-- Cognite Functions as resources: create (they become Ready some seconds later), retrieve, list, delete, activation
-- and limits. What their calls do is the business of calls.lua.

local core = require "cdfworkflow.core"
local kept = require "cdfworkflow.simulator.lib.kept"
local paging = require "cdfworkflow.simulator.api.paging"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local refusals = require "cdfworkflow.simulator.lib.refusals"
local sessions = require "cdfworkflow.simulator.api.sessions"

local refuse, refuse_with = refusal.refuse, refusal.refuse_with

local functions = {}

local MOST = 100
local DEPLOYING, BUILT = 1000, 5000 -- milliseconds after creation
local DEFAULT_LIMIT = 100
local RUNTIMES = { "py310", "py311", "py312", "py313", "py314" }
local VERSIONS = {
  py310 = "Python 3.10.16", py311 = "Python 3.11.11", py312 = "Python 3.12.8", py313 = "Python 3.13.1",
  py314 = "Python 3.14.0",
}

local key = kept.key

---@param project cdfworkflow.simulator.Project
---@param identifier { id: integer?, externalId: string? }
---@return table|nil # the stored function
function functions.find(project, identifier)
  return kept.find(project.state.functions, identifier)
end

---@param project cdfworkflow.simulator.Project
---@param id integer
---@return table # the stored function; refuses with 404
function functions.get(project, id)
  return functions.find(project, { id = id }) or refuse(refusals["function"])
end

local function file_was_there(project, fn)
  local file = project.state.files[key(fn.fileId)]
  return file and file.uploadedTime and file.uploadedTime <= fn.createdTime + DEPLOYING
end

---@param project cdfworkflow.simulator.Project
---@param fn table
---@return string
function functions.status(project, fn)
  local age = project:now() - fn.createdTime
  if fn.registered then
    return "Ready"
  elseif age < DEPLOYING then
    return "Queued"
  elseif not file_was_there(project, fn) then
    return "Failed"
  end
  return age < BUILT and "Deploying" or "Ready"
end

local SHOWN = {
  "id", "externalId", "name", "createdTime", "fileId", "functionPath", "description", "owner", "envVars", "cpu",
  "memory", "runtime", "runtimeVersion", "metadata", "lastCalled",
}

local function view(project, fn)
  local shown = { status = functions.status(project, fn), secrets = {} }
  for _, name in ipairs(SHOWN) do
    shown[name] = fn[name]
  end
  for name in pairs(fn.secrets) do
    shown.secrets[name] = "***"
  end
  if shown.status == "Failed" then
    shown.error = { code = 400, message = "The file of the function has not been uploaded" }
  end
  return shown
end

local function store(project, item)
  local runtime = item.runtime or "py312"
  local fn = {
    id = project:new_id(),
    seq = project:new_seq(),
    externalId = item.externalId,
    name = item.name,
    createdTime = project:now(),
    fileId = item.fileId,
    functionPath = item.functionPath or "handler.py",
    description = item.description or "",
    owner = item.owner or "",
    secrets = item.secrets or {},
    envVars = item.envVars or {},
    cpu = item.cpu or 1,
    memory = item.memory or 1.5,
    runtime = runtime,
    runtimeVersion = VERSIONS[runtime],
    metadata = item.metadata or {},
    registered = item.registered,
  }
  project.state.functions[key(fn.id)] = fn
  return fn
end

--- Makes sure that there is a Ready function of this external id, since a Lua function stands for it. One that is
--- created through the API later takes its place.
---@param project cdfworkflow.simulator.Project
---@param external_id string
function functions.register(project, external_id)
  if not functions.find(project, { externalId = external_id }) then
    store(project, { name = external_id, externalId = external_id, fileId = project:new_id(), registered = true })
  end
end

-- A function goes with its schedules.
local function remove(project, id)
  local state = project.state
  state.functions[key(id)] = nil
  for schedule_id, schedule in pairs(state.schedules) do
    if schedule.resource.functionId == id then
      sessions.release(project, schedule.resource.sessionId, "schedule")
      state.schedules[schedule_id] = nil
    end
  end
end

local function create(exchange)
  local project, item = exchange.project, exchange.body.items[1]
  local same = item.externalId and functions.find(project, { externalId = item.externalId })
  if same and not same.registered then
    refuse_with({ duplicated = { { externalId = item.externalId } } }, refusals.function_duplicated)
  elseif item.runtime and not VERSIONS[item.runtime] then
    refuse(refusals.function_runtime, table.concat(RUNTIMES, ", "))
  elseif not project.state.files[key(item.fileId)] then
    refuse_with({ missing = { { id = item.fileId } } }, refusals.files_missing)
  elseif project:count(project.state.functions) - (same and 1 or 0) >= MOST then
    refuse(refusals.too_many_functions, MOST)
  end
  if same then
    remove(project, same.id)
  end
  return { items = { view(project, store(project, item)) } }, 201
end

local function as_it_is(missing)
  return missing
end

local function find_all(exchange, name)
  local found, missing = {}, {}
  for _, item in ipairs(exchange.body.items) do
    local fn = functions.find(exchange.project, item)
    if fn then
      found[#found + 1] = fn
    else
      missing[#missing + 1] = item
    end
  end
  if #missing > 0 and not exchange.body.ignoreUnknownIds then
    refuse_with({ missing = name(missing) }, refusals.functions_missing)
  end
  return found
end

-- The SDK's own test relies on it (CDF.md section 20).
local function in_snake_case(missing)
  local renamed = {}
  for position, item in ipairs(missing) do
    renamed[position] = { id = item.id, external_id = item.externalId }
  end
  return renamed
end

local function by_ids(exchange)
  local items = core.array({})
  for position, fn in ipairs(find_all(exchange, in_snake_case)) do
    items[position] = view(exchange.project, fn)
  end
  return { items = items }
end

local function holds(metadata, wanted)
  for name, value in pairs(wanted or {}) do
    if metadata[name] ~= value then
      return false
    end
  end
  return true
end

local function matches(shown, filter)
  local range = filter.createdTime or {}
  local prefix = filter.externalIdPrefix or ""
  for _, name in ipairs { "name", "owner", "fileId", "status" } do
    if filter[name] and shown[name] ~= filter[name] then
      return false
    end
  end
  return (shown.externalId or ""):sub(1, #prefix) == prefix and shown.createdTime >= (range.min or 0)
    and shown.createdTime <= (range.max or math.huge) and holds(shown.metadata, filter.metadata)
end

local function list_page(project, filter, limit)
  local entries = {}
  for _, fn in pairs(project.state.functions) do
    entries[#entries + 1] = { seq = fn.seq, resource = view(project, fn) }
  end
  local step = paging.by_creation(entries, function(shown)
    return matches(shown, filter)
  end)
  return { items = paging.page(step, { limit = limit or DEFAULT_LIMIT }, "functions").items }
end

local function list(exchange)
  return list_page(exchange.project, exchange.body.filter or {}, exchange.body.limit)
end

local function list_all(exchange)
  return list_page(exchange.project, {}, exchange.query.limit)
end

local function retrieve(exchange)
  return view(exchange.project, functions.get(exchange.project, exchange.params.functionId))
end

local function delete(exchange)
  for _, fn in ipairs(find_all(exchange, as_it_is)) do
    remove(exchange.project, fn.id)
  end
  return {}
end

local function activation()
  return { status = "activated" }
end

local function activate()
  return { status = "activated" }, 202
end

local function limits()
  return {
    timeoutMinutes = 10,
    cpuCores = { min = 0.1, max = 3, default = 1 },
    memoryGb = { min = 0.1, max = 5, default = 1.5 },
    runtimes = RUNTIMES,
    responseSizeMb = 1,
  }
end

local READ, WRITE = { "functionsAcl", "READ" }, { "functionsAcl", "WRITE" }

functions.operations = {
  { operation = "createFunctions", method = "POST", path = "/functions", acl = WRITE, handle = create },
  { operation = "listAllFunctions", method = "GET", path = "/functions", acl = READ, query = { "limit" },
    handle = list_all },
  { operation = "retrieveFunction", method = "GET", path = "/functions/{functionId}", acl = READ, handle = retrieve },
  { operation = "retrieveFunctions", method = "POST", path = "/functions/byids", acl = READ, handle = by_ids },
  { operation = "listFunctions", method = "POST", path = "/functions/list", acl = READ, handle = list },
  { operation = "deleteFunctions", method = "POST", path = "/functions/delete", acl = WRITE, handle = delete },
  { operation = "readFunctionsStatus", method = "GET", path = "/functions/status", acl = READ, handle = activation },
  { operation = "activateFunctions", method = "POST", path = "/functions/status", acl = WRITE, handle = activate },
  { operation = "readFunctionsLimits", method = "GET", path = "/functions/limits", acl = READ, handle = limits },
}

return functions
