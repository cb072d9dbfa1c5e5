-- SPDX-License-Identifier: Apache-2.0
-- The Date of an answer (RFC 9110, section 5.6.7), in English whatever the locale of the process.

local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

---@param ms number milliseconds since the epoch
---@return string
return function(ms)
  local t = os.date("!*t", math.floor(ms / 1000))
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[t.wday], t.day, MONTHS[t.month], t.year, t.hour, t.min,
    t.sec)
end
