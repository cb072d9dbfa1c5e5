-- SPDX-License-Identifier: Apache-2.0
-- Calls of functions: a Lua function registered with the simulator stands for the Python handler. Calls come from the
-- API, from schedules and from workflow tasks, and take as long on the simulator's clock as the handler says.

local copy = require "cdfworkflow.simulator.lib.copy"
local core = require "cdfworkflow.core"
local depth = require "cdfworkflow.simulator.lib.depth"
local functions = require "cdfworkflow.simulator.api.functions"
local kept = require "cdfworkflow.simulator.lib.kept"
local pace = require "cdfworkflow.simulator.lib.pace"
local paging = require "cdfworkflow.simulator.api.paging"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local refusals = require "cdfworkflow.simulator.lib.refusals"
local sessions = require "cdfworkflow.simulator.api.sessions"

local refuse, refuse_with = refusal.refuse, refusal.refuse_with

local calls = {}

local LONGEST = 600 -- seconds: what `functions/limits` tells
local MOST_RUNNING = 250
local DEFAULT_LIMIT = 100

local key = kept.key

-- A call that has been made knows when it ends and how; until then it shows as running.
local function is_over(project, call)
  return call.ends ~= nil and call.ends <= project:now()
end

---@param project cdfworkflow.simulator.Project
---@param call table as stored
---@return string # Running, Completed, Failed or Timeout
function calls.status(project, call)
  return is_over(project, call) and call.result or "Running"
end

local function view(project, call)
  local over = is_over(project, call)
  return {
    id = call.id,
    status = calls.status(project, call),
    startTime = call.startTime,
    endTime = over and call.ends or nil,
    functionId = call.functionId,
    scheduleId = call.scheduleId,
    scheduledTime = call.scheduledTime,
    error = over and call.error or nil,
  }
end

