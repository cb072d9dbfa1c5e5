-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow unschedule: removes a schedule, by whichever way it runs.

local exits = require "cdfworkflow.program.exits"

local unschedule = {}

function unschedule.define(command) command:argument("name", "The schedule's name.") end

---@param context cdfworkflow.program.Context
---@param args table
function unschedule.run(context, args) exits.check(context:client():unschedule(args.name)) end

return unschedule
