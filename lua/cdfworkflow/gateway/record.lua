-- SPDX-License-Identifier: Apache-2.0
-- The one line that the log has for each delivery, and for what becomes of one that waited: a JSON object whose members
-- always stand in the same order. What a caller sent as body, or showed as secret, is never in it.

local core = require "cdfworkflow.core"

local ORDER = {
  "event", "status", "outcome", "workflow", "caller", "key", "execution", "delivery", "bytes", "seconds", "error",
}

--- The members that there are, in their order.
---@param members table<string, string|number>
---@return string
return function(members)
  local parts = {}
  for _, name in ipairs(ORDER) do
    local value = members[name]
    if value ~= nil then
      local text = type(value) == "number" and ("%.6g"):format(value) or core.encode(value) or '"?"'
      parts[#parts + 1] = ("%q:%s"):format(name, text)
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end
