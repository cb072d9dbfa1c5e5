-- SPDX-License-Identifier: Apache-2.0
-- What the server offers to programs beside CDF's API: whether it is well, its figures, and the seam for tests that
-- `--control` opens, only for programs on this machine, and for no page that a browser has open.

local core = require "cdfworkflow.core"
local fault_rules = require "cdfworkflow.simulator.fault_rules"
local pace = require "cdfworkflow.simulator.lib.pace"
local metrics = require "cdfworkflow.simulator.serve.metrics"
local pieces = require "cdfworkflow.simulator.serve.pieces"
local reply = require "cdfworkflow.simulator.serve.reply"
local shown = require "cdfworkflow.simulator.lib.shown"
local suggest = require "cdfworkflow.suggest"
local visitors = require "cdfworkflow.simulator.serve.visitors"

local control = {}

control.HELP = [[
Programs may ask for /health, and for /metrics (Prometheus). With --control, programs on this machine may
  POST /_simulator/advance    {"seconds": 90} moves the clock
  POST /_simulator/fault      {"match": {"operation": "run"}, "status": 503} orders a fault; answers its id
  GET /_simulator/fault       the faults that wait
  DELETE /_simulator/fault    {"id": 1} takes one back, without a body all of them
  POST /_simulator/reset      everything is as it was at the start; tokens stay good, ids are not given twice
  GET /_simulator/state       everything there is, as --state keeps it
  PUT /_simulator/state       takes it back
  GET /_simulator/log         the requests that came, the last 10,000 at least]]

local MOST_STATE = 1024 * 1024 * 1024

-- For anybody: no secret is in them, and nothing that a rebound name could not know.
local open = {}

open["GET /health"] = function(server)
  return reply.json(200, { status = "ok", now = server.sim:now() })
end

open["GET /metrics"] = function(server)
  local headers = { ["content-type"] = "text/plain; version=0.0.4; charset=utf-8" }
  return { status = 200, headers = headers, body = metrics.text(server.sim) }
end

-- Each gets the server and the JSON object of the request.
local actions = {}

actions["POST /_simulator/fault"] = function(server, argument)
  local problem = fault_rules.problem(argument)
  if problem then return reply.refusal(400, problem) end
  return reply.json(200, { id = server.sim:fault(argument) })
end

actions["GET /_simulator/fault"] = function(server)
  return reply.json(200, { items = core.array(server.sim:list_faults()) })
end

actions["DELETE /_simulator/fault"] = function(server, argument)
  local unknown = suggest.unknown(argument, { "id" })[1]
  if unknown then return reply.refusal(400, "unknown member " .. shown(unknown)) end
  if argument.id ~= nil and type(argument.id) ~= "number" then
    return reply.refusal(400, "id: the number of a fault is needed, or none for all")
  end
  return reply.json(200, { cleared = server.sim:clear_faults(argument.id) })
end

actions["POST /_simulator/advance"] = function(server, argument)
  local seconds = argument.seconds
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= pace.furthest) then
    return reply.refusal(400, ("seconds: a number from 0 to %.0f is needed"):format(pace.furthest))
  end
  server.sim:advance(seconds)
  return reply.json(200, { now = server.sim:now() })
end

actions["POST /_simulator/reset"] = function(server)
  server.sim:reset()
  local ok, message = server.fill(server.sim)
  server:start_clock()
  if not ok then return reply.refusal(500, message) end
  return reply.json(200, { now = server.sim:now() })
end

actions["GET /_simulator/log"] = function(server)
  return reply.json(200, core.array(server.sim.log or {}))
end

-- The state is no JSON object but lines of JSON.
local raw = {}

raw["GET /_simulator/state"] = function(server)
  local lines = {}
  assert(pieces.write(server.sim.state, function(line)
    lines[#lines + 1] = line
    return true
  end))
  return { status = 200, headers = { ["content-type"] = "application/x-ndjson" }, body = table.concat(lines) }
end

raw["PUT /_simulator/state"] = function(server, body)
  local state, problem = pieces.read(body:gmatch("[^\n]*\n"))
  if not state then return reply.refusal(400, "what was sent " .. problem) end
  local ok, message = server.sim:load(state)
  if not ok then return reply.refusal(400, message) end
  server:start_clock()
  return reply.json(200, { now = server.sim:now() })
end

local function may_control(server, stream, request)
  return visitors.is_near(stream) and not visitors.is_page(request) and visitors.knows_name(request, server.host)
end

local function carry_out(server, name, body)
  if raw[name] then return raw[name](server, body or "") end
  local argument = core.decode(body or "{}")
  if type(argument) ~= "table" then return reply.refusal(400, "a JSON object is needed") end
  return actions[name](server, argument)
end

local function path_of(request)
  return request.path:match("^[^?#]*")
end

local function act(server, stream, request)
  local name = request.method .. " " .. path_of(request)
  if not actions[name] and not raw[name] then return reply.refusal(404, "no such control") end
  if not may_control(server, stream, request) then
    return reply.refusal(403, "controls are for programs on this machine")
  end
  local ok, response = pcall(carry_out, server, name, request.body)
  if not ok then return reply.refusal(400, tostring(response)) end
  return response
end

---@param server cdfworkflow.simulator.Server
---@param stream table lua-http's
---@param path string
---@return integer|nil # how many bytes the body of a request may have; nil for as many as any other
function control.largest_body(server, stream, path)
  return server.control and path == "/_simulator/state" and visitors.is_near(stream) and MOST_STATE or nil
end

---@param server cdfworkflow.simulator.Server
---@param stream table lua-http's
---@param request cdfworkflow.simulator.Request
---@return cdfworkflow.simulator.Response|nil # nil when the request is not for this room
function control.respond(server, stream, request)
  local public = open[(request.method == "HEAD" and "GET" or request.method) .. " " .. path_of(request)]
  if public then return public(server) end
  if server.control and request.path:find("^/_simulator/") then return act(server, stream, request) end
  return nil
end

return control
