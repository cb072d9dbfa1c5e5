-- SPDX-License-Identifier: Apache-2.0
-- A fixed text for a JSON value, whatever the order of its members, and a hash of a text. Used for the hash of a
-- definition and to tie a cursor to the list that it belongs to; nothing here is fit for secrets.

local core = require "cdfworkflow.core"

local canonical = {}

local function write(value, parts)
  if type(value) ~= "table" then
    parts[#parts + 1] = assert(core.encode(value))
    return
  end
  local is_array = value[1] ~= nil or core.is_array(value)
  local names = {}
  for name in pairs(value) do
    names[#names + 1] = name
  end
  table.sort(names)
  parts[#parts + 1] = is_array and "[" or "{"
  for _, name in ipairs(names) do
    if not is_array then
      parts[#parts + 1] = assert(core.encode(name)) .. ":"
    end
    write(value[name], parts)
    parts[#parts + 1] = ","
  end
  parts[#parts + 1] = is_array and "]" or "}"
end

---@param value any a JSON value
---@return string # the same text for equal values
function canonical.text(value)
  local parts = {}
  write(value, parts)
  return table.concat(parts)
end

---@param text string
---@param digits integer a multiple of eight
---@return string # upper-case hexadecimal digits
function canonical.hash(text, digits)
  local parts = {}
  for lane = 1, math.floor(digits / 8) do
    local sum = 5381 * lane
    for position = 1, #text do
      sum = (sum * (31 + 2 * lane) + text:byte(position)) % 4294967291
    end
    parts[lane] = ("%04X%04X"):format(math.floor(sum / 65536), sum % 65536)
  end
  return table.concat(parts)
end

return canonical
