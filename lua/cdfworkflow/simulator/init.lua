-- SPDX-License-Identifier: Apache-2.0
-- The embedded CDF: a function from request to response, with a clock that only its owner moves. No I/O. What
-- it knows is in `sim.state`, plain data that can be saved as JSON; what it was told (secrets, Lua functions) is not.

local auth = require "cdfworkflow.simulator.api.auth"
local body = require "cdfworkflow.simulator.api.body"
local core = require "cdfworkflow.core"
local fault_rules = require "cdfworkflow.simulator.fault_rules"
local faults = require "cdfworkflow.simulator.faults"
local functions = require "cdfworkflow.simulator.api.functions"
local http_date = require "cdfworkflow.simulator.lib.http_date"
local lag = require "cdfworkflow.simulator.api.lag"
local operations = require "cdfworkflow.simulator.api.operations"
local other = require "cdfworkflow.simulator.api.other"
local options = require "cdfworkflow.options"
local project = require "cdfworkflow.simulator.project"
local random = require "cdfworkflow.simulator.lib.random"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local refusals = require "cdfworkflow.simulator.lib.refusals"
local router = require "cdfworkflow.simulator.api.router"
local schedules = require "cdfworkflow.simulator.api.schedules"
local schema = require "cdfworkflow.simulator.api.schema"
local transport = require "cdfworkflow.simulator.transport"
local triggers = require "cdfworkflow.simulator.api.triggers"

local refuse = refusal.refuse

local M = {}

---@class cdfworkflow.simulator.Request
---@field method string
---@field path string raw, percent-encoded, with the query
---@field headers table<string, string> lower-case names
---@field body string?
---@field base_url string? where the client reached the server; default: from the Host header
---@field scheme string? with the Host header; default http

---@class cdfworkflow.simulator.Response
---@field status integer 0 when the connection is to be cut before anything was done
---@field headers table<string, string> lower-case names
---@field body string
---@field seconds number? how long a handler of the user's says that it took
---@field fault { drop: string?, delay: number?, truncate: integer?, close: boolean? }? for the server to carry out

---@class cdfworkflow.simulator.Call what the handler of an operation gets
---@field sim cdfworkflow.simulator.Simulator
---@field request cdfworkflow.simulator.Request
---@field headers table<string, string>
---@field operation table the entry of the room's `operations`
---@field params table<string, any> of the path, checked
---@field query table<string, any> of the operation's query, checked
---@field body_text string as it came
---@field body any JSON, checked; where the operation takes any
---@field project cdfworkflow.simulator.Project? for operations under a project
---@field principal cdfworkflow.simulator.Principal? the same
---@field behind number? seconds: lists are shown as they were that long ago

---@class cdfworkflow.simulator.Simulator
---@field state table everything that is saved: `clock`, `random`, `tokens`, `uploads`, `projects`
---@field projects table<string, cdfworkflow.simulator.Project>
---@field log { method: string, path: string, operation: string?, status: integer }[]|nil set to nil to keep none
local Simulator = {}
Simulator.__index = Simulator

local OPTIONS = {
  "project", "projects", "client_id", "client_secret", "tokens", "principals", "clock", "seed", "token_lifetime",
  "functions", "transformations", "simulations", "function_apps", "mappings", "requests", "state",
}

local START = 1767225600000 -- 2026-01-01T00:00:00Z

-- Making one ------------------------------------------------------------------------------------------------------

