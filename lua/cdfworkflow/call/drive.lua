-- SPDX-License-Identifier: Apache-2.0
-- Runs a call from begin to end for the one who made it.

local Errand = require "cdfworkflow.call.errand"
local carry = require "cdfworkflow.call.carry"
local core = require "cdfworkflow.core"
local protected = require "cdfworkflow.call.protected"

local drive = {}

local function start(call, client)
  local errand = client.transport.sees_who_waits and Errand.new(call, client) or nil
  return carry.on(call, client, errand, call:step("start", client.transport:now()))
end

--- Runs the call to its end.
---@param call userdata what `core.run`, `core.request`, … made
---@param client cdfworkflow.Client
---@return any result or nil
---@return cdfworkflow.Error? err
function drive.run(call, client)
  local transport = client.transport
  if transport.check then
    local impossible, kind = transport:check()
    if impossible then
      return nil, core.error {
        kind = kind or "invalid", message = impossible, retryable = kind == "throttled", attempts = 0, elapsed = 0,
      }
    end
  end
  local ok, result, err = protected(start, call, client)
  if ok then return result, err end
  call:leave() -- an interrupt, or an error of the caller's own code: nobody is to wait for this call's token
  error(result, 0)
end

return drive
