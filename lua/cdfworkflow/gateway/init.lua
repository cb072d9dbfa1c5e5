-- SPDX-License-Identifier: Apache-2.0
-- An authenticated webhook that starts workflows, and tells how they are. It knows nothing of its host: a request comes
-- in as a table, an answer goes out (nginx.lua, haproxy.lua).

local Callers = require "cdfworkflow.gateway.callers"
local LastDay = require "cdfworkflow.gateway.last_day"
local Metrics = require "cdfworkflow.gateway.metrics"
local Once = require "cdfworkflow.gateway.once"
local Queued = require "cdfworkflow.gateway.queued"
local Readiness = require "cdfworkflow.gateway.readiness"
local answers = require "cdfworkflow.gateway.answers"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local delivery = require "cdfworkflow.gateway.delivery"
local memories = require "cdfworkflow.gateway.memories"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local protected = require "cdfworkflow.call.protected"
local record = require "cdfworkflow.gateway.record"
local runs = require "cdfworkflow.gateway.runs"
local settings = require "cdfworkflow.gateway.settings"
local signin = require "cdfworkflow.signin"

--- The module: what `require "cdfworkflow.gateway"` gives.
---@class cdfworkflow.gateway
local gateway = {}

---@class cdfworkflow.gateway.Request
---@field method string
---@field path string as sent, percent-encoded, without the query
---@field headers table<string, string|table> names in lower case; one that came twice is a table
---@field read_body fun(limit: integer): string|nil the body, or nil when it is longer; called only where it is wanted

---@class cdfworkflow.gateway.Host what a host lends the gateway
---@field shared table a dictionary of all workers, with `get`, `set`, `add` and `incr` of `ngx.shared`
---@field log fun(level: "info"|"error", text: string)
---@field spawn fun(fn: function): boolean|nil runs a function on its own
---@field is_ending? fun(): boolean whether this worker is to end

---@class cdfworkflow.gateway.Gateway
---@field private settings cdfworkflow.gateway.Settings
---@field private host cdfworkflow.gateway.Host
---@field private client cdfworkflow.Client
---@field private callers cdfworkflow.gateway.Callers
---@field private once cdfworkflow.gateway.Once
---@field private queued? cdfworkflow.gateway.Queued with `mode = "queue"`
---@field private last_day cdfworkflow.gateway.LastDay
---@field private bind fun(): table|nil, string? the memory of deliveries
---@field private watches boolean whether that memory may be lost
---@field private metrics cdfworkflow.gateway.Metrics
---@field private readiness cdfworkflow.gateway.Readiness
local Gateway = {}
Gateway.__index = Gateway
Gateway.__name = "cdfworkflow.gateway.Gateway"

