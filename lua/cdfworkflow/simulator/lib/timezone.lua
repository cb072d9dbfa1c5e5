-- SPDX-License-Identifier: Apache-2.0
-- Time zones by IANA name: reads the system's TZif files (RFC 8536: 64-bit data and the footer's POSIX rule for times
-- after the last recorded change) and answers which offset holds when. All times here are seconds since the epoch.

local timezone = {}

local floor = math.floor
local DAY = 86400

---------------------------------------------------------------------------------------------------------------------
-- The calendar: days since 1970-01-01 and back, in the proleptic Gregorian calendar
---------------------------------------------------------------------------------------------------------------------

--- Days from 1970-01-01 to the given date. Years are counted from March, so that the leap day comes last.
---@param year integer
---@param month integer 1 to 12
---@param day integer
---@return integer
function timezone.days(year, month, day)
  local y = month > 2 and year or year - 1
  local era = floor(y / 400)
  local year_of_era = y - era * 400
  local day_of_year = floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * 146097 + year_of_era * 365 + floor(year_of_era / 4) - floor(year_of_era / 100) + day_of_year - 719468
end

--- The date of a day counted from 1970-01-01.
---@param days integer
---@return integer year, integer month, integer day
function timezone.date(days)
  local z = days + 719468
  local era = floor(z / 146097)
  local d = z - era * 146097
  local year_of_era = floor((d - floor(d / 1460) + floor(d / 36524) - floor(d / 146096)) / 365)
  local day_of_year = d - (365 * year_of_era + floor(year_of_era / 4) - floor(year_of_era / 100))
  local m = floor((5 * day_of_year + 2) / 153)
  local month = m < 10 and m + 3 or m - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return year, month, day_of_year - floor((153 * m + 2) / 5) + 1
end

---@param year integer
---@param month integer
---@return integer
function timezone.days_in_month(year, month)
  if month == 12 then return 31 end
  return timezone.days(year, month + 1, 1) - timezone.days(year, month, 1)
end

---------------------------------------------------------------------------------------------------------------------
-- The POSIX rule, such as CET-1CEST,M3.5.0,M10.5.0/3
---------------------------------------------------------------------------------------------------------------------

---@return integer|nil seconds, string|nil rest
local function read_time(text)
  local sign, rest = text:match("^([+-]?)(.*)$")
  local hours, tail = rest:match("^(%d+)(.*)$")
  if not hours then return nil end
  local minutes, seconds = 0, 0
  local m, after_minutes = tail:match("^:(%d%d)(.*)$")
  if m then
    minutes, tail = tonumber(m), after_minutes
    local s, after_seconds = tail:match("^:(%d%d)(.*)$")
    if s then seconds, tail = tonumber(s), after_seconds end
  end
  local total = tonumber(hours) * 3600 + minutes * 60 + seconds
  return sign == "-" and -total or total, tail
end

local function read_name(text)
  local rest = text:match("^%a%a%a+(.*)$") or text:match("^<[%w+-]+>(.*)$")
  return rest
end

-- Each reader of a day of change gives a function from year to that day.
local function month_rule(text)
  local month, week, weekday = text:match("^M(%d+)%.(%d)%.(%d)$")
  if not month then return nil end
  month, week, weekday = tonumber(month), tonumber(week), tonumber(weekday)
  if month < 1 or month > 12 or week < 1 or week > 5 or weekday > 6 then return nil end
  return function(year)
    local first = timezone.days(year, month, 1)
    local day = first + (weekday - (first + 4)) % 7 + (week - 1) * 7
    if day >= first + timezone.days_in_month(year, month) then day = day - 7 end
    return day
  end
end

local function julian_rule(text)
  local n = tonumber(text:match("^J(%d+)$"))
  if not n or n < 1 or n > 365 then return nil end
  return function(year)
    local leap = timezone.days_in_month(year, 2) == 29
    return timezone.days(year, 1, 1) + n - 1 + (leap and n >= 60 and 1 or 0)
  end
end

local function day_rule(text)
  local n = tonumber(text:match("^(%d+)$"))
  if not n or n > 365 then return nil end
  return function(year) return timezone.days(year, 1, 1) + n end
end

---@return { day: fun(year: integer): integer, time: integer }|nil
local function read_change(text)
  local date, time = text:match("^([^/]+)/?(.*)$")
  if not date then return nil end
  local day = month_rule(date) or julian_rule(date) or day_rule(date)
  local seconds, rest = 2 * 3600, ""
  if time ~= "" then seconds, rest = read_time(time) end
  if not day or not seconds or rest ~= "" then return nil end
  return { day = day, time = seconds }
end

---@param text string
---@return table|nil rule `{ standard=, summer=, starts=, ends= }`, offsets in seconds east of UTC
local function read_rule(text)
  local rest = read_name(text)
  local west
  if rest then west, rest = read_time(rest) end
  if not west then return nil end
  local rule = { standard = -west }
  if rest == "" then return rule end

  rest = read_name(rest)
  if not rest then return nil end
  rule.summer = rule.standard + 3600
  if not rest:find("^,") then
    west, rest = read_time(rest)
    if not west then return nil end
    rule.summer = -west
  end
  local starts, ends = rest:match("^,([^,]+),([^,]+)$")
  rule.starts = starts and read_change(starts)
  rule.ends = ends and read_change(ends)
  if not rule.starts or not rule.ends then return nil end
  return rule
end

