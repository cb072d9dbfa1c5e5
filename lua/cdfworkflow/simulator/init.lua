-- SPDX-License-Identifier: Apache-2.0
-- The embedded CDF: a function from request to response, with a clock that only its owner moves. No I/O. What
-- it knows is in `sim.state`, plain data that can be saved as JSON; what it was told (secrets, Lua functions) is not.

require "cdfworkflow.supported"
local answering = require "cdfworkflow.simulator.answering"
local auth = require "cdfworkflow.simulator.api.auth"
local check = require "cdfworkflow.check"
local copy = require "cdfworkflow.simulator.lib.copy"
local fault_rules = require "cdfworkflow.simulator.fault_rules"
local faults = require "cdfworkflow.simulator.faults"
local functions = require "cdfworkflow.simulator.api.functions"
local has_no_body = require "cdfworkflow.simulator.lib.has_no_body"
local http_date = require "cdfworkflow.simulator.lib.http_date"
local method = require "cdfworkflow.method"
local mistake = require "cdfworkflow.mistake"
local other = require "cdfworkflow.simulator.api.other"
local options = require "cdfworkflow.options"
local pace = require "cdfworkflow.simulator.lib.pace"
local project = require "cdfworkflow.simulator.project"
local random = require "cdfworkflow.simulator.lib.random"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local schedules = require "cdfworkflow.simulator.api.schedules"
local sorted_keys = require "cdfworkflow.sorted_keys"
local transport = require "cdfworkflow.simulator.transport"
local triggers = require "cdfworkflow.simulator.api.triggers"

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
---@field operation string? operationId of the request
---@field seconds number? how long a handler of the user's says that it took
---@field fault { drop: string?, delay: number?, truncate: integer?, close: boolean? }? for the server to carry out

---@class cdfworkflow.simulator.Exchange what the handler of an operation gets
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
---@field log { method: string, path: string, operation: string?, status: integer }[]|nil the last 10,000 requests, or
---  some more; set to nil to keep none
---@field counts table<string, table<string, integer>> how many answers there were, by operation and status
local Simulator = {}
Simulator.__index = Simulator

local takes = {}

local START = 1767225600000 -- 2026-01-01T00:00:00Z
local KEPT_REQUESTS = 10000 -- in the log, at least

-- Making one ------------------------------------------------------------------------------------------------------

