-- SPDX-License-Identifier: Apache-2.0
-- The program cdfworkflow-sim: reads the command line, makes a simulator from it and serves it until it is told to
-- stop. No secret is ever printed, but for the client's by --print-env.

local control = require "cdfworkflow.simulator.serve.control"
local environment = require "cdfworkflow.simulator.serve.environment"
local fault_notation = require "cdfworkflow.simulator.serve.fault_notation"
local loading = require "cdfworkflow.simulator.serve.loading"
local log = require "cdfworkflow.simulator.serve.log"
local server = require "cdfworkflow.simulator.serve.server"
local simulator = require "cdfworkflow.simulator"
local store = require "cdfworkflow.simulator.serve.store"

local command = {}

local EPILOG = table.concat({
  environment.HELP, fault_notation.HELP, loading.HELP, control.HELP,
  "Tokens, nonces and timers follow the simulator's clock. The --state file holds what was put into the\n"
    .. "simulator, secrets of functions too; only its owner can read it.",
}, "\n\n")

local DEFAULT_SECRET = "client-secret"

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
  parser:option("--log", "What is said on standard error: trouble in words, or also each request, in JSON.", "text")
    :choices { "text", "json" }
  parser:flag("--control", "Open the seam for tests; see below.")
  parser:flag("--headless", "Serve no page.")
  parser:flag("--page-actions", "Let the page act although --host is not this machine alone.")
  parser:flag("--print-env", "Say where it listens in lines for a shell; see below.")
  return parser
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
    client_secret = args.client_secret or os.getenv "IDP_CLIENT_SECRET" or DEFAULT_SECRET,
    tokens = args.token, seed = args.seed, state = state,
    clock = args.clock == "real" and os.time() * 1000 or nil,
  }
end

-- What the command line puts into a simulator, at the start and again when it was reset.
local function filler(args)
  return function(sim)
    local ok, message = loading.load(sim, args.load)
    for _, fault in ipairs(ok and args.fault or {}) do sim:fault(fault) end
    return ok, message
  end
end

local function prepare(args)
  local made, sim, message = pcall(new_sim, args)
  if not made or not sim then return nil, made and message or tostring(sim) end
  if not args.control then sim.log = nil end
  local fill = filler(args)
  local ok, problem = fill(sim)
  if ok and args.state then ok, problem = store.try(args.state) end
  if not ok then return nil, problem end
  return sim, fill
end

-- The file is written again only when something has changed; a save that failed is told, and makes the exit status 1.
local function saver(sim, path, say)
  local outcome = { ok = true }
  local function save()
    local message
    outcome.ok, message = store.save(path, sim.state)
    if not outcome.ok then say(message) end
  end
  return path and save or nil, outcome
end

local function say_ready(args, sim, url)
  if args.print_env then
    local from_environment = not args.client_secret and os.getenv "IDP_CLIENT_SECRET"
    io.stdout:write(environment.lines(url, {
      project = sim.project_names[1], client_id = args.client_id,
      client_secret = not from_environment and (args.client_secret or DEFAULT_SECRET) or nil,
    }))
  else
    io.stdout:write("cdfworkflow-sim listening on ", url, "\n")
  end
  io.stdout:flush()
end

local function serve(args)
  local sim, fill = prepare(args)
  if not sim then return nil, fill end
  local output = args.log == "json" and log.json(function() return sim:now() end) or log.text()
  local save, outcome = saver(sim, args.state, output.say)
  local listener, message = server.new {
    sim = sim, host = args.host, port = args.port, certificate = args.certificate, key = args.key,
    control = args.control, headless = args.headless, page_actions = args.page_actions,
    real_time = args.clock == "real", save = save, fill = fill, log = output.say, on_request = output.on_request,
  }
  if not listener then return nil, message end
  say_ready(args, sim, listener:url())
  listener:run()
  return outcome.ok, "the state could not be saved"
end

--- Runs the program.
---@param arguments string[]
---@return integer status 0 after an orderly stop, 1 when something went wrong, 2 for a wrong command line
function command.main(arguments)
  local say = log.text().say
  local found, argparse = pcall(require, "argparse")
  if not found then
    say "argparse is needed: install the rock `argparse`, or Debian's lua-argparse"
    return 2
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
