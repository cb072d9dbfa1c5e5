-- SPDX-License-Identifier: Apache-2.0
-- cdf.gather: several functions at the same time, as coroutines over one set of connections. Transports ask it
-- whether they are inside, and hand their waiting to it.

local PriorityQueue = require "cdfworkflow.priority_queue"
local core = require "cdfworkflow.core"
local interrupt = require "cdfworkflow.call.interrupt"
local mistake = require "cdfworkflow.mistake"
local protected = require "cdfworkflow.call.protected"

local gather = {}

--- Set by the transport of a host that runs functions at the same time by itself: tells of the end of each, with what
--- pcall gives, and returns after the last.
---@type nil|fun(functions: function[], ended: fun(i: integer, ok: boolean, a: any, b: any))
gather.of_host = nil

---@class cdfworkflow.Gathering
---@field ready table[] { coroutine, value } pairs that can go on
---@field timers cdfworkflow.PriorityQueue
---@field sleeps integer how many sleeps there were, which puts equal ones in order
---@field transfers table<thread, { transport: table, id: integer }> what our coroutines wait for
---@field transports table<table, integer> how many of them wait for a transfer of each transport
---@field signals table<table, table> what this gathering waits with, by transport
---@field active integer functions that have not ended
---@field ends table<thread, { i: integer, ended: fun(i: integer, ok: boolean, a: any, b: any) }> who is told
local Gathering = {}
Gathering.__index = Gathering

--- The gathering that each of our coroutines belongs to. A user's own coroutine is not here, so it blocks. A gathering
--- lives while its loop runs, and what is here keeps neither side alive.
local gathering_of = setmetatable({}, { __mode = "kv" })

--- What a call raises whose client is closed meanwhile.
gather.CLOSED = "this cdfworkflow client was closed while a call was under way"

--- What our coroutines yield, to tell it from a yield of the user's.
local WAITING = {}

--- Where several transports are in use, none is waited for longer than this, so that all get their turn.
local SHARED_SLICE = 0.005
local LONGEST_TURN = 60

--- Plain Lua 5.1 has no yield out of pcall, nor out of the iterator of a for loop, and no isyieldable to tell.
local OLD = not coroutine.isyieldable -- luacheck: ignore 143

--- How many gatherings there are: most programs never have one.
local gatherings = 0

local function current()
  if gatherings == 0 then return nil end
  local co = coroutine.running()
  return gathering_of[co or false], co -- Lua 5.1 gives no coroutine for the main program
end

local function can_yield()
  if not OLD then return coroutine.isyieldable() end -- luacheck: ignore 143
  local level = 2
  local frame = debug.getinfo(level, "Sn")
  while frame do
    if frame.what == "C" or frame.name == "(for generator)" then return false end
    level = level + 1
    frame = debug.getinfo(level, "Sn")
  end
  return true
end

