-- SPDX-License-Identifier: Apache-2.0
-- What people do with a delivery: have it tried again, or drop it.

local History = require "cdfworkflow.queue.spool.history"
local check = require "cdfworkflow.check"
local delivery_file = require "cdfworkflow.queue.spool.file"
local steps = require "cdfworkflow.queue.spool.steps"
local tally = require "cdfworkflow.queue.spool.tally"

local changes = {}

--- Does something with a delivery while nobody else can.
local function with_log(self, id, fn)
  local name = delivery_file.name(id)
  local log, message = steps.lock_log(self, name)
  if log == false then
    return check.invalid("id", ("the delivery %s is being started just now"):format(id), "one that nobody is starting")
  end
  if not log then return steps.trouble(self, "cannot change a delivery", message) end
  local text
  text, message = log:read(History.MOST)
  local done
  if text then done, message = fn(self, name, log, History.read(text)) end
  if text == "" and not done then self.log:remove(name) end -- made just now, for the lock
  log:close()
  if message then return steps.trouble(self, "cannot change a delivery", message) end
  return done or nil
end

local function retry(self, name, log)
  local size, message = self.refused:size(name)
  if not size then return nil, message end
  local ok
  ok, message = steps.note(self, log, { what = "retried" }, true)
  if ok then ok, message = self.refused:move(name, self.waiting) end
  if ok then ok, message = self.waiting:sync() end
  if not ok then return nil, message end
  tally.add(self.root, { waiting = 1, refused = -1 })
  return true
end

function changes.retry(self, id) return with_log(self, id, retry) end

--- The log stays, if anything was ever begun: who puts the id again must look for that.
local function drop_from(self, state, name, log, history)
  local size, message = self[state]:size(name)
  if not size then return nil, message end
  local ok
  ok, message = steps.note(self, log, { what = "dropped" }, true)
  if ok then ok, message = self[state]:remove(name) end
  if ok == nil then return nil, message end
  tally.add(self.root, { [state] = -1, bytes = -size })
  if history.attempts == 0 then self.log:remove(name) end
  return true
end

local function drop(self, name, log, history)
  if history:ends_with "started" then return nil end
  local dropped, message = drop_from(self, "waiting", name, log, history)
  if dropped or message then return dropped, message end
  return drop_from(self, "refused", name, log, history)
end

function changes.drop(self, id) return with_log(self, id, drop) end

return changes
