-- SPDX-License-Identifier: Apache-2.0
-- Durations and moments as people write them on a command line, and moments as they read them.

local times = {}

local UNITS = { [""] = 1, s = 1, m = 60, h = 3600, d = 86400 }
local LONGEST = 36500 * 86400 -- seconds; what is longer is a slip, and a product of its would not fit into an integer

--- "90", "90s", "10m", "2h", "1d".
---@param text string
---@param most? number seconds
---@return number|nil seconds
---@return string|nil message
function times.duration(text, most)
  local number, unit = text:match "^(%d+%.?%d*)([smhd]?)$"
  if not number then
    return nil, ("'%s' is no duration: a number with s, m, h or d behind it, such as 90s or 10m"):format(text)
  end
  local count = tonumber(number)
  most = most or LONGEST
  if count <= most / UNITS[unit] then return count * UNITS[unit] end
  return nil, ("'%s' is longer than %d days"):format(text, most / 86400)
end

--- Days from 1970-01-01 to a day of the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return 365 * year + leaps + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

local function is_date(year, month, day)
  if month < 1 or month > 12 or day < 1 then return false end
  local following = month == 12 and days(year + 1, 1, 1) or days(year, month + 1, 1)
  return days(year, month, day) < following
end

--- Seconds by which a zone's clocks are ahead of UTC.
local function zone_offset(zone)
  if zone == "Z" or zone == "z" then return 0 end
  local sign, hours, minutes = zone:match "^([+-])(%d%d):(%d%d)$"
  if not sign then return nil end
  return (sign == "-" and -1 or 1) * (tonumber(hours) * 3600 + tonumber(minutes) * 60)
end

--- Seconds from midnight UTC for the second half of RFC 3339 text, such as "T06:00:00.5+01:00".
local function time_of_day(text)
  local hour, minute, second, zone = text:match "^[Tt ](%d%d):(%d%d):(%d%d%.?%d*)([Zz+-].*)$"
  local offset = zone and zone_offset(zone)
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if not offset or hour > 23 or minute > 59 or second >= 61 then return nil end
  return hour * 3600 + minute * 60 + second - offset
end

--- Seconds since the epoch of RFC 3339 text, or of a date, which begins at midnight UTC.
local function absolute(text)
  local year, month, day = text:match "^(%d%d%d%d)-(%d%d)-(%d%d)"
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not year or not is_date(year, month, day) then return nil end
  local seconds = #text == 10 and 0 or time_of_day(text:sub(11))
  return seconds and days(year, month, day) * 86400 + seconds
end

--- A moment: RFC 3339, a date, or a duration, which counts back from now.
---@param text string
---@param now number seconds since the epoch
---@return integer|nil milliseconds since the epoch
---@return string|nil message
function times.moment(text, now)
  local ago = times.duration(text)
  local seconds = ago and now - ago or absolute(text)
  if seconds and seconds < 0 then return nil, ("'%s' is before 1970"):format(text) end
  if seconds then return math.floor(seconds * 1000) end
  return nil, ("'%s' is no time: RFC 3339 such as 2026-11-24T06:00:00Z, a date, or a duration such as 1d"):format(text)
end

--- A moment as it is shown: UTC, to the second.
---@param milliseconds number|nil since the epoch
---@return string
function times.shown(milliseconds)
  if type(milliseconds) ~= "number" then return "-" end
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(milliseconds / 1000)) --[[@as string]]
end

return times
