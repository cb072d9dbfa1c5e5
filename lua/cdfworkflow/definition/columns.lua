-- SPDX-License-Identifier: Apache-2.0
-- How many columns of a terminal a text takes, and the part of it that fits. Knows of wide characters and of those
-- that take no column, not of every writing system's rules.

local columns = {}

--- First and last code points of characters that take two columns (East Asian, emoji).
local WIDE = {
  { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
  { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1faff }, { 0x20000, 0x3fffd },
}
--- Of those that take none: they combine with the one before, or are not seen.
local NARROW = {
  { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x0610, 0x061a }, { 0x064b, 0x065f },
  { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f },
}

local CHARACTER = "[%z\1-\127\192-\255][\128-\191]*"

local function is_in(ranges, point)
  for _, range in ipairs(ranges) do
    if point >= range[1] and point <= range[2] then return true end
  end
  return false
end

--- The code point of one UTF-8 character.
local function point_of(character)
  local first = character:byte()
  if first < 0xc0 then return first end
  local point = first % (first < 0xe0 and 0x20 or first < 0xf0 and 0x10 or 0x08)
  for i = 2, #character do point = point * 64 + character:byte(i) % 64 end
  return point
end

local function width_of(character)
  if #character < 2 then return 1 end
  local point = point_of(character)
  return is_in(NARROW, point) and 0 or is_in(WIDE, point) and 2 or 1
end

---@param text string UTF-8 without control characters
---@return integer
function columns.of(text)
  if not text:find "[\128-\255]" then return #text end
  local sum = 0
  for character in text:gmatch(CHARACTER) do sum = sum + width_of(character) end
  return sum
end

--- The beginning of the text that fits.
---@param text string
---@param room integer columns
---@return string
function columns.fit(text, room)
  local sum, last = 0, 0
  for character in text:gmatch(CHARACTER) do
    sum = sum + width_of(character)
    if sum > room then break end
    last = last + #character
  end
  return text:sub(1, last)
end

return columns
