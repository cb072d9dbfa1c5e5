-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow cancel: ends runs.

local exits = require "cdfworkflow.program.exits"

local cancel = {}

function cancel.define(command)
  command:argument("id", "The runs' ids."):args "+"
  command:option("--reason", "Why, for those who look at the run later; at most 500 characters."):argname "TEXT"
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function cancel.run(context, args)
  local cancelled = {}
  local code = exits.each(context.out, args.id, function(id)
    local execution = exits.check(context:client().workflows.executions:cancel(id, args.reason))
    cancelled[#cancelled + 1] = execution
    context.out:text((args.id[2] and id .. " " or "") .. execution.status)
  end)
  context.out:some(cancelled, args.id[2] ~= nil)
  return code
end

return cancel
