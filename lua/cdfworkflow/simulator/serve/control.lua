-- SPDX-License-Identifier: Apache-2.0
-- What the server offers to programs beside CDF's API: the seam for tests that `--control` opens. Only for programs on
-- this machine, and for no page that a browser has open.

local core = require "cdfworkflow.core"
local fault_rules = require "cdfworkflow.simulator.fault_rules"
local reply = require "cdfworkflow.simulator.serve.reply"
local visitors = require "cdfworkflow.simulator.serve.visitors"

local control = {}

-- Each gets the simulator and the JSON object of the request.
local actions = {}

actions["POST /_simulator/fault"] = function(sim, argument)
  local problem = fault_rules.problem(argument)
  if problem then return reply.refusal(400, problem) end
  return reply.json(200, { id = sim:fault(argument) })
end

actions["GET /_simulator/fault"] = function(sim)
  return reply.json(200, { items = core.array(sim:list_faults()) })
end

actions["DELETE /_simulator/fault"] = function(sim, argument)
  if argument.id ~= nil and type(argument.id) ~= "number" then
    return reply.refusal(400, "id: the number of a fault is needed, or none for all")
  end
  return reply.json(200, { cleared = sim:clear_faults(argument.id) })
end

actions["POST /_simulator/advance"] = function(sim, argument)
  if type(argument.seconds) ~= "number" or argument.seconds < 0 then
    return reply.refusal(400, "seconds: a number that is not negative is needed")
  end
  sim:advance(argument.seconds)
  return reply.json(200, { now = sim:now() })
end

actions["GET /_simulator/log"] = function(sim)
  return reply.json(200, core.array(sim.log or {}))
end

local function may_control(server, stream, request)
  return visitors.is_near(stream) and not request.headers.origin and visitors.knows_name(request, server.host)
end

local function act(server, stream, request)
  local action = actions[request.method .. " " .. request.path]
  if not action then return reply.refusal(404, "no such control") end
  if not may_control(server, stream, request) then
    return reply.refusal(403, "controls are for programs on this machine")
  end
  local argument = core.decode(request.body or "{}")
  if type(argument) ~= "table" then return reply.refusal(400, "a JSON object is needed") end
  local ok, response = pcall(action, server.sim, argument)
  if not ok then return reply.refusal(400, tostring(response)) end
  return response
end

---@param server cdfworkflow.simulator.Server
---@param stream table lua-http's
---@param request cdfworkflow.simulator.Request
---@return cdfworkflow.simulator.Response|nil # nil when the request is not for this room
function control.respond(server, stream, request)
  if server.control and request.path:find("^/_simulator/") then return act(server, stream, request) end
  return nil
end

return control