function Gathering:wake(co, value)
  self.ready[#self.ready + 1] = { co, value }
end

function Gathering:spawn_all(functions, ended)
  for i, fn in ipairs(functions) do
    local co = coroutine.create(fn)
    gathering_of[co] = self
    mistake.begins(co, fn)
    self.ends[co] = { i = i, ended = ended }
    self.active = self.active + 1
    self:wake(co)
  end
end

function Gathering:finish(co, ok, a, b)
  local told = self.ends[co]
  gathering_of[co], self.ends[co] = nil, nil
  mistake.begins(co, nil)
  self.active = self.active - 1
  told.ended(told.i, ok, a, b)
end

function Gathering:resume(co, value)
  local ok, a, b = coroutine.resume(co, value)
  if coroutine.status(co) == "dead" then return self:finish(co, ok, a, b) end
  if a ~= WAITING then
    self:finish(co, false, "a function given to gather may not yield by itself")
  end
end

function Gathering:run_ready()
  while self.ready[1] do
    local ready = self.ready
    self.ready = {}
    for _, item in ipairs(ready) do self:resume(item[1], item[2]) end
  end
end

function Gathering:run_timers()
  local now = core.now()
  local timer = self.timers:peek()
  while timer and (timer.due <= now or timer.transport.closed) do
    self.timers:pop()
    self:wake(timer.co)
    timer = self.timers:peek()
  end
end

function Gathering:signal_of(transport)
  local signal = self.signals[transport]
  if not signal then
    signal = transport:signal()
    self.signals[transport] = signal
  end
  return signal
end

--- Waits for the next thing that can happen.
function Gathering:turn()
  local timer = self.timers:peek()
  local seconds = timer and math.max(timer.due - core.now(), 0) or LONGEST_TURN
  local first = next(self.transports)
  if not first then
    self:signal_of(timer.transport):wait(seconds)
  elseif not next(self.transports, first) then
    self:signal_of(first):wait(seconds)
  else
    for transport in pairs(self.transports) do
      self:signal_of(transport):wait(math.min(seconds, SHARED_SLICE))
    end
  end
  self:run_timers()
end

function Gathering:loop()
  self:run_ready()
  while self.active > 0 do
    self:turn()
    self:run_ready()
  end
end

--- Gives up what is under way, after an error such as an interrupt. Nobody will resume our coroutines: what they hold
--- (the right to fetch a token, say) goes with them, and now.
function Gathering:abandon()
  for _, transfer in pairs(self.transfers) do transfer.transport:forget(transfer.id) end
  self.ready, self.timers, self.transfers, self.ends = nil, nil, nil, nil
  collectgarbage()
end

local function new()
  return setmetatable({
    ready = {}, timers = PriorityQueue.new(), sleeps = 0, transfers = {}, transports = {}, signals = {}, active = 0,
    ends = {},
  }, Gathering)
end

--- Whether the running coroutine is one of a gathering, and can wait as such. Where Lua cannot yield, in the function
--- given to `table.sort` for example, a call blocks as it does outside.
function gather.is_inside()
  return current() ~= nil and can_yield()
end

--- Takes an answer for a coroutine that waits.
local Receiver = {}
Receiver.__index = Receiver

function Receiver:receive(response)
  self.gathering:wake(self.co, response)
  self.signal:wake()
end

--- Waits for transfer `id` of the transport, as a coroutine of a gathering.
---@return userdata response
function gather.await(transport, id)
  local self, co = current()
  local signal = self:signal_of(transport)
  self.transports[transport] = (self.transports[transport] or 0) + 1
  self.transfers[co] = { transport = transport, id = id }
  transport.waiting[id] = setmetatable({ gathering = self, co = co, signal = signal }, Receiver)
  local response = coroutine.yield(WAITING)
  local left = self.transports[transport] - 1
  self.transports[transport] = left > 0 and left or nil
  self.transfers[co] = nil
  return response
end

--- Sleeps as a coroutine of a gathering; the transport moves its transfers meanwhile.
function gather.sleep(transport, seconds)
  local self, co = current()
  self.sleeps = self.sleeps + 1
  self.timers:push({ due = core.now() + seconds, order = self.sleeps, co = co, transport = transport })
  coroutine.yield(WAITING)
  if transport.closed then mistake.raise(gather.CLOSED) end
end

--- The two tables of results, and what fills them.
local function collector(on_raise)
  local results, errors = {}, {}
  return results, errors, function(i, ok, a, b)
    if ok and a ~= nil then
      results[i] = a
    elseif ok then
      errors[i] = b
    else
      errors[i] = a
      if on_raise then on_raise(a) end
    end
  end
end

--- Inside another gathering the functions join it, and only the caller waits.
local function join(functions, ended)
  local self, co = current()
  local left = #functions
  self:spawn_all(functions, function(...)
    ended(...)
    left = left - 1
    if left == 0 then self:wake(co) end
  end)
  if left > 0 then coroutine.yield(WAITING) end
end

local function run_here(functions, ended)
  local self = new()
  self:spawn_all(functions, ended)
  gatherings = gatherings + 1
  local ok, err = protected(self.loop, self)
  gatherings = gatherings - 1
  if ok then return end
  self:abandon()
  interrupt.pass_on(err)
end

--- `gather.run` with the functions in a list.
---@param functions function[]
---@param on_raise? fun(err: any) called as soon as one of them raises
---@return table results
---@return table errors
function gather.run_list(functions, on_raise)
  local results, errors, ended = collector(on_raise)
  local run = gather.of_host or gather.is_inside() and join or run_here
  run(functions, ended)
  return results, errors
end

--- Runs the functions at the same time and waits for all of them. Calls of this library inside them go on while others
--- wait. An error in one does not disturb the others.
---
---     local results, errors = cdf.gather(
---       function() return client:run("report", "1") end,
---       function() return client:run("no-such", "1") end)
---     print(results[1].status, errors[2].kind) --> RUNNING api
---@param ... fun(): any, any
---@return table results `results[i]` is the first thing that function i returned
---@return table errors `errors[i]` is its error: the second thing that it returned after nil, or what it raised
function gather.run(...)
  local functions = { ... }
  for i = 1, select("#", ...) do
    if type(functions[i]) ~= "function" then
      mistake.raise(("cdf.gather: argument %d: expected a function, got %s"):format(i, type(functions[i])))
    end
  end
  return gather.run_list(functions)
end

return gather