-- {==== Making one ====

--- Notes when the token was fetched; who made the client may want to be told as well.
local function watch_tokens(client, shared)
  local on_event = client.on_event
  client.on_event = function(event)
    if event.type == "response" and event.phase == "token" and event.status == 200 then
      shared:set("token fetched", core.time())
    end
    if on_event then on_event(event) end
  end
end

local function client_of(given, token_store, shared)
  local client, err = given.client, nil
  if not client then
    client, err = signin.from_env {
      client_name = "cdfworkflow-gateway", timeout = Once.TIMEOUT, token_store = token_store,
    }
  end
  if client then watch_tokens(client, shared) end
  return client, err
end

local function never() return false end

local function assemble(given, host, client, bind, queue_store)
  local self = setmetatable({
    settings = given, host = host, client = client, callers = Callers.new(given),
    is_ending = host.is_ending or never, metrics = Metrics.new(host.shared, given.workflows), bind = bind,
    watches = given.redis ~= nil,
  }, Gateway)
  self.last_day = LastDay.new {
    client = client, bind = bind, workflows = given.workflows, spawn = host.spawn, is_ending = self.is_ending,
    log = host.log,
  }
  self.once = Once.new { client = client, bind = bind, last_day = self.last_day, log = host.log }
  if given.mode == "queue" then
    self.queued = Queued.new {
      client = client, store = queue_store, settings = given, metrics = self.metrics, log = host.log,
    }
  end
  self.readiness = Readiness.new {
    client = client, shared = host.shared, queued = self.queued, bind = bind, last_day = self.last_day,
    workflows = given.workflows, log = host.log,
  }
  given.secret, given.callers, given.redis = nil, nil, nil -- no secret stays where it is not needed
  return self
end

local HOST = options.members {
  { "shared", { word = "a dictionary", accepts = function(value) return type(value) == "table" end }, required = true },
  { "log", check.fn, required = true },
  { "spawn", check.fn, required = true },
  { "is_ending", check.fn },
}

--- A gateway. Sends nothing yet. The hosts make their own (`cdfworkflow.gateway.nginx`, `.haproxy`); this is for
--- others.
---
---     local settings = { workflows = { report = "1" }, secret = "a-secret-of-16-letters", client = client }
---     local mine = assert(gateway.new(settings, host))
---     print(mine:answer { method = "GET", path = "/health", headers = {}, read_body = print }.status) --> 200
---@param given cdfworkflow.gateway.Settings
---@param host cdfworkflow.gateway.Host
---@return cdfworkflow.gateway.Gateway|nil
---@return cdfworkflow.Error? err kind "invalid"; names the setting that is missing or wrong
local function new(given, host)
  local taken, err = settings.read(given)
  if not taken then return nil, err end
  local redis, client
  redis, err = memories.redis(taken)
  if not redis then return nil, err end
  client, err = client_of(taken, redis.memory or host.shared, host.shared)
  if not client then return nil, err end
  return assemble(taken, host, client, memories.of(taken, host.shared, redis.memory), redis.queue)
end

gateway.new = method.fn("gateway.new", {
  { "settings", options.passed(settings.MEMBERS, settings.rule), required = true },
  { "host", HOST, required = true },
}, new)

local WATCH = 3 -- seconds

--- That Redis has lost its memory is noticed although no delivery comes.
local function watch_memory(self)
  while not self.is_ending() do
    self.bind()
    self.client:_sleep(WATCH)
  end
end

--- Begins what a worker does beside answering: the last day is read, or the queue drained. For the host, once in each
--- worker.
---
---     webhook:begin()
---@param drains? boolean whether this worker is the one that drains; true unless told
function Gateway:begin(drains)
  if not self.queued then self.last_day:begin() end
  if drains == false then return end
  if self.queued then
    self.host.spawn(function() self.queued:drain(self.is_ending) end)
  elseif self.watches then
    self.host.spawn(function() watch_memory(self) end)
  end
end

-- }====