local function record(project, fn, more)
  local call = { id = project:new_id(), functionId = fn.id, startTime = project:now() }
  for name, value in pairs(more or {}) do
    call[name] = value
  end
  local state = project.state
  state.calls[key(call.id)] = call
  state.call_order[#state.call_order + 1] = key(call.id)
  fn.lastCalled = call.startTime
  return call
end

-- What a handler says may be cut within a character; JSON holds whole ones only.
local function clean(text)
  return core.encode(text) and text or (text:gsub("[\128-\255]", "?"))
end

-- What the handler is told besides its data: where it runs, the secrets and variables of its function, and `log`.
local function context_of(project, fn, call, more)
  local context = {}
  for name, value in pairs(more or {}) do
    context[name] = value
  end
  context.project = project.name
  context.functionId, context.functionExternalId, context.callId = fn.id, fn.externalId, call.id
  context.scheduleId, context.scheduledTime = call.scheduleId, call.scheduledTime
  context.secrets, context.envVars = copy(fn.secrets), copy(fn.envVars)
  context.log = function(...)
    local parts = { ... }
    for position = 1, select("#", ...) do
      parts[position] = tostring(parts[position])
    end
    call.logs = call.logs or {}
    call.logs[#call.logs + 1] = { timestamp = project:now(), message = clean(table.concat(parts, "\t")) }
  end
  return context
end

local function failed(call, message, trace)
  call.result, call.error = "Failed", { message = clean(message), trace = clean(trace or message) }
end

local function keep_response(call, response)
  if response == nil then
    call.result = "Completed"
    return
  end
  local text, problem = core.encode(response)
  if not text then
    return failed(call, "The response is not JSON: " .. tostring(problem))
  elseif depth.is_too_deep(response) then
    return failed(call, ("The response is nested in more than %d levels"):format(depth.MOST))
  end
  call.result, call.response = "Completed", core.decode(text)
end

local function perform(project, fn, call, data, more)
  local handler = project.sim.handlers[fn.externalId or fn.name]
  if not handler then
    call.ends = project:now() + pace.other * 1000
    return failed(call, "No Lua function stands for the function " .. (fn.externalId or fn.name))
  end
  local trace
  local ok, response, duration = xpcall(function()
    return handler(data, context_of(project, fn, call, more))
  end, function(problem)
    trace = debug.traceback(tostring(problem), 2)
    return problem
  end)
  duration = ok and tonumber(duration) or pace.handler
  if duration ~= duration then
    duration = pace.handler
  end
  call.ends = project:now() + math.floor(math.min(duration, LONGEST) * 1000 + 0.5)
  if not ok then
    failed(call, tostring(response), trace)
  elseif duration > LONGEST then
    call.result, call.error = "Timeout", { message = "Function call timed out", trace = "" }
  else
    keep_response(call, response)
  end
end

--- Makes a call for a workflow task and tells what came of it.
---@param project cdfworkflow.simulator.Project
---@param fn table the stored function
---@param data table
---@param context table what the engine tells about the task
---@return table outcome
function calls.run_now(project, fn, data, context)
  local call = record(project, fn)
  perform(project, fn, call, data, context)
  return {
    ok = call.result == "Completed",
    response = call.response,
    error = call.error and call.error.message,
    duration = (call.ends - call.startTime) / 1000,
    function_id = fn.id,
    call_id = call.id,
  }
end

--- Takes a call in; it is made when the simulator gets to it, so that it shows as running first.
---@param project cdfworkflow.simulator.Project
---@param fn table the stored function
---@param given { data: table?, session: integer, scheduleId: integer?, scheduledTime: integer? }
---@return table # the call as the API shows it
function calls.take_in(project, fn, given)
  local call = record(project, fn, given)
  local state = project.state
  state.pending_calls[#state.pending_calls + 1] = key(call.id)
  state.running_calls[#state.running_calls + 1] = key(call.id)
  return view(project, call)
end

local function finish(project, call)
  local fn = project.state.functions[key(call.functionId)]
  call.ends = project:now()
  if not fn then
    failed(call, "The function has been deleted")
  elseif not sessions.principal(project, call.session) then
    failed(call, "Session is no longer valid")
  else
    perform(project, fn, call, copy(call.data or {}))
  end
  call.data = nil
  sessions.release(project, call.session, "call")
end

---@param project cdfworkflow.simulator.Project
---@return integer|nil # milliseconds
function calls.next_due(project)
  return project.state.pending_calls[1] and project:now()
end

---@param project cdfworkflow.simulator.Project
function calls.run_due(project)
  local pending = project.state.pending_calls
  project.state.pending_calls = {}
  for _, id in ipairs(pending) do
    finish(project, project.state.calls[id])
  end
end

local function count_running(project)
  local running = {}
  for _, id in ipairs(project.state.running_calls) do
    if not is_over(project, project.state.calls[id]) then
      running[#running + 1] = id
    end
  end
  project.state.running_calls = running
  return #running
end

-- The API ---------------------------------------------------------------------------------------------------------

local function create(exchange)
  local project = exchange.project
  local fn = functions.get(project, exchange.params.functionId)
  if functions.status(project, fn) ~= "Ready" then
    refuse(refusals.function_not_ready)
  elseif count_running(project) >= MOST_RUNNING then
    refuse(refusals.too_many_calls)
  end
  local session = sessions.open(project, exchange.body.nonce)
  sessions.bind(project, session, "call")
  return calls.take_in(project, fn, { data = exchange.body.data, session = session.id }), 201
end

local function in_range(range, value)
  return not range or value ~= nil and value >= (range.min or 0) and value <= (range.max or math.huge)
end

local function list_page(exchange, filter, given)
  local project = exchange.project
  local fn = functions.get(project, exchange.params.functionId)
  local step = paging.newest_first(project.state.call_order, function(id)
    local call = project.state.calls[id]
    local shown = call.functionId == fn.id and view(project, call)
    if shown and (not filter.status or shown.status == filter.status)
      and (not filter.scheduleId or shown.scheduleId == filter.scheduleId)
      and in_range(filter.startTime, shown.startTime) and in_range(filter.endTime, shown.endTime) then
      return shown
    end
  end)
  return paging.page(step, { limit = given.limit or DEFAULT_LIMIT, cursor = given.cursor }, { "calls", fn.id, filter })
end

local function list(exchange)
  return list_page(exchange, exchange.body.filter or {}, exchange.body)
end

local function list_all(exchange)
  return list_page(exchange, {}, exchange.query)
end

local function find(project, fn, id)
  local call = project.state.calls[key(id)]
  return call and call.functionId == fn.id and call or nil
end

local function by_ids(exchange)
  local project, body = exchange.project, exchange.body
  local fn = functions.get(project, exchange.params.functionId)
  local found, missing = core.array({}), {}
  for _, item in ipairs(body.items) do
    local call = find(project, fn, item.id)
    if call then
      found[#found + 1] = view(project, call)
    else
      missing[#missing + 1] = { id = item.id }
    end
  end
  if #missing > 0 and not body.ignoreUnknownIds then
    refuse_with({ missing = missing }, refusals.calls_missing)
  end
  return { items = found }
end

local function get(exchange)
  local fn = functions.get(exchange.project, exchange.params.functionId)
  return find(exchange.project, fn, exchange.params.callId) or refuse(refusals.call)
end

local function retrieve(exchange)
  return view(exchange.project, get(exchange))
end

local function read_response(exchange)
  local call = get(exchange)
  local response
  if is_over(exchange.project, call) then
    response = call.response
  end
  return { functionId = call.functionId, callId = call.id, response = response }
end

local function read_logs(exchange)
  return { items = get(exchange).logs or core.array({}) }
end

local READ, RUN = { "functionsAcl", "READ" }, { "functionsAcl", "RUN" }

calls.operations = {
  { operation = "callFunction", method = "POST", path = "/functions/{functionId}/call", acl = RUN, handle = create },
  { operation = "listFunctionCalls", method = "POST", path = "/functions/{functionId}/calls/list", acl = READ,
    handle = list },
  { operation = "listAllFunctionCalls", method = "GET", path = "/functions/{functionId}/calls", acl = READ,
    query = { "limit", "cursor" }, handle = list_all },
  { operation = "retrieveFunctionCall", method = "GET", path = "/functions/{functionId}/calls/{callId}", acl = READ,
    handle = retrieve },
  { operation = "retrieveFunctionCalls", method = "POST", path = "/functions/{functionId}/calls/byids", acl = READ,
    handle = by_ids },
  { operation = "readFunctionCallResponse", method = "GET",
    path = "/functions/{functionId}/calls/{callId}/response", acl = READ, handle = read_response },
  { operation = "readFunctionCallLogs", method = "GET", path = "/functions/{functionId}/calls/{callId}/logs",
    acl = READ, handle = read_logs },
}

return calls
