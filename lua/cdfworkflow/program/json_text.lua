-- SPDX-License-Identifier: Apache-2.0
-- JSON text with its members in the order of their names, so that the same resource is the same text each time: it is
-- kept in Git, and compared.

local core = require "cdfworkflow.core"
local sorted_keys = require "cdfworkflow.sorted_keys"

local STEP = "  "

local add

--- `line` is the end of a line with the indent of what holds the members; nil: all on one line.
local function add_members(parts, holder, keys, line)
  local inner = line and line .. STEP
  for i, key in ipairs(keys) do
    parts[#parts + 1] = i > 1 and "," or nil
    parts[#parts + 1] = inner
    if type(key) == "string" then parts[#parts + 1] = core.encode(key) .. (line and ": " or ":") end
    add(parts, holder[key], inner)
  end
  parts[#parts + 1] = line
end

function add(parts, value, line)
  if type(value) ~= "table" or next(value) == nil then
    parts[#parts + 1] = assert(core.encode(value))
    return
  end
  local keys = sorted_keys(value)
  local is_list = type(keys[1]) == "number"
  parts[#parts + 1] = is_list and "[" or "{"
  add_members(parts, value, keys, line)
  parts[#parts + 1] = is_list and "]" or "}"
end

---@param value any what `core.decode` gives, or could give
---@param indented? boolean for reading; or else on one line
---@return string
return function(value, indented)
  local parts = {}
  add(parts, value, indented and "\n" or nil)
  return table.concat(parts)
end
