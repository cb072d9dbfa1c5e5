-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow completion: the script that teaches a shell the commands and options.

local arguments = require "cdfworkflow.program.arguments"

local completion = {}

function completion.define(command)
  command:argument("shell", "bash, zsh or fish."):choices { "bash", "zsh", "fish" }
end

---@param context cdfworkflow.program.Context
---@param args table
function completion.run(context, args)
  local parser = arguments.parser()
  local script = parser["get_" .. args.shell .. "_complete"](parser)
  context.out:raw(script)
end

return completion