local function sorted_names(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- What was asked for, then what else the loaded state holds.
local function project_names(given)
  local saved = sorted_names(given.state and given.state.projects or {})
  local names, known = {}, {}
  local function add(list)
    for _, name in ipairs(list) do
      names[#names + 1] = not known[name] and name or nil
      known[name] = true
    end
  end
  add(given.projects or { given.project })
  add(saved)
  add(#names == 0 and { "my-project" } or {})
  return names
end

local function principals_of(given)
  local list = {}
  if given.client_id or given.tokens or not given.principals then
    list[1] = {
      client_id = given.client_id or "client-id",
      client_secret = given.client_secret or "client-secret",
      tokens = given.tokens,
    }
  end
  for _, principal in ipairs(given.principals or {}) do
    list[#list + 1] = principal
  end
  return list
end

local function new_state(given)
  return {
    clock = given.clock or START,
    random = random.start(given.seed or 1),
    tokens = {},
    uploads = {},
    projects = {},
  }
end

---@class cdfworkflow.simulator.Options
---@field project string? default "my-project"
---@field projects string[]? instead of `project`
---@field client_id string? default "client-id"
---@field client_secret string? default "client-secret"
---@field tokens string[]? bearer tokens of that client that never expire
---@field principals cdfworkflow.simulator.Principal[]? further clients
---@field clock integer? milliseconds since the epoch; default 2026-01-01T00:00:00Z
---@field seed integer? for ids, nonces and tokens; default 1
---@field token_lifetime number? seconds; default 3600
---@field functions table<string, function>? Lua functions that stand for Cognite Functions, by external id
---@field transformations table<string, function>? `fn(parameters, context)`; returns seconds that it takes
---@field simulations table<string, function>? the same, by the external id of the routine
---@field function_apps table<string, function>? by external id, `fn(functionApp, context)`; returns the response and,
---  if it likes, how many seconds it takes
---@field mappings table<string, function>? the same for `jsonMapping` tasks, by the task's external id: stands for the
---  expression, which is not read here; `fn(jsonMapping, context)` returns the result
---@field requests table<string, table|cdfworkflow.simulator.OtherHandler>? answers for the rest of CDF's API, by method
---  and path below the project, such as `["GET /timeseries/{id}"]`
---@field state table? what `export` of another simulator gave

local function add_request(self, name, given, level)
  local problem = other.add(self.other, name, given)
  if problem then
    error("simulator request: " .. problem, level)
  end
end

---@param given cdfworkflow.simulator.Options?
---@return cdfworkflow.simulator.Simulator
function M.new(given)
  given = options.check(given, OPTIONS, "simulator.new")
  local self = setmetatable({
    state = given.state or new_state(given),
    projects = {},
    project_names = project_names(given),
    faults = faults.new(),
    handlers = {},
    transformations = given.transformations or {},
    simulations = given.simulations or {},
    function_apps = given.function_apps or {},
    mappings = given.mappings or {},
    other = other.new(),
    token_lifetime = given.token_lifetime or 3600,
    log = {},
  }, Simulator)
  self.directory = auth.directory(principals_of(given), self.project_names)
  for _, name in ipairs(self.project_names) do
    self.projects[name] = project.new(self, name, self.state.projects[name])
    self.state.projects[name] = self.projects[name].stored
  end
  -- In a fixed order, so that the ids come out the same every time.
  for _, external_id in ipairs(sorted_names(given.functions or {})) do
    self:function_handler(external_id, given.functions[external_id])
  end
  for name, answer in pairs(given.requests or {}) do
    add_request(self, name, answer, 3)
  end
  return self
end

---@return table # a copy of `sim.state`, for `simulator.new{ state = … }`
function Simulator:export()
  return core.decode(assert(core.encode(self.state)))
end

---Registers a Lua function that stands for a Cognite Function, in every project. It is called as
---`fn(data, context)` and returns the response and, if it likes, how many seconds it takes on the simulator's clock.
---@param external_id string
---@param handler fun(data: table, context: table): any, number?
function Simulator:function_handler(external_id, handler)
  assert(type(handler) == "function", "a function handler is a Lua function")
  self.handlers[external_id] = handler
  for _, name in ipairs(self.project_names) do
    functions.register(self.projects[name], external_id)
  end
end

---Answers one endpoint of CDF that is not here otherwise.
---@param name string method and path below the project, such as "POST /timeseries/list" or "GET /timeseries/{id}"
---@param given table|cdfworkflow.simulator.OtherHandler JSON, or a function of the request
function Simulator:request_handler(name, given)
  add_request(self, name, given, 3)
end

---Orders a fault for a request to come. Raises where it is none, or could never show.
---@param fault cdfworkflow.simulator.Fault
---@return integer id
function Simulator:fault(fault)
  local problem = fault_rules.problem(fault)
  if problem then
    error("simulator fault: " .. problem, 2)
  end
  return self.faults:order(fault)
end

---@return cdfworkflow.simulator.OrderedFault[] # those that still wait for a request, in the order of their ids
function Simulator:list_faults()
  return self.faults:list()
end

---Takes ordered faults back.
---@param id integer? what `fault` gave; all of them when left out
---@return integer # how many there were
function Simulator:clear_faults(id)
  return self.faults:clear(id)
end

---@return table # a client transport with no socket
function Simulator:transport()
  return transport.new(self)
end

---Fires a trigger now, as if its data had come (or, for a schedule, its time).
---@param external_id string
---@param items table[]? what the data trigger saw; becomes `${workflow.input.items}`
---@param project_name string? default: the first project
function Simulator:fire_trigger(external_id, items, project_name)
  triggers.fire(self.projects[project_name or self.project_names[1]], external_id, items)
end

---Makes the call of a function schedule now, as if its time had come.
---@param id integer
---@param project_name string? default: the first project
function Simulator:fire_schedule(id, project_name)
  schedules.fire(self.projects[project_name or self.project_names[1]], id)
end

-- Time ------------------------------------------------------------------------------------------------------------

---@return integer # milliseconds since the epoch
function Simulator:now()
  return self.state.clock
end

---@return integer|nil # when something is due, in milliseconds
function Simulator:next_due()
  local due
  for _, name in ipairs(self.project_names) do
    local when = self.projects[name]:next_due()
    if when and (not due or when < due) then
      due = when
    end
  end
  return due
end

-- A Lua function that stands for a Cognite Function may call back, or sleep, through a client while this runs; then
-- only the clock moves, and the outer turn goes on with what has become due.
local function run_until(self, target)
  self.running = true
  local ok, problem = pcall(function()
    local due = self:next_due()
    while due and due <= math.max(target, self.state.clock) do
      self.state.clock = math.max(self.state.clock, due)
      for _, name in ipairs(self.project_names) do
        self.projects[name]:run_due()
      end
      due = self:next_due()
    end
  end)
  self.running = false
  if not ok then
    error(problem, 0)
  end
end

---Moves the clock, and lets everything happen that is due on the way, each at its time.
---@param seconds number
function Simulator:advance(seconds)
  assert(type(seconds) == "number" and seconds >= 0, "advance needs seconds, not negative")
  local target = self.state.clock + math.floor(seconds * 1000 + 0.5)
  if not self.running then
    run_until(self, target)
  end
  self.state.clock = math.max(self.state.clock, target)
end

-- From request to response ----------------------------------------------------------------------------------------

local function json(self, status, value)
  local text = assert(core.encode(value))
  return {
    status = status,
    headers = { ["content-type"] = "application/json", ["x-request-id"] = random.uuid(self.state) },
    body = text,
  }
end

local function check_access(call, principal)
  call.project = call.sim.projects[call.params.project]
  call.principal = principal or auth.principal(call)
  if not call.project or not auth.may_enter(call.principal, call.project.name) then
    refuse(refusals.unauthorized)
  end
  local acl = call.operation.acl or {}
  if acl[1] and not auth.has(call.principal, acl[1], acl[2]) then
    refuse(refusals.capability, acl[1], acl[2])
  end
end

local function violation(message)
  refuse(refusals.violation, message)
end

local function read_params(call)
  for name, given in pairs(call.params) do
    local read = schema.path[name]
    if read then
      local value, message = read(given, name)
      call.params[name] = value or violation(message)
    end
  end
end

local function read_query(call, given)
  call.query = {}
  for _, name in ipairs(call.operation.query or {}) do
    if given[name] then
      local value, message = schema.query[name](given[name], name)
      if value == nil then
        violation(message)
      end
      call.query[name] = value
    end
  end
end

-- Cognite's JavaScript SDK writes a V before the date.
local function check_version_header(call)
  local version = call.headers["cdf-version"]
  if version and not (version:gsub("%-beta$", ""):gsub("%-alpha$", "")):find("^V?%d%d%d%d%d%d%d%d$") then
    violation("cdf-version is not well-formed")
  end
end

local function prepare(call, query, principal)
  local operation = call.operation
  if operation.acl or operation.entered then
    check_access(call, principal)
  end
  if operation.bare then
    return
  elseif operation.entered then -- the user's own
    call.query = query
    return
  end
  check_version_header(call)
  read_params(call)
  read_query(call, query)
  if operation.check then
    call.body = body.read(call)
    local message = operation.check(call.body, "body")
    if message then
      violation(message)
    end
  end
end

local function serve(call, query, principal)
  call.body_text = call.request.body or ""
  prepare(call, query, principal)
  local value, more = call.operation.handle(call)
  if value == nil then
    return more -- a whole response, where CDF's JSON is not what is spoken
  end
  local response = json(call.sim, more or 200, lag.show(value, lag.time(call)))
  if call.operation.bare then
    response.headers["x-request-id"] = nil -- the identity provider has none
    response.headers["cache-control"] = "no-store" -- RFC 6749, section 5.1
  end
  return response
end

local function traced(problem)
  return refusal.is(problem) and problem or debug.traceback(tostring(problem), 2)
end

local function not_routed(self, methods)
  if not methods then
    return json(self, refusals.path[1], refusal.envelope(refusals.path[1], refusals.path[2]))
  end
  local response = json(self, refusals.method[1], refusal.envelope(refusals.method[1], refusals.method[2]))
  response.headers.allow = methods
  return response
end

local function find_route(self, request)
  local path, segments, query = router.split(request.path)
  local operation, params = operations.routes:find(request.method, segments)
  if not operation then
    local given, given_params = self.other:find(request.method, segments)
    operation, params = given, given_params or params
  end
  return { path = path, query = query, operation = operation, params = params }
end

local function answer(self, request, route, principal, behind)
  local operation = route.operation
  if not operation then
    return not_routed(self, route.params)
  end
  local call = {
    sim = self, request = request, headers = request.headers or {}, operation = operation, params = route.params,
    behind = behind,
  }
  local ok, result = xpcall(function()
    return serve(call, route.query, principal)
  end, traced)
  if ok then
    result.seconds = call.seconds
    return result
  elseif not refusal.is(result) then
    error(result, 0)
  end
  return json(self, result.status, refusal.envelope(result.status, result.message, result.more))
end

---Answers one request at once: no fault, no movement of time, no log. `principal` stands in for a bearer token.
---@param request cdfworkflow.simulator.Request
---@param principal cdfworkflow.simulator.Principal?
---@return cdfworkflow.simulator.Response
function Simulator:answer(request, principal)
  return answer(self, request, find_route(self, request), principal)
end

local function note(self, request, operation, response)
  if self.log then
    self.log[#self.log + 1] = {
      method = request.method, path = request.path:gsub("^(/upload/).*", "%1[redacted]"), operation = operation,
      status = response.status,
    }
  end
end

local function answer_with_faults(self, request, route, fault)
  if not fault then
    return answer(self, request, route)
  end
  return faults.apply(fault, function(behind)
    return answer(self, request, route, nil, behind)
  end, function(status, message)
    return json(self, status, refusal.envelope(status, message))
  end)
end

---Answers one request as CDF would, at the present time of the simulator's clock.
---@param request cdfworkflow.simulator.Request
---@return cdfworkflow.simulator.Response
function Simulator:handle(request)
  if not self.running then
    run_until(self, self.state.clock)
  end
  local route = find_route(self, request)
  local operation = route.operation and route.operation.operation
  local fault = self.faults:take(request.method, route.path, operation)
  local response = answer_with_faults(self, request, route, fault)
  response.headers.date = http_date(self.state.clock + (fault and fault.date or 0) * 1000)
  note(self, request, operation, response)
  return response
end

return M
