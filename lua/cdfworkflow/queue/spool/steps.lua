-- SPDX-License-Identifier: Apache-2.0
-- What the parts of a spool have in common: an error's words, a delivery's log, and its two ways out of the line.

local History = require "cdfworkflow.queue.spool.history"
local core = require "cdfworkflow.core"
local moment = require "cdfworkflow.queue.spool.moment"
local tally = require "cdfworkflow.queue.spool.tally"

local steps = {}

function steps.trouble(self, what, message)
  return nil, core.error {
    kind = "transport", retryable = true, message = ("the queue in %s: %s: %s"):format(self.path, what, message),
  }
end

function steps.read_log(self, name)
  local text, message = self.log:read(name, History.MOST)
  if text == nil then return nil, message end
  return History.read(text or ""), text or ""
end

--- The log of a delivery, so that nobody else changes anything about it. `false`: somebody does.
function steps.lock_log(self, name) return self.log:lock(name, true, false) end

--- Adds a line. `sync`: it is on the disk when this returns.
function steps.note(self, log, event, sync)
  local now = moment.new(self.clock)
  event.time, event.up, event.boot = now.time, now.up, now.boot
  local before, message = log:read(History.MOST)
  local ok = before
  if ok then ok, message = log:append(History.line(event, before), sync) end
  if ok and sync and before == "" then ok, message = self.log:sync() end
  return ok and true or nil, message
end

--- Whatever was lost before the last step is made up for by whoever claims the delivery next.
function steps.remove(self, name, size)
  local removed, message = self.waiting:remove(name)
  if removed then tally.add(self.root, { waiting = -1, bytes = -size }) end
  return removed ~= nil and true or nil, message
end

function steps.set_apart(self, name)
  local moved, message = self.waiting:move(name, self.refused)
  if moved then tally.add(self.root, { waiting = -1, refused = 1 }) end
  return moved ~= nil and true or nil, message
end

return steps
