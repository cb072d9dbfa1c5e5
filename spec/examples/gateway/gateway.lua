-- SPDX-License-Identifier: Apache-2.0
-- A webhook that starts CDF workflows, and a route that tells how they are: what nginx_gateway.lua and
-- haproxy_gateway.lua have in common. It knows nothing of its host: a request comes in as a table, an answer goes out.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local gateway = {}

---@class Gateway
---@field private secret string
---@field private workflows table<string, string> external id → version: what may be started
---@field private client cdfworkflow.Client
---@field private runs table remembers deliveries: `get`, `set`, `add` as of ngx.shared
---@field private log fun(level: "info"|"error", text: string)
local Gateway = {}
Gateway.__index = Gateway

---@class GatewayRequest
---@field method string
---@field path string as sent, percent-encoded, without the query
---@field headers table<string, string> names in lower case
---@field read_body fun(limit: integer): string|nil the body, or nil when it is longer; called only where it is wanted

---@class GatewayAnswer
---@field status integer
---@field headers table<string, string>
---@field body string

--- CDF takes this much input; a body is nothing but the input.
gateway.MAX_BODY = 102400

local SHORTEST_SECRET = 16
local TIMEOUT = 25 -- seconds for a run with all its retries: those who send webhooks seldom wait for longer than 30
local KEPT = 24 * 3600 -- seconds for which a delivery is remembered
local GIVEN_UP = 2 * TIMEOUT -- seconds after which whoever had a delivery without outcome is no longer at it
local DEAD = 85 -- seconds after a run was sent in which CDF may still start it, and list it: its nonce lives a minute
local LOOK_BACK = TIMEOUT + 60 -- seconds that a run may be older than its mark, CDF's clock being behind this machine's
local LOOK_TIME = 300 -- seconds after which a look that nobody ends is another's to begin

--- A delivery is remembered as `run ID`, `open TIME` (somebody is at it) or `lost TIME` (nobody knows whether it runs);
--- the time is when that was written, ms since the epoch.
local RUN = "run "

---------------------------------------------------------------------------------------------------------------------
-- Settings
---------------------------------------------------------------------------------------------------------------------

--- From the environment: GATEWAY_SECRET, what callers must show as bearer token; GATEWAY_WORKFLOWS, which workflows
--- they may start and in which version, as `daily-report=1 calibrate=v3`.
---@return { secret: string, workflows: table<string, string> }|nil
---@return string? message what is wrong
function gateway.settings()
  local secret, list = os.getenv "GATEWAY_SECRET", os.getenv "GATEWAY_WORKFLOWS"
  if not secret or #secret < SHORTEST_SECRET then
    return nil, ("GATEWAY_SECRET must be set, and have at least %d characters"):format(SHORTEST_SECRET)
  end
  local workflows = {}
  for pair in (list or ""):gmatch "%S+" do
    local workflow, version = pair:match "^(.-)=(.+)$"
    if not workflow then return nil, "GATEWAY_WORKFLOWS: expected name=version, got " .. pair end
    workflows[workflow] = version
  end
  if not next(workflows) then return nil, "GATEWAY_WORKFLOWS must name a workflow, such as daily-report=1" end
  return { secret = secret, workflows = workflows }
end

--- A gateway whose client is made from the environment too (CDF_PROJECT, IDP_CLIENT_ID, …). Raises when something there
--- is missing or wrong, so that the server does not start.
---@param options { runs: table, log: function, token_store?: table, transport?: table }
---@return Gateway
function gateway.new(options)
  local settings, message = gateway.settings()
  if not settings then error(message, 0) end
  local client, err = cdf.from_env {
    client_name = "webhook-gateway", timeout = TIMEOUT,
    token_store = options.token_store, transport = options.transport,
  }
  if not client then error(tostring(err), 0) end
  return setmetatable({
    secret = settings.secret, workflows = settings.workflows, client = client, runs = options.runs, log = options.log,
  }, Gateway)
end

---------------------------------------------------------------------------------------------------------------------
-- Answers
---------------------------------------------------------------------------------------------------------------------

local function answer(status, content, headers)
  headers = headers or {}
  headers["content-type"] = "application/json"
  headers["cache-control"] = "no-store"
  return { status = status, headers = headers, body = assert(core.encode(content)) .. "\n" }
end

local function refusal(status, code, message, headers)
  return answer(status, { error = { code = code, message = message } }, headers)
end

--- By the kind of the library's errors. What is not the caller's doing is a bad gateway (502), or one that may do
--- better later (503, 504).
local STATUSES = {
  invalid = 400, throttled = 503, timeout = 504, cancelled = 503,
  auth = 502, transport = 502, tls = 502, protocol = 502, ambiguous = 502, api = 502,
}

