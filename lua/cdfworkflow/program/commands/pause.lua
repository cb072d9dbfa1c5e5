-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow pause: a schedule or trigger starts nothing until it is resumed.

local exits = require "cdfworkflow.program.exits"

local pause = {}

function pause.define(command) command:argument("name", "The schedule's or trigger's name.") end

---@param context cdfworkflow.program.Context
---@param args table
function pause.run(context, args) exits.check(context:client().workflows.triggers:pause(args.name)) end

return pause
