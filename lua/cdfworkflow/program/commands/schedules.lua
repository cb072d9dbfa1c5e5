-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow schedules: what runs by itself, and when.

local exits = require "cdfworkflow.program.exits"

local schedules = {}

function schedules.define() end

---@param context cdfworkflow.program.Context
function schedules.run(context)
  local found = exits.check(context:client():schedules())
  local resources = {}
  for i, one in ipairs(found) do resources[i] = one.resource end
  context.out:list(resources, function(resource) return resource.externalId or resource.name end, function()
    local rows = {}
    for i, one in ipairs(found) do
      rows[i] = {
        one.name, one.resource.isPaused and "paused" or "on", one.cron, one.timezone, one.workflow_external_id,
        one.version, one.via,
      }
    end
    return context.out:columns({ "NAME", "STATE", "CRON", "TIMEZONE", "WORKFLOW", "VERSION", "VIA" }, rows)
  end)
end

return schedules
