-- SPDX-License-Identifier: Apache-2.0
-- A call whose coroutine may vanish while it waits, as nginx's do when the client hangs up. The transport, which sees
-- that nobody waits any more, asks the errand: what does no harm is dropped, with all that it held; what has been sent
-- and must not be sent twice goes on to its end, which is told.

local carry = require "cdfworkflow.call.carry"

---@class cdfworkflow.Errand
---@field call userdata
---@field client cdfworkflow.Client
---@field asked? table what `carry.answer` wants to know of what is asked just now
---@field store? cdfworkflow.TokenStore whose mark this call holds while it fetches a token
local Errand = {}
Errand.__index = Errand

---@return cdfworkflow.Errand
function Errand.new(call, client)
  return setmetatable({ call = call, client = client }, Errand)
end

--- Whether the call is to go on without the one who made it. If not, it lets go of what others wait for.
---@return boolean
function Errand:goes_on()
  if self.call:at_stake() then return true end
  self.call:leave()
  if self.store then self.store:keep() end
  return false
end

local function outcome(result, err)
  if err ~= nil then return tostring(err) end
  if type(result) == "table" and result.id and result.status then
    return ("it is %s as %s"):format(tostring(result.status), tostring(result.id))
  end
  return "it is done"
end

--- What became of it, for whoever reads the events or standard error.
local function tell(self, what, request_id, result, err)
  local on_event = self.client.on_event
  if on_event then
    pcall(on_event, { type = "abandoned", what = what, request_id = request_id, result = result, err = err })
  end
  local line = ("cdfworkflow: %s was abandoned by its caller%s, and went on: %s"):format(
    what, request_id and ", request id " .. request_id or "", outcome(result, err))
  io.stderr:write(line:gsub("%c", " "), "\n")
end

--- Carries the call on in a coroutine of the host's. Where none is to be had the call is collected, which says so.
local function go_on(self, ...)
  local what, request_id = self.call:at_stake()
  local step = { ... }
  self.client.transport.host.spawn(function()
    tell(self, what, request_id, carry.on(self.call, self.client, nil, step[1], step[2], step[3], step[4], step[5]))
  end)
end

--- Takes the answer in place of the one who waited for it; nil when the client was closed.
---@param response table|userdata|nil
function Errand:receive(response)
  if response == nil then return end
  local what, request_id = self.call:at_stake()
  local asked = self.asked
  local action, value, phase, denied, surplus =
    carry.answer(self.call, self.client, response, asked[1], asked[2], asked[3], asked[4])
  if action == "done" then
    tell(self, what, request_id, value)
  elseif action == "error" then
    tell(self, what, request_id, nil, value)
  else
    go_on(self, action, value, phase, denied, surplus)
  end
end

--- Goes on after a pause in which the one who waited vanished.
---@param seconds number left of it
function Errand:wake(seconds)
  local transport = self.client.transport
  local what, request_id = self.call:at_stake()
  transport.host.spawn(function()
    transport:sleep(seconds)
    tell(self, what, request_id, carry.on(self.call, self.client, nil, self.call:step("woke", transport:now())))
  end)
end

return Errand
