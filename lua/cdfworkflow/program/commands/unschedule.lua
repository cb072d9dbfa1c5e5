-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow unschedule: removes a schedule, by whichever way it runs.

local exits = require "cdfworkflow.program.exits"

local unschedule = {}

function unschedule.define(command) command:argument("name", "The schedule's name.") end

---@param context cdfworkflow.program.Context
---@param args table
function unschedule.run(context, args)
  local client = context:client()
  local removed = false
  for _, one in ipairs(exits.check(client:schedules())) do
    if one.name == args.name then
      exits.check(client:unschedule(one))
      removed = true
    end
  end
  if not removed then exits.fail(exits.REFUSED, ("there is no schedule %s"):format(args.name)) end
end

return unschedule
