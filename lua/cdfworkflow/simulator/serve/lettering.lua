-- SPDX-License-Identifier: Apache-2.0
-- How wide a text will be, about: SVG does not break lines, and which font a reader's system has is not known here. A
-- wide one is assumed.

local lettering = {}

-- In ems, by the first byte of a character; bold.
local NARROW, SMALL, WIDE, FULL = 0.4, 0.68, 0.8, 1.05
local WIDTHS = {}
for byte = 0, 255 do
  local letter = string.char(byte)
  if letter:find "[ijlft.,:;'|!()%[%]{}` r-]" then
    WIDTHS[byte] = NARROW
  elseif letter:find "[mwMW@%%]" or byte >= 0xE1 then -- from U+1000 on most are as wide as they are high
    WIDTHS[byte] = FULL
  else
    WIDTHS[byte] = letter:find "[A-Z=+<>~#&]" and WIDE or SMALL
  end
end

---@param text string UTF-8
---@return number # in ems
function lettering.width(text)
  local sum = 0
  for first in text:gmatch "[^\128-\191]" do sum = sum + WIDTHS[first:byte()] end
  return sum
end

--- As much of a text as fits, with an ellipsis in the place of the rest.
---@param text string UTF-8
---@param room number in ems
---@return string
function lettering.fit(text, room)
  if lettering.width(text) <= room then return text end
  local sum, stop = FULL, 0 -- the ellipsis
  for first, behind in text:gmatch "([^\128-\191])[\128-\191]*()" do
    sum = sum + WIDTHS[first:byte()]
    if sum > room then break end
    stop = behind - 1
  end
  return text:sub(1, stop) .. "…"
end

return lettering
