-- SPDX-License-Identifier: Apache-2.0
-- What ngx.shared is in nginx, for a host that has none: a dictionary of this process whose entries end.

local core = require "cdfworkflow.core"

---@class cdfworkflow.gateway.Memory
---@field private values table<string, any>
---@field private ends table<string, number>
---@field private sweep_at number
local Memory = {}
Memory.__index = Memory

local SWEEP = 60 -- seconds between looks for what has ended

---@return cdfworkflow.gateway.Memory
function Memory.new() return setmetatable({ values = {}, ends = {}, sweep_at = 0 }, Memory) end

local function sweep(self, now)
  if now < self.sweep_at then return end
  self.sweep_at = now + SWEEP
  for name, time in pairs(self.ends) do
    if time <= now then self.values[name], self.ends[name] = nil, nil end
  end
end

---@return any|nil
function Memory:get(name)
  if (self.ends[name] or 0) <= core.now() then return nil end
  return self.values[name]
end

--- Puts a value in its place; nil takes it away.
---@param seconds? number for ever unless told
---@return true
function Memory:set(name, value, seconds)
  local now = core.now()
  sweep(self, now)
  self.values[name] = value
  self.ends[name] = value ~= nil and (seconds and now + seconds or math.huge) or nil
  return true
end

--- The same, unless there is one.
---@return boolean added
---@return string? why "exists"
function Memory:add(name, value, seconds)
  if self:get(name) ~= nil then return false, "exists" end
  return self:set(name, value, seconds)
end

---@return number
function Memory:incr(name, by, first)
  local value = (self:get(name) or first) + by
  self:set(name, value)
  return value
end

return Memory
