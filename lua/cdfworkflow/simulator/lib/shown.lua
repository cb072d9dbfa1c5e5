-- SPDX-License-Identifier: Apache-2.0

--- A value in a sentence that refuses it.
---@param value any
---@return string
return function(value)
  if type(value) == "table" then return "a table" end
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end
