-- SPDX-License-Identifier: Apache-2.0
-- The order of `pairs` differs from run to run; what is written or told must not.

--- The keys of a table, in their order.
---@param t table<string, any>|table<integer, any>
---@return (string|integer)[]
return function(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end
