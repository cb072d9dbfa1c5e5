-- SPDX-License-Identifier: Apache-2.0
-- Whether the gateway could start a run: CDF answers, knows who asks, and grants what a run needs; and the memory of
-- deliveries is there. Anybody may ask, as often as it likes; CDF is asked every ten seconds at most.

local checkup = require "cdfworkflow.api.checkup"

---@class cdfworkflow.gateway.Readiness
---@field client cdfworkflow.Client
---@field shared table the host's dictionary
---@field queued? cdfworkflow.gateway.Queued in place of the memory of deliveries
---@field bind fun(): table|nil, string? the memory of deliveries
---@field last_day cdfworkflow.gateway.LastDay
---@field workflows table<string, string>
---@field log function
local Readiness = {}
Readiness.__index = Readiness

local KEPT = 10 -- seconds for which an answer is good

---@return cdfworkflow.gateway.Readiness
function Readiness.new(parts) return setmetatable(parts, Readiness) end

--- Why CDF would start no run, in words for anybody; the log has the rest.
local function ask(self)
  local inspection, err = self.client:_inspect()
  if not inspection then
    self.log("error", "not ready: " .. tostring(err))
    return err.kind == "auth" and "this gateway cannot sign in to CDF" or "CDF cannot be used"
  end
  local missing = checkup.missing(self.client, inspection)
  if missing[1] then return "missing: " .. table.concat(missing, ", ") end
  return ""
end

local function cdf(self)
  local known = self.shared:get "ready"
  if known ~= nil then return known end
  local reason = ask(self)
  self.shared:set("ready", reason, KEPT)
  return reason
end

--- What keeps the memory of deliveries from being used.
local function memory(self)
  local bound, problem = self.bind()
  for workflow in pairs(bound and self.workflows or {}) do
    local read
    read, problem = self.last_day:is_read(workflow, bound)
    if not read and not problem then return "the runs of the last day are not read yet" end
  end
  if problem then return "the memory of deliveries cannot be reached" end
end

local function queue(self)
  local here = self.queued:open()
  return not (here and here:count()) and "the queue cannot be reached" or nil
end

--- What keeps it from starting runs.
---@return string[] reasons none when it is ready
function Readiness:reasons()
  local keeper = self.queued and queue or memory
  local reasons = { keeper(self) }
  local reason = cdf(self)
  if reason ~= "" then reasons[#reasons + 1] = reason end
  return reasons
end

return Readiness
