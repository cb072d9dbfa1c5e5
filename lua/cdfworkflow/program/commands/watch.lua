-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow watch: the tasks of a run, as they change, until its end.

local follow = require "cdfworkflow.program.follow"

local watch = {}

function watch.define(command)
  command:argument("id", "The run's id.")
  follow.define(command)
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function watch.run(context, args)
  follow.check(args, "watch", true)
  return follow.run(context, { args.id }, args, { watch = true })
end

return watch
