-- SPDX-License-Identifier: Apache-2.0
-- The program's own answers, those that are not the simulator's: JSON, with CDF's envelope where something is refused.

local core = require "cdfworkflow.core"
local refusal = require "cdfworkflow.simulator.lib.refusal"

local reply = {}

---@param status integer
---@param value any JSON
---@return cdfworkflow.simulator.Response
function reply.json(status, value)
  return { status = status, headers = { ["content-type"] = "application/json" }, body = assert(core.encode(value)) }
end

---@param status integer
---@param message string
---@return cdfworkflow.simulator.Response
function reply.refusal(status, message)
  return reply.json(status, refusal.envelope(status, message))
end

return reply
