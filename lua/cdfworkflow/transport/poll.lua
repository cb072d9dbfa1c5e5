-- SPDX-License-Identifier: Apache-2.0
-- The transport of hosts with an event loop: libcurl behind one pollable descriptor. Of all who wait, one leads: it
-- waits for the descriptor and moves everybody's transfers; the others are woken when theirs is done.
-- What waiting means is the host's: see the adapters cqueues.lua, luv.lua, nginx.lua and haproxy.lua.

local core = require "cdfworkflow.core"

---@class cdfworkflow.transport.Host how a host waits; every function may yield to the host's loop
---@field wait fun(handle: userdata, seconds: number) until the handle's descriptor is readable or the time is over;
---  returning early is no mistake
---@field sleep fun(seconds: number)
---@field signal fun(): cdfworkflow.transport.Signal
---@field check? fun(): string|nil why nobody may wait here, or nil

---@class cdfworkflow.transport.Signal
---@field wait fun(self, seconds: number) until woken or the time is over
---@field wake fun(self)

---@class cdfworkflow.transport.Poll
---@field handle userdata
---@field host cdfworkflow.transport.Host
---@field waiting table<integer, table> waiters by transfer id
---@field leader? table the waiter that leads
---@field led_at number when it last showed that it lives
local Poll = {}
Poll.__index = Poll

--- A host may kill a coroutine without a word. A leader that has not been seen for so long is replaced.
local LEADER_SILENCE = 0.25
--- The longest wait of the leader, so that it is seen to live.
local TURN = 0.1

---@param host cdfworkflow.transport.Host
---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
function Poll.new(host, options)
  return setmetatable({ handle = core.http(options), host = host, waiting = {}, led_at = 0 }, Poll)
end

--- Why a call cannot be made here, or nil.
function Poll:check()
  return self.host.check and self.host.check()
end

function Poll:now() -- luacheck: no unused
  return core.now()
end

--- Takes finished transfers off the handle, whoever moved them.
function Poll:collect()
  while true do
    local id, response = self.handle:finished()
    if not id then return end
    local waiter = self.waiting[id]
    self.waiting[id] = nil
    if waiter then
      waiter.response = response
      waiter.signal:wake()
    end
  end
end

--- Leads until the waiter's own answer is there, then lets another lead.
function Poll:lead(waiter)
  self.leader = waiter
  repeat
    self.led_at = core.now()
    self.handle:step()
    self:collect()
    if not waiter.response then self.host.wait(self.handle, math.min(self.handle:timeout() or TURN, TURN)) end
  until waiter.response or self.leader ~= waiter
  if self.leader == waiter then
    self.leader = nil
    local _, heir = next(self.waiting)
    if heir then heir.signal:wake() end
  end
end

function Poll:has_leader()
  return self.leader and core.now() - self.led_at < LEADER_SILENCE
end

function Poll:http(request)
  local waiter = { signal = self.host.signal() }
  local id = self.handle:submit(request)
  self.waiting[id] = waiter
  self:collect()
  while not waiter.response do
    if self:has_leader() then
      waiter.signal:wait(LEADER_SILENCE)
    else
      self:lead(waiter)
    end
  end
  return waiter.response
end

function Poll:sleep(seconds)
  self.host.sleep(seconds)
end

function Poll:close()
  self.handle:close()
end

return Poll
