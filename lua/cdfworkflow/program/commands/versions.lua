-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow versions: the versions of a workflow.

local exits = require "cdfworkflow.program.exits"
local times = require "cdfworkflow.program.times"

local versions = {}

function versions.define(command) command:argument("workflow", "The workflow's external id.") end

--- The versions; where there are none, whether there is a workflow at all decides.
local function list(client, workflow)
  local found = exits.check(client.workflows.versions:list {
    workflowFilters = { { externalId = workflow } }, limit = math.huge,
  })
  if not found[1] then exits.check(client.workflows:retrieve(workflow)) end
  return found
end

---@param context cdfworkflow.program.Context
---@param args table
function versions.run(context, args)
  local found = list(context:client(), args.workflow)
  context.out:list(found, function(version) return version.version end, function()
    local rows = {}
    for i, version in ipairs(found) do
      local definition = version.workflowDefinition or {}
      rows[i] = {
        version.version, times.shown(version.lastUpdatedTime), ("%d"):format(#(definition.tasks or {})),
        definition.description or "",
      }
    end
    return context.out:columns({ "VERSION", "UPDATED", "TASKS", "DESCRIPTION" }, rows)
  end)
end

return versions
