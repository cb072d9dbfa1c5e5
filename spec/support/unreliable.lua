-- SPDX-License-Identifier: Apache-2.0
-- A client transport over a simulator, with a network between that loses, delays and answers in CDF's place, by chance
-- from a seed. It notes what truly became of each run, which the client cannot know.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local simulator = require "cdfworkflow.simulator"

local BASE = "https://cdf.example"

local unreliable = {}

--- Uniform in [0, 1), the same on every Lua.
---@param seed integer
---@return fun(): number
function unreliable.random(seed)
  local state = (seed * 48271 + 11) % 2147483647 + 1
  return function()
    state = state * 16807 % 2147483647
    return state / 2147483647
  end
end

local KINDS = {
  { "/run$", "run" }, { "/retry$", "retry" }, { "/executions/list$", "list" }, { "/sessions$", "session" },
  { "/sessions/revoke$", "revoke" }, { "/oauth2/token$", "token" },
}

local function kind_of(request)
  for _, kind in ipairs(KINDS) do
    if request.url:find(kind[1]) then return kind[2] end
  end
  return "other"
end

---@class spec.unreliable.Network a transport
---@field open integer attempts to run whose end the client cannot know
---@field sent table<string, integer> requests by kind that the client sent, whatever became of them
---@field accepted table<string, integer> requests by kind that CDF carried out, late ones too
---@field held_up number? seconds until a request that is held up arrives; by chance unless told
---@field calm boolean no more faults
---@field down_until number nothing answers until then
---@field dies integer? with how many more requests the client's process is killed; CDF may have heard of that one
local Network = {}
Network.__index = Network

---@param sim cdfworkflow.simulator.Simulator
---@param options { random: fun(): number, rate: number?, lag: number?, dated: boolean?, front: number?,
---  faults: table? } `rate`: how many of the requests meet a fault; `lag`: seconds until the last execution shows up
---  in the list; `dated`: answers bear a Date, of a front whose clock is `front` seconds ahead of CDF's; `faults`: in
---  place of chance, by kind, what happens to each request of that kind in turn, names or functions
---@return spec.unreliable.Network
function unreliable.new(sim, options)
  return setmetatable({
    sim = sim, inner = sim:transport(), random = options.random, rate = options.rate or 0, lag = options.lag or 0,
    dated = options.dated, front = options.front or 0, faults = options.faults or {}, shown = {}, late = {}, open = 0,
    sent = {}, accepted = {}, calm = false, down_until = -1,
  }, Network)
end

function Network:now()
  return self.sim:now() / 1000
end

local function deliver(self, request, kind)
  local response = self.inner:http(request)
  if response.status < 300 then self.accepted[kind] = (self.accepted[kind] or 0) + 1 end
  return response
end

--- Time passes, and requests that were under way arrive when it is their time.
function Network:sleep(seconds)
  local target = self:now() + seconds
  while self.late[1] and self.late[1].due <= target do
    local late = table.remove(self.late, 1)
    self.inner:sleep(late.due - self:now())
    deliver(self, late.request, late.kind)
  end
  self.inner:sleep(target - self:now())
end

