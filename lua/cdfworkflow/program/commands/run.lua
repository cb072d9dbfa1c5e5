-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow run: starts a run, and follows it where asked.

local arguments = require "cdfworkflow.program.arguments"
local exits = require "cdfworkflow.program.exits"
local follow = require "cdfworkflow.program.follow"
local inputs = require "cdfworkflow.program.inputs"
local starts = require "cdfworkflow.program.starts"
local times = require "cdfworkflow.program.times"

local run = {}

local LOOK_BACK = 24 * 3600 -- seconds that a request id is remembered
local MOST_LOOK_BACK = 92 * 86400 -- CDF keeps executions for three months (CDF.md 5)

local function to_look_back(text) return times.duration(text, MOST_LOOK_BACK) end

function run.define(command)
  command:argument("workflow", "The workflow's external id.")
  command:argument("version", "Its version; may be left out where there is just one."):args "?"
  command:option("-i --input", "The input of the run, a JSON object: itself, @FILE, or - for standard input.")
    :argname "JSON"
  command:option("-m --metadata", "A pair for the run's metadata; may be given again."):argname "KEY=VALUE":count "*"
  command:option("--request-id", "Starts exactly one run for this id, however often it is repeated.")
    :argname "ID":target "request_id"
  command:option("--look-back", "How far back a run with the request id is looked for; 0: not at all (default: 24h).")
    :argname "DURATION":target "look_back":convert(to_look_back)
  command:flag("-w --wait", "Wait for the end of the run.")
  command:flag("--watch", "Show its tasks meanwhile.")
  follow.define(command)
  command:flag("-n --dry-run", "Print the requests that would be sent, and send nothing."):target "dry_run"
end

local function options_of(args)
  arguments.needs("--look-back", args.look_back, "--request-id", args.request_id)
  follow.check(args, "--wait or --watch", args.wait or args.watch)
  local look_back = args.request_id and (args.look_back or LOOK_BACK)
  return {
    input = inputs.object(args.input, "--input"), metadata = inputs.pairs(args.metadata, "--metadata"),
    request_id = args.request_id, look_back = look_back ~= 0 and look_back or nil, dry_run = args.dry_run,
  }
end

--- Refuses what CDF would refuse, before CDF is asked for the version.
local function check_options(context, workflow, opts)
  local dry = { dry_run = true }
  for name, value in pairs(opts) do dry[name] = value end
  exits.check(context:client():run(workflow, "unknown", dry))
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function run.run(context, args)
  local opts = options_of(args)
  if not args.version then check_options(context, args.workflow, opts) end
  local version = starts.version(context, args.workflow, args.version)
  if args.dry_run then
    starts.show_requests(context, exits.check(context:client():run(args.workflow, version, opts)))
    return exits.OK
  end
  local followed = args.wait or args.watch
  local execution = starts.start(context, { id = args.request_id, workflow = args.workflow }, function()
    return context:client():run(args.workflow, version, opts)
  end)
  starts.tell(context, execution, followed)
  if not followed then return exits.OK end
  return follow.run(context, { execution.id }, args, { watch = args.watch, started = true })
end

return run