-- Adds what is not there yet.
local function add_names(names, more)
  local known = {}
  for _, name in ipairs(names) do
    known[name] = true
  end
  for _, name in ipairs(more) do
    names[#names + 1] = not known[name] and name or nil
    known[name] = true
  end
  return names
end

-- What was asked for, then what else the loaded state holds.
local function project_names(given)
  local names = add_names({}, given.projects or { given.project })
  add_names(names, sorted_keys(given.state and given.state.projects or {}))
  return #names > 0 and names or { "my-project" }
end

-- Makes the projects of `sim.state`. Functions are registered in a fixed order, so that the ids come out the same.
local function open_projects(self)
  for _, name in ipairs(self.project_names) do
    self.projects[name] = project.new(self, name, self.state.projects[name])
    self.state.projects[name] = self.projects[name].stored
    for _, external_id in ipairs(sorted_keys(self.handlers)) do
      functions.register(self.projects[name], external_id)
    end
  end
end

local function principals_of(given)
  local list = {}
  if given.client_id or given.tokens or not given.principals then
    list[1] = {
      client_id = given.client_id or "client-id",
      client_secret = given.client_secret or "client-secret",
      tokens = given.tokens or {},
      token_exchange = true,
    }
  end
  for _, principal in ipairs(given.principals or {}) do
    list[#list + 1] = principal
  end
  return list
end

local function new_state(given)
  return {
    clock = given.clock,
    random = random.start(given.seed),
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
---@field clock integer? milliseconds since the epoch; 2026-01-01T00:00:00Z unless told
---@field seed integer? for ids, nonces and tokens
---@field token_lifetime number? seconds
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

local FUNCTIONS = check.map("a table of functions by text", check.fn.accepts)
local STRINGS = options.list(check.string)

local OPTIONS = options.of {
  { "project", check.string },
  { "projects", STRINGS },
  { "client_id", check.string },
  { "client_secret", check.string },
  { "tokens", STRINGS },
  { "principals", options.list(auth.PRINCIPAL) },
  { "clock", check.whole(0, 2 ^ 53), default = START },
  { "seed", check.whole(0, 2 ^ 31 - 2), default = 1 },
  { "token_lifetime", check.patience, default = 3600 },
  { "functions", FUNCTIONS, default = {} },
  { "transformations", FUNCTIONS },
  { "simulations", FUNCTIONS },
  { "function_apps", FUNCTIONS },
  { "mappings", FUNCTIONS },
  { "requests", check.map("a table of tables and functions by text", other.ANSWER.accepts), default = {} },
  { "state", check.object },
}

local function add_request(self, name, given)
  local problem = other.add(self.other, name, given)
  if problem then
    mistake.raise("simulator request: " .. problem)
  end
end

--- A CDF of its own, in this process. Raises for options that are none.
---
---     local sim = simulator.new {
---       functions = { fetch = function(data) return { rows = data.day }, 0.5 end },
---       requests = { ["POST /timeseries/list"] = { items = {} } },
---     }
---     local client = assert(cdf.client {
---       project = "my-project", base_url = "https://cdf.example", transport = sim:transport(),
---       credentials = assert(cdf.credentials {
---         client_id = "client-id", client_secret = "client-secret", token_url = "https://cdf.example/oauth2/token",
---       }),
---     })
---     print(assert(client.functions:call("fetch", { day = 31 }, { wait = true })).status) --> Completed
---@param given cdfworkflow.simulator.Options?
---@return cdfworkflow.simulator.Simulator
local function new(given)
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
    token_lifetime = given.token_lifetime,
    start = given.clock,
    log = {},
    counts = {},
  }, Simulator)
  self.directory = auth.directory(principals_of(given), self.project_names)
  for external_id, handler in pairs(given.functions) do
    self.handlers[external_id] = handler
  end
  open_projects(self)
  for name, answer in pairs(given.requests) do
    add_request(self, name, answer)
  end
  return self
end

M.new = method.fn("simulator.new", { { "given", OPTIONS } }, new)

takes.export = {}

--- All that it knows, as plain data.
---
---     local another = simulator.new { state = sim:export() }
---@return table # a copy of `sim.state`, for `load`, or for `simulator.new{ state = … }`
function Simulator:export()
  return copy(self.state)
end

local function must_rest(self, what)
  if self.running then
    mistake.raise(("simulator %s: not from inside a handler"):format(what))
  end
end

takes.reset = {}

--- Forgets everything but who may sign in: projects are empty, no fault waits, the clock stands where it started.
--- Tokens stay good, so that clients go on; ids are not given twice.
---
---     sim:reset()
---     print(#assert(client.workflows:list())) --> 0
function Simulator:reset()
  must_rest(self, "reset")
  self.state.clock, self.state.uploads, self.state.projects = self.start, {}, {}
  self.faults:clear()
  self.counts, self.log = {}, self.log and {} or nil
  open_projects(self)
end

takes.load = { { "state", check.object, required = true } }

--- Takes the state of another simulator, or an earlier one, instead of its own. What is none changes nothing.
---
---     local before = sim:export()
---     assert(client:cancel(execution))
---     assert(sim:load(before))
---     print(assert(client:retrieve(execution)).status) --> RUNNING
---@param state table what `export` gave; is not to be used elsewhere
---@return true|nil ok
---@return string? message
function Simulator:load(state)
  must_rest(self, "load")
  local before, names = self.state, copy(self.project_names)
  local ok, problem = pcall(function()
    for name, value in pairs(self.state) do
      assert(type(state[name]) == type(value), "its " .. name .. " is missing")
    end
    add_names(self.project_names, sorted_keys(state.projects))
    self.state = state
    open_projects(self)
  end)
  if ok then
    return true
  end
  self.state = before
  while #self.project_names > #names do
    self.projects[table.remove(self.project_names)] = nil
  end
  open_projects(self)
  return nil, "this is no state of a simulator: " .. tostring(problem)
end

takes.function_handler = { { "external_id", check.string, required = true }, { "handler", check.fn, required = true } }

--- Registers a Lua function that stands for a Cognite Function, in every project. It is called as
--- `fn(data, context)` and returns the response and, if it likes, how many seconds it takes on the simulator's clock.
---
---     sim:function_handler("fetch", function(data, context) error "no sensor answers" end)
---     print(cdf.why(assert(client:wait(execution)))) --> task "fetch" failed: … no sensor answers
---@param external_id string
---@param handler fun(data: table, context: table): any, number?
function Simulator:function_handler(external_id, handler)
  self.handlers[external_id] = handler
  for _, name in ipairs(self.project_names) do
    functions.register(self.projects[name], external_id)
  end
end

takes.request_handler = { { "name", check.string, required = true }, { "given", other.ANSWER, required = true } }

--- Answers one endpoint of CDF that is not here otherwise.
---
---     sim:request_handler("GET /assets/{id}", function(request) return { id = tonumber(request.params.id) } end)
---     print(assert(client:request("GET", "/assets/7")).id) --> 7
---@param name string method and path below the project, such as "POST /timeseries/list" or "GET /timeseries/{id}"
---@param given table|cdfworkflow.simulator.OtherHandler JSON, or a function of the request
function Simulator:request_handler(name, given)
  add_request(self, name, given)
end

takes.fault = { { "fault", check.object, required = true } } -- the rest is said by fault_rules.lua

--- Orders a fault for a request to come. Raises where it is none, or could never show.
---
---     sim:fault { drop = "after", match = { operation = "run" } } -- CDF starts the run, the answer is lost
---     local _, err = client:run("report", "1")
---     print(err.kind) --> ambiguous
---@param fault cdfworkflow.simulator.Fault
---@return integer id
function Simulator:fault(fault)
  local problem = fault_rules.problem(fault)
  if problem then
    mistake.raise("simulator fault: " .. problem)
  end
  return self.faults:order(fault)
end

takes.list_faults = {}

--- The faults that wait.
---
---     sim:fault { status = 503, match = { operation = "run", times = 2 } }
---     print(sim:list_faults()[1].left) --> 2
---@return cdfworkflow.simulator.OrderedFault[] # those that still wait for a request, in the order of their ids
function Simulator:list_faults()
  return self.faults:list()
end

takes.clear_faults = { { "id", check.number } }

--- Takes ordered faults back.
---
---     sim:fault { status = 503, match = { operation = "run" } }
---     print(sim:clear_faults()) --> 1
---@param id integer? what `fault` gave; all of them when left out
---@return integer # how many there were
function Simulator:clear_faults(id)
  return self.faults:clear(id)
end

takes.transport = {}

--- What a client is given as its `transport` to talk to this simulator.
---
---     local client = assert(cdf.client {
---       project = "my-project", base_url = "https://cdf.example", transport = sim:transport(),
---       credentials = assert(cdf.credentials {
---         client_id = "client-id", client_secret = "client-secret", token_url = "https://cdf.example/oauth2/token",
---       }),
---     })
---@return table # a client transport with no socket
function Simulator:transport()
  return transport.new(self)
end

local function project_of(self, name)
  return self.projects[name or self.project_names[1]] or mistake.raise(("there is no project %q"):format(name))
end

takes.fire_trigger = {
  { "external_id", check.string, required = true }, { "items", check.list }, { "project_name", check.string },
}

--- Fires a trigger now, as if its data had come (or, for a schedule, its time).
---
---     sim:fire_trigger("nightly")
---     print(#assert(client.workflows.triggers:history "nightly")) --> 1
---@param external_id string
---@param items table[]? what the data trigger saw; becomes `${workflow.input.items}`
---@param project_name string? default: the first project
function Simulator:fire_trigger(external_id, items, project_name)
  triggers.fire(project_of(self, project_name), external_id, items)
end

takes.fire_schedule = { { "id", check.number, required = true }, { "project_name", check.string } }

--- Makes the call of a function schedule now, as if its time had come.
---
---     sim:fire_schedule(function_schedule.id)
---     print(#assert(client.functions.calls:list("fetch", { scheduleId = function_schedule.id }))) --> 1
---@param id integer
---@param project_name string? default: the first project
function Simulator:fire_schedule(id, project_name)
  schedules.fire(project_of(self, project_name), id)
end

-- Time ------------------------------------------------------------------------------------------------------------

takes.now = {}

--- The time on the simulator's clock.
---
---     print(os.date("!%Y-%m-%d", math.floor(sim:now() / 1000))) --> 2026-01-01
---@return integer # milliseconds since the epoch
function Simulator:now()
  return self.state.clock
end

takes.next_due = {}

--- When there will be something to do.
---
---     sim:advance((sim:next_due() - sim:now()) / 1000) -- to what happens next, and no further
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

takes.advance = { { "seconds", check.seconds(0, pace.furthest), required = true } }

--- Moves the clock, and lets everything happen that is due on the way, each at its time.
---
---     sim:advance(90)
---     print(assert(client:retrieve(execution)).status) --> COMPLETED
---@param seconds number at most a hundred years
function Simulator:advance(seconds)
  local target = self.state.clock + math.floor(seconds * 1000 + 0.5)
  if not self.running then
    run_until(self, target)
  end
  self.state.clock = math.max(self.state.clock, target)
end

-- Requests -----------------------------------------------------------------------------------------------------------

local REQUEST = options.resource {
  { "method", check.string, required = true },
  { "path", check.string, required = true },
  { "headers", check.object, required = true },
  { "body", check.string },
  { "base_url", check.string },
  { "scheme", check.string },
}
REQUEST.use = nil -- as it is

takes.answer = { { "request", REQUEST, required = true }, { "principal", check.object } }

--- Answers one request at once: no fault, no movement of time, no log. `principal` stands in for a bearer token.
---
---     local request = { method = "GET", path = "/api/v1/projects/my-project/workflows", headers = {} }
---     print(sim:answer(request).status) --> 401
---@param request cdfworkflow.simulator.Request
---@param principal cdfworkflow.simulator.Principal?
---@return cdfworkflow.simulator.Response
function Simulator:answer(request, principal)
  return answering.answer(self, request, answering.find_route(self, request), { principal = principal })
end

-- A log that has grown long loses its older half.
local function shorten(log)
  if #log < 2 * KEPT_REQUESTS then
    return log
  end
  local newer = {}
  for position = KEPT_REQUESTS + 1, #log do
    newer[#newer + 1] = log[position]
  end
  return newer
end

local function note(self, request, operation, response)
  local name, status = operation or "none", ("%d"):format(response.status)
  self.counts[name] = self.counts[name] or {}
  self.counts[name][status] = (self.counts[name][status] or 0) + 1
  if self.log then
    self.log = shorten(self.log)
    self.log[#self.log + 1] = {
      method = request.method, path = request.path:gsub("^(/upload/).*", "%1[redacted]"), operation = operation,
      status = response.status,
    }
  end
end

local function answer_with_faults(self, request, route, fault)
  if not fault then
    return answering.answer(self, request, route, {})
  end
  return faults.apply(fault, function(behind)
    return answering.answer(self, request, route, { behind = behind })
  end, function(status, message)
    return answering.json(self, status, refusal.envelope(status, message))
  end)
end

takes.handle = { { "request", REQUEST, required = true } }

--- Answers one request as CDF would, at the present time of the simulator's clock.
---
---     local request = { method = "GET", path = "/api/v1/projects/my-project/workflows", headers = {} }
---     print(sim:handle(request).status, sim.log[#sim.log].operation) --> 401 …
---@param request cdfworkflow.simulator.Request
---@return cdfworkflow.simulator.Response
function Simulator:handle(request)
  if not self.running then
    run_until(self, self.state.clock)
  end
  local route = answering.find_route(self, request)
  local operation = route.operation and route.operation.operation
  local fault = self.faults:take(request.method, route.path, operation)
  local response = answer_with_faults(self, request, route, fault)
  response.headers.date = http_date(self.state.clock + (fault and fault.date or 0) * 1000)
  if has_no_body(response.status) then
    response.body, response.headers["content-type"] = "", nil
  end
  response.operation = operation
  note(self, request, operation, response)
  return response
end

method.class(Simulator, "sim", takes)

return M
