-- SPDX-License-Identifier: Apache-2.0
-- Carries a call (a C state machine) on: does what it says next, by way of a transport, and tells it what happened. No
-- rule about tokens, retries or time lives here.

local core = require "cdfworkflow.core"
local mistake = require "cdfworkflow.mistake"
local protected = require "cdfworkflow.call.protected"

local carry = {}

--- Asks the credentials' Lua function, which may yield: that is why Lua calls it, not C. A text, or nil and why there
--- is none; behind it what else the function gave.
local function ask(fn)
  local ok, text, more = pcall(fn)
  if not ok then return nil, "the function for it failed: " .. tostring(text) end
  if type(text) == "string" then return text, more end
  return nil, text == nil and more and tostring(more) or "the function for it gave no string"
end

local function ask_for_token(call, transport, token_function)
  local token, expires_at = ask(token_function)
  if not token then return call:step("token_failed", transport:now(), expires_at) end
  if expires_at ~= nil and type(expires_at) ~= "number" then
    return call:step("token_failed", transport:now(), "the function for it gave no number for when it ends")
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
---@return number? surplus the id of a session that was left alone
local function answer(call, client, response, started, phase, method, url)
  local now = client.transport:now()
  if client.on_event then
    report(client, {
      type = "response", phase = phase, method = method, url = url, status = response.status,
      failure = response.failure, proxy = response.failure and response.proxy or nil, elapsed = now - started,
    })
  end
  return call:step("answer", now, core.time(), response)
end

carry.answer = answer

local function is_answer(response)
  local kind = type(response)
  return (kind == "table" or kind == "userdata") and (response.status or response.failure) ~= nil
end

--- Sends a request, unless the client has an answer instead: where it must not go out any more (queue/drain.lua).
local function exchange(call, client, request, phase, errand)
  local started = client.transport:now()
  local method, url = report_request(client, request, phase)
  if errand then errand.asked = { started, phase, method, url } end
  local response = client.instead and client.instead() or client.transport:http(request, errand)
  if not is_answer(response) then
    mistake.raise "the client's transport must answer with a status or a failure"
  end
  return answer(call, client, response, started, phase, method, url)
end

--- The token request, with what proves who the client is where it has no secret.
local function request_token(call, client, request, errand)
  local assertion_function = core.assertion(client.core)
  if assertion_function then
    local assertion, problem = ask(assertion_function)
    if assertion then problem = call:assertion(assertion) end
    if problem then return call:step("token_failed", client.transport:now(), problem) end
  end
  return exchange(call, client, request, "token", errand)
end

--- A token request, unless another process has put a good token into the store.
local function exchange_token(call, client, request, denied, errand)
  local store = client.token_store and require("cdfworkflow.call.token_store").of(client, errand)
  if not store then return request_token(call, client, request, errand) end
  local transport = client.transport
  local began = transport:now()
  local token, lifetime = store:obtain(denied, request.timeout)
  if token then return call:step("token", transport:now(), token, lifetime) end
  request.timeout = request.timeout - (transport:now() - began)
  local ok, action, value, phase, flag, surplus = protected(request_token, call, client, request, errand)
  store:keep()
  if not ok then error(action, 0) end
  return action, value, phase, flag, surplus
end

local function nap(call, transport, seconds, errand)
  transport:sleep(seconds, errand)
  return call:step("woke", transport:now())
end

--- Does what the call says next.
local function act(call, client, errand, action, value, phase, denied)
  local transport = client.transport
  if action == "http" and phase == "token" then return exchange_token(call, client, value, denied, errand) end
  if action == "http" then return exchange(call, client, value, phase, errand) end
  if action == "token" then return ask_for_token(call, transport, value) end
  if action == "sleep" then report(client, { type = "retry", delay = value }) end
  return nap(call, transport, value, errand)
end

--- Carries the call on, from what `call:step` said last, to its end.
---@param errand? cdfworkflow.Errand for a transport that sees whether somebody still waits
---@return any result or nil
---@return cdfworkflow.Error? err
function carry.on(call, client, errand, action, value, phase, denied, surplus)
  while action ~= "done" and action ~= "error" do
    if surplus then report(client, { type = "surplus_session", id = surplus }) end
    action, value, phase, denied, surplus = act(call, client, errand, action, value, phase, denied)
  end
  if action == "error" then return nil, value end
  return value
end

return carry
