-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow check: whether a run would work, without starting anything.

local exits = require "cdfworkflow.program.exits"

local check = {}

function check.define(command)
  command:argument("workflow", "A workflow's external id."):args "?"
  command:argument("version", "Its version; may be left out where there is just one."):args "?"
end

local function lines_of(context, findings)
  local lines, width = {}, 0
  for _, finding in ipairs(findings) do width = math.max(width, #finding.what) end
  for i, finding in ipairs(findings) do
    lines[i] = ("%s %s  %s"):format(context.out:mark(finding.ok), finding.what .. (" "):rep(width - #finding.what),
      finding.message)
  end
  return lines
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function check.run(context, args)
  local findings = exits.check(context:client():check {
    workflow_external_id = args.workflow, version = args.version,
  })
  context.out:list(findings, function(finding) return finding.what end, function()
    return lines_of(context, findings)
  end)
  for _, finding in ipairs(findings) do
    if not finding.ok then return exits.FINDINGS end
  end
  return exits.OK
end

return check
