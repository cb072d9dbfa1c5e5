-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow wait: the end of runs that go on already.

local follow = require "cdfworkflow.program.follow"

local wait = {}

function wait.define(command)
  command:argument("id", "The runs' ids."):args "+"
  follow.define(command)
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function wait.run(context, args)
  follow.check(args, "wait", true)
  return follow.run(context, args.id, args)
end

return wait
