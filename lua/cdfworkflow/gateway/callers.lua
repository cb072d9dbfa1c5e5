-- SPDX-License-Identifier: Apache-2.0
-- Who asks, and what that caller may do. Keeps no secret: a digest of each is enough to know it again, and how long
-- it takes to look one up says nothing of where the secret shown and the right one differ.

local core = require "cdfworkflow.core"

---@class cdfworkflow.gateway.Callers
---@field private by_digest table<string, { name: string, workflows?: table<string, boolean> }>
local Callers = {}
Callers.__index = Callers

local function set_of(names)
  if not names then return nil end
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

local function add(self, name, secrets, workflows)
  local caller = { name = name, workflows = set_of(workflows) }
  for _, secret in ipairs(type(secrets) == "table" and secrets or { secrets }) do
    self.by_digest[core.sha256(secret)] = caller
  end
end

---@param settings cdfworkflow.gateway.Settings
---@return cdfworkflow.gateway.Callers
function Callers.new(settings)
  local self = setmetatable({ by_digest = {} }, Callers)
  if settings.secret then add(self, "", settings.secret) end
  for name, caller in pairs(settings.callers or {}) do add(self, name, caller.secret, caller.workflows) end
  return self
end

--- Who shows this Authorization header. The name of the only caller is empty.
---@param authorization string|nil
---@return { name: string }|nil caller
function Callers:who(authorization)
  local scheme, token = (authorization or ""):match "^(%S+) +(%S+) *$"
  if not scheme or scheme:lower() ~= "bearer" then return nil end
  return self.by_digest[core.sha256(token)]
end

--- Whether the caller may start and follow runs of this workflow.
---@return boolean
function Callers.may(caller, workflow)
  return not caller.workflows or caller.workflows[workflow] == true
end

return Callers
