-- SPDX-License-Identifier: Apache-2.0
-- Draining a queue from the command line: what is told, what a signal means meanwhile, and how it ends.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
local interrupts = require "cdfworkflow.program.interrupts"

---@class cdfworkflow.program.Draining
---@field out cdfworkflow.program.Output
---@field under_way table<string, boolean> ids of the deliveries that CDF may be starting
---@field executions cdfworkflow.Execution[] for the form "json", which is one document
---@field refused integer
local Draining = {}
Draining.__index = Draining

--- While an attempt is under way a signal waits for its end.
local function hold(self)
  if next(self.under_way) == nil then return interrupts.release() end
  interrupts.hold(function(message) self.out:say(message) end)
end

local on = {}

function on.begun(self, event)
  self.under_way[event.delivery.id] = true
  hold(self)
end

function on.started(self, event)
  local execution = event.execution
  if self.out.form == "json" then
    self.executions[#self.executions + 1] = execution
  else
    self.out:resource(execution, execution.id, event.delivery.id .. " " .. execution.id)
  end
end

function on.refused(self, event)
  self.refused = self.refused + 1
  self.out:say(("%s was refused, and is kept apart: %s"):format(event.delivery.id, event.err.message))
end

function on.failed(self, event)
  local which = event.delivery and event.delivery.id .. ": " or ""
  self.out:note(("%s%s; nothing is tried for %.0f s"):format(which, event.err.message, event.wait))
end

function on.store(self, event) self.out:say(event.err.message) end

local function listen(self)
  return function(event)
    if event.type ~= "begun" and event.delivery then
      self.under_way[event.delivery.id] = nil
      hold(self)
    end
    on[event.type](self, event)
  end
end

local function interrupted(self, failure)
  local ids = {}
  for id in pairs(self.under_way) do ids[#ids + 1] = id end
  table.sort(ids)
  if ids[1] then
    self.out:say(("interrupted; whether %s was started is found out by the next drain, in 90 s"):format(
      table.concat(ids, ", ")))
  end
  error(failure, 0)
end

--- The settings for which there is one line each.
local function options_of(self, args)
  return {
    concurrency = args.concurrency, follow = args.follow, max_running = args.max_running,
    max_running_per_workflow = args.max_running_per_workflow, on_event = listen(self),
    stop = function() return core.noted_signal() ~= nil end,
  }
end

local function code_of(self, err)
  local code = self.refused > 0 and exits.REFUSED or exits.OK
  if not err then return code end
  local more = err.kind == "ambiguous" and "; the next drain finds out whether it was started" or ""
  self.out:say(("what is left waits: %s%s"):format(err.message, more))
  return exits.worse(code, exits.of_error(err))
end

--- Drains the queue.
---@param context cdfworkflow.program.Context
---@param args table
---@param queue cdfworkflow.Queue
---@return integer code
function Draining.run(context, args, queue)
  local self = setmetatable({ out = context.out, under_way = {}, executions = {}, refused = 0 }, Draining)
  local ok, result, err = pcall(queue.drain, queue, options_of(self, args))
  interrupts.release()
  if self.out.form == "json" then
    self.out:list(self.executions, function(execution) return execution.id end, function() return {} end)
  end
  if not ok and interrupts.is_interrupt(result) then interrupted(self, result) end
  if not ok then error(result, 0) end
  interrupts.check()
  if result and result.others then self.out:note "another drain is at work on the rest" end
  return code_of(self, err)
end

return Draining