local TEXTS = {
  auth = "this gateway could not sign in to CDF",
  throttled = "CDF has too much to do",
  timeout = "CDF did not answer in time",
  ambiguous = "the workflow may have started; repeat the request with the same Idempotency-Key to find out",
}

--- The caller learns what it can change; all of it is in the log.
function Gateway:failure(err, what)
  self.log("error", ("%s: %s"):format(what, tostring(err)))
  if err.kind == "api" and err.status == 400 then return refusal(400, "refused", err.message) end
  local status = STATUSES[err.kind] or 502
  local message = status == 400 and err.message or TEXTS[err.kind] or "CDF could not be used"
  return refusal(status, err.kind, message, err.retryable and { ["retry-after"] = "5" } or nil)
end

---------------------------------------------------------------------------------------------------------------------
-- Who asks, and for what
---------------------------------------------------------------------------------------------------------------------

--- In a time that says nothing about where the two differ.
local function is_same(given, secret)
  local difference = #given - #secret
  difference = difference * difference
  for i = 1, #secret do
    local step = (given:byte(i) or 0) - secret:byte(i)
    difference = difference + step * step
  end
  return difference == 0
end

--- A header that comes twice is no header: hosts give such as a table.
local function header(request, name)
  local value = request.headers[name]
  return type(value) == "string" and value or nil
end

function Gateway:is_authorized(request)
  local scheme, token = (header(request, "authorization") or ""):match "^(%S+) +(%S+) *$"
  return is_same(token or "", self.secret) and scheme:lower() == "bearer"
end