-- {==== POST /runs/{workflow} ====

local function location_of(workflow, id) return ("/runs/%s/%s"):format(core.segment("workflow", workflow), id) end

--- What was started, or waits to be.
---@param what { id: string, status: string, execution?: string }
local function accepted(one, what, replayed)
  local here = location_of(one.workflow, what.id)
  return answers.json(202, {
    id = what.id, workflow = one.workflow, status = what.status, execution = what.execution, url = here,
  }, { location = here, ["idempotent-replayed"] = replayed and "true" or nil })
end

--- CDF knows no such workflow, or no such version of it.
local function unknown(one) return ("CDF has no version %s of the workflow %s"):format(one.version, one.workflow) end

local NO_KEY = "the workflow may have started; only with an Idempotency-Key can a request be repeated to find out"

local function failure(one, err)
  if err.kind == "ambiguous" and not one.key then return answers.refusal("ambiguous", NO_KEY) end
  return answers.failure(err, unknown(one))
end

--- A run without a key is started at most once, with nothing remembered.
local function run(self, one)
  if one.key then return self.once:start(one) end
  local opts = delivery.run_options(one)
  opts.timeout = Once.TIMEOUT
  local execution, err = self.client:run(one.workflow, one.version, opts)
  return { execution = execution, err = err }
end

local function note_trouble(note, outcome)
  local err = outcome.err or outcome.problem
  note.error = err and tostring(err) or nil
end

--- Once its run has started.
local function start(self, one, note)
  local outcome = run(self, one)
  note_trouble(note, outcome)
  local execution = outcome.execution
  if execution then
    note.execution, note.outcome = execution.id, outcome.replayed and "replayed" or "started"
    return accepted(one, { id = execution.id, status = execution.status }, outcome.replayed)
  end
  if outcome.err then return failure(one, outcome.err) end
  return answers.refusal(outcome.code)
end

--- Once it is safe in the queue.
local function put(self, one, note)
  local outcome = self.queued:put(one)
  note_trouble(note, outcome)
  local known = outcome.delivery
  if known then
    local execution = known.execution and known.execution.id
    note.delivery, note.execution, note.outcome = known.id, execution, outcome.is_new and "queued" or "replayed"
    return accepted(one, { id = known.id, status = Queued.status(known), execution = execution }, not outcome.is_new)
  end
  if outcome.err then return failure(one, outcome.err) end
  return answers.refusal(outcome.code)
end

local function deliver(self, workflow, request, note)
  local one, refused = delivery.read(request, {
    workflow = workflow, version = self.settings.workflows[workflow], caller = note.caller,
  })
  if not one then return refused end
  note.key, note.bytes = one.key, #one.body
  if self.queued then return put(self, one, note) end
  return start(self, one, note)
end

-- }====

-- {==== GET /runs/{workflow}/{id}, POST /runs/{workflow}/{id}/cancel ====

--- A delivery in the queue that has the id; or the id of the execution that has it, or that it has started. Without a
--- queue a delivery is known by its key.
---@return cdfworkflow.queue.Delivery|nil waiting
---@return string id
---@return string? delivery its id, where the execution was started for one
local function look_up(self, workflow, id, caller)
  if not self.queued then
    local started = self.once:execution_of(workflow, delivery.request_id(caller, id))
    return nil, started or id, started and id
  end
  local known, err = self.queued:find(workflow, id)
  if err then self.host.log("error", ("looking for %s: %s"):format(id, tostring(err))) end
  local execution = known and known.execution and known.execution.id
  if execution then return nil, execution, id end
  return known, id
end

local function show(self, workflow, id, caller)
  local waiting, execution_id, delivery_id = look_up(self, workflow, id, caller)
  if waiting then return Queued.show(waiting) end
  local execution, refused, err = runs.find(self.client, workflow, execution_id)
  if err then self.host.log("error", ("looking for %s: %s"):format(id, tostring(err))) end
  if not execution then return refused end
  return runs.show(workflow, execution, delivery_id)
end

local function cancel(self, workflow, id, caller)
  local waiting, execution_id = look_up(self, workflow, id, caller)
  local execution, refused, err
  if waiting then
    refused, err = self.queued:drop(waiting)
  else
    execution, refused, err = runs.find(self.client, workflow, execution_id)
  end
  if execution then refused, err = runs.cancel(self.client, workflow, execution, caller) end
  if err then self.host.log("error", ("cancelling %s: %s"):format(id, tostring(err))) end
  return refused
end

-- }====

-- {==== For whoever watches over it ====

local function gauges(self)
  local list = self.queued and self.queued:gauges() or {}
  local fetched = self.host.shared:get "token fetched"
  if fetched then
    list[#list + 1] = {
      "token_age_seconds", math.max(core.time() - fetched, 0), "Seconds since the token was fetched.",
    }
  end
  return list
end

local function text(body)
  return { status = 200, body = body, headers = {
    ["content-type"] = "text/plain; version=0.0.4; charset=utf-8", ["cache-control"] = "no-store",
  } }
end

local function ready(self)
  local reasons = self.readiness:reasons()
  if not reasons[1] then return answers.json(200, { status = "ready" }) end
  return answers.json(503, { status = "not ready", reasons = reasons }, { ["retry-after"] = "5" })
end

local OPEN = {
  ["/health"] = function() return answers.json(200, { status = "ok" }) end,
  ["/ready"] = ready,
  ["/metrics"] = function(self) return text(self.metrics:text(gauges(self))) end,
}

-- }====

