-- SPDX-License-Identifier: Apache-2.0
-- The program cdfworkflow-sim: reads the command line, makes a simulator from it and serves it until it is told to
-- stop. No secret is ever printed.

local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"
local fault_rules = require "cdfworkflow.simulator.fault_rules"
local fault_notation = require "cdfworkflow.simulator.serve.fault_notation"
local server = require "cdfworkflow.simulator.serve.server"
local simulator = require "cdfworkflow.simulator"
local store = require "cdfworkflow.simulator.serve.store"

local command = {}

local EPILOG = [[
The client signs in at http://HOST:PORT/oauth2/token (or /TENANT/oauth2/v2.0/token). Tokens, nonces and timers
follow the simulator's clock. The --state file holds what was put into the simulator, secrets of functions too.

]] .. fault_notation.HELP .. [[


The file of --load returns a function, which gets the simulator, or a table with any of these members:
  functions        external id -> Lua function(data, context) that stands for a Cognite Function; returns its response
                   and, if it likes, how many seconds it takes
  function_apps    the same for Function Apps: Lua function(functionApp, context)
  mappings         the same for jsonMapping tasks, whose expression is not read here: external id of the task -> Lua
                   function(jsonMapping, context); returns the result
  transformations  external id -> Lua function(parameters, context); returns how many seconds it takes
  simulations      the same, by the external id of the routine
  requests         the rest of CDF's API: "GET /timeseries/{id}" -> JSON as a table, or Lua function(request) with
                   method, path, params, query, headers, body; returns JSON, status, seconds. Tasks and clients get it
  workflows        a list of workflows, as in the API
  versions         a list of workflow versions, as in the API
  faults           a list of faults to come, as tables: {match = {operation = "run"}, status = 503}

With --control, programs on this machine may
  POST /_simulator/advance    {"seconds": 90} moves the clock
  POST /_simulator/fault      {"match": {"operation": "run"}, "status": 503} orders a fault; the answer has its id
  GET /_simulator/fault       the faults that wait
  DELETE /_simulator/fault    {"id": 1} takes one back, without a body all of them
  GET /_simulator/log         the requests that came]]

local function integer_in(low, high)
  return function(text)
    local n = text:find("^%d+$") and tonumber(text)
    if n and n >= low and n <= high then return n end
    return nil, ("%s is not a number from %d to %d"):format(text, low, high)
  end
end

local function new_parser(argparse)
  local parser = argparse("cdfworkflow-sim", "Cognite Data Fusion's data workflows, embedded: a server to try and "
    .. "test against, with a page that shows what happens and acts.", EPILOG)
  parser:usage_max_width(110):help_max_width(110)
  parser:option("--host", "Address to listen on.", "127.0.0.1")
  parser:option("--port", "Port to listen on; 0 finds a free one.", "8080"):convert(integer_in(0, 65535))
  parser:option("--project", "A project that there is; may be given again (default: my-project)."):count("*")
  parser:option("--client-id", "The client that may sign in.", "client-id")
  parser:option("--client-secret", "Its secret (default: IDP_CLIENT_SECRET from the environment, or client-secret).")
  parser:option("--token", "A bearer token that is good for ever; may be given again."):count("*")
  parser:option("--load", "A Lua file with functions and workflows; may be given again; see below."):count("*")
  parser:option("--fault", "A fault to come; may be given again; see below."):count("*"):convert(fault_notation.parse)
  parser:option("--state", "A file that keeps everything: loaded if it is there, saved on changes and at the end.")
  parser:option("--certificate", "A PEM file with the server's certificate, and those above it: turns TLS on.")
  parser:option("--key", "The PEM file with its key.")
  parser:option("--seed", "Ids, nonces and tokens follow from this number.", "1"):convert(integer_in(0, 2147483646))
  parser:option("--clock", "Whether the clock runs, or is only moved through --control.", "real")
    :choices { "real", "manual" }
  parser:flag("--control", "Open the seam for tests.")
  parser:flag("--page-actions", "Let the page act although --host is not this machine alone.")
  return parser
end

