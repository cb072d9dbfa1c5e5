-- SPDX-License-Identifier: Apache-2.0
-- Starting runs: which version, what a signal means meanwhile, and what is said when it is not known whether it worked.

local exits = require "cdfworkflow.program.exits"
local follow = require "cdfworkflow.program.follow"
local interrupts = require "cdfworkflow.program.interrupts"

local starts = {}

--- What the library gave, or the end of the program, which says so where surely nothing was started.
local function check(result, err)
  if result ~= nil then return result end
  local code = exits.of_error(err)
  exits.fail(code, err.message .. (code == exits.TEMPORARY and "; nothing was started" or ""))
end

-- {==== Which version ====

local function names(versions)
  local list = {}
  for i, version in ipairs(versions) do list[i] = tostring(version.version) end
  table.sort(list)
  return list
end

--- The version to run: the one given, or the only one there is.
---@param context cdfworkflow.program.Context
---@param workflow string
---@param given string|nil
---@return string version
function starts.version(context, workflow, given)
  if given then return given end
  local workflows = context:client().workflows
  local filter = { { externalId = workflow } }
  local found = names(check(workflows.versions:list { workflowFilters = filter, limit = math.huge }))
  if #found == 1 then return found[1] end
  if #found == 0 then
    check(workflows:retrieve(workflow))
    exits.fail(exits.INPUT, ("the workflow %s has no version"):format(workflow))
  end
  exits.fail(exits.INPUT, ("the workflow %s has several versions, so name one: %s"):format(workflow,
    table.concat(found, ", ")))
end

-- }====

--- The requests of a dry run.
---@param context cdfworkflow.program.Context
---@param requests table[]
function starts.show_requests(context, requests)
  context.out:list(requests, function() return nil end, function()
    local lines = {}
    for _, request in ipairs(requests) do
      lines[#lines + 1] = request.method .. " " .. request.url
      lines[#lines + 1] = request.body and "  " .. tostring(request.body) or nil
    end
    return lines
  end)
end

-- {==== Starting ====

--- How to find out whether there is a run.
local function how_to_find_out(what)
  if what.execution then return "cdfworkflow show " .. what.execution end
  if what.id then return "run it again with the same --request-id" end
  return ("look for it with: cdfworkflow list --workflow '%s' --since 1h"):format(what.workflow)
end

local function start_interrupted(context, what, was_sent, failure)
  local message = "interrupted; nothing was started"
  if was_sent then
    message = "interrupted, and it is not known whether a run was started; to find out, " .. how_to_find_out(what)
  end
  context.out:say(message)
  exits.fail(failure.code)
end

--- Starts a run by the function, with the signals held while CDF may be starting it.
---@param context cdfworkflow.program.Context
---@param what { workflow?: string, id?: string, execution?: string } what is started, and its request id
---@param fn fun(): cdfworkflow.Execution|nil, cdfworkflow.Error?
---@return cdfworkflow.Execution execution
function starts.start(context, what, fn)
  local was_sent = false
  context.on_event = function(event)
    if event.type ~= "request" or event.phase ~= "call" then return end
    was_sent = true
    interrupts.hold(function(message) context.out:say(message) end)
  end
  local ok, execution, err = pcall(fn)
  context.on_event = nil
  interrupts.release()
  if not ok and interrupts.is_interrupt(execution) then start_interrupted(context, what, was_sent, execution) end
  if not ok then error(execution, 0) end
  if err and err.kind == "ambiguous" then
    exits.fail(exits.AMBIGUOUS, ("%s; to find out, %s"):format(err.message, how_to_find_out(what)))
  end
  return check(execution, err)
end

--- Says that a run was started, at once, and obeys a signal that came meanwhile.
---@param context cdfworkflow.program.Context
---@param execution cdfworkflow.Execution
---@param later boolean|nil whether more comes, so that the one document of the form "json" is yet to be written
function starts.tell(context, execution, later)
  local out = context.out
  if later and out.form == "json" then
    out:say("execution " .. execution.id)
  else
    local written, failure = pcall(out.resource, out, execution, execution.id, execution.id)
    if not written then
      out:say("execution " .. execution.id) -- nobody else would know of it
      error(failure, 0)
    end
  end
  local ok, failure = pcall(interrupts.check)
  if not ok then follow.interrupted(context, { { id = execution.id } }, context.args, failure) end
end

-- }====

return starts
