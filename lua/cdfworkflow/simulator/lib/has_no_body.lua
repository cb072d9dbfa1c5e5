-- SPDX-License-Identifier: Apache-2.0

--- Whether answers with this status end with their headers (RFC 9110, section 6.4.1).
---@param status integer?
---@return boolean
return function(status)
  return status == 204 or status == 304
end
