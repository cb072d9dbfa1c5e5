-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow show: a run with its tasks.

local cdf = require "cdfworkflow"
local exits = require "cdfworkflow.program.exits"
local output = require "cdfworkflow.program.output"
local times = require "cdfworkflow.program.times"

local show = {}

function show.define(command) command:argument("id", "The run's id.") end

local function json_line(name, value)
  return type(value) == "table" and next(value) ~= nil and name .. output.clean(cdf.encode(value)) or nil
end

local function add(lines, line) lines[#lines + 1] = line end

--- The execution for a person: what it is, when, what it was given, and its tasks as a tree.
local function text_of(context, execution)
  local lines = {}
  add(lines, "id        " .. execution.id)
  add(lines, "created   " .. times.shown(execution.createdTime))
  add(lines, execution.startTime and "started   " .. times.shown(execution.startTime) or nil)
  add(lines, execution.endTime and "ended     " .. times.shown(execution.endTime) or nil)
  add(lines, json_line("metadata  ", execution.metadata))
  add(lines, json_line("input     ", execution.input))
  add(lines, cdf.graph(execution, "text", context.out:graph_options()))
  return table.concat(lines, "\n")
end

---@param context cdfworkflow.program.Context
---@param args table
function show.run(context, args)
  local execution = exits.check(context:client().workflows.executions:retrieve(args.id))
  context.out:resource(execution, execution.id, text_of(context, execution))
end

return show