-- {==== Routes ====

local function wrong_method(allowed)
  return answers.refusal("method", "this route knows only " .. allowed, { allow = allowed })
end

local function decode(segment)
  return (segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- `/runs/{workflow}`, `/runs/{workflow}/{id}` and `/runs/{workflow}/{id}/cancel`
local function parts_of(path)
  local rest = path:match "^/runs/(.+)$"
  local parts = {}
  for part in ((rest or "") .. "/"):gmatch "([^/]*)/" do parts[#parts + 1] = decode(part) end
  if parts[#parts] == "" then parts[#parts] = nil end
  local fits = #parts > 0 and #parts < 4 and (parts[3] == nil or parts[3] == "cancel")
  if not rest or not fits or parts[1] == "" or parts[2] == "" then return nil end
  return parts[1], parts[2], parts[3]
end

--- What a caller who is known and may is told.
local function serve(self, request, note, workflow, id, action)
  if not id then
    if request.method ~= "POST" then return wrong_method "POST" end
    note.is_delivery = true
    return deliver(self, workflow, request, note)
  end
  if action then
    if request.method ~= "POST" then return wrong_method "POST" end
    return cancel(self, workflow, id, note.caller)
  end
  if request.method ~= "GET" then return wrong_method "GET" end
  return show(self, workflow, id, note.caller)
end

local function route(self, request, note)
  local open = OPEN[request.path]
  if open and (request.method == "GET" or request.method == "HEAD") then return open(self) end
  if open then return wrong_method "GET" end
  local workflow, id, action = parts_of(request.path)
  note.is_delivery = workflow ~= nil and id == nil and request.method == "POST"
  local caller = self.callers:who(delivery.header(request, "authorization"))
  if not caller then return answers.refusal("unauthorized", nil, { ["www-authenticate"] = "Bearer" }) end
  note.caller = caller.name
  if not workflow then return answers.refusal("not_found", "there is no such route") end
  if not self.settings.workflows[workflow] then
    return answers.refusal("not_found", ("there is no workflow %s here"):format(workflow))
  end
  note.workflow = workflow
  if not Callers.may(caller, workflow) then
    return answers.refusal("forbidden", ("this caller may not use the workflow %s"):format(workflow))
  end
  return serve(self, request, note, workflow, id, action)
end

--- Counts a delivery, and writes its line into the log.
local function write_down(self, note, answer, seconds)
  note.event, note.status, note.seconds = "delivery", answer.status, seconds
  note.outcome = note.outcome or answer.code
  self.metrics:delivery(note.workflow or "", note.outcome, seconds)
  self.host.log(answer.status >= 500 and "error" or "info", record(note))
end

--- Answers a request. What goes wrong in here is a 500, and in the log.
---
---     local answer = webhook:answer {
---       method = "POST", path = "/runs/report", read_body = function() return '{"day":31}' end,
---       headers = { authorization = "Bearer a-secret-of-16-letters", ["content-type"] = "application/json" },
---     }
---     print(answer.status, answer.headers.location) --> 202 /runs/report/…
---@param request cdfworkflow.gateway.Request
---@return cdfworkflow.gateway.Answer
function Gateway:answer(request)
  local began, note = core.now(), {}
  local ok, answer = protected(route, self, request, note)
  if not ok then
    self.host.log("error", "the gateway failed: " .. tostring(answer))
    answer = answers.refusal "internal"
  end
  if note.is_delivery then write_down(self, note, answer, core.now() - began) end
  return answer
end

-- }====

gateway.class = Gateway

return gateway
