-- SPDX-License-Identifier: Apache-2.0
-- Runs a call from begin to end for the one who made it.

local carry = require "cdfworkflow.call.carry"
local core = require "cdfworkflow.core"
local interrupt = require "cdfworkflow.call.interrupt"
local protected = require "cdfworkflow.call.protected"

local drive = {}

local function start(call, client)
  local transport = client.transport
  if transport.carry and not client.on_event and not client.instead then
    return carry.on(call, client, nil, transport:carry(call))
  end
  local errand = transport.sees_who_waits and require("cdfworkflow.call.errand").new(call, client) or nil
  return carry.on(call, client, errand, call:step("start", transport:now(), core.time()))
end

--- Why the transport cannot make a call here and now: kind "invalid", or "throttled" where there are too many.
local function impossible(transport)
  if not transport.check then return nil end
  local why, kind = transport:check()
  if not why then return nil end
  if kind == "throttled" then
    return core.error { kind = kind, message = why, retryable = true, attempts = 0, elapsed = 0 }
  end
  return core.error { kind = "invalid", field = "transport", limit = why, message = why, retryable = false }
end

--- Runs the call to its end.
---@param call userdata what `core.run`, `core.request`, … made
---@param client cdfworkflow.Client
---@return any result or nil
---@return cdfworkflow.Error? err
function drive.run(call, client)
  local problem = impossible(client.transport)
  if problem then return nil, problem end
  local ok, result, err = protected(start, call, client)
  if ok then return result, err end
  call:leave() -- an interrupt, or an error of the caller's own code: nobody is to wait for this call's token
  if client.transport.carry then client.transport:forget(call) end
  return interrupt.pass_on(result)
end

return drive
