-- SPDX-License-Identifier: Apache-2.0
-- Refusals: how a room of the simulator says no. `refuse` leaves the handler at once; the heart turns what
-- it threw into CDF's error envelope. Anything else that is raised is a mistake in the simulator itself.

local Refusal = {}

local M = {}

---@param more table|nil further members of CDF's envelope (`missing`, `duplicated`, `extra`)
---@param kind cdfworkflow.simulator.RefusalKind of refusals.lua
---@param ... any what its text is formatted with
function M.refuse_with(more, kind, ...)
  error(setmetatable({ status = kind[1], message = kind[2]:format(...), more = more }, Refusal), 0)
end

--- Ends the present request with an error answer.
---@param kind cdfworkflow.simulator.RefusalKind
---@param ... any
function M.refuse(kind, ...)
  M.refuse_with(nil, kind, ...)
end

---@param value any
---@return boolean # whether the value was thrown by `refuse`
function M.is(value)
  return getmetatable(value) == Refusal
end

---@param status integer
---@param message string
---@param more table?
---@return table # CDF's error envelope
function M.envelope(status, message, more)
  local inner = { code = status, message = message }
  for name, value in pairs(more or {}) do
    inner[name] = value
  end
  return { error = inner }
end

return M
