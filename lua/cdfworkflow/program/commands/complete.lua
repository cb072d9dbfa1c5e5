-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow complete: the outcome of a task that waits to be told it.

local arguments = require "cdfworkflow.program.arguments"
local exits = require "cdfworkflow.program.exits"
local inputs = require "cdfworkflow.program.inputs"

local complete = {}

local OUTCOMES = { "COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR" }

function complete.define(command)
  command:argument("task_id", "The task's id, a UUID, as `show -o json` has it."):argname "TASK-ID"
  command:option("--status", "COMPLETED, FAILED (uses the attempts that are left) or FAILED_WITH_TERMINAL_ERROR.",
    "COMPLETED"):argname "S":convert(arguments.word(OUTCOMES))
  command:option("--output", "The task's output, a JSON object: itself, @FILE, or - for standard input."):argname "JSON"
end

---@param context cdfworkflow.program.Context
---@param args table
function complete.run(context, args)
  local output = inputs.object(args.output, "--output")
  local task = exits.check(context:client().workflows.tasks:update(args.task_id, args.status, output))
  context.out:resource(task, task.id, task.status)
end

return complete
