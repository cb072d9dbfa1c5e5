-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow schedule: puts a workflow version on a cron schedule.

local exits = require "cdfworkflow.program.exits"
local inputs = require "cdfworkflow.program.inputs"
local settings = require "cdfworkflow.program.settings"

local schedule = {}

function schedule.define(command)
  command:argument("workflow", "The workflow's external id.")
  command:argument("version", "Its version.")
  command:option("--cron", "When, as the five fields of cron."):argname "FIELDS":count(1)
  command:option("--timezone", "The time zone of the fields, such as Europe/Oslo (default: UTC)."):argname "TZ"
  command:option("--name", "The schedule's name; one of that name is replaced."):argname "N"
  command:option("-i --input", "The input of each run, a JSON object: itself, @FILE, or - for standard input.")
    :argname "JSON"
  command:option("--via", "By a trigger of CDF's own, or by a function on a schedule.", "trigger"):argname "HOW"
    :choices { "trigger", "function" }
end

--- A function keeps the pair as its secrets, so it must be had as text; a trigger uses the client's own login.
local function credentials(context, args)
  if args.via ~= "function" then return nil end
  local variables = settings.variables(context)
  local pair = { client_id = variables "IDP_CLIENT_ID", client_secret = variables "IDP_CLIENT_SECRET" }
  if pair.client_id and pair.client_secret then return pair end
  exits.fail(exits.INPUT, "--via function needs IDP_CLIENT_ID and IDP_CLIENT_SECRET, which the function keeps")
end

---@param context cdfworkflow.program.Context
---@param args table
function schedule.run(context, args)
  local input = inputs.object(args.input, "--input")
  local made = exits.check(context:client():schedule {
    workflow_external_id = args.workflow, version = args.version, cron = args.cron, timezone = args.timezone,
    name = args.name, input = input, via = args.via, client_credentials = credentials(context, args),
  })
  context.out:resource(made.resource, made.name, made.name)
end

return schedule