local function decode(segment)
  return (segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

---------------------------------------------------------------------------------------------------------------------
-- POST /runs/{workflow}
---------------------------------------------------------------------------------------------------------------------

--- The input, or what is wrong with the request.
local function read_input(request)
  local kind = (header(request, "content-type") or ""):lower():match "^%s*([^;%s]*)"
  if kind ~= "application/json" then
    return nil, refusal(415, "content_type", "the body must be application/json")
  end
  local length = tonumber(header(request, "content-length") or 0)
  local body = length and length <= gateway.MAX_BODY and request.read_body(gateway.MAX_BODY)
  if not body then
    return nil, refusal(413, "too_large", ("the body may have at most %d bytes"):format(gateway.MAX_BODY))
  end
  local input, message = core.decode(body)
  if type(input) ~= "table" or core.is_array(input) or not body:match "^%s*{" then
    return nil, refusal(400, "body", "the body must be a JSON object" .. (message and ": " .. message or ""))
  end
  return input
end

local function started(workflow, execution)
  local here = ("/runs/%s/%s"):format(core.segment("workflow", workflow), execution.id)
  return answer(202, { id = execution.id, workflow = workflow, status = execution.status, url = here },
    { location = here })
end

local function now()
  return math.floor(core.time() * 1000)
end

--- An execution that bears the key, of those created since (ms since the epoch), in whatever version. → execution, or
--- nil, err when that cannot be known
function Gateway:find(workflow, key, since)
  local executions, err = self.client.workflows.executions:list {
    workflowFilters = { { externalId = workflow } }, createdTimeStart = since, limit = math.huge,
  }
  if not executions then return nil, err end
  for _, execution in ipairs(executions) do
    if execution.metadata["cdfworkflow.requestId"] == key then return execution end
  end
  return nil
end

--- Says so where the memory had to forget another delivery, as ngx.shared does when it is full.
function Gateway:check_memory(_, _, forgotten)
  if forgotten then self.log("error", "no room to remember a day's deliveries: repeated ones may start again") end
end

function Gateway:mark(name, mark)
  self:check_memory(self.runs:set(name, mark, KEPT))
end

--- Starts the run of a delivery that is marked as open, and marks what became of it.
function Gateway:start_marked(name, workflow, input, key)
  local execution, err = self.client:run(workflow, self.workflows[workflow], { input = input, request_id = key })
  local mark
  if execution then
    mark = RUN .. execution.id
  elseif err.kind == "ambiguous" or err.kind == "protocol" or err.kind == "api" and err.status >= 500 then
    mark = ("lost %.0f"):format(now())
  end
  self:mark(name, mark)
  return execution, err
end

--- A delivery without outcome: looks for its run in CDF. Only where there is none, and none can come any more, may it
--- be started again. → execution; or nil, whether it may, err
function Gateway:look_for(name, workflow, key)
  local state, since = (self.runs:get(name) or ""):match "^(%a+) (%d+)$"
  local age = since and (now() - tonumber(since)) / 1000
  if not since or state == "open" and age < GIVEN_UP then return nil, false end -- it has been settled meanwhile
  local execution, err = self:find(workflow, key, tonumber(since) - LOOK_BACK * 1000)
  if execution then self:mark(name, RUN .. execution.id) end
  return execution, not err and age >= (state == "open" and TIMEOUT + DEAD or DEAD), err
end

--- The same, by one request at a time.
function Gateway:settle(name, workflow, input, key)
  local lock = "\0" .. name
  if not self.runs:add(lock, "1", LOOK_TIME) then return nil, nil end
  local execution, again, err = self:look_for(name, workflow, key)
  again = again and not execution
  if again then self:mark(name, ("open %.0f"):format(now())) end
  self.runs:set(lock, nil)
  if again then return self:start_marked(name, workflow, input, key) end
  return execution, err
end

--- Starts the run of a delivery, unless an earlier one with the same key has. A delivery without outcome (its worker
--- died, or the answer was lost) is looked for in CDF before another run is started. → execution; or nil, err, which is
--- nil while another delivery is under way, or may still take effect
function Gateway:start_once(workflow, input, key)
  local name = workflow .. " " .. key
  local mark = self.runs:get(name)
  if mark and mark:sub(1, #RUN) == RUN then return { id = mark:sub(#RUN + 1), status = "RUNNING" } end
  if mark then return self:settle(name, workflow, input, key) end
  local added, why, forgotten = self.runs:add(name, ("open %.0f"):format(now()), KEPT)
  self:check_memory(added, why, forgotten)
  if not added then return nil, nil end
  return self:start_marked(name, workflow, input, key)
end

--- → execution; or nil, err, which is nil while another request with the same key is under way
function Gateway:run(workflow, input, key)
  if key then return self:start_once(workflow, input, key) end
  return self.client:run(workflow, self.workflows[workflow], { input = input })
end

function Gateway:start(workflow, request)
  local input, refused = read_input(request)
  if not input then return refused end
  local key = request.headers["idempotency-key"]
  if key and type(key) ~= "string" then return refusal(400, "invalid", "the Idempotency-Key comes more than once") end
  local execution, err = self:run(workflow, input, key)
  if execution then
    self.log("info", ("%s runs as execution %s"):format(workflow, execution.id))
    return started(workflow, execution)
  end
  if err then return self:failure(err, "starting " .. workflow) end
  return refusal(409, "in_progress", "a request with this Idempotency-Key is under way, or may still take effect",
    { ["retry-after"] = "5" })
end

---------------------------------------------------------------------------------------------------------------------
-- GET /runs/{workflow}/{id}
---------------------------------------------------------------------------------------------------------------------

local SHOWN = { "id", "status", "version", "createdTime", "startTime", "endTime", "reasonForIncompletion" }

function Gateway:show(workflow, id)
  local execution, err = self.client.workflows.executions:retrieve(id)
  local unknown = err and (err.kind == "invalid" or err.kind == "api" and (err.status == 400 or err.status == 404))
  if unknown or execution and execution.workflowExternalId ~= workflow then
    return refusal(404, "not_found", "there is no such run")
  end
  if not execution then return self:failure(err, "looking for " .. id) end
  local shown = { workflow = workflow, tasks = core.array {} }
  for _, member in ipairs(SHOWN) do shown[member] = execution[member] end
  for i, task in ipairs(execution.executedTasks or {}) do
    shown.tasks[i] = { externalId = task.externalId, status = task.status }
  end
  return answer(200, shown)
end

---------------------------------------------------------------------------------------------------------------------
-- Routes
---------------------------------------------------------------------------------------------------------------------

local function wrong_method(allowed)
  return refusal(405, "method", "this route knows only " .. allowed, { allow = allowed })
end

---@param request GatewayRequest
---@return GatewayAnswer
function Gateway:answer(request)
  if request.path == "/health" then return answer(200, { status = "ok" }) end
  if not self:is_authorized(request) then
    return refusal(401, "unauthorized", "a bearer token is needed", { ["www-authenticate"] = "Bearer" })
  end
  local workflow, id = request.path:match "^/runs/([^/]+)/?([^/]*)$"
  workflow = workflow and decode(workflow)
  if not workflow or not self.workflows[workflow] then
    return refusal(404, "not_found", "there is no such workflow here")
  end
  if id ~= "" then
    if request.method ~= "GET" then return wrong_method "GET" end
    return self:show(workflow, decode(id))
  end
  if request.method ~= "POST" then return wrong_method "POST" end
  return self:start(workflow, request)
end

return gateway
