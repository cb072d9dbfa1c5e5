-- SPDX-License-Identifier: Apache-2.0
-- From a request to CDF's answer: which operation it is for, who asks and may, whether it is well-formed, and what the
-- rooms refuse as CDF's envelope.

local auth = require "cdfworkflow.simulator.api.auth"
local body = require "cdfworkflow.simulator.api.body"
local core = require "cdfworkflow.core"
local lag = require "cdfworkflow.simulator.api.lag"
local operations = require "cdfworkflow.simulator.api.operations"
local random = require "cdfworkflow.simulator.lib.random"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local refusals = require "cdfworkflow.simulator.lib.refusals"
local router = require "cdfworkflow.simulator.api.router"
local schema = require "cdfworkflow.simulator.api.schema"

local refuse = refusal.refuse

local answering = {}

---@param sim cdfworkflow.simulator.Simulator
---@param status integer
---@param value any JSON
---@return cdfworkflow.simulator.Response
function answering.json(sim, status, value)
  local text = assert(core.encode(value))
  return {
    status = status,
    headers = { ["content-type"] = "application/json", ["x-request-id"] = random.uuid(sim.state) },
    body = text,
  }
end

local function check_access(exchange, principal)
  exchange.project = exchange.sim.projects[exchange.params.project]
  exchange.principal = principal or auth.principal(exchange)
  if not exchange.project or not auth.may_enter(exchange.principal, exchange.project.name) then
    refuse(refusals.unauthorized)
  end
  local acl = exchange.operation.acl or {}
  if acl[1] and not auth.has(exchange.principal, acl[1], acl[2]) then
    refuse(refusals.capability, acl[1], acl[2])
  end
end

local function violation(message)
  refuse(refusals.violation, message)
end

local function read_params(exchange)
  for name, given in pairs(exchange.params) do
    local read = schema.path[name]
    if read then
      local value, message = read(given, name)
      exchange.params[name] = value or violation(message)
    end
  end
end

local function read_query(exchange, given)
  exchange.query = {}
  for _, name in ipairs(exchange.operation.query or {}) do
    if given[name] then
      local value, message = schema.query[name](given[name], name)
      if value == nil then
        violation(message)
      end
      exchange.query[name] = value
    end
  end
end

-- Cognite's JavaScript SDK writes a V before the date.
local function check_version_header(exchange)
  local version = exchange.headers["cdf-version"]
  if version and not (version:gsub("%-beta$", ""):gsub("%-alpha$", "")):find("^V?%d%d%d%d%d%d%d%d$") then
    violation("cdf-version is not well-formed")
  end
end

local function prepare(exchange, query, principal)
  local operation = exchange.operation
  if operation.acl or operation.entered then
    check_access(exchange, principal)
  end
  if operation.bare then
    return
  elseif operation.entered then -- the user's own
    exchange.query = query
    return
  end
  check_version_header(exchange)
  read_params(exchange)
  read_query(exchange, query)
  if operation.check then
    exchange.body = body.read(exchange)
    local message = operation.check(exchange.body, "body")
    if message then
      violation(message)
    end
  end
end

local function serve(exchange, query, principal)
  exchange.body_text = exchange.request.body or ""
  prepare(exchange, query, principal)
  local value, more = exchange.operation.handle(exchange)
  if value == nil then
    return more -- a whole response, where CDF's JSON is not what is spoken
  end
  local response = answering.json(exchange.sim, more or 200, lag.show(value, lag.time(exchange)))
  if exchange.operation.bare then
    response.headers["x-request-id"] = nil -- the identity provider has none
    response.headers["cache-control"] = "no-store" -- RFC 6749, section 5.1
  end
  return response
end

local function traced(problem)
  return refusal.is(problem) and problem or debug.traceback(tostring(problem), 2)
end

local function not_routed(sim, methods)
  if not methods then
    return answering.json(sim, refusals.path[1], refusal.envelope(refusals.path[1], refusals.path[2]))
  end
  local response = answering.json(sim, refusals.method[1], refusal.envelope(refusals.method[1], refusals.method[2]))
  response.headers.allow = methods
  return response
end

---@param sim cdfworkflow.simulator.Simulator
---@param request cdfworkflow.simulator.Request
---@return { path: string, query: table, operation: table?, params: any }
function answering.find_route(sim, request)
  local path, segments, query = router.split(request.path)
  local operation, params = operations.routes:find(request.method, segments)
  if not operation then
    local given, given_params = sim.other:find(request.method, segments)
    operation, params = given, given_params or params
  end
  return { path = path, query = query, operation = operation, params = params }
end

---@param sim cdfworkflow.simulator.Simulator
---@param request cdfworkflow.simulator.Request
---@param route table what `find_route` gave
---@param more { principal: cdfworkflow.simulator.Principal?, behind: number? } who asks, instead of the bearer token's
---  owner; how many seconds ago the time is that lists show
---@return cdfworkflow.simulator.Response
function answering.answer(sim, request, route, more)
  local operation = route.operation
  if not operation then
    return not_routed(sim, route.params)
  end
  local exchange = {
    sim = sim, request = request, headers = request.headers or {}, operation = operation, params = route.params,
    behind = more.behind,
  }
  local ok, result = xpcall(function()
    return serve(exchange, route.query, more.principal)
  end, traced)
  if ok then
    result.seconds = exchange.seconds
    return result
  elseif not refusal.is(result) then
    error(result, 0)
  end
  return answering.json(sim, result.status, refusal.envelope(result.status, result.message, result.more))
end

return answering
