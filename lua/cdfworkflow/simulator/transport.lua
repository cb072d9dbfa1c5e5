-- SPDX-License-Identifier: Apache-2.0
-- A client transport with no socket: requests go straight to a simulator, sleeping moves its clock. Ordered faults
-- come out as the failures that a network would show.

local Transport = {}
Transport.__index = Transport

local M = {}

---@param sim cdfworkflow.simulator.Simulator
---@return table transport for `cdf.client{ transport = … }`
function M.new(sim)
  return setmetatable({ sim = sim }, Transport)
end

---@return number # seconds
function Transport:now()
  return self.sim:now() / 1000
end

---@param seconds number
function Transport:sleep(seconds)
  self.sim:advance(math.max(seconds, 0))
end

local function failure(kind, message)
  return { failure = kind, sent = true, message = message }
end

local function read(request)
  local base, target = request.url:match("^(%a[%w+.-]*://[^/?#]*)(.*)$")
  assert(base, "not an absolute URL")
  local headers = {}
  for name, value in pairs(request.headers or {}) do
    headers[name:lower()] = value
  end
  return {
    method = request.method,
    path = target:sub(1, 1) == "/" and target or "/" .. target,
    headers = headers,
    body = request.body,
    base_url = base,
  }
end

local function carry_out(sim, response, timeout)
  local fault = response.fault
  if fault.delay and timeout and fault.delay >= timeout then
    sim:advance(timeout)
    return failure("timeout", "no answer within the time allowed")
  end
  sim:advance(fault.delay or 0)
  if fault.drop then
    return failure("receive", "the connection was closed without an answer")
  elseif fault.truncate and response.body ~= "" then
    return failure("receive", ("the connection was closed with %d bytes outstanding"):format(
      math.max(#response.body - fault.truncate, 1))) -- a shorter body lacks its last one, as over a socket
  end
  return response
end

---@param request { method: string, url: string, headers: table<string, string>?, body: string?, timeout: number? }
---@return table # `{ status, headers, body }`, or `{ failure, sent, message }`
function Transport:http(request)
  local response = self.sim:handle(read(request))
  if response.fault then
    response = carry_out(self.sim, response, request.timeout)
  end
  if response.failure then
    return response
  end
  return { status = response.status, headers = response.headers, body = response.body }
end

return M
