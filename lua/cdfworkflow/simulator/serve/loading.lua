-- SPDX-License-Identifier: Apache-2.0
-- The files of --load: Lua functions that stand for what CDF would call, resources to put there, faults to come.

local core = require "cdfworkflow.core"
local fault_rules = require "cdfworkflow.simulator.fault_rules"
local options = require "cdfworkflow.options"

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
local function put(sim, path, item)
  for _, project in ipairs(sim.project_names) do
    local response = sim:answer({
      method = "POST", path = ("/api/v1/projects/%s%s"):format(core.segment("project", project), path),
      headers = { ["content-type"] = "application/json" }, body = assert(core.encode({ items = { item } })),
    }, sim.directory.order[1])
    if response.status >= 300 then error(core.decode(response.body).error.message, 0) end
  end
end

local function register(sim, given)
  for external_id, handler in pairs(given.functions or {}) do sim:function_handler(external_id, handler) end
  for _, kind in ipairs(HANDLERS) do
    for external_id, handler in pairs(given[kind] or {}) do sim[kind][external_id] = handler end
  end
  for name, answer in pairs(given.requests or {}) do sim:request_handler(name, answer) end
end

local function load_table(sim, given)
  options.check(given, MEMBERS, "the loaded table")
  register(sim, given)
  for _, workflow in ipairs(given.workflows or {}) do put(sim, "/workflows", workflow) end
  for _, version in ipairs(given.versions or {}) do put(sim, "/workflows/versions", version) end
  for index, fault in ipairs(given.faults or {}) do
    local problem = fault_rules.problem(fault)
    if problem then error(("faults[%d]: %s"):format(index, problem), 0) end
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
