-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow retry: starts runs again that did not succeed, from the tasks that did not.

local exits = require "cdfworkflow.program.exits"
local follow = require "cdfworkflow.program.follow"
local starts = require "cdfworkflow.program.starts"

local retry = {}

function retry.define(command)
  command:argument("id", "The runs' ids."):args "+"
  command:flag("-w --wait", "Wait for their end.")
  follow.define(command)
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function retry.run(context, args)
  follow.check(args, "--wait", args.wait)
  local code = exits.each(context.out, args.id, function(id)
    local execution = starts.start(context, { execution = id }, function()
      return context:client().workflows.executions:retry(id)
    end)
    starts.tell(context, execution, args.wait)
  end)
  if not args.wait or code ~= exits.OK then return code end
  return follow.run(context, args.id, args, { started = true })
end

return retry