---------------------------------------------------------------------------------------------------------------------
-- --load
---------------------------------------------------------------------------------------------------------------------

local LOADED = {
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

local function load_table(sim, given)
  options.check(given, LOADED, "the loaded table")
  for external_id, handler in pairs(given.functions or {}) do sim:function_handler(external_id, handler) end
  for _, kind in ipairs { "transformations", "simulations", "function_apps", "mappings" } do
    for external_id, handler in pairs(given[kind] or {}) do sim[kind][external_id] = handler end
  end
  for name, answer in pairs(given.requests or {}) do sim:request_handler(name, answer) end
  for _, workflow in ipairs(given.workflows or {}) do put(sim, "/workflows", workflow) end
  for _, version in ipairs(given.versions or {}) do put(sim, "/workflows/versions", version) end
  for index, fault in ipairs(given.faults or {}) do
    local problem = fault_rules.problem(fault)
    if problem then error(("faults[%d]: %s"):format(index, problem), 0) end
    sim:fault(fault)
  end
end

local function load_into(sim, path)
  local chunk = assert(loadfile(path))
  local given = chunk()
  if type(given) == "function" then return given(sim) end
  if type(given) ~= "table" then error("it must return a function or a table", 0) end
  load_table(sim, given)
end

---------------------------------------------------------------------------------------------------------------------
-- From the command line to a server
---------------------------------------------------------------------------------------------------------------------

local function say(...)
  io.stderr:write("cdfworkflow-sim: ", table.concat({ ... }), "\n")
end

local function new_sim(args)
  local state
  if args.state then
    local message
    state, message = store.load(args.state)
    if message then return nil, message end
  end
  return simulator.new {
    projects = args.project[1] and args.project or nil,
    client_id = args.client_id,
    client_secret = args.client_secret or os.getenv "IDP_CLIENT_SECRET" or nil,
    tokens = args.token, seed = args.seed, state = state,
    clock = args.clock == "real" and os.time() * 1000 or nil,
  }
end

local function prepare(args)
  local made, sim, message = pcall(new_sim, args)
  if not made or not sim then return nil, made and message or tostring(sim) end
  if not args.control then sim.log = nil end
  for _, path in ipairs(args.load) do
    local ok, problem = pcall(load_into, sim, path)
    if not ok then return nil, ("--load %s: %s"):format(path, tostring(problem)) end
  end
  for _, fault in ipairs(args.fault) do sim:fault(fault) end
  return sim
end

-- The file is written again only when something has changed; a save that failed is told, and makes the exit status 1.
local function saver(sim, path)
  local outcome = { ok = true }
  local function save()
    local exported, state = pcall(sim.export, sim)
    local message = "cannot save the state: " .. tostring(state)
    outcome.ok = exported
    if exported then outcome.ok, message = store.save(path, state) end
    if not outcome.ok then say(message) end
  end
  return path and save or nil, outcome
end

local function serve(args)
  local sim, message = prepare(args)
  if not sim then return nil, message end
  local save, outcome = saver(sim, args.state)
  local listener
  listener, message = server.new {
    sim = sim, host = args.host, port = args.port, certificate = args.certificate, key = args.key,
    control = args.control, page_actions = args.page_actions, real_time = args.clock == "real", save = save, log = say,
  }
  if not listener then return nil, message end
  io.stdout:write("cdfworkflow-sim listening on ", listener:url(), "\n")
  io.stdout:flush()
  listener:run()
  return outcome.ok, "the state could not be saved"
end

---Runs the program.
---@param arguments string[]
---@return integer status 0 after an orderly stop, 1 when something went wrong, 2 for a wrong command line
function command.main(arguments)
  local found, argparse = pcall(require, "argparse")
  if not found then
    say "argparse is needed: install the rock `argparse`, or Debian's lua-argparse"
    return 1
  end
  local parser = new_parser(argparse)
  local understood, args = parser:pparse(arguments)
  if not understood then
    say(args, "\n", parser:get_usage())
    return 2
  end
  local ok, message = serve(args)
  if ok then return 0 end
  say(message)
  return 1
end

return command
