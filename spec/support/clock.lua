-- SPDX-License-Identifier: Apache-2.0
-- For specs over real sockets: lets time pass for this process without waiting for it.

local core = require "cdfworkflow.core"
local curl = require "cdfworkflow.transport.curl"

local clock = {}

--- From now on `core.now` is ahead by so many seconds more. Calls then go step by step in Lua, which asks it; the core
--- would look at the machine's own clock.
---@param seconds number
function clock.pass(seconds)
  curl.carry = nil
  local before = core.now
  function core.now() return before() + seconds end
end

return clock
