-- SPDX-License-Identifier: Apache-2.0
-- Reads cron expressions: five UNIX fields (CDF.md section 8). Shared by the client, which checks before it sends, and
-- the embedded CDF, which also knows when they fire (`simulator/lib/cron.lua`).

local cron = {}

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

--- One element of a list: a number, a range, `*`, and the last two with a step.
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

local function split(text)
  local words = {}
  for word in text:gmatch("%S+") do words[#words + 1] = word end
  return words
end

---@class cdfworkflow.Cron what fires, each a set of numbers; Sunday is 0
---@field minutes table<integer, true>
---@field hours table<integer, true>
---@field days table<integer, true>
---@field months table<integer, true>
---@field weekdays table<integer, true>
---@field either boolean a day of the month or one of the week is enough, since both are restricted

--- Reads a cron expression: five fields (minute, hour, day of month, month, day of week), each a list of numbers,
--- ranges and `*`, with steps; months and days of the week also by their English names of three letters; 7 is Sunday
--- too.
---@param expression string
---@return cdfworkflow.Cron|nil fields, string|nil message
function cron.read(expression)
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
  return {
    minutes = sets[1], hours = sets[2], days = sets[3], months = sets[4], weekdays = sets[5],
    either = not (words[3]:find("^%*") or words[5]:find("^%*")),
  }
end

return cron
