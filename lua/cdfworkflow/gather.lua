-- SPDX-License-Identifier: Apache-2.0
-- cdf.gather: several functions at the same time, as coroutines over one set of connections. Transports ask it
-- whether they are inside, and hand their waiting to it.

local Heap = require "cdfworkflow.heap"
local core = require "cdfworkflow.core"
local haproxy = require "cdfworkflow.transport.haproxy"
local nginx = require "cdfworkflow.transport.nginx"

local gather = {}

---@class cdfworkflow.Gathering
---@field ready table[] { coroutine, value } pairs that can go on
---@field timers cdfworkflow.Heap
---@field sleeps integer how many sleeps there were, which puts equal ones in order
---@field transports table<table, integer> how many coroutines wait for a transfer of each transport
---@field active integer functions that have not ended
---@field ended table<thread, fun(ok: boolean, a: any, b: any)>
local Gathering = {}
Gathering.__index = Gathering

--- The gathering that each of our coroutines belongs to. A user's own coroutine is not here, so it blocks.
local gathering_of = setmetatable({}, { __mode = "k" })

--- What our coroutines yield, to tell it from a yield of the user's.
local WAITING = {}

--- Where several transports are in use, none is waited for longer than this, so that all get their turn.
local SHARED_SLICE = 0.005
local LONGEST_TURN = 60

local function current()
  local co = coroutine.running()
  return gathering_of[co or false], co -- Lua 5.1 gives no coroutine for the main program
end

function Gathering:wake(co, value)
  self.ready[#self.ready + 1] = { co, value }
end

function Gathering:spawn(fn, ended)
  local co = coroutine.create(fn)
  gathering_of[co] = self
  self.ended[co] = ended
  self.active = self.active + 1
  self:wake(co)
end

function Gathering:finish(co, ok, a, b)
  local ended = self.ended[co]
  gathering_of[co], self.ended[co] = nil, nil
  self.active = self.active - 1
  ended(ok, a, b)
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
  while timer and timer.due <= now do
    self.timers:pop()
    self:wake(timer.co)
    timer = self.timers:peek()
  end
end

--- Waits for the next thing that can happen.
function Gathering:turn()
  local timer = self.timers:peek()
  local seconds = timer and math.max(timer.due - core.now(), 0) or LONGEST_TURN
  local first = next(self.transports)
  if not first then
    timer.transport:turn(seconds)
  elseif not next(self.transports, first) then
    first:turn(seconds)
  else
    for transport in pairs(self.transports) do transport:turn(math.min(seconds, SHARED_SLICE)) end
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

--- Gives up what is under way, after an error such as an interrupt.
function Gathering:abandon()
  for transport in pairs(self.transports) do transport:forget_all() end
end

local function new()
  return setmetatable({
    ready = {}, timers = Heap.new(), sleeps = 0, transports = {}, active = 0, ended = {},
  }, Gathering)
end

--- Whether the running coroutine is one of a gathering.
function gather.is_inside()
  return (current()) ~= nil
end

--- Waits for transfer `id` of the transport, as a coroutine of a gathering.
---@return userdata response
function gather.await(transport, id)
  local self, co = current()
  self.transports[transport] = (self.transports[transport] or 0) + 1
  transport.waiting[id] = function(response) self:wake(co, response) end
  local response = coroutine.yield(WAITING)
  local left = self.transports[transport] - 1
  self.transports[transport] = left > 0 and left or nil
  return response
end

--- Sleeps as a coroutine of a gathering; the transport turns meanwhile.
function gather.sleep(transport, seconds)
  local self, co = current()
  self.sleeps = self.sleeps + 1
  self.timers:push({ due = core.now() + seconds, order = self.sleeps, co = co, transport = transport })
  coroutine.yield(WAITING)
end

local function collector(functions, on_last)
  local results, errors = {}, {}
  local left = #functions
  local function ended_of(i)
    return function(ok, a, b)
      if ok and a ~= nil then
        results[i] = a
      elseif ok then
        errors[i] = b
      else
        errors[i] = a
      end
      left = left - 1
      if left == 0 and on_last then on_last() end
    end
  end
  return results, errors, ended_of
end

--- Inside another gathering the functions join it, and only the caller waits.
local function run_inside(self, co, functions)
  local results, errors, ended_of = collector(functions, function() self:wake(co) end)
  for i, fn in ipairs(functions) do self:spawn(fn, ended_of(i)) end
  if functions[1] then coroutine.yield(WAITING) end
  return results, errors
end

--- Runs the functions at the same time and waits for all of them. Calls of this library inside them go on while others
--- wait. An error in one does not disturb the others.
---@param ... fun(): any, any
---@return table results `results[i]` is the first thing that function i returned
---@return table errors `errors[i]` is its error: the second thing that it returned after nil, or what it raised
function gather.run(...)
  local functions = { ... }
  for i = 1, select("#", ...) do
    if type(functions[i]) ~= "function" then
      error(("bad argument #%d to gather (function expected, got %s)"):format(i, type(functions[i])), 2)
    end
  end
  local results, errors, ended_of = collector(functions)
  local host = nginx.is_here() and nginx or haproxy.is_here() and haproxy
  if host then
    for i, outcome in ipairs(host.gather(functions)) do ended_of(i)(outcome[1], outcome[2], outcome[3]) end
    return results, errors
  end
  local outer, co = current()
  if outer then return run_inside(outer, co, functions) end
  local self = new()
  for i, fn in ipairs(functions) do self:spawn(fn, ended_of(i)) end
  local ok, err = pcall(self.loop, self)
  if not ok then
    self:abandon()
    error(err, 0)
  end
  return results, errors
end

return gather
