-- SPDX-License-Identifier: Apache-2.0
-- How deep JSON may be that is taken in: what the API shows it in, and what the state is kept in, adds some levels, and
-- core.encode writes 128.

local depth = {}

--- Levels of objects and arrays.
depth.MOST = 100

local function is_deeper(value, levels)
  if type(value) ~= "table" then
    return false
  elseif levels == 0 then
    return true
  end
  for _, member in pairs(value) do
    if is_deeper(member, levels - 1) then
      return true
    end
  end
  return false
end

---@param value any JSON
---@return boolean
function depth.is_too_deep(value)
  return is_deeper(value, depth.MOST)
end

return depth
