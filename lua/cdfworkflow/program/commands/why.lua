-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow why: the reason why runs did not succeed, a line each.

local cdf = require "cdfworkflow"
local exits = require "cdfworkflow.program.exits"

local why = {}

function why.define(command) command:argument("id", "The runs' ids."):args "+" end

local function line_of(execution)
  return cdf.why(execution) or ("nothing failed: the run is %s"):format(execution.status)
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function why.run(context, args)
  local found = {}
  local code = exits.each(context.out, args.id, function(id)
    local execution = exits.check(context:client().workflows.executions:retrieve(id))
    found[#found + 1] = { id = id, status = execution.status, why = cdf.why(execution) }
    context.out:text((args.id[2] and id .. " " or "") .. line_of(execution))
  end)
  context.out:some(found, args.id[2] ~= nil)
  return code
end

return why
