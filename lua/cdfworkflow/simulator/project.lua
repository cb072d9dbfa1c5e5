-- SPDX-License-Identifier: Apache-2.0
-- One CDF project: its stored state, its engine, and the world that the engine sees (time, ids, functions,
-- transformations, simulations, the project's own API).

local calls = require "cdfworkflow.simulator.api.calls"
local core = require "cdfworkflow.core"
local cron = require "cdfworkflow.simulator.lib.cron"
local engine = require "cdfworkflow.simulator.engine"
local functions = require "cdfworkflow.simulator.api.functions"
local pace = require "cdfworkflow.simulator.lib.pace"
local random = require "cdfworkflow.simulator.lib.random"
local router = require "cdfworkflow.simulator.api.router"
local schedules = require "cdfworkflow.simulator.api.schedules"
local sessions = require "cdfworkflow.simulator.api.sessions"
local triggers = require "cdfworkflow.simulator.api.triggers"
local versions = require "cdfworkflow.simulator.api.versions"

---@class cdfworkflow.simulator.Project
---@field sim cdfworkflow.simulator.Simulator
---@field name string
---@field stored table everything that is saved; `state` and `engine_state` are parts of it
---@field engine cdfworkflow.simulator.Engine
local Project = {}
Project.__index = Project

local M = {}

-- CDF's own figures (CDF.md section 14).
local LIMITS = {
  tasks = 200,
  concurrent_executions = 50,
  concurrent_tasks = 50,
  output_bytes = 204800,
  execution_timeout = 86400,
}

local TABLES = {
  "workflows", "versions", "execution_order", "sessions", "session_order", "nonces", "triggers", "trigger_runs",
  "functions", "calls", "call_order", "pending_calls", "running_calls", "schedules", "files",
}

local function new_stored()
  local api = { seq = 0, sessions_live = 0 }
  for _, name in ipairs(TABLES) do
    api[name] = {}
  end
  return { api = api, engine = {} }
end

---@param sim cdfworkflow.simulator.Simulator
---@param name string
---@param stored table? what an earlier project of this name left in `sim.state`
---@return cdfworkflow.simulator.Project
function M.new(sim, name, stored)
  stored = stored or new_stored()
  local self = setmetatable({ sim = sim, name = name, stored = stored, limits = LIMITS, cron = {} }, Project)
  self.state = stored.api
  self.engine_state = stored.engine
  self.engine = engine.new(self:world())
  self.engine.on_finished = function(execution)
    sessions.release(self, execution.session, "execution")
  end
  return self
end

local WORLD = {
  "now", "new_uuid", "new_id", "find_version", "call_function", "run_transformation", "run_simulation",
  "call_function_app", "run_mapping", "request",
}

---@return table # what the engine sees: its own state, and these methods
function Project:world()
  local world = { state = self.engine_state, limits = self.limits }
  for _, name in ipairs(WORLD) do
    world[name] = function(_, ...)
      return self[name](self, ...)
    end
  end
  return world
end

---@return integer # milliseconds since the epoch
function Project:now()
  return self.sim.state.clock
end

---@return string
function Project:new_uuid()
  return random.uuid(self.sim.state)
end

---@return integer
function Project:new_id()
  return random.id(self.sim.state)
end

---@return integer # the next number in order of creation
function Project:new_seq()
  self.state.seq = self.state.seq + 1
  return self.state.seq
end

---@param entries table<any, { seq: integer }>
---@return table[] # in order of creation
function Project:in_order(entries) -- luacheck: no self
  local list = {}
  for _, entry in pairs(entries) do
    list[#list + 1] = entry
  end
  table.sort(list, function(a, b)
    return a.seq < b.seq
  end)
  return list
end

---@param expression string
---@param timezone string?
---@return table|nil # the schedule, read once
---@return string|nil message
function Project:parse_cron(expression, timezone)
  local key = expression .. "\n" .. (timezone or "UTC")
  local message
  if not self.cron[key] then
    self.cron[key], message = cron.parse(expression, timezone)
  end
  return self.cron[key], message
end

---@param map table
---@return integer
function Project:count(map) -- luacheck: no self
  local size = 0
  for _ in pairs(map) do
    size = size + 1
  end
  return size
end

---@return integer|nil # when something of this project is due, in milliseconds
function Project:next_due()
  local due
  local function consider(when)
    if when and (not due or when < due) then
      due = when
    end
  end
  consider(self.engine:next_due())
  consider(calls.next_due(self))
  consider(triggers.next_due(self))
  consider(schedules.next_due(self))
  return due
end

--- Does what is due at the present time.
function Project:run_due()
  triggers.run_due(self)
  schedules.run_due(self)
  calls.run_due(self)
  self.engine:advance(self:now())
end

-- What the engine asks for ----------------------------------------------------------------------------------------

local OVER = "Session is no longer valid"

---@param workflow string external id
---@param version string
---@return table|nil
function Project:find_version(workflow, version)
  return versions.find(self, workflow, version)
end

---@param external_id string
---@param data table
---@param context table
---@return table outcome
function Project:call_function(external_id, data, context)
  local fn = functions.find(self, { externalId = external_id })
  local problem = not fn and "Function not found: " .. external_id
    or not sessions.principal(self, context.session) and OVER
    or functions.status(self, fn) ~= "Ready" and "Function is not ready: " .. external_id
  if problem then
    return { ok = false, error = problem, duration = pace.other }
  end
  return calls.run_now(self, fn, data, context)
end

-- What a Lua function of the user's stands for, of its parameters and the context of the task. Raising fails the task.
local function ask(self, handler, what, name, parameters, context)
  local problem = not handler and ("%s not found: %s"):format(what, name)
    or not sessions.principal(self, context.session) and OVER
  if problem then
    return { ok = false, error = problem, duration = pace.other }
  end
  local ok, result, seconds = pcall(handler, parameters, context)
  if not ok then
    return { ok = false, error = tostring(result), duration = pace.handler }
  end
  return { ok = true, response = result, duration = tonumber(seconds) or pace.handler }
end

-- A transformation or a simulation gives nothing but how many seconds it takes.
local function run_job(...)
  local outcome = ask(...)
  outcome.duration, outcome.response = tonumber(outcome.response) or outcome.duration, nil
  return outcome
end

function Project:run_transformation(external_id, parameters, context)
  return run_job(self, self.sim.transformations[external_id], "Transformation", external_id, parameters, context)
end

function Project:run_simulation(routine, parameters, context)
  return run_job(self, self.sim.simulations[routine], "Simulator routine", routine, parameters, context)
end

function Project:call_function_app(external_id, parameters, context)
  return ask(self, self.sim.function_apps[external_id], "Function app", external_id, parameters, context)
end

function Project:run_mapping(task, parameters, context)
  return ask(self, self.sim.mappings[task], "Lua function for the mapping", task, parameters, context)
end

local function encode_query(query)
  local parts = {}
  for name, value in pairs(query or {}) do
    local text = type(value) == "table" and core.encode(value) or tostring(value)
    parts[#parts + 1] = router.escape(name) .. "=" .. router.escape(text)
  end
  table.sort(parts)
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

--- Requests the project's own API with the rights of the execution's session, as a `cdf` task does.
---@return integer status
---@return any body
---@return number seconds that it takes
function Project:request(execution, method, path, query, body)
  local principal = sessions.principal(self, execution.session)
  if not principal then
    return 401, OVER, pace.other
  end
  local slash = path:sub(1, 1) == "/" and "" or "/"
  local target = "/api/v1/projects/" .. router.escape(self.name) .. slash .. path .. encode_query(query)
  local response = self.sim:answer({
    method = method,
    path = target,
    headers = { ["content-type"] = "application/json" },
    body = method ~= "GET" and assert(core.encode(body or {})) or nil,
  }, principal)
  return response.status, core.decode(response.body), response.seconds or pace.other
end

return M
