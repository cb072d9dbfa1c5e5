-- SPDX-License-Identifier: Apache-2.0
-- The task types of CDF as the simulator knows them (CDF.md sections 6 and 20), each in one place: what its parameters
-- may hold, and what one attempt does. The client has a table of its own: neither is to believe what the other does of
-- CDF.

local attempt = require "cdfworkflow.simulator.engine.attempt"
local copy = require "cdfworkflow.simulator.lib.copy"
local core = require "cdfworkflow.core"
local shapes = require "cdfworkflow.simulator.lib.shapes"

local any, text, integer, object = shapes.any, shapes.text, shapes.integer, shapes.object
local array, either, nullable, of_type = shapes.array, shapes.either, shapes.nullable, shapes.of_type
local EXTERNAL_ID, EPOCH, ANY_OBJECT, TEXT = shapes.EXTERNAL_ID, shapes.EPOCH, shapes.ANY_OBJECT, shapes.TEXT
local BOOLEAN, REFERENCE = shapes.BOOLEAN, shapes.REFERENCE
local hopeless, ask, context, milliseconds = attempt.hopeless, attempt.ask, attempt.context, attempt.milliseconds
local absent_to_nil, answered = attempt.absent_to_nil, attempt.answered

---@class cdfworkflow.simulator.TaskType
---@field holds string the member of `parameters` that holds what is the type's own
---@field own cdfworkflow.simulator.Check of that member
---@field beside? table<string, cdfworkflow.simulator.Check> of the other members that are looked at
---@field input? fun(parameters: table): table the task's input where it is not just its parameters
---@field run? fun(site: cdfworkflow.simulator.Site, input: table): cdfworkflow.simulator.Outcome none in containers
---@field is_container? boolean it stands for other tasks, and must not stand inside a task that does
---@field holds_definitions? boolean a definition may hold the tasks inside it

local task_types = {}

---@type table<string, cdfworkflow.simulator.TaskType>
local types = {}
task_types.types = types

local function open_object(required, members) return object { required = required, open = true, members = members } end

local task -- holds itself: subworkflow and dynamic tasks hold tasks
local TASKS = array(function(value, where) return task(value, where) end)

-- function --------------------------------------------------------------------------------------------------------

local function run_function(site, input)
  local call = input["function"]
  if type(call) ~= "table" or type(call.externalId) ~= "string" then
    return hopeless "The function's externalId is not text"
  end
  local data = copy(absent_to_nil(call.data) or {}) -- a copy: the function may change what it is given
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
    ok = answer.ok and true or false, output = output, wait = milliseconds(answer.duration),
    reason = not answer.ok and (answer.error or "Function call failed") or nil,
  }
end

types["function"] = {
  holds = "function",
  own = open_object({ "externalId" }, { externalId = text { min = 1 }, data = either(ANY_OBJECT, REFERENCE) }),
  beside = { isAsyncComplete = BOOLEAN },
  -- Real answers name the member asyncComplete in a task's input, isAsyncComplete in definitions (CDF.md section 6).
  input = function(parameters)
    local is_async = parameters.isAsyncComplete == true or parameters.asyncComplete == true
    return { ["function"] = parameters["function"], asyncComplete = is_async }
  end,
  run = run_function,
}

-- transformation --------------------------------------------------------------------------------------------------

local function run_job(site, transformation, delay)
  local answer = ask(site.world, "run_transformation", transformation.externalId, transformation, context(site))
  local job = { ok = answer.ok and true or false, endTime = site.now + delay + milliseconds(answer.duration) }
  if job.ok then
    job.jobId = site.world:new_id()
  else
    job.reason = tostring(answer.error or "Transformation failed")
  end
  site.jobs[transformation.externalId] = job
  return job
end

-- A transformation runs once at a time; concurrencyPolicy says what happens when it runs already.
local function run_transformation(site, input)
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
    return attempt.failed("Transformation " .. transformation.externalId .. " is running already")
  end
  return { ok = job.ok, output = { jobId = job.jobId }, reason = job.reason, wait = job.endTime - site.now }
end

types.transformation = {
  holds = "transformation",
  own = open_object({ "externalId" }, {
    externalId = text { min = 1 },
    concurrencyPolicy = text { enum = { "fail", "waitForCurrent", "restartAfterCurrent" } },
    useTransformationCredentials = BOOLEAN,
  }),
  run = run_transformation,
}

-- cdf -------------------------------------------------------------------------------------------------------------

local METHODS = { GET = true, POST = true, PUT = true }

local function run_request(site, input)
  local request = input.cdfRequest
  if type(request) ~= "table" or type(request.resourcePath) ~= "string" then
    return hopeless "The request's resourcePath is not text"
  end
  if not METHODS[request.method] then return hopeless "The request's method is not GET, POST or PUT" end
  local timeout = tonumber(absent_to_nil(request.requestTimeoutInMillis)) or 10000
  local called, status, body, seconds = pcall(site.world.request, site.world, site.record, request.method,
    request.resourcePath, absent_to_nil(request.queryParameters), absent_to_nil(request.body), timeout)
  if not called or type(status) ~= "number" then
    return attempt.failed("Request failed: " .. tostring(called and body or status))
  end
  local wait = milliseconds(seconds)
  if wait > timeout then
    return { ok = false, output = {}, wait = timeout, reason = ("Request timed out after %d ms"):format(timeout) }
  end
  local ok = status >= 200 and status < 300
  return {
    ok = ok, wait = wait, output = { response = body == nil and core.null or body, statusCode = status },
    reason = not ok and "Request was answered with status " .. status or nil,
  }
