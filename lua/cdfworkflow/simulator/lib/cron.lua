-- SPDX-License-Identifier: Apache-2.0
-- Cron expressions of five UNIX fields in a time zone: tells when they fire next. Jumps from day to day and month to
-- month, never minute by minute. No clock inside.

local reader = require "cdfworkflow.cron"
local sorted_keys = require "cdfworkflow.sorted_keys"
local timezone = require "cdfworkflow.simulator.lib.timezone"

local cron = {}

local floor = math.floor

---------------------------------------------------------------------------------------------------------------------
-- The calendar of a schedule
---------------------------------------------------------------------------------------------------------------------

-- Where both kinds of day are restricted either is enough; a field that begins with * restricts only beside the other.
local function day_matches(schedule, day, days)
  local by_month = schedule.days[day]
  local by_week = schedule.weekdays[(days + 4) % 7]
  if schedule.either then return by_month or by_week end
  return by_month and by_week
end

-- The calendar repeats after 400 years: what does not come up in them never does.
local LONGEST_SEARCH = 400 * 12

-- The first matching day not before the given one, both counted from 1970-01-01.
local function next_day(schedule, days)
  local year, month, day = timezone.date(days)
  for _ = 0, LONGEST_SEARCH do
    if schedule.months[month] then
      local first = timezone.days(year, month, 1)
      for d = day, timezone.days_in_month(year, month) do
        if day_matches(schedule, d, first + d - 1) then return first + d - 1 end
      end
    end
    day, month = 1, month + 1
    if month > 12 then year, month = year + 1, 1 end
  end
  return nil
end

local function at_least(list, n)
  for _, value in ipairs(list) do
    if value >= n then return value end
  end
  return nil
end

-- The first matching time of day, in minutes, not before the given one.
local function next_minute(schedule, minute_of_day)
  local hour = floor(minute_of_day / 60)
  local minute = at_least(schedule.minutes, minute_of_day % 60)
  local found = at_least(schedule.hours, minute and hour or hour + 1)
  if not found then return nil end
  if found > hour then minute = schedule.minutes[1] end
  return found * 60 + minute
end

-- The first matching time on the clock's face not before the given one, counted as if it were UTC.
local function next_wall(schedule, wall)
  local minutes = -floor(-wall / 60)
  local days = floor(minutes / 1440)
  local day = next_day(schedule, days)
  if day == days then
    local minute = next_minute(schedule, minutes % 1440)
    if minute then return (day * 1440 + minute) * 60 end
    day = next_day(schedule, days + 1)
  end
  return (day * 1440 + next_minute(schedule, 0)) * 60
end

---------------------------------------------------------------------------------------------------------------------
-- Public
---------------------------------------------------------------------------------------------------------------------

---@class cdfworkflow.simulator.Schedule
---@field expression string
---@field timezone string

--- Reads a cron expression, see `cdfworkflow.cron`, and a time zone.
---@param expression string
---@param zone_name string|nil an IANA name; UTC when nil
---@return cdfworkflow.simulator.Schedule|nil schedule, string|nil message
function cron.parse(expression, zone_name)
  local fields, message = reader.read(expression)
  if not fields then return nil, message end
  local zone
  zone, message = timezone.load(zone_name or "UTC")
  if not zone then return nil, message end

  local schedule = {
    expression = expression, timezone = zone_name or "UTC", zone = zone,
    minutes = sorted_keys(fields.minutes), hours = sorted_keys(fields.hours),
    days = fields.days, months = fields.months, weekdays = fields.weekdays,
    either = fields.either,
    every_hour = #sorted_keys(fields.hours) == 24,
  }
  if not next_day(schedule, 0) then
    return nil, ("the date of %q does not exist in any year"):format(expression)
  end
  return schedule
end

-- A schedule that runs in every hour follows the passing of time: it fires in both of two hours that bear one name, and
-- has nothing to make up for when an hour is left out.
local function next_by_time(schedule, after)
  local t = (floor(after / 60) + 1) * 60
  while true do
    local offset, ends = schedule.zone:offset(t)
    local moment = next_wall(schedule, t + offset) - offset
    if moment < ends then return moment end
    t = ends
  end
end

-- Any other schedule follows the clock on the wall: a time that comes twice fires once, the first time; a time that is
-- left out fires at the end of the gap.
local function next_by_wall(schedule, after)
  local wall = after + schedule.zone:offset(after)
  while true do
    wall = next_wall(schedule, wall)
    local moment = schedule.zone:moment(wall)
    if moment > after then return moment end
    wall = wall + 60
  end
end

--- When a schedule fires next.
---@param schedule cdfworkflow.simulator.Schedule
---@param after_ms number milliseconds since the epoch
---@return number ms later than `after_ms`
function cron.next(schedule, after_ms)
  local after = floor(after_ms / 1000)
  local moment = schedule.every_hour and next_by_time(schedule, after) or next_by_wall(schedule, after)
  return floor(moment * 1000)
end

return cron
