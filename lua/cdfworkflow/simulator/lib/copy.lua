-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"

--- Copies JSON data, marked arrays as marked arrays.
---@param value any
---@return any
local function copy(value)
  if type(value) ~= "table" then return value end
  local result = core.is_array(value) and core.array {} or {}
  for name, member in pairs(value) do result[name] = copy(member) end
  return result
end

return copy
