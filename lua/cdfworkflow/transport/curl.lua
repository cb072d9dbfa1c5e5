-- SPDX-License-Identifier: Apache-2.0
-- The transport of plain scripts: libcurl, waiting in C. Inside `cdf.gather` a call waits as a coroutine of it,
-- anywhere else it blocks, a user's own coroutine included: nothing yields where nobody expects it.

local core = require "cdfworkflow.core"
local gather = require "cdfworkflow.gather"

---@class cdfworkflow.transport.Curl
---@field handle userdata
---@field waiting table<integer, userdata|boolean|fun(response: userdata)> by transfer id: who is told, or true
---  while a blocked caller waits, and then the answer
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
function Curl:collect()
  local waiting = self.waiting
  while true do
    local id, response = self.handle:finished()
    if not id then return end
    local waiter = waiting[id]
    if type(waiter) == "function" then
      waiting[id] = nil
      waiter(response)
    elseif waiter then
      waiting[id] = response
    end
  end
end

--- Moves all transfers for up to `seconds`; returns early when one is finished.
function Curl:turn(seconds)
  self.handle:wait(math.min(seconds, SLICE))
  self:collect()
end

--- The answer to the transfer, taken away, or nil when it is not there yet.
function Curl:take(id)
  local response = self.waiting[id]
  if response == true then return nil end
  self.waiting[id] = nil
  return response
end

--- Gives all transfers up: nobody will take their answers.
function Curl:forget_all()
  for id in pairs(self.waiting) do self.handle:cancel(id) end
  self.waiting = {}
end

function Curl:http(request)
  local id = self.handle:submit(request)
  self.waiting[id] = true
  if gather.is_inside() then return gather.await(self, id) end
  local response
  repeat
    self:turn(SLICE)
    response = self:take(id)
  until response
  return response
end

function Curl:sleep(seconds)
  if gather.is_inside() then return gather.sleep(self, seconds) end
  local deadline = core.now() + seconds
  local left = seconds
  while left > 0 do
    self:turn(left)
    left = deadline - core.now()
  end
end

function Curl:close()
  self.handle:close()
end

return Curl
