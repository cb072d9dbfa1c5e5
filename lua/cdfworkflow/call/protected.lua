-- SPDX-License-Identifier: Apache-2.0
-- pcall around what may wait. A coroutine of plain Lua 5.1 cannot wait inside pcall, and must be able to wait; there an
-- error passes as if this were not here.

local OLD = not coroutine.isyieldable -- luacheck: ignore 143

---@param fn function
---@return boolean ok
---@return any ... what fn returned, or its error
return function(fn, ...)
  if OLD and coroutine.running() then return true, fn(...) end
  return pcall(fn, ...)
end
