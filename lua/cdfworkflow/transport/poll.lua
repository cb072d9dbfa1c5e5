-- SPDX-License-Identifier: Apache-2.0
-- The transport of hosts with an event loop: libcurl behind one pollable descriptor. A coroutine of its own, the pump,
-- waits for the descriptor, moves everybody's transfers and wakes those whose answers are there.
-- What waiting means is the host's: see the adapters cqueues.lua, luv.lua, copas.lua, nginx.lua and haproxy.lua.

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
---@field blind? boolean `wait` does not notice that the descriptor stirs
---@field batch? integer answers that are handed out before the host has its turn; 1 unless told
---@field close? fun(handle: userdata) before the handle closes

---@class cdfworkflow.transport.Signal
---@field wait fun(self, seconds: number, idle: number) until woken or the time is over; returning early is no mistake.
---  Nobody looks for answers for the first `idle` seconds
---@field wake fun(self)
---@field rest? fun(self) nobody waits for it any more, nor will wake it
---@field is_waited_for? fun(self): boolean where a coroutine may vanish while it waits: whether it has not

---@class cdfworkflow.transport.Poll
---@field handle userdata
---@field host cdfworkflow.transport.Host
---@field waiting table<integer, table> who receives the answer, by transfer id
---@field sleeping table<table, boolean> those who only let time pass, where they may vanish
---@field most_pending integer transfers under way with which another call is refused
---@field seen_all number when it was last seen who has vanished
---@field sees_who_waits boolean
---@field pump? { seen: number, begun: boolean, asleep_until: number } who moves the transfers: when it last did,
---  whether it ever has, and until when nothing wakes it
---@field stirred number when something last stirred
---@field closed? boolean
local Poll = {}
Poll.__index = Poll

--- Where the system has no descriptor to wait for (no epoll), those who wait look so often, in seconds.
Poll.LOOK_INTERVAL = 0.002

--- A `check` for hosts that resume coroutines, and whose main program cannot wait.
---@param advice string what to do instead
---@return fun(): string|nil
function Poll.inside_coroutines(advice)
  return function()
    local co, is_main = coroutine.running()
    return not (co and not is_main) and advice or nil
  end
end

--- A host may kill a coroutine, or never start it, without a word. A pump not seen for so long is replaced.
local SILENCE = 0.25
--- The longest wait of the pump, so that it is seen to live.
local TURN = 0.1
--- The shortest wait, since some hosts count in milliseconds.
local LEAST = 0.001
--- A pump in a blind host looks again after so much of the time in which nothing has stirred. So an answer is handed
--- out late by a hundredth of the time that it took, and a server that is silent costs little.
local SHARE = 0.025
--- So often it is seen who has vanished.
local ROUND = 0.1
--- Those who ask come from outside, and may come without end: so many may wait, or so many for each connection.
local MOST_PENDING, PENDING_PER_CONNECTION = 2000, 20

---@param host cdfworkflow.transport.Host
---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
function Poll.new(host, options)
  return setmetatable({
    handle = core.http(options), host = host, waiting = {}, sleeping = {}, seen_all = 0, stirred = 0,
    most_pending = math.max(MOST_PENDING, PENDING_PER_CONNECTION * (options.max_connections or 0)),
    sees_who_waits = host.signals_tell == true,
  }, Poll)
end

--- Seconds on a clock that only goes forward.
function Poll:now() -- luacheck: no unused
  return core.now()
end

