-- SPDX-License-Identifier: Apache-2.0
-- For specs over real sockets: lets time pass for this process without waiting for it.

local core = require "cdfworkflow.core"

local clock = {}

--- From now on `core.now` is ahead by so many seconds more.
---@param seconds number
function clock.pass(seconds)
  local before = core.now
  function core.now() return before() + seconds end
end

return clock
