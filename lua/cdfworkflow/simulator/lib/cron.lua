-- SPDX-License-Identifier: Apache-2.0
-- Cron expressions of five UNIX fields in a time zone: reads them, and tells when they fire next. Jumps from day to day
-- and month to month, never minute by minute. No clock inside.

local timezone = require "cdfworkflow.simulator.lib.timezone"

local cron = {}

local floor = math.floor

---------------------------------------------------------------------------------------------------------------------
-- Reading
---------------------------------------------------------------------------------------------------------------------

local function names(list, first)
  local numbers, n = {}, first
  for name in list:gmatch("%a+") do
    numbers[name], n = n, n + 1
  end
  return numbers
end

local FIELDS = {
  { name = "minute", low = 0, high = 59, names = {} },
  { name = "hour", low = 0, high = 23, names = {} },
  { name = "day of month", low = 1, high = 31, names = {} },
  { name = "month", low = 1, high = 12, names = names("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1) },
  { name = "day of week", low = 0, high = 7, names = names("SUN MON TUE WED THU FRI SAT", 0) },
}

local function read_number(field, text)
  local n = text:find("^%d%d?%d?$") and tonumber(text) or field.names[text:upper()]
  if not n then return nil, ("%q is not a %s"):format(text, field.name) end
  if n < field.low or n > field.high then
    return nil, ("%s %s is not in %d to %d"):format(field.name, text, field.low, field.high)
  end
  return n
end

---@return integer|nil from, integer|string to_or_message
local function read_range(field, text)
  if text == "*" then return field.low, field.high end
  local left, right = text:match("^([^-]*)%-([^-]*)$")
  local from, message = read_number(field, left or text)
  if not from then return nil, message end
  if not left then return from, from end
  local to
  to, message = read_number(field, right)
  if not to then return nil, message end
  if to == 0 and right:upper() == "SUN" then to = 7 end
  if to < from then return nil, ("%s %s runs backwards"):format(field.name, text) end
  return from, to
end

-- One element of a list: a number, a range, `*`, and the last two with a step.
local function read_item(field, text, set)
  local range, step = text:match("^([^/]*)/([^/]*)$")
  local from, to = read_range(field, range or text)
  if not from then return nil, to end
  if step and (not step:find("^%d%d?$") or tonumber(step) == 0) then
    return nil, ("%s: the step %q is not a number from 1 to 99"):format(field.name, step)
  end
  if step and range ~= "*" and not range:find("-", 1, true) then
    return nil, ("%s %s: a step needs a range or *"):format(field.name, text)
  end
  for n = from, to, tonumber(step or 1) do set[n] = true end
  return true
end

---@return table|nil set, string|nil message
local function read_field(field, text)
  local set = {}
  for item in (text .. ","):gmatch("([^,]*),") do
    local ok, message = read_item(field, item, set)
    if not ok then return nil, message end
  end
  if field.high == 7 and set[7] then set[0], set[7] = true, nil end
  return set
end

local function sorted(set)
  local list = {}
  for n in pairs(set) do list[#list + 1] = n end
  table.sort(list)
  return list
end

local function split(text)
  local words = {}
  for word in text:gmatch("%S+") do words[#words + 1] = word end
  return words
end

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

---Reads a cron expression: five fields (minute, hour, day of month, month, day of week), each a list of numbers, ranges
---and `*`, with steps; months and days of the week also by their English names of three letters; 7 is Sunday too.
---@param expression string
---@param zone_name string|nil an IANA name; UTC when nil
---@return cdfworkflow.simulator.Schedule|nil schedule, string|nil message
function cron.parse(expression, zone_name)
  if type(expression) ~= "string" then return nil, "a cron expression is text" end
  local words = split(expression)
  if #words ~= 5 then
    return nil, ("a cron expression has five fields, this one has %d: %q"):format(#words, expression)
  end
  local sets = {}
  for i, field in ipairs(FIELDS) do
    local set, message = read_field(field, words[i])
    if not set then return nil, message end
    sets[i] = set
  end
  local zone, message = timezone.load(zone_name or "UTC")
  if not zone then return nil, message end

  local schedule = {
    expression = expression, timezone = zone_name or "UTC", zone = zone,
    minutes = sorted(sets[1]), hours = sorted(sets[2]),
    days = sets[3], months = sets[4], weekdays = sets[5],
    either = not (words[3]:find("^%*") or words[5]:find("^%*")),
    every_hour = #sorted(sets[2]) == 24,
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

---When a schedule fires next.
---@param schedule cdfworkflow.simulator.Schedule
---@param after_ms number milliseconds since the epoch
---@return number ms later than `after_ms`
function cron.next(schedule, after_ms)
  local after = floor(after_ms / 1000)
  local moment = schedule.every_hour and next_by_time(schedule, after) or next_by_wall(schedule, after)
  return floor(moment * 1000)
end

return cron
