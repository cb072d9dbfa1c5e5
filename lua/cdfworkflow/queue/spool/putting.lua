-- SPDX-License-Identifier: Apache-2.0
-- A delivery comes into the folder: whether it is known, whether there is room, and its file.

local contract = require "cdfworkflow.queue.contract"
local core = require "cdfworkflow.core"
local delivery_file = require "cdfworkflow.queue.spool.file"
local listing = require "cdfworkflow.queue.spool.listing"
local moment = require "cdfworkflow.queue.spool.moment"
local steps = require "cdfworkflow.queue.spool.steps"
local tally = require "cdfworkflow.queue.spool.tally"

local putting = {}

local FULL_AGAIN = 60 -- seconds until a queue that seems to be full is counted again

--- Forgets a delivery that was started long ago. `nil`: somebody is about it, or it cannot be done.
local function forget(self, name)
  local log, message = self.log:lock(name, false, false)
  if not log then return nil, message or "its log is locked" end
  local removed
  removed, message = self.log:remove(name)
  log:close()
  return removed, message
end

--- Whether a delivery is known by that name; nil: that cannot be known, and why.
local function is_known(self, name)
  for _, folder in ipairs { self.waiting, self.refused } do
    local size, message = folder:size(name)
    if size == nil then return nil, message end
    if size then return true end
  end
  local history, message = steps.read_log(self, name)
  if not history then return nil, message end
  if not history:ends_with "started" then return false end
  if moment.at_least(self.clock, history.last) < contract.REMEMBERED then return true end
  local forgotten
  forgotten, message = forget(self, name)
  if not forgotten then return nil, message end
  return false
end

--- The place in the order: later than whatever was put here before, also where the clock was set back a little.
local function place(self)
  self.latest = math.max(self.clock.time(), self.latest + 1e-6)
  return self.latest
end

--- The name of a file that is being written: no other process writes one of the same name at the same moment.
local function temporary(self, name)
  return ("%s.%.0f.%s"):format(name:sub(1, 150), self.clock.now() * 1e6, tostring({}):match "%w+$")
end

--- Writes the file, and gives it its name once it is whole. `false`: somebody else has put that name meanwhile.
local function write(self, name, text)
  local temp = temporary(self, name)
  local ok, message = self.new:write(temp, text, place(self))
  if not ok then return nil, message end
  ok, message = self.new:publish(temp, self.waiting, name)
  if not ok then
    self.new:remove(temp)
    return ok, message
  end
  ok, message = self.waiting:sync()
  if ok then return true end
  self.waiting:remove(name)
  return nil, message
end

local WHY_FULL = "the queue in %s is full: with this delivery it would hold %.0f %s, and %s is %.0f (%.0f wait, %.0f "
  .. "were refused: retry or drop them)"

local function full(self, count, limits)
  local limit, figure, noun = "max_entries", count.waiting + count.refused, "deliveries"
  if figure <= limits.max_entries then limit, figure, noun = "max_bytes", count.bytes, "bytes" end
  return nil, core.error {
    kind = "throttled", retryable = true, limit = limits[limit],
    message = WHY_FULL:format(self.path, figure, noun, limit, limits[limit], count.waiting, count.refused),
  }
end

--- Counts the new one, if there is room for it.
local function make_room(self, size, limits)
  local would_be
  local function fits(count)
    would_be = count
    return count.waiting + count.refused <= limits.max_entries and count.bytes <= limits.max_bytes
  end
  local done, message = tally.add(self.root, { waiting = 1, bytes = size }, fits)
  local now = self.clock.now()
  if done == false and now - (self.counted or -FULL_AGAIN) >= FULL_AGAIN then
    self.counted = now
    listing.count(self, 1)
    done, message = tally.add(self.root, { waiting = 1, bytes = size }, fits)
  end
  if done == false then return full(self, would_be, limits) end
  if not done then return steps.trouble(self, "cannot keep a delivery", message) end
  return true
end

function putting.put(self, delivery, limits)
  local name = delivery_file.name(delivery.id)
  local known, message = is_known(self, name)
  if known == nil then return steps.trouble(self, "cannot see whether the delivery is known", message) end
  if known then return false end
  local text = delivery_file.text(delivery, moment.new(self.clock))
  local done, err = make_room(self, #text, limits)
  if not done then return nil, err end
  done, message = write(self, name, text)
  if done then return true end
  tally.add(self.root, { waiting = -1, bytes = -#text })
  if done == false then return false end
  return steps.trouble(self, "cannot keep a delivery", message)
end

return putting
