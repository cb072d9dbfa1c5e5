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
  local several, started, ids = args.id[2] ~= nil, {}, {}
  local code = exits.each(context.out, args.id, function(id)
    local execution = starts.start(context, { execution = id }, function()
      return context:client().workflows.executions:retry(id)
    end)
    started[#started + 1], ids[#ids + 1] = execution, id
    starts.tell(context, execution, args.wait or several)
  end)
  if not args.wait or not ids[1] then
    if several and context.out.form == "json" then context.out:some(started, several) end
    return code
  end
  return exits.worse(code, follow.run(context, ids, args, { started = true, several = several }))
end

return retry
