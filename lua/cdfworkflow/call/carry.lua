-- SPDX-License-Identifier: Apache-2.0
-- Carries a call (a C state machine) on: does what it says next, by way of a transport, and tells it what happened. No
-- rule about tokens, retries or time lives here.

local core = require "cdfworkflow.core"
local protected = require "cdfworkflow.call.protected"
local token_store = require "cdfworkflow.call.token_store"

local carry = {}

--- Asks the credentials' Lua function, which may yield: that is why Lua calls it, not C.
local function ask_for_token(call, transport, token_function)
  local ok, token, expires_at = pcall(token_function)
  if not ok then return call:step("token_failed", transport:now(), tostring(token)) end
  if type(token) ~= "string" then
    local reason = token == nil and expires_at and tostring(expires_at) or "it gave no string"
    return call:step("token_failed", transport:now(), reason)
  end
  if expires_at ~= nil and type(expires_at) ~= "number" then
    return call:step("token_failed", transport:now(), "it gave no number for when the token ends")
  end
  local lifetime = expires_at and math.max(expires_at - core.time(), 0)
  return call:step("token", transport:now(), token, lifetime)
end

local function report(client, event)
  if client.on_event then client.on_event(event) end
end

--- Tells of a request, without what is secret in it; what it gives identifies the request when its answer is told of.
local function report_request(client, request, phase)
  if not client.on_event then return nil end
  local event = request.redacted
  local method, url = event.method, event.url
  event.type, event.phase = "request", phase
  client.on_event(event)
  return method, url
end

--- Tells the call what a request came to.
---@param response table|userdata
---@param started number when it was sent
---@param phase string
---@param method? string for the event
---@param url? string
---@return string action what `call:step` says is to be done next
---@return any value
---@return string phase
---@return boolean denied
local function answer(call, client, response, started, phase, method, url)
  local now = client.transport:now()
  report(client, {
    type = "response", phase = phase, method = method, url = url, status = response.status,
    failure = response.failure, elapsed = now - started,
  })
  return call:step("answer", now, core.time(), response)
end

carry.answer = answer

local function exchange(call, client, request, phase, errand)
  local started = client.transport:now()
  local method, url = report_request(client, request, phase)
  if errand then errand.asked = { started, phase, method, url } end
  return answer(call, client, client.transport:http(request, errand), started, phase, method, url)
end

--- A token request, unless another process has put a good token into the store.
local function exchange_token(call, client, request, denied, errand)
  local store = token_store.of(client, errand)
  if not store then return exchange(call, client, request, "token", errand) end
  local transport = client.transport
  local began = transport:now()
  local token, lifetime = store:obtain(denied, request.timeout)
  if token then return call:step("token", transport:now(), token, lifetime) end
  request.timeout = request.timeout - (transport:now() - began)
  local ok, action, value, phase, flag = protected(exchange, call, client, request, "token", errand)
  store:keep()
  if not ok then error(action, 0) end
  return action, value, phase, flag
end

local function nap(call, transport, seconds, errand)
  transport:sleep(seconds, errand)
  return call:step("woke", transport:now())
end

--- Carries the call on, from what `call:step` said last, to its end.
---@param errand? cdfworkflow.Errand for a transport that sees whether somebody still waits
---@return any result or nil
---@return cdfworkflow.Error? err
function carry.on(call, client, errand, action, value, phase, denied)
  local transport = client.transport
  while true do
    if action == "http" and phase == "token" then
      action, value, phase, denied = exchange_token(call, client, value, denied, errand)
    elseif action == "http" then
      action, value, phase, denied = exchange(call, client, value, phase, errand)
    elseif action == "sleep" then
      report(client, { type = "retry", delay = value })
      action, value, phase, denied = nap(call, transport, value, errand)
    elseif action == "join" then
      action, value, phase, denied = nap(call, transport, value, errand)
    elseif action == "token" then
      action, value, phase, denied = ask_for_token(call, transport, value)
    elseif action == "done" then
      return value
    else
      return nil, value
    end
  end
end

return carry