-- The changes of one year, in no particular order: when, and the offset from then on.
local function add_changes(changes, rule, year)
  local ends = rule.ends.day(year) * DAY + rule.ends.time - rule.summer
  local starts = rule.starts.day(year) * DAY + rule.starts.time - rule.standard
  changes[#changes + 1] = { at = ends, offset = rule.standard, order = 1 }
  changes[#changes + 1] = { at = starts, offset = rule.summer, order = 2 }
end

-- Where summer lasts all year, one ends at the very moment at which the next begins.
local function earlier(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.order < b.order
end

---@return integer offset, number ends
local function rule_offset(rule, t)
  if not rule.summer then return rule.standard, math.huge end
  local year = timezone.date(floor(t / DAY))
  local changes = {}
  for y = year - 1, year + 1 do add_changes(changes, rule, y) end
  table.sort(changes, earlier)
  local offset
  for _, change in ipairs(changes) do
    if change.at > t and offset then return offset, change.at end
    offset = change.offset
  end
  return offset, math.huge
end

---------------------------------------------------------------------------------------------------------------------
-- TZif
---------------------------------------------------------------------------------------------------------------------

local function unsigned32(data, at)
  local a, b, c, d = data:byte(at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function signed32(data, at)
  local n = unsigned32(data, at)
  return n < 2147483648 and n or n - 4294967296
end

local function signed64(data, at)
  return signed32(data, at) * 4294967296 + unsigned32(data, at + 4)
end

---@return table|nil header the counts, the first byte after the header, and the size of the block that follows
local function read_header(data, at, width)
  if data:sub(at, at + 3) ~= "TZif" or #data < at + 43 then return nil end
  local header = { version = data:sub(at + 4, at + 4), body = at + 44 }
  for i, name in ipairs { "isut", "isstd", "leap", "time", "type", "char" } do
    header[name] = unsigned32(data, at + 16 + 4 * i)
  end
  header.size = header.time * (width + 1) + header.type * 6 + header.char + header.leap * (width + 4)
    + header.isstd + header.isut
  return header
end

-- Where to find the second, 64-bit block of a file.
local function find_block(data)
  local first = read_header(data, 1, 4)
  if not first then return nil, "is not a time zone file" end
  if first.version < "2" then return nil, "is a time zone file of the old 32-bit kind" end
  local block = read_header(data, first.body + first.size, 8)
  if not block or #data < block.body + block.size + 1 or block.type == 0 then return nil, "is cut short" end
  if block.leap > 0 then return nil, "counts leap seconds" end
  return block
end

local Zone = {}
Zone.__index = Zone

--- Reads the content of a TZif file.
---@param data string
---@return table|nil zone, string|nil message
function timezone.parse(data)
  local block, message = find_block(data)
  if not block then return nil, message end
  local zone = setmetatable({ times = {}, offsets = {} }, Zone)
  local kinds = block.body + block.time * 8
  local types = kinds + block.time
  for i = 1, block.time do
    local kind = data:byte(kinds + i - 1)
    if kind >= block.type then return nil, "is damaged" end
    zone.times[i] = signed64(data, block.body + (i - 1) * 8)
    zone.offsets[i] = signed32(data, types + kind * 6)
  end
  zone.first = signed32(data, types)
  local footer = data:match("^\n([^\n]*)\n", block.body + block.size)
  if not footer then return nil, "is cut short" end
  if footer ~= "" then
    zone.rule = read_rule(footer)
    if not zone.rule then return nil, "holds a rule that cannot be read: " .. footer end
  end
  return zone
end

--- How many recorded changes are not later than t.
local function count_until(times, t)
  local low, high = 0, #times
  while low < high do
    local middle = floor((low + high + 1) / 2)
    if times[middle] <= t then low = middle else high = middle - 1 end
  end
  return low
end

--- The offset that holds at a moment, and the moment from which another one may hold.
---@param t number seconds since the epoch
---@return integer offset seconds east of UTC
---@return number ends `math.huge` when there is no further change
function Zone:offset(t)
  local n = count_until(self.times, t)
  if n == #self.times and self.rule then return rule_offset(self.rule, t) end
  return n == 0 and self.first or self.offsets[n], self.times[n + 1] or math.huge
end

--- The first moment at which clocks in the zone show a time. A time that is jumped over in spring gives the moment of
--- the jump.
---@param wall number the shown time, counted as if it were UTC
---@return number t
function Zone:moment(wall)
  local t = wall - 2 * DAY
  while true do
    local offset, ends = self:offset(t)
    if wall - offset < ends then
      return math.max(wall - offset, t)
    end
    t = ends
  end
end

---------------------------------------------------------------------------------------------------------------------
-- By name
---------------------------------------------------------------------------------------------------------------------

local UTC = setmetatable({ times = {}, offsets = {}, first = 0 }, Zone)
local FOLDERS = { "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo" }

local loaded = {}

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local data = file:read("*a")
  file:close()
  return data
end

local function read_zone(name)
  local folder = os.getenv("TZDIR")
  for _, place in ipairs(folder and { folder } or FOLDERS) do
    local data = read_file(place .. "/" .. name)
    if data then
      local zone, message = timezone.parse(data)
      if not zone then return nil, ("time zone %s: its file %s"):format(name, message) end
      return zone
    end
  end
  return nil, ("unknown time zone %s (an IANA name such as Europe/Oslo is needed, and the system's zoneinfo)")
    :format(name)
end

--- The zone of an IANA name. `UTC` needs no file. The folder is `TZDIR`, or the system's.
---@param name string
---@return table|nil zone, string|nil message
function timezone.load(name)
  if name == "UTC" or name == "Etc/UTC" then return UTC end
  if type(name) ~= "string" or not name:find("^%u[%w_+/-]*$") or name:find("//", 1, true) then
    return nil, "a time zone is an IANA name such as Europe/Oslo"
  end
  if not loaded[name] then
    local zone, message = read_zone(name)
    if not zone then return nil, message end
    loaded[name] = zone
  end
  return loaded[name]
end

return timezone
