-- SPDX-License-Identifier: Apache-2.0
-- The transport of hosts with an event loop: libcurl behind one pollable descriptor. A coroutine of its own, the pump,
-- waits for the descriptor, moves everybody's transfers and wakes those whose answers are there.
-- What waiting means is the host's: see the adapters cqueues.lua, luv.lua, nginx.lua and haproxy.lua.

local core = require "cdfworkflow.core"
local gather = require "cdfworkflow.call.gather"
local mistake = require "cdfworkflow.mistake"

---@class cdfworkflow.transport.Host how a host waits; the waiting functions may yield to the host's loop
---@field wait fun(handle: userdata, seconds: number) until the handle's descriptor is readable or the time is over;
---  returning early is no mistake
---@field sleep fun(seconds: number)
---@field signal fun(): cdfworkflow.transport.Signal
---@field spawn fun(fn: function): boolean|nil runs the function on its own, so that it does not end with the one who
---  asked for it; false or nil when that is not possible here
---@field check? fun(): string|nil why nobody may wait here, or nil
---@field close? fun(handle: userdata) before the handle closes

---@class cdfworkflow.transport.Signal
---@field wait fun(self, seconds: number) until woken or the time is over; returning early is no mistake
---@field wake fun(self)

---@class cdfworkflow.transport.Poll
---@field handle userdata
---@field host cdfworkflow.transport.Host
---@field waiting table<integer, table> who receives the answer, by transfer id
---@field pump? { seen: number, begun: boolean } who moves the transfers: when it last did, and whether it ever has
---@field closed? boolean
local Poll = {}
Poll.__index = Poll

--- A host may kill a coroutine, or never start it, without a word. A pump not seen for so long is replaced.
local SILENCE = 0.25
--- The longest wait of the pump, so that it is seen to live.
local TURN = 0.1

---@param host cdfworkflow.transport.Host
---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
function Poll.new(host, options)
  return setmetatable({ handle = core.http(options), host = host, waiting = {} }, Poll)
end

--- Why a call cannot be made here, or nil.
function Poll:check()
  return self.host.check and self.host.check()
end

--- Seconds on a clock that only goes forward.
function Poll:now() -- luacheck: no unused
  return core.now()
end

-- {==== The pump ====

--- Hands out one answer. Whoever gets it goes on at once, which takes time; so the host has its turn before the next.
local function hand_out(self)
  local id, response = self.handle:finished()
  if not id then return end
  local receiver = self.waiting[id]
  self.waiting[id] = nil
  if receiver then receiver:receive(response) end
end

--- Moves the transfers until there are none, another has taken over, or `is_enough()`.
local function run_pump(self, pump, is_enough)
  pump.begun = true
  while self.pump == pump and not self.closed and self.handle:pending() > 0 and not is_enough() do
    pump.seen = core.now()
    self.handle:step()
    hand_out(self)
    if not self.closed and self.handle:pending() > 0 and not is_enough() then
      self.host.wait(self.handle, math.min(self.handle:timeout() or TURN, TURN))
    end
  end
  if self.pump == pump then self.pump = nil end
end

local function never()
  return false
end

local function is_pumped(self)
  return self.pump and core.now() - self.pump.seen < SILENCE
end

--- Sees to it that somebody moves the transfers; false when it must be the caller.
local function start_pump(self)
  local lame = self.pump and not self.pump.begun -- the host was told to run one, and has not
  local pump = { seen = core.now(), begun = false }
  self.pump = pump
  return not lame and self.host.spawn(function() run_pump(self, pump, never) end)
end

-- }====

-- {==== Those who wait ====

--- A table and no closure, since nginx may end a coroutine that waits and use its stack for another.
local Waiter = {}
Waiter.__index = Waiter

--- Until woken or the time is over, while somebody moves the transfers; returns early every now and then.
function Waiter:wait(seconds)
  local poll = self.poll
  if poll.closed then return end
  local moving = poll.handle:pending() > 0
  if moving and not is_pumped(poll) and not start_pump(poll) then
    local limit = core.now() + seconds
    run_pump(poll, poll.pump, function() return self.woken or core.now() >= limit end)
  elseif not self.woken then
    self.signal:wait(moving and math.min(seconds, SILENCE) or seconds)
  end
  self.woken = false
end

function Waiter:wake()
  self.woken = true
  self.signal:wake()
end

function Waiter:receive(response)
  self.response = response
  self:wake()
end

--- Something to wait with, and to be woken by.
---@return cdfworkflow.transport.Signal
function Poll:signal()
  return setmetatable({ poll = self, signal = self.host.signal(), woken = false }, Waiter)
end

function Poll:http(request)
  local id = self.handle:submit(request)
  if gather.is_inside() then return gather.await(self, id) or mistake.raise(gather.CLOSED) end
  local waiter = self:signal()
  self.waiting[id] = waiter
  repeat
    waiter:wait(SILENCE)
    if self.closed then mistake.raise(gather.CLOSED) end
  until waiter.response
  return waiter.response
end

function Poll:sleep(seconds)
  if gather.is_inside() then return gather.sleep(self, seconds) end
  self.host.sleep(seconds)
end

--- Gives a transfer up: nobody will take its answer.
function Poll:forget(id)
  self.waiting[id] = nil
  if not self.closed then self.handle:cancel(id) end
end

-- }====

--- Closes the connections. Who still waits gets an error.
function Poll:close()
  if self.closed then return end
  self.closed = true
  if self.host.close then self.host.close(self.handle) end
  self.handle:close()
  local waiting = self.waiting
  self.waiting = {}
  for _, receiver in pairs(waiting) do receiver:receive(nil) end
end

return Poll