--- The request is held up somewhere, and arrives later.
local function hold_up(self, request, kind)
  local seconds = self.held_up or self.random() * 75
  local copy = { method = request.method, url = request.url, body = request.body, headers = {} }
  for name, value in pairs(request.headers) do copy.headers[name] = value end
  self.late[#self.late + 1] = { due = self:now() + seconds, request = copy, kind = kind }
  table.sort(self.late, function(a, b) return a.due < b.due end)
end

-- An execution shows up in the list after a time of its own.
local function hide_new(self, response)
  local page = core.decode(response.body)
  local shown = core.array {}
  for _, execution in ipairs(page.items) do
    self.shown[execution.id] = self.shown[execution.id] or execution.createdTime / 1000 + self.random() * self.lag
    if self:now() >= self.shown[execution.id] then shown[#shown + 1] = execution end
  end
  page.items = shown
  response.body = core.encode(page)
end

local function handle(self, request, kind)
  local response = deliver(self, request, kind)
  if kind == "list" and response.status == 200 and self.lag > 0 then hide_new(self, response) end
  if self.dated then
    response.headers.date = os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(self:now() + self.front))
  end
  return response
end

--- What CDF answers, to be used by faults of a spec's own.
unreliable.handle = handle

--- What a process that is killed raises.
unreliable.KILLED = setmetatable({}, { __tostring = function() return "killed" end })

local function lost() return { failure = "receive", sent = true, message = "the connection was reset" } end

local function silence(self, request)
  self:sleep(request.timeout)
  return { failure = "timeout", sent = true, message = "no answer" }
end

local function in_place_of_cdf(status, headers)
  return { status = status, headers = headers or {}, body = "<html>" .. status .. "</html>" }
end

local function by_cdf(status, headers)
  return { status = status, headers = headers or {}, body = ('{"error":{"code":%d,"message":"no"}}'):format(status) }
end

local function one_of(self, list) return list[math.floor(self.random() * #list) + 1] end

--- What balancers say, before they pass a request on and after (CDF.md section 20).
local function of_a_balancer(self)
  return in_place_of_cdf(one_of(self, { 408, 499, 500, 502, 503, 504, 520, 524 }))
end

local ANOTHER = '{"id":"ffffffff-0000-4000-8000-ffffffffffff","workflowExternalId":"another","version":"9",'
  .. '"status":"RUNNING","engineExecutionId":"x","createdTime":1767225600000,"metadata":{}}'

--- What can happen to a request; each leaves open, or not, whether CDF has carried it out.
unreliable.faults = {
  refused = function() return { failure = "connect", sent = false, message = "connection refused" } end,
  not_sent = function() return { failure = "send", sent = false, message = "broken pipe" } end,
  no_connection = function(self, request)
    self:sleep(math.min(request.timeout, 10))
    return { failure = "timeout", sent = false, message = "no connection" }
  end,
  throttled = function(self)
    return in_place_of_cdf(429, self.random() < 0.5 and { ["retry-after"] = tostring(math.floor(self.random() * 8)) })
  end,
  unavailable = function(self)
    return by_cdf(503, self.random() < 0.3 and { ["retry-after"] = tostring(math.floor(self.random() * 60)) })
  end,
  kept_by_a_proxy = function(self) return in_place_of_cdf(one_of(self, { 400, 403, 404, 407 })) end,
  outage = function(self)
    self.down_until = self:now() + self.random() * 60
    return { failure = "connect", sent = false, message = "connection refused" }
  end,
  refused_stream = function() return { failure = "receive", sent = false, message = "the stream was refused" } end,
  -- what is looked for or read is not refused here, since nobody could know any more then
  refused_by_cdf = function(self, request, kind)
    local refuses = kind == "run" or kind == "retry" or kind == "session"
    return refuses and by_cdf(one_of(self, { 403, 409, 422 })) or handle(self, request, kind)
  end,
  marked = function() return by_cdf(500, { ["cdf-is-auto-retryable"] = "true" }) end,
  denied = function(_, _, kind) return kind == "token" and lost() or in_place_of_cdf(401) end,
  slow = function(self, request, kind)
    local seconds = self.random() * (self.random() < 0.5 and 5 or 40)
    if seconds >= request.timeout then return silence(self, request) end
    local response = handle(self, request, kind)
    self:sleep(seconds)
    return response
  end,
}

local OPEN = {
  request_lost = lost,
  request_silent = silence,
  answer_lost = function(self, request, kind)
    handle(self, request, kind)
    return lost()
  end,
  answer_silent = function(self, request, kind)
    handle(self, request, kind)
    return silence(self, request)
  end,
  late_and_lost = function(self, request, kind)
    hold_up(self, request, kind)
    return lost()
  end,
  late_and_silent = function(self, request, kind)
    hold_up(self, request, kind)
    return silence(self, request)
  end,
  broken = function() return by_cdf(500) end,
  gateway_before = of_a_balancer,
  gateway_after = function(self, request, kind)
    handle(self, request, kind)
    return of_a_balancer(self)
  end,
  redirected = function(self) return in_place_of_cdf(one_of(self, { 302, 307 })) end,
  portal = function() return in_place_of_cdf(200) end,
  of_another = function(self, request, kind)
    local response = handle(self, request, kind)
    if kind == "run" or kind == "retry" then response.status, response.body = 202, ANOTHER end
    return response
  end,
  broken_off = function(self, request, kind)
    handle(self, request, kind)
    return { failure = one_of(self, { "protocol", "too_large", "receive" }), sent = true, status = 202, headers = {} }
  end,
  unreadable = function(self, request, kind)
    local response = handle(self, request, kind)
    response.body = response.body:sub(1, math.floor(#response.body / 2))
    return response
  end,
}

local NAMES = {}
for name in pairs(unreliable.faults) do NAMES[#NAMES + 1] = name end
for name, fault in pairs(OPEN) do
  NAMES[#NAMES + 1] = name
  unreliable.faults[name] = fault
end
table.sort(NAMES)

local function choose(self, kind)
  local planned = self.faults[kind]
  if type(planned) == "function" then return planned end -- for all of that kind
  if planned then return table.remove(planned, 1) end
  if self.calm or self.random() >= self.rate then return nil end
  return NAMES[math.floor(self.random() * #NAMES) + 1]
end

--- The process ends here; whether its request went out as well is chance.
local function die(self, request, kind)
  self.dies = nil
  local chance = self.random()
  if chance < 0.5 then handle(self, request, kind) elseif chance < 0.75 then hold_up(self, request, kind) end
  error(unreliable.KILLED, 0)
end

function Network:http(request)
  local kind = kind_of(request)
  self.sent[kind] = (self.sent[kind] or 0) + 1
  if self.dies then self.dies = self.dies - 1 end
  if self.dies == 0 then die(self, request, kind) end
  if self:now() < self.down_until and not self.calm then
    return { failure = "connect", sent = false, message = "connection refused" }
  end
  local name = choose(self, kind)
  if not name or name == "none" then return handle(self, request, kind) end
  if type(name) == "function" then return name(self, request, kind) end
  local response = unreliable.faults[name](self, request, kind)
  if (kind == "run" or kind == "retry") and (OPEN[name] or response.failure == "timeout" and response.sent) then
    self.open = self.open + 1
  end
  return response
end

--- Lets everything that is still under way arrive.
function Network:settle()
  self.calm = true
  self:sleep(200)
end

--- A simulator with the workflow "w", whose version "1" runs long and "fails" fails at once, and a client at the other
--- end of an unreliable network.
--- `another()` gives one more client like it, as of another process.
--- `options`: of the network, `skew` (how many seconds the client's clock is ahead of CDF's), `client` (of the client).
function unreliable.world(options)
  local sim = simulator.new { seed = options.seed, clock = 1767225600000, functions = {
    long = function() return {}, 3500 end, -- its execution uses the session all the time
  } }
  sim.log = nil
  local network = unreliable.new(sim, options)
  local settings = options.client or {}
  settings.project, settings.base_url, settings.transport = "my-project", BASE, network
  settings.credentials = assert(cdf.credentials {
    client_id = "client-id", client_secret = "client-secret", token_url = BASE .. "/oauth2/token",
  })
  local function another() return assert(cdf.client(settings)) end
  local quiet = assert(cdf.client {
    project = "my-project", base_url = BASE, credentials = settings.credentials, transport = sim:transport(),
  })
  assert(quiet.workflows:upsert { externalId = "w" })
  for version, calls in pairs { ["1"] = "long", fails = "nowhere" } do
    assert(quiet.workflows.versions:upsert {
      workflowExternalId = "w", version = version, workflowDefinition = { tasks = { {
        externalId = "t", type = "function", retries = 0, parameters = { ["function"] = { externalId = calls } },
      } } },
    })
  end
  local skew = options.skew or 0
  core.time = function() return sim:now() / 1000 + skew end
  return { sim = sim, network = network, client = another(), quiet = quiet, another = another }
end

function unreliable.executions(sim)
  return sim.projects["my-project"].engine_state.executions
end

--- How many executions there are, by request id (`none` for those without).
function unreliable.count_by_request_id(sim)
  local counts = {}
  for _, execution in pairs(unreliable.executions(sim)) do
    local id = (execution.metadata or {})["cdfworkflow.requestId"] or "none"
    counts[id] = (counts[id] or 0) + 1
  end
  return counts
end

return unreliable
