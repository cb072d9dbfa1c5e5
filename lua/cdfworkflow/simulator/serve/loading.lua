-- SPDX-License-Identifier: Apache-2.0
-- The files of --load: Lua functions that stand for what CDF would call, resources to put there, faults to come.

local core = require "cdfworkflow.core"
local fault_rules = require "cdfworkflow.simulator.fault_rules"
local other = require "cdfworkflow.simulator.api.other"
local shown = require "cdfworkflow.simulator.lib.shown"
local sorted_keys = require "cdfworkflow.sorted_keys"
local suggest = require "cdfworkflow.suggest"

local loading = {}

loading.HELP = [[
The file of --load returns a function, which gets the simulator, or a table with any of these members:
  functions        external id -> Lua function(data, context) that stands for a Cognite Function; returns its
                   response and, if it likes, how many seconds it takes
  function_apps    the same for Function Apps: Lua function(functionApp, context)
  mappings         the same for jsonMapping tasks, whose expression is not read here: the task's external
                   id -> Lua function(jsonMapping, context); returns the result
  transformations  external id -> Lua function(parameters, context); returns how many seconds it takes
  simulations      the same, by the external id of the routine
  requests         the rest of CDF's API: "GET /timeseries/{id}" -> JSON as a table, or Lua function(request)
                   with method, path, params, query, headers, body; returns JSON, status, seconds.
                   Tasks and clients get it
  workflows        a list of workflows, as in the API
  versions         a list of workflow versions, as in the API
  faults           a list of faults to come, as tables: {match = {operation = "run"}, status = 503}]]

local HANDLERS = { "transformations", "simulations", "function_apps", "mappings" }
local MEMBERS = {
  "functions", "transformations", "simulations", "function_apps", "mappings", "requests", "workflows", "versions",
  "faults",
}

-- Through the simulator's own API, so that what it refuses is refused here too.
---@return string|nil problem
local function put(sim, path, item)
  for _, project in ipairs(sim.project_names) do
    local response = sim:answer({
      method = "POST", path = ("/api/v1/projects/%s%s"):format(core.segment("project", project), path),
      headers = { ["content-type"] = "application/json" }, body = assert(core.encode({ items = { item } })),
    }, sim.directory.order[1])
    if response.status >= 300 then return core.decode(response.body).error.message end
  end
end

local function complain(message, ...) error(message:format(...), 0) end

local function names_of(given, kind)
  for name in pairs(given[kind]) do
    if type(name) ~= "string" then complain("%s must have names, and has %s", kind, shown(name)) end
  end
  return sorted_keys(given[kind])
end

-- Lua functions by external id.
local function each_handler(given, kind, use)
  for _, external_id in ipairs(names_of(given, kind)) do
    local handler = given[kind][external_id]
    if type(handler) ~= "function" then
      complain("%s[%q] must be a Lua function, not %s", kind, external_id, shown(handler))
    end
    use(external_id, handler)
  end
end

local function register(sim, given)
  each_handler(given, "functions", function(external_id, handler) sim:function_handler(external_id, handler) end)
  for _, kind in ipairs(HANDLERS) do
    each_handler(given, kind, function(external_id, handler) sim[kind][external_id] = handler end)
  end
  for _, name in ipairs(names_of(given, "requests")) do
    local answer = given.requests[name]
    if not other.ANSWER.accepts(answer) then
      complain("requests: %s needs %s, not %s", name, other.ANSWER.word, shown(answer))
    end
    local problem = other.add(sim.other, name, answer)
    if problem then complain("requests: %s", problem) end
  end
end

local function put_all(sim, given, kind, path)
  for index, item in ipairs(given[kind]) do
    local problem = put(sim, path, item)
    if problem then complain("%s[%d]: %s", kind, index, problem) end
  end
end

-- All members, those that are left out as empty tables.
local function read(given)
  local unknown, all = suggest.unknown(given, MEMBERS)[1], {}
  if unknown ~= nil then complain("unknown member %s%s", shown(unknown), suggest.hint(unknown, MEMBERS)) end
  for _, name in ipairs(MEMBERS) do
    all[name] = given[name] == nil and {} or given[name]
    if type(all[name]) ~= "table" then complain("%s must be a table, not %s", name, shown(all[name])) end
  end
  return all
end

local function load_table(sim, given)
  given = read(given)
  register(sim, given)
  put_all(sim, given, "workflows", "/workflows")
  put_all(sim, given, "versions", "/workflows/versions")
  for index, fault in ipairs(given.faults) do
    local problem = fault_rules.problem(fault)
    if problem then complain("faults[%d]: %s", index, problem) end
    sim:fault(fault)
  end
end

local function load_file(sim, path)
  local given = assert(loadfile(path))()
  if type(given) == "function" then return given(sim) end
  if type(given) ~= "table" then error("it must return a function or a table", 0) end
  load_table(sim, given)
end

--- Loads files into a simulator; the first that goes wrong ends it.
---@param sim cdfworkflow.simulator.Simulator
---@param paths string[]
---@return boolean|nil ok, string|nil message
function loading.load(sim, paths)
  for _, path in ipairs(paths) do
    local ok, problem = pcall(load_file, sim, path)
    if not ok then return nil, ("--load %s: %s"):format(path, tostring(problem)) end
  end
  return true
end

return loading
