-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow deploy: puts workflows, versions and triggers from files into CDF, where they are not there as they are.

local cdf = require "cdfworkflow"
local deployment = require "cdfworkflow.program.deployment"
local documents = require "cdfworkflow.program.documents"
local exits = require "cdfworkflow.program.exits"
local inputs = require "cdfworkflow.program.inputs"
local lint = require "cdfworkflow.program.commands.lint"
local settings = require "cdfworkflow.program.settings"

local deploy = {}

function deploy.define(command)
  command:argument("path", "Files of the CDF Toolkit, or folders with them."):argname "FILE|FOLDER":args "+"
  command:option("--set", "What to fill in for {{ NAME }}; may be given again."):argname "NAME=VALUE":count "*"
  command:flag("-n --dry-run", "Only show what would change; the exit status is 8 where something would.")
    :target "dry_run"
end

--- Errors of lint end the program; warnings are told.
local function check_definitions(context, found)
  local findings, wrong = lint.findings(found)
  for _, finding in ipairs(findings) do
    if wrong and finding.severity == "error" then context.out:say(lint.line(finding)) end
    if not wrong then context.out:note(lint.line(finding)) end
  end
  if wrong then exits.fail(exits.INPUT, "nothing was deployed") end
end

local SIGNS = { create = "+", update = "~", none = "=" }
local DONE = { create = "created", update = "updated", none = "unchanged" }

local function shown(value) return cdf.encode(value) or tostring(value) end

--- The difference that a step would make, as lines.
local function difference_lines(step)
  local lines = { ("%s %s %s"):format(SIGNS[step.action], step.kind, step.name) }
  for _, change in ipairs(step.changes) do
    if change.was ~= nil then lines[#lines + 1] = ("  - %s: %s"):format(change.path, shown(change.was)) end
    if change.will ~= nil then lines[#lines + 1] = ("  + %s: %s"):format(change.path, shown(change.will)) end
  end
  return lines
end

--- A step as `-o json` has it.
local function resource_of(step)
  local changes = {}
  for i, change in ipairs(step.changes) do changes[i] = { path = change.path, was = change.was, will = change.will } end
  return { kind = step.kind, name = step.name, action = step.action, changes = cdf.array(changes) }
end

local function show(context, steps)
  local resources = {}
  for i, step in ipairs(steps) do resources[i] = resource_of(step) end
  context.out:list(resources, function(resource) return resource.name end, function()
    local lines = {}
    for _, step in ipairs(steps) do
      if step.action ~= "none" then
        for _, line in ipairs(difference_lines(step)) do lines[#lines + 1] = line end
      end
    end
    return lines
  end)
end

--- Puts them there in turn, and tells what was done also where something went wrong.
local function put_all(context, steps)
  local done = {}
  local ok, failure = pcall(function()
    for i, step in ipairs(steps) do
      if step.action ~= "none" then deployment.put(context:client(), step) end
      done[i] = step
      context.out:text(("%s %s %s"):format(DONE[step.action], step.kind, step.name))
    end
  end)
  if context.out.form ~= "text" then show(context, done) end
  if not ok then error(failure, 0) end
end

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function deploy.run(context, args)
  local found = documents.read(args.path, { values = inputs.pairs(args.set, "--set") or {} })
  check_definitions(context, found)
  local steps, changes = deployment.steps(found, settings.variables(context)), 0
  for _, step in ipairs(steps) do
    deployment.compare(context:client(), step)
    if step.action ~= "none" then changes = changes + 1 end
  end
  if not args.dry_run then
    put_all(context, steps)
    return exits.OK
  end
  show(context, steps)
  context.out:note(changes == 0 and "nothing would change" or ("%d of %d would change"):format(changes, #steps))
  return changes > 0 and exits.FINDINGS or exits.OK
end

return deploy
