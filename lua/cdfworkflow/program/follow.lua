-- SPDX-License-Identifier: Apache-2.0
-- Following runs to their end, and what their end makes of the program.

local arguments = require "cdfworkflow.program.arguments"
local exits = require "cdfworkflow.program.exits"
local interrupts = require "cdfworkflow.program.interrupts"
local times = require "cdfworkflow.program.times"

local follow = {}

---@class cdfworkflow.program.Followed
---@field id string
---@field execution? cdfworkflow.Execution where its end was seen
---@field err? cdfworkflow.Error where it was not

--- The options of commands that follow.
function follow.define(command)
  command:option("-t --timeout", "How long to wait, such as 90s, 30m or 2h; then the exit status is 124.")
    :argname "DURATION" :convert(times.duration)
  command:flag("--cancel-on-timeout", "Cancel what has not ended then.") :target "cancel_on_timeout"
  command:option("--on-interrupt", "What Ctrl-C and SIGTERM do to the run: detach (it goes on) or cancel.", "detach")
    :argname "WHAT" :target "on_interrupt" :choices { "detach", "cancel" }
end

--- Refuses those of them that say nothing.
---@param args table
---@param option string what makes a command follow
---@param follows any whether it does
function follow.check(args, option, follows)
  arguments.needs("--timeout", args.timeout, option, follows)
  arguments.needs("--cancel-on-timeout", args.cancel_on_timeout, "--timeout", args.timeout)
end

-- {==== Watching ====

local EVENTS = {
  execution_started = "started", task_scheduled = "scheduled", task_started = "started", task_completed = "completed",
  task_failed = "failed", task_canceled = "canceled", task_skipped = "skipped",
}

--- An event as a line: when, which task or workflow, what, and why.
local function event_line(event)
  local task, execution = event.task, event.execution
  local what = EVENTS[event.type] or (task or execution).status:lower():gsub("_", " ")
  local line = ("%s  %s  %s"):format(times.shown(event.time), (task or {}).externalId or execution.workflowExternalId,
    what)
  return event.reason and line .. ": " .. event.reason or line
end

local function watch(context, id, opts)
  local is_drawn = context.out:canvas() and not context.out.quiet
  local picture = is_drawn and require("cdfworkflow.program.picture").new(context.out) or nil
  context.out.picture = picture
  local last
  for event in context:client().workflows.executions:watch(id, opts) do
    if picture then
      if event.execution ~= last then picture:show(event.execution) end
    else
      context.out:progress(event_line(event))
    end
    last = event.execution
  end
  return last
end

--- Watches as `wait` waits: what is wrong comes as a second result.
local function watch_to_end(context, id, opts)
  local ok, result = pcall(watch, context, id, opts)
  local picture = context.out.picture
  context.out.picture = nil
  if picture then picture:finish() end
  if ok then return result end
  if type(result) ~= "table" or not result.kind then error(result, 0) end
  return nil, result
end

-- }====

-- {==== Waiting ====

--- Follows all of them at the same time; what is known of each is in `followed` at any moment.
local function follow_all(context, followed, opts)
  local client = context:client()
  local functions = {}
  for i, one in ipairs(followed) do
    functions[i] = function()
      if opts.watch then
        one.execution, one.err = watch_to_end(context, one.id, opts.wait)
      else
        one.execution, one.err = client:wait(one.id, opts.wait)
      end
    end
  end
  if not functions[2] then return functions[1]() end
  local _, errors = require("cdfworkflow.call.gather").run_list(functions)
  for _, err in pairs(errors) do error(err, 0) end
end

--- Says which runs go on, from the one at `first`.
local function tell(context, ids, first)
  if not ids[first] then return end
  context.out:say("interrupted; still going on: cdfworkflow wait " .. table.concat(ids, " ", first))
end

--- Cancels the runs one after the other, until another signal comes.
local function cancel_all(context, ids)
  local executions = context:client().workflows.executions
  interrupts.settle()
  for i, id in ipairs(ids) do
    local ok, cancelled, err = pcall(executions.cancel, executions, id, "interrupted")
    if not ok and interrupts.is_interrupt(cancelled) then
      context.out:say(("interrupted; whether execution %s is cancelled, cdfworkflow show %s tells"):format(id, id))
      return tell(context, ids, i + 1)
    end
    if not ok then error(cancelled, 0) end
    context.out:say(cancelled and ("interrupted; execution %s is cancelled"):format(id)
      or ("interrupted; execution %s could not be cancelled: %s"):format(id, err.message))
  end
end

--- After a signal: what becomes of the runs that have not ended, and the end of the program.
---@param context cdfworkflow.program.Context
---@param followed cdfworkflow.program.Followed[]
---@param args { on_interrupt: string }
---@param failure cdfworkflow.program.Failure
function follow.interrupted(context, followed, args, failure)
  local ids = {}
  for _, one in ipairs(followed) do
    if not one.execution then ids[#ids + 1] = one.id end
  end
  if args.on_interrupt == "cancel" then
    cancel_all(context, ids)
  else
    tell(context, ids, 1)
  end
  exits.fail(failure.code)
end

-- }====

-- {==== Their end ====

local function code_of(one, started)
  if one.execution then return exits.of_status(one.execution.status) end
  local code = exits.of_error(one.err)
  if code == exits.WAITED or not started then return code end
  return exits.AMBIGUOUS -- it was started, and cannot be followed
end

--- Says why one did not succeed.
local function explain(context, one, name)
  local cdf = require "cdfworkflow"
  if not one.execution then return context.out:say(name .. one.err.message) end
  if one.execution.status == "COMPLETED" then return end
  context.out:say(name .. (cdf.why(one.execution) or "the run ended as " .. one.execution.status))
end

--- What is known of each at the end: its status, or itself.
local function report(context, followed, started, several)
  local found = {}
  for _, one in ipairs(followed) do
    explain(context, one, several and one.id .. ": " or "")
    if one.execution then context.out:text((several and one.id .. " " or "") .. one.execution.status) end
    found[#found + 1] = one.execution or one.err.execution
  end
  local form = context.out.form
  if form == "text" or form == "id" and started then return end
  context.out:some(found, several)
end

--- Follows runs to their end.
---@param context cdfworkflow.program.Context
---@param ids string[]
---@param args { timeout?: number, cancel_on_timeout?: boolean, on_interrupt?: string }
---@param more? { watch?: boolean, started?: boolean, several?: boolean } `started`: this program has started them;
---  `several`: more than one was asked for, though there is only one to follow
---@return integer code
function follow.run(context, ids, args, more)
  more = more or {}
  local followed = {}
  for i, id in ipairs(ids) do followed[i] = { id = id } end
  local ok, failure = pcall(follow_all, context, followed, {
    watch = more.watch, wait = { timeout = args.timeout, cancel = args.cancel_on_timeout },
  })
  if not ok and interrupts.is_interrupt(failure) then follow.interrupted(context, followed, args, failure) end
  if not ok then error(failure, 0) end
  report(context, followed, more.started, more.several or ids[2] ~= nil)
  local code = exits.OK
  for _, one in ipairs(followed) do code = exits.worse(code, code_of(one, more.started)) end
  return code
end

-- }====

return follow
