-- SPDX-License-Identifier: Apache-2.0
-- The transport of plain scripts: libcurl, waiting in C. Inside `cdf.gather` a call waits as a coroutine of it,
-- anywhere else it blocks, a user's own coroutine included: nothing yields where nobody expects it.

local core = require "cdfworkflow.core"
local gather = require "cdfworkflow.call.gather"
local mistake = require "cdfworkflow.mistake"

---@class cdfworkflow.transport.Curl
---@field handle userdata
---@field waiting table<integer, userdata|boolean|table> by transfer id: who receives the answer, or true while a
---  blocked caller waits, and then the answer
---@field on_turn? fun() called several times a second while somebody waits; what it raises ends the wait
local Curl = {}
Curl.__index = Curl

--- A wait in C is no longer than this, so that a debug hook (Ctrl-C of a host that has no signal for it) gets its turn.
local SLICE = 1

---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Curl
function Curl.new(options)
  return setmetatable({ handle = core.http(options), waiting = {} }, Curl)
end

--- Seconds on a clock that only goes forward.
function Curl:now() -- luacheck: no unused
  return core.now()
end

--- Takes finished transfers off the handle; an answer that nobody waits for any more is dropped.
local function collect(self)
  local waiting = self.waiting
  while true do
    local id, response = self.handle:finished()
    if not id then return end
    local waiter = waiting[id]
    if type(waiter) == "table" then
      waiting[id] = nil
      waiter:receive(response)
    elseif waiter then
      waiting[id] = response
    end
  end
end

--- Moves all transfers for up to `seconds`; returns early when one is finished.
local function turn(self, seconds)
  if self.closed then return end
  self.handle:wait(math.min(seconds, SLICE))
  collect(self)
  if self.on_turn then self.on_turn() end
end

local function wait_for(self, id)
  local waiting = self.waiting
  while waiting[id] == true do
    if self.closed then mistake.raise(gather.CLOSED) end
    turn(self, SLICE)
  end
  local response = waiting[id]
  waiting[id] = nil
  return response
end

--- What comes of a transfer.
local function await(self, id, inside)
  if inside then return gather.await(self, id) or mistake.raise(gather.CLOSED) end
  self.waiting[id] = true
  local ok, response = pcall(wait_for, self, id)
  if ok then return response end
  self:forget(id) -- an interrupt
  error(response, 0)
end

function Curl:http(request) return await(self, self.handle:submit(request), gather.is_inside()) end

--- Carries a call on, from its start, for as long as it needs nothing but requests. Then it gives what `call:step`
--- would. Who catches an error of it has the call given up.
function Curl:carry(call)
  local inside = gather.is_inside()
  local id, action, value, phase, denied, surplus = self.handle:carry(call, not inside)
  if id then
    if not inside and self.on_turn then self.on_turn() end
    local step = await(self, id, inside)
    action, value, phase, denied, surplus = step[1], step[2], step[3], step[4], step[5]
  end
  if action == "raised" then error(value, 0) end
  return action, value, phase, denied, surplus
end

function Curl:sleep(seconds)
  if gather.is_inside() then return gather.sleep(self, seconds) end
  local deadline = core.now() + seconds
  local left = seconds
  while left > 0 do
    if self.closed then mistake.raise(gather.CLOSED) end
    turn(self, left)
    left = deadline - core.now()
  end
end

--- What a gathering waits with: moving the transfers, which wakes it.
---@return cdfworkflow.transport.Signal
function Curl:signal()
  return {
    wait = function(_, seconds) turn(self, seconds) end,
    wake = function() end,
  }
end

--- Gives a transfer up: nobody will take its answer.
---@param id integer|userdata of the transfer, or the call that is carried
function Curl:forget(id)
  self.waiting[id] = nil
  if not self.closed then self.handle:cancel(id) end
end

--- Closes the connections. Who still waits gets an error.
function Curl:close()
  self.closed = true
  self.handle:close()
  for id, waiter in pairs(self.waiting) do
    if type(waiter) == "table" then
      self.waiting[id] = nil
      waiter:receive(nil)
    end
  end
end

return Curl
