-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow unschedule: removes a schedule, by whichever way it runs, or another trigger.

local exits = require "cdfworkflow.program.exits"
local suggest = require "cdfworkflow.suggest"

local unschedule = {}

function unschedule.define(command) command:argument("name", "The schedule's or trigger's name.") end

--- Whether one of them has the name; `names` gets those of the others.
local function is_among(list, member, name, names)
  for _, one in ipairs(list) do
    if one[member] == name then return true end
    names[#names + 1] = one[member]
  end
  return false
end

--- A name that nobody has is a slip, and the schedule that was meant would go on.
local function check_name(client, name)
  local names = {}
  local triggers = exits.check(client.workflows.triggers:list { limit = math.huge })
  if is_among(triggers, "externalId", name, names) then return end
  if is_among(exits.check(client:schedules { via = "function" }), "name", name, names) then return end
  exits.fail(exits.REFUSED, ("there is no schedule or trigger %s%s"):format(name, suggest.hint(name, names)))
end

---@param context cdfworkflow.program.Context
---@param args table
function unschedule.run(context, args)
  local client = context:client()
  check_name(client, args.name)
  exits.check(client:unschedule(args.name))
end

return unschedule
