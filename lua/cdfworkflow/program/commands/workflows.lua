-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow workflows: the workflows of the project.

local exits = require "cdfworkflow.program.exits"
local times = require "cdfworkflow.program.times"

local workflows = {}

function workflows.define() end

---@param context cdfworkflow.program.Context
function workflows.run(context)
  local found = exits.check(context:client().workflows:list { limit = math.huge })
  context.out:list(found, function(workflow) return workflow.externalId end, function()
    local rows = {}
    for i, workflow in ipairs(found) do
      rows[i] = { workflow.externalId, times.shown(workflow.lastUpdatedTime), workflow.description or "" }
    end
    return context.out:columns({ "WORKFLOW", "UPDATED", "DESCRIPTION" }, rows)
  end)
end

return workflows
