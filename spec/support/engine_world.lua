-- SPDX-License-Identifier: Apache-2.0
-- The smallest world that the engine runs in: a clock moved by hand, numbered ids, functions given by the spec.

local engine = require "cdfworkflow.simulator.engine"

local World = {}
World.__index = World

local START = 1767225600000

function World:now() return self.time end

function World:new_uuid()
  self.uuids = self.uuids + 1
  return string.format("00000000-0000-4000-8000-%012d", self.uuids)
end

function World:new_id()
  self.ids = self.ids + 1
  return self.ids
end

local function answer(self, kind, name, ...)
  table.insert(self.calls, name)
  local fn = self[kind][name]
  if not fn then return { ok = false, error = "There is no " .. name } end
  return fn(...)
end

function World:call_function(name, data, context) return answer(self, "functions", name, data, context) end
function World:run_transformation(name, parameters, context)
  return answer(self, "transformations", name, parameters, context)
end
function World:run_simulation(name, parameters, context)
  return answer(self, "simulations", name, parameters, context)
end

function World:find_version(workflow, version)
  return self.versions[tostring(workflow) .. "/" .. tostring(version)]
end

function World:request(execution, method, path, query, body, timeout_ms)
  table.insert(self.requests, {
    execution = execution.id, method = method, path = path, query = query, body = body, timeout_ms = timeout_ms,
  })
  return self.respond(method, path, query, body)
end

--- Starts an execution of these tasks; `options` are further options of Engine:start.
function World:start(tasks, options)
  local given = { workflowExternalId = "w", version = "1", definition = { hash = "0", tasks = tasks } }
  for key, value in pairs(options or {}) do given[key] = value end
  return self.engine:start(given)
end

--- Moves the clock, event by event, up to `seconds` from now (0 when left out).
function World:advance(seconds)
  local target = self.time + (seconds or 0) * 1000
  local due = self.engine:next_due()
  while due and due <= target do
    if due > self.time then self.time = due end
    self.engine:advance(self.time)
    due = self.engine:next_due()
  end
  self.time = target
end

--- Starts an execution and moves the clock until nothing is due within a day.
function World:run(tasks, options)
  local execution = self:start(tasks, options)
  self:advance(24 * 3600 + 1)
  return execution
end

--- Reads the state as it was saved, with a new engine over it.
function World:reload()
  local core = require "cdfworkflow.core"
  self.state = assert(core.decode(assert(core.encode(self.state))))
  self.engine = engine.new(self)
end

local world = { START = START }

--- A world; `options` are its functions, transformations, simulations, versions, limits.
function world.new(options)
  local self = setmetatable({
    state = {}, time = START, uuids = 0, ids = 0, calls = {}, requests = {},
    functions = {}, transformations = {}, simulations = {}, versions = {},
    respond = function() return 200, {} end,
    limits = {
      tasks = 200, concurrent_executions = 50, concurrent_tasks = 50, output_bytes = 200 * 1024,
      execution_timeout = 24 * 3600,
    },
  }, World)
  for key, value in pairs(options or {}) do
    if key == "limits" then
      for name, limit in pairs(value) do self.limits[name] = limit end
    else
      self[key] = value
    end
  end
  self.engine = engine.new(self)
  return self
end

--- A function that succeeds after so many seconds.
function world.gives(response, seconds)
  return function() return { ok = true, response = response, duration = seconds, function_id = 7 } end
end

--- A function that fails.
function world.fails(message, seconds)
  return function() return { ok = false, error = message, duration = seconds, function_id = 7 } end
end

--- A function that fails so many times and then succeeds.
function world.fails_first(times, seconds)
  local count = 0
  return function()
    count = count + 1
    if count <= times then return { ok = false, error = "failure " .. count, duration = seconds, function_id = 7 } end
    return { ok = true, response = count, duration = seconds, function_id = 7 }
  end
end

--- A world with these functions.
function world.with(functions, options)
  options = options or {}
  options.functions = functions
  return world.new(options)
end

--- A function task; `options` may hold `after` (external ids), `data` and further members of a task.
function world.task(external_id, options)
  options = options or {}
  local task = {
    externalId = external_id, type = options.type or "function",
    parameters = options.parameters
      or { ["function"] = { externalId = options.calls or external_id, data = options.data },
        isAsyncComplete = options.async },
    retries = options.retries, timeout = options.timeout, onFailure = options.onFailure,
  }
  if options.after then
    task.dependsOn = {}
    for index, id in ipairs(options.after) do task.dependsOn[index] = { externalId = id } end
  end
  return task
end

--- The shown tasks of an execution by external id.
function world.tasks_of(self, execution)
  local by_id = {}
  for _, task in ipairs(self.engine:detail(execution).executedTasks) do by_id[task.externalId] = task end
  return by_id
end

--- The statuses of an execution's tasks by external id.
function world.statuses(self, execution)
  local statuses = {}
  for id, task in pairs(world.tasks_of(self, execution)) do statuses[id] = task.status end
  return statuses
end

return world
