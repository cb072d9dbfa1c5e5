-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow definition: a version as CDF has it, in a form that lint, graph and deploy read.

local exits = require "cdfworkflow.program.exits"
local json_text = require "cdfworkflow.program.json_text"

local definition = {}

function definition.define(command)
  command:argument("workflow", "The workflow's external id.")
  command:argument("version", "Its version.")
end

---@param context cdfworkflow.program.Context
---@param args table
function definition.run(context, args)
  local version = exits.check(context:client().workflows.versions:retrieve(args.workflow, args.version))
  context.out:resource(version, version.version, json_text(version, true))
end

return definition
