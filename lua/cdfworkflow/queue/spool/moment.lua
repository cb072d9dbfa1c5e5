-- SPDX-License-Identifier: Apache-2.0
-- Moments that another process will read, maybe after the machine has started anew, or its clock was set. Within one
-- start of the machine the steady clock tells how long ago they were; beyond it, only the clock on the wall can.

local moment = {}

local DAY = 86400
local LONG_AGO = 92 * DAY -- CDF keeps executions for three months (CDF.md 5)

---@class cdfworkflow.queue.Moment
---@field time number seconds since the epoch, as the machine's clock stood
---@field up number on the steady clock
---@field boot? string

--- This moment.
---@param clock cdfworkflow.queue.Clock
---@return cdfworkflow.queue.Moment
function moment.new(clock) return { time = clock.time(), up = clock.now(), boot = clock.boot } end

--- Seconds since then, exactly; nil where that cannot be known.
---@param clock cdfworkflow.queue.Clock
---@param then_ cdfworkflow.queue.Moment
---@return number|nil
function moment.exactly(clock, then_)
  if not clock.boot or then_.boot ~= clock.boot then return nil end
  return math.max(clock.now() - then_.up, 0)
end

--- Seconds since then, or fewer.
---@param clock cdfworkflow.queue.Clock
---@param then_ cdfworkflow.queue.Moment
---@return number
function moment.at_least(clock, then_)
  return moment.exactly(clock, then_) or math.max(clock.time() - then_.time, 0)
end

--- Seconds since then, or more: a clock that was set in between, by up to a day, does no harm; and where it shows that
--- it was, all there is.
---@param clock cdfworkflow.queue.Clock
---@param then_ cdfworkflow.queue.Moment
---@return number
function moment.at_most(clock, then_)
  local exactly = moment.exactly(clock, then_)
  if exactly then return exactly end
  local seconds = clock.time() - then_.time
  return seconds < 0 and LONG_AGO or seconds + DAY
end

return moment
