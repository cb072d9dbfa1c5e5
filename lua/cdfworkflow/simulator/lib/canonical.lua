-- SPDX-License-Identifier: Apache-2.0
-- A fixed text for a JSON value, whatever the order of its members, and a hash of a text. Used where a value stands in
-- a longer text, for the hash of a definition, and to tie a cursor to its list; nothing here is fit for secrets.

local core = require "cdfworkflow.core"
local sorted_keys = require "cdfworkflow.sorted_keys"

local canonical = {}

--- JSON with its members in order, so that it is the same text for equal values.
---@param value any a JSON value
---@return string
function canonical.text(value)
  if type(value) ~= "table" then return assert(core.encode(value)) end
  local parts = {}
  if #value > 0 or core.is_array(value) then
    for index, item in ipairs(value) do parts[index] = canonical.text(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for index, key in ipairs(sorted_keys(value)) do
    parts[index] = assert(core.encode(key)) .. ":" .. canonical.text(value[key])
  end
  return "{" .. table.concat(parts, ",") .. "}"
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