end

types.cdf = {
  holds = "cdfRequest",
  own = open_object({ "resourcePath", "method" }, {
    resourcePath = text { min = 1 },
    method = either(text { enum = { "GET", "POST", "PUT" } }, REFERENCE),
    queryParameters = either(ANY_OBJECT, REFERENCE),
    body = either(ANY_OBJECT, REFERENCE),
    requestTimeoutInMillis = either(integer(0), REFERENCE),
    cdfVersionHeader = TEXT,
  }),
  run = run_request,
}

-- dynamic ---------------------------------------------------------------------------------------------------------

types.dynamic = {
  holds = "dynamic", own = open_object({ "tasks" }, { tasks = either(REFERENCE, TASKS) }), is_container = true,
}

-- subworkflow -----------------------------------------------------------------------------------------------------

local VARIANTS = shapes.variants({
  { "tasks", open_object({ "tasks" }, { tasks = TASKS }) },
  { "workflowExternalId", open_object({ "workflowExternalId", "version" }, {
    workflowExternalId = EXTERNAL_ID, version = EXTERNAL_ID,
  }) },
}, "must have tasks, or workflowExternalId and version")

types.subworkflow = {
  holds = "subworkflow",
  own = function(value, where)
    if shapes.is_object(value) and value.tasks ~= nil and value.workflowExternalId ~= nil then
      return where .. " must have either tasks or workflowExternalId, not both"
    end
    return VARIANTS(value, where)
  end,
  is_container = true, holds_definitions = true,
}

-- simulation ------------------------------------------------------------------------------------------------------

local SIMULATION_INPUT = open_object({ "referenceId", "value" }, {
  referenceId = text { min = 1 },
  value = either(TEXT, of_type "number", array(either(TEXT, of_type "number"))),
  unit = nullable(open_object({ "name" }, { name = TEXT })),
})

local function run_simulation(site, input)
  local simulation = input.simulation
  if type(simulation) ~= "table" or type(simulation.routineExternalId) ~= "string" then
    return hopeless "The simulation's routineExternalId is not text"
  end
  local answer = ask(site.world, "run_simulation", simulation.routineExternalId, simulation, context(site))
  local failure = not answer.ok and tostring(answer.error or "Simulation failed") or nil
  return {
    ok = not failure, reason = failure, wait = milliseconds(answer.duration),
    output = {
      runId = site.world:new_id(), logId = site.world:new_id(), statusMessage = failure or "Success",
    },
  }
end

types.simulation = {
  holds = "simulation",
  own = open_object({ "routineExternalId" }, {
    routineExternalId = text { min = 1 },
    runTime = nullable(either(EPOCH, REFERENCE)),
    inputs = either(array(SIMULATION_INPUT, 0, 200), REFERENCE),
  }),
  run = run_simulation,
}

-- functionApp -----------------------------------------------------------------------------------------------------

local function run_function_app(site, input)
  local app = input.functionApp
  if type(app) ~= "table" or type(app.externalId) ~= "string" then
    return hopeless "The function app's externalId is not text"
  end
  return answered(site, "call_function_app", app.externalId, app, function(response)
    return { statusCode = 200, response = response }
  end)
end

types.functionApp = {
  holds = "functionApp",
  own = open_object({ "externalId", "path" }, {
    externalId = text { min = 1, max = 255 },
    path = text { max = 255 },
    method = TEXT,
    parameters = object { open = true, max = 10, values = TEXT },
  }),
  run = run_function_app,
}

-- jsonMapping -----------------------------------------------------------------------------------------------------

local function run_json_mapping(site, input)
  local mapping = input.jsonMapping
  if type(mapping) ~= "table" or type(mapping.expression) ~= "string" then
    return hopeless "The mapping's expression is not text"
  end
  return answered(site, "run_mapping", site.entry.externalId, mapping, function(response)
    return { result = response }
  end)
end

types.jsonMapping = {
  holds = "jsonMapping",
  own = open_object({ "expression" }, { expression = text { min = 1 }, inputs = either(array(any), REFERENCE) }),
  run = run_json_mapping,
}

-- All of them -----------------------------------------------------------------------------------------------------

local PARAMETERS = {}

for name, kind in pairs(types) do
  local members = { [kind.holds] = kind.own }
  for member, check in pairs(kind.beside or {}) do members[member] = check end
  PARAMETERS[name] = open_object({ kind.holds }, members)
end

local TASK = open_object({ "externalId", "type", "parameters" }, {
  externalId = EXTERNAL_ID,
  type = TEXT,
  parameters = ANY_OBJECT,
  name = text { max = 255 },
  description = shapes.DESCRIPTION,
  retries = integer(0, 10),
  timeout = integer(60, 86400),
  onFailure = text { enum = { "abortWorkflow", "skipTask" } },
  dependsOn = array(object { required = { "externalId" }, members = { externalId = EXTERNAL_ID } }, 0, 100),
})

-- Unknown members of a definition are taken: nothing public says that CDF refuses them (CDF.md section 20).
function task(value, where)
  local message = TASK(value, where)
  if message then return message end
  local check = PARAMETERS[value.type]
  return check and check(value.parameters, where .. ".parameters")
end

--- What is wrong with a task as it is sent.
---@type cdfworkflow.simulator.Check
task_types.check = task

--- Whether it stands for other tasks.
---@param name string
---@return boolean
function task_types.is_container(name)
  return types[name] ~= nil and types[name].is_container == true
end

return task_types
