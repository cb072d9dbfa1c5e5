-- SPDX-License-Identifier: Apache-2.0
-- When the next attempt may be made, and what the end of one means. While CDF is down all deliveries are held back
-- together, and one is sent to find out, ever more seldom. Pure: the time comes in.

---@class cdfworkflow.queue.Pace
---@field failures integer in a row
---@field held_until? number on the clock that is handed in; nil: CDF is not known to be down
---@field round integer grows with each hold, so that attempts from before it do not make it longer
---@field probing boolean one is under way that will show whether CDF is back
---@field err? cdfworkflow.Error why it is held
local Pace = {}
Pace.__index = Pace

local FIRST, LONGEST = 10, 600 -- seconds

---@return cdfworkflow.queue.Pace
function Pace.new() return setmetatable({ failures = 0, round = 0, probing = false }, Pace) end

local WAITS = { throttled = true, transport = true, timeout = true, auth = true, tls = true, protocol = true,
  cancelled = true }

--- What an attempt's error means for its delivery.
---@param err cdfworkflow.Error
---@return "waits"|"doubt"|"refused"
function Pace.meaning(err)
  if err.kind == "ambiguous" then return "doubt" end
  local is_passing = WAITS[err.kind] or err.kind == "api" and (err.retryable or (err.status or 500) >= 500)
  return is_passing and "waits" or "refused"
end

--- Permission for one attempt.
---@param now number
---@return integer|nil round to be handed back with what became of it; nil: not now
---@return number? seconds until it is worth asking again
---@return cdfworkflow.Error? err why all is held back
function Pace:take(now)
  if not self.held_until then return self.round end
  if self.probing then return nil, 1 end
  if now < self.held_until then return nil, self.held_until - now, self.err end
  self.probing = true
  return self.round
end

--- No attempt was made after all.
---@param round integer
function Pace:give_back(round)
  if round == self.round then self.probing = false end
end

--- What was under way was interrupted: nobody will hand it back.
function Pace:interrupted() self.probing = false end

--- CDF has answered.
---@param round integer
function Pace:up(round)
  if round ~= self.round then return end -- from before the hold
  self.failures, self.held_until, self.probing, self.err = 0, nil, false, nil
end

--- It has not, or asks to be left alone.
---@param round integer
---@param now number
---@param err cdfworkflow.Error
---@return number seconds for which everything is held back
function Pace:down(round, now, err)
  if round ~= self.round then return math.max((self.held_until or now) - now, 0) end
  local delay = math.min(FIRST * 2 ^ math.min(self.failures, 10), LONGEST)
  delay = math.min(delay * (1 + math.random() / 4), LONGEST) -- many hosts that lost CDF together spread
  self.failures, self.round, self.probing = self.failures + 1, self.round + 1, false
  self.held_until, self.err = now + delay, err
  return delay
end

return Pace
