-- SPDX-License-Identifier: Apache-2.0
-- The rest of CDF's API, as far as the user has answers for it: by method and path below the project, a JSON value or a
-- Lua function of the request. `cdf` tasks and clients get them alike; whoever may enter the project may ask.

local core = require "cdfworkflow.core"
local body = require "cdfworkflow.simulator.api.body"
local operations = require "cdfworkflow.simulator.api.operations"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"
local router = require "cdfworkflow.simulator.api.router"

local other = {}

--- What a handler gets.
---@class cdfworkflow.simulator.OtherRequest
---@field method string
---@field path string below the project, percent-encoded
---@field params table<string, string> what stands for `{name}` in the path
---@field query table<string, string>
---@field headers table<string, string> lower-case names
---@field body any JSON, or the text of a body that says it is something else; nil where there is none
---@field project string
---@field client_id string who asks

---@alias cdfworkflow.simulator.OtherHandler fun(request: cdfworkflow.simulator.OtherRequest): any, integer?, number?
--- gives the JSON of the answer, its status (200 unless told), and how many seconds it takes (for a `cdf` task)

other.ANSWER = {
  word = "a table or a function",
  accepts = function(value)
    return type(value) == "table" or type(value) == "function"
  end,
}

---@return table routes
function other.new()
  return router.new()
end

local function body_of(exchange)
  local kind = (exchange.headers["content-type"] or "application/json"):lower()
  if exchange.body_text == "" then
    return nil
  end
  return kind:find("^application/json") and body.read(exchange) or exchange.body_text
end

local function request_of(exchange)
  local path = exchange.request.path:match("^/api/v1/projects/[^/]*([^?#]*)")
  local params = {}
  for name, value in pairs(exchange.params) do
    params[name] = name ~= "project" and value or nil
  end
  return {
    method = exchange.request.method, path = path, params = params, query = exchange.query, headers = exchange.headers,
    body = body_of(exchange), project = exchange.project.name, client_id = exchange.principal.client_id,
  }
end

local function carry_out(name, handler, request)
  local ok, value, status, seconds = pcall(handler, request)
  if not ok then
    refuse(refusals.handler_raised, name, tostring(value))
  elseif status ~= nil and not (type(status) == "number" and status >= 200 and status <= 599 and status % 1 == 0) then
    refuse(refusals.handler_status, name, tostring(status))
  end
  value = value == nil and {} or value
  local text, message = core.encode(value)
  if not text then
    refuse(refusals.handler_json, name, tostring(message))
  end
  return value, status, tonumber(seconds)
end

local function read_name(name)
  local method, path = tostring(name):match("^(%u+) (/[^%s?#]*)$")
  if not method then
    return nil, nil, ("%q is not of the form METHOD /path"):format(tostring(name))
  end
  local whole = operations.PROJECT_PATH .. path
  if operations.routes:find(method, (select(2, router.split(whole)))) then
    return nil, nil, name .. " is answered by the simulator itself"
  end
  return method, whole
end

---@param routes table
---@param name string such as "GET /timeseries/{id}"
---@param answer table|cdfworkflow.simulator.OtherHandler
---@return string|nil problem
function other.add(routes, name, answer)
  local method, path, problem = read_name(name)
  if problem then
    return problem
  end
  local handler = answer
  if type(answer) == "table" then
    local text, message = core.encode(answer)
    if not text then
      return ("%s gives no JSON: %s"):format(name, message)
    end
    handler = function()
      return answer
    end
  end
  routes:add {
    method = method, path = path, entered = true,
    handle = function(exchange)
      local value, status, seconds = carry_out(name, handler, request_of(exchange))
      exchange.seconds = seconds
      return value, status
    end,
  }
end

return other
