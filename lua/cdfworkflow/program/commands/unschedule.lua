-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow unschedule: removes a schedule, by whichever way it runs.

local exits = require "cdfworkflow.program.exits"
local suggest = require "cdfworkflow.suggest"

local unschedule = {}

function unschedule.define(command) command:argument("name", "The schedule's name.") end

--- A name that nobody has is a slip, and the schedule that was meant would go on.
local function check_name(client, name)
  local names = {}
  for i, one in ipairs(exits.check(client:schedules())) do
    if one.name == name then return end
    names[i] = one.name
  end
  exits.fail(exits.REFUSED, ("there is no schedule %s%s"):format(name, suggest.hint(name, names)))
end

---@param context cdfworkflow.program.Context
---@param args table
function unschedule.run(context, args)
  local client = context:client()
  check_name(client, args.name)
  exits.check(client:unschedule(args.name))
end

return unschedule
