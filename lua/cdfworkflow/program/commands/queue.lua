-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow queue: runs that are to be started later, kept in a folder.

local arguments = require "cdfworkflow.program.arguments"
local exits = require "cdfworkflow.program.exits"
local inputs = require "cdfworkflow.program.inputs"
local times = require "cdfworkflow.program.times"

local queue = {}

-- {==== What there is to be said ====

local define, act = {}, {}

function define.add(command)
  command:argument("workflow", "The workflow's external id.")
  command:argument("version", "Its version.")
  command:option("-i --input", "The input of the run, a JSON object: itself, @FILE, or - for standard input.")
    :argname "JSON"
  command:option("-m --metadata", "A pair for the run's metadata; may be given again."):argname "KEY=VALUE":count "*"
  command:option("--id", "Names the run: added again with the same ID, it changes nothing."):argname "ID"
end

function define.list() end

function define.drain(command)
  command:flag("--follow", "Go on when the queue is empty, or CDF cannot be reached.")
  command:option("--concurrency", "How many are started at the same time; 1: one after another.", "1"):argname "N"
    :convert(arguments.count(1000))
  command:option("--max-running", "Wait while so many runs are running in the project."):argname "N"
    :target "max_running":convert(arguments.count(1000000))
  command:option("--max-running-per-workflow", "Wait while so many runs of the workflow are running."):argname "N"
    :target "max_running_per_workflow":convert(arguments.count(1000000))
end

local function define_ids(command) command:argument("id", "The ids, as `queue list` shows them."):args "+" end

define.retry, define.drop = define_ids, define_ids

local COMMANDS = {
  { "add", "Keep a run that is to be started; needs no settings." },
  { "list", "List what waits, and what was refused." },
  { "drain", "Start what waits, each exactly once, oldest first." },
  { "retry", "Let what was refused wait again." },
  { "drop", "Forget what waits or was refused." },
}

function queue.define(parent)
  local subs = {}
  parent:command_target "action"
  for _, one in ipairs(COMMANDS) do
    local command = parent:command(one[1], one[2])
    command:option("--spool", "The folder that holds the queue; made where it is missing."):argname "FOLDER":count(1)
    define[one[1]](command)
    subs[one[1]] = command
  end
  return subs
end

-- }====

local function open(args, client)
  return exits.check(require("cdfworkflow.queue").new { spool = args.spool, client = client })
end

function act.add(context, args)
  local id, err, is_new = open(args):put(args.workflow, args.version, {
    input = inputs.object(args.input, "--input"), metadata = inputs.pairs(args.metadata, "--metadata"), id = args.id,
  })
  exits.check(id, err)
  if not is_new then context.out:note(("%s is known already, and nothing was added"):format(id)) end
  context.out:resource({ id = id, workflow = args.workflow, version = args.version }, id, id)
end

-- {==== list ====

local function reason(delivery) return delivery.error and delivery.error.message or "" end

local function rows_of(deliveries)
  local rows = {}
  for i, one in ipairs(deliveries) do
    rows[i] = {
      one.id, one.state, times.shown(one.created * 1000), ("%d"):format(one.attempts), one.workflow, one.version,
      reason(one),
    }
  end
  return rows
end

function act.list(context, args)
  local deliveries = exits.check(open(args):list { limit = math.huge })
  context.out:list(deliveries, function(one) return one.id end, function()
    return context.out:columns({ "ID", "STATE", "ADDED", "ATTEMPTS", "WORKFLOW", "VERSION", "REASON" },
      rows_of(deliveries))
  end)
end

-- }====

function act.drain(context, args)
  return require("cdfworkflow.program.draining").run(context, args, open(args, context:client()))
end

-- {==== retry, drop ====

local function each(name)
  return function(context, args)
    local opened = open(args)
    return exits.each(context.out, args.id, function(id)
      exits.check(opened[name](opened, id))
      context.out:resource({ id = id }, id, id)
    end)
  end
end

act.retry, act.drop = each "retry", each "drop"

-- }====

---@param context cdfworkflow.program.Context
---@param args table
---@return integer|nil code
function queue.run(context, args) return act[args.action](context, args) end

return queue
