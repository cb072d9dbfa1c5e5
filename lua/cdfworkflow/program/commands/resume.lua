-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow resume: lets a paused schedule or trigger go on.

local exits = require "cdfworkflow.program.exits"

local resume = {}

function resume.define(command) command:argument("name", "The schedule's or trigger's name.") end

---@param context cdfworkflow.program.Context
---@param args table
function resume.run(context, args) exits.check(context:client().workflows.triggers:resume(args.name)) end

return resume
