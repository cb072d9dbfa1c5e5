-- SPDX-License-Identifier: Apache-2.0
-- What one attempt of a task does, type by type (CDF.md section 6): its input, the call into the simulator's
-- world, and what came of it. When it ends and what follows is the engine's business.

local core = require "cdfworkflow.core"
local depth = require "cdfworkflow.simulator.lib.depth"
local references = require "cdfworkflow.simulator.engine.references"

---@class cdfworkflow.simulator.tasks
local tasks = {}

---@class cdfworkflow.simulator.Site where an attempt runs
---@field world table
---@field record table the execution
---@field entry table the task
---@field now integer ms
---@field jobs table<string, table> transformation jobs by external id

---@class cdfworkflow.simulator.Outcome what came of an attempt
---@field ok boolean
---@field output table
---@field reason string|nil why it failed
---@field terminal boolean|nil true when a further attempt cannot help
---@field wait integer|nil ms until it is over

local LONGEST_MS = 10 * 365 * 24 * 3600 * 1000 -- stands for "never" and still is an exact integer

--- Seconds as whole milliseconds; nonsense as none, "never" as ten years.
---@param seconds any
---@return integer
function tasks.milliseconds(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds <= 0 then return 0 end
  return math.floor(math.min(seconds * 1000, LONGEST_MS) + 0.5)
end

local function hopeless(reason)
  return { ok = false, terminal = true, output = {}, reason = reason }
end

-- What a world function answers, or a failure when it raises: one bad function must not stop the engine.
local function ask(world, method, ...)
  local called, outcome = pcall(world[method], world, ...)
  if not called then return { ok = false, error = tostring(outcome) } end
  if type(outcome) ~= "table" then return { ok = false, error = method .. " gave no outcome" } end
  return outcome
end

local function context(site)
  local record, entry = site.record, site.entry
  return {
    executionId = record.id, workflowExternalId = record.workflowExternalId, version = record.version,
    session = record.session, taskId = entry.id, taskExternalId = entry.externalId, attempt = entry.attempts,
    isAsyncComplete = entry.input.asyncComplete,
  }
end

---@param parameters table
---@return boolean
function tasks.is_async(parameters)
  return parameters.isAsyncComplete == true or parameters.asyncComplete == true
end

-- Real answers name the member asyncComplete in a task's input, isAsyncComplete in definitions (CDF.md section 6).
local function shape(definition, parameters)
  if definition.type ~= "function" then return parameters end
  return { ["function"] = parameters["function"], asyncComplete = tasks.is_async(parameters) }
end

--- The input of a task that has not started: its parameters, references and all.
---@param definition table
---@return table
function tasks.raw_input(definition)
  return shape(definition, definition.parameters)
end

-- The tasks inside a container resolve their own references, each when it starts.
local function holds_tasks(definition)
  local inner = definition.parameters[definition.type]
  return (definition.type == "dynamic" or definition.type == "subworkflow")
    and type(inner) == "table" and type(inner.tasks) == "table"
end

local function check_size(what, value, text, message, limit)
  if not text then return what .. " is not JSON: " .. tostring(message) end
  if #text > limit then return what .. " of " .. #text .. " bytes is over the limit of " .. limit end
  if depth.is_too_deep(value) then return what .. " is nested in more than " .. depth.MOST .. " levels" end
  return nil
end

--- The input of a task that starts: its parameters with references resolved.
---@param definition table
---@param source cdfworkflow.simulator.Source
---@param limit integer bytes
---@return table|nil input
---@return string|nil reason
function tasks.input(definition, source, limit)
  if holds_tasks(definition) then return tasks.raw_input(definition) end
  local parameters, reason = references.resolve(definition.parameters, source)
  if not parameters then return nil, reason end
  local input = shape(definition, parameters)
  local text, message = core.encode(input)
  reason = check_size("Task input", input, text, message, limit)
  if reason then return nil, reason end
  return input
end

-- A copy, so that nobody outside holds a part of the stored state.
local function as_stored(output, limit)
  local text, message = core.encode(output)
  local reason = check_size("Task output", output, text, message, limit)
  if reason then return nil, reason end
  return core.decode(text)
end

--- Adds `more` to `output`, newer members over older ones, within the limit.
---@param output table
---@param more table
---@param limit integer bytes
---@return table|nil merged
---@return string|nil reason
function tasks.merge(output, more, limit)
  local merged = {}
  for key, value in pairs(output) do merged[key] = value end
  for key, value in pairs(more) do merged[key] = value end
  return as_stored(merged, limit)
end

local kinds = {}

local function absent_to_nil(value)
  if value == core.null then return nil end
  return value
end

kinds["function"] = function(site, input)
  local call = input["function"]
  if type(call) ~= "table" or type(call.externalId) ~= "string" then
    return hopeless "The function's externalId is not text"
  end
  local data = references.copy(absent_to_nil(call.data) or {}) -- a copy: the function may change what it is given
  if type(data) ~= "table" then return hopeless "The function's data is not an object" end
  if input.asyncComplete then data.cogniteOrchestrationTaskId = site.entry.id end
  local answer = ask(site.world, "call_function", call.externalId, data, context(site))
  local output = {}
  if answer.ok or answer.function_id then -- otherwise there was no function to call
    output.callId = answer.call_id or site.world:new_id()
    output.functionId = answer.function_id
    output.response = core.null
    if answer.ok and answer.response ~= nil then output.response = answer.response end
  end
  return {
    ok = answer.ok and true or false, output = output, wait = tasks.milliseconds(answer.duration),
    reason = not answer.ok and (answer.error or "Function call failed") or nil,
  }
end

local function run_job(site, transformation, delay)
  local answer = ask(site.world, "run_transformation", transformation.externalId, transformation, context(site))
  local job = { ok = answer.ok and true or false, endTime = site.now + delay + tasks.milliseconds(answer.duration) }
  if job.ok then
    job.jobId = site.world:new_id()
  else
    job.reason = tostring(answer.error or "Transformation failed")
  end
  site.jobs[transformation.externalId] = job
  return job
end

-- A transformation runs once at a time; concurrencyPolicy says what happens when it runs already.
function kinds.transformation(site, input)
  local transformation = input.transformation
  if type(transformation) ~= "table" or type(transformation.externalId) ~= "string" then
    return hopeless "The transformation's externalId is not text"
  end
  local policy = transformation.concurrencyPolicy
  local job = site.jobs[transformation.externalId]
  if not job or job.endTime <= site.now then
    job = run_job(site, transformation, 0)
  elseif policy == "restartAfterCurrent" then
    job = run_job(site, transformation, job.endTime - site.now)
  elseif policy ~= "waitForCurrent" then
    return { ok = false, output = {}, reason = "Transformation " .. transformation.externalId .. " is running already" }
  end
  return { ok = job.ok, output = { jobId = job.jobId }, reason = job.reason, wait = job.endTime - site.now }
end

function kinds.simulation(site, input)
  local simulation = input.simulation
  if type(simulation) ~= "table" or type(simulation.routineExternalId) ~= "string" then
    return hopeless "The simulation's routineExternalId is not text"
  end
  local answer = ask(site.world, "run_simulation", simulation.routineExternalId, simulation, context(site))
  local failure = not answer.ok and tostring(answer.error or "Simulation failed") or nil
  return {
    ok = not failure, reason = failure, wait = tasks.milliseconds(answer.duration),
    output = {
      runId = site.world:new_id(), logId = site.world:new_id(), statusMessage = failure or "Success",
    },
  }
end

-- What a Lua function of the user's answers for, as it does for a function; CDF's own language or apps are not here.
local function answered(site, method, name, parameters, outputs)
  local answer = ask(site.world, method, name, parameters, context(site))
  local failure = not answer.ok and tostring(answer.error or "Task failed") or nil
  return {
    ok = not failure, reason = failure, wait = tasks.milliseconds(answer.duration),
    output = not failure and outputs(answer.response == nil and core.null or answer.response) or {},
  }
end

function kinds.functionApp(site, input)
  local app = input.functionApp
  if type(app) ~= "table" or type(app.externalId) ~= "string" then
    return hopeless "The function app's externalId is not text"
  end
  return answered(site, "call_function_app", app.externalId, app, function(response)
    return { statusCode = 200, response = response }
  end)
end

function kinds.jsonMapping(site, input)
  local mapping = input.jsonMapping
  if type(mapping) ~= "table" or type(mapping.expression) ~= "string" then
    return hopeless "The mapping's expression is not text"
  end
  return answered(site, "run_mapping", site.entry.externalId, mapping, function(response)
    return { result = response }
  end)
end

local METHODS = { GET = true, POST = true, PUT = true }

function kinds.cdf(site, input)
  local request = input.cdfRequest
  if type(request) ~= "table" or type(request.resourcePath) ~= "string" then
    return hopeless "The request's resourcePath is not text"
  end
  if not METHODS[request.method] then return hopeless "The request's method is not GET, POST or PUT" end
  local timeout = tonumber(absent_to_nil(request.requestTimeoutInMillis)) or 10000
  local called, status, body, seconds = pcall(site.world.request, site.world, site.record, request.method,
    request.resourcePath, absent_to_nil(request.queryParameters), absent_to_nil(request.body), timeout)
  if not called or type(status) ~= "number" then
    return { ok = false, output = {}, reason = "Request failed: " .. tostring(called and body or status) }
  end
  local wait = tasks.milliseconds(seconds)
  if wait > timeout then
    return { ok = false, output = {}, wait = timeout, reason = ("Request timed out after %d ms"):format(timeout) }
  end
  local ok = status >= 200 and status < 300
  return {
    ok = ok, wait = wait, output = { response = body == nil and core.null or body, statusCode = status },
    reason = not ok and "Request was answered with status " .. status or nil,
  }
end

local function within_limits(outcome, limit)
  local output, reason = as_stored(outcome.output, limit)
  if not output then return hopeless(reason) end
  outcome.output = output
  return outcome
end

--- Does one attempt of a task that is not a container.
---@param site cdfworkflow.simulator.Site
---@return cdfworkflow.simulator.Outcome
function tasks.attempt(site)
  local kind = kinds[site.entry.taskType]
  if not kind then return hopeless("Task type " .. site.entry.taskType .. " is not known to this simulator") end
  return within_limits(kind(site, site.entry.input), site.world.limits.output_bytes)
end

return tasks