-- {==== The pump ====

--- Hands out answers. Whoever gets one goes on at once, which takes time; so the host has its turn after a few.
local function hand_out(self)
  for _ = 1, self.host.batch or 1 do
    local id, response = self.handle:finished()
    if not id then return end
    local receiver = self.waiting[id]
    self.waiting[id] = nil
    if receiver then receiver:receive(response) end
  end
end

--- Takes the place of those who have vanished, so that what they asked for is given up, or goes on without them.
local function see_who_vanished(self, now)
  if not self.sees_who_waits or now < self.seen_all + ROUND then return end
  self.seen_all = now
  for id, waiter in pairs(self.waiting) do
    if waiter.has_vanished and waiter:has_vanished() then
      if waiter.errand and waiter.errand:goes_on() then self.waiting[id] = waiter.errand else self:forget(id) end
    end
  end
  for waiter in pairs(self.sleeping) do
    if waiter:has_vanished() then
      self.sleeping[waiter] = nil
      if waiter.errand:goes_on() then waiter.errand:wake(math.max(waiter.until_when - now, 0)) end
    end
  end
end

local function move(self, now)
  local _, stirred = self.handle:step()
  if stirred then self.stirred = now end
  hand_out(self)
  see_who_vanished(self, now)
end

--- Until the descriptor stirs or something is due. One who waits for an answer meanwhile is to be seen waiting.
local function pause(self, pump, waiter)
  local seconds = math.min(self.handle:timeout() or TURN, TURN)
  if self.host.blind then
    seconds = math.min(seconds, math.max(SHARE * (pump.seen - self.stirred), LEAST))
    pump.asleep_until = pump.seen + seconds
  end
  if waiter and self.sees_who_waits then return waiter.signal:wait(math.max(seconds, LEAST), 0) end
  self.host.wait(self.handle, seconds)
end

--- Moves the transfers until there are none, another has taken over, or `is_enough()`.
---@param waiter? table who does it while it waits; otherwise it is a coroutine of its own
local function run_pump(self, pump, is_enough, waiter)
  pump.begun = true
  while self.pump == pump and not self.closed and self.handle:pending() > 0 and not is_enough() do
    pump.seen = core.now()
    if waiter then waiter.moves = true end
    move(self, pump.seen)
    if waiter then waiter.moves = false end
    if not self.closed and self.handle:pending() > 0 and not is_enough() then pause(self, pump, waiter) end
  end
  if self.pump == pump then self.pump = nil end
end

local function never()
  return false
end

local function is_pumped(self)
  return self.pump and core.now() - self.pump.seen < SILENCE
end

--- Sees to it that somebody moves the transfers; false when it must be the caller, until the host runs its pump.
local function start_pump(self)
  local lame = self.pump and not self.pump.begun -- the host was told to run one, and has not
  local pump = { seen = core.now(), begun = false, asleep_until = 0 }
  self.pump = pump
  return not lame and self.host.spawn(function()
    self.pump = pump
    run_pump(self, pump, never)
  end)
end

--- What is asked now may be answered long before a pump looks that has not seen anything stir for a while: then another
--- takes its place.
local function hurry(self)
  local now = core.now()
  self.stirred = now
  if self.pump and self.pump.asleep_until > now + 2 * LEAST then self.pump = nil end
end

-- }====

--- Why a call cannot be made here, or nil.
---@return string|nil why
---@return string|nil kind of the error
function Poll:check()
  local why = self.host.check and self.host.check()
  if why or self.closed or self.handle:pending() < self.most_pending then return why end
  if not is_pumped(self) then -- all who waited may have vanished, and the pump with one of them
    start_pump(self)
    move(self, core.now())
  end
  return ("%d requests of this client are under way already, and none was sent for this call; try again later"):format(
    self.most_pending), "throttled"
end

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
    run_pump(poll, poll.pump, function() return self.woken or core.now() >= limit end, self)
  elseif not self.woken then
    local idle = moving and poll.pump and poll.pump.asleep_until - core.now() or 0
    self.signal:wait(moving and math.min(seconds, SILENCE) or seconds, idle)
  end
  self.woken = false
end

--- Whether its coroutine is gone. While others run, one that is there waits for its signal.
function Waiter:has_vanished()
  return not self.moves and not self.woken and not self.signal:is_waited_for()
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

--- Sends the request and waits for its answer.
---@param request userdata
---@param errand? cdfworkflow.Errand what is told when nobody waits any more
function Poll:http(request, errand)
  local id = self.handle:submit(request)
  hurry(self)
  if gather.is_inside() then return gather.await(self, id) or mistake.raise(gather.CLOSED) end
  local waiter = self:signal()
  waiter.errand = errand
  self.waiting[id] = waiter
  repeat
    waiter:wait(SILENCE)
    if self.closed then mistake.raise(gather.CLOSED) end
  until waiter.response
  if waiter.signal.rest then waiter.signal:rest() end
  return waiter.response
end

local function sleep_seen(self, seconds, errand)
  local waiter = self:signal()
  waiter.errand, waiter.until_when = errand, core.now() + seconds
  self.sleeping[waiter] = true
  repeat
    waiter:wait(math.max(waiter.until_when - core.now(), LEAST))
    see_who_vanished(self, core.now())
  until self.closed or core.now() >= waiter.until_when
  self.sleeping[waiter] = nil
end

---@param seconds number
---@param errand? cdfworkflow.Errand
function Poll:sleep(seconds, errand)
  if gather.is_inside() then return gather.sleep(self, seconds) end
  if errand and seconds > 0 then return sleep_seen(self, seconds, errand) end
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
