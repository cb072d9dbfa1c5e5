-- SPDX-License-Identifier: Apache-2.0
-- Refusals: how a room of the simulator says no. `refuse` leaves the handler at once; the heart turns what
-- it threw into CDF's error envelope. Anything else that is raised is a mistake in the simulator itself.

local Refusal = {}

local M = {}

---Ends the present request with an error answer.
---@param status integer HTTP status
---@param message string for the member `message` of CDF's envelope
---@param more table? further members of the envelope (`missing`, `duplicated`, `extra`)
function M.refuse(status, message, more)
  error(setmetatable({ status = status, message = message, more = more }, Refusal), 0)
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
