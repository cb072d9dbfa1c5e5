-- SPDX-License-Identifier: Apache-2.0
-- The model of CDF: what CDF.md says of sessions, runs, retries, triggers and schedules, and nothing of how this
-- library copes with it. A request goes in with the time at which it arrives, an answer comes out. Where CDF.md leaves
-- open what happens (how long exactly a nonce lives, when a run is listed), `nature` decides; the explorer tries both.

local core = require "cdfworkflow.core"

local cdf = {}

cdf.EPOCH = 1767225600 -- when the world begins, in seconds
cdf.START = 1000 -- the same moment on the clock that only counts
cdf.PROJECT = "https://cdf.example/api/v1/projects/p"
cdf.TOKEN_URL = "https://idp.example/token"

local NONCE_LEAST, NONCE_MOST = 60, 70 -- seconds; CDF.md section 3: «about one minute»
local LONGEST_LAG = 10 -- seconds until what was started is listed (README «Promises»)
local SOON = 2 -- seconds after which a retried execution has failed again, where nature wants it so
local FUNCTION_ID = 7

--- What nature can decide, each with what happens unless told otherwise, and what may happen as well.
cdf.CHOICES = {
  nonce = { "lives", "dies" }, -- one that is used 60 to 70 s after it was made
  listed = { "at once", "late" }, -- a run that was started less than 10 s ago
  revoked = { "in an hour", "at once" }, -- when a revoked session ends for who has not bound it yet
  again = { "runs on", "fails soon" }, -- an execution after its retry
}

---@class spec.model.Cdf
---@field starts table[] executions that were started through `run`
---@field retried table[] `{ id, at }`: retries that took effect
---@field sessions table[] in the order of their making
---@field triggers table<string, table>
---@field schedules table[] function schedules that are live
local Cdf = {}
Cdf.__index = Cdf

---@param nature { choose: fun(self: table, name: string): string }
---@return spec.model.Cdf
function cdf.new(nature)
  return setmetatable({
    nature = nature, tokens = {}, issued = 0, sessions = {}, by_nonce = {}, starts = {}, executions = {}, by_id = {},
    retried = {}, triggers = {}, schedules = {}, made_schedules = 0, upserts = {},
  }, Cdf)
end

local function ms(now) return math.floor((now - cdf.START + cdf.EPOCH) * 1000) end

-- {==== Answers ====

local function answer(status, body)
  return { status = status, headers = { ["content-type"] = "application/json", ["x-request-id"] = "q" }, body = body }
end

--- An error as CDF itself says it: with its envelope (CDF.md section 11).
---@param status integer
---@param message string
---@return table response
function cdf.refusal(status, message)
  return answer(status, ('{"error":{"code":%d,"message":"%s"}}'):format(status, message))
end

local function execution_json(execution, now)
  local status, ended = execution.status, execution.ended
  if status == "RUNNING" and execution.until_at and now >= execution.until_at then
    status, ended = "FAILED", execution.until_at
  end
  return ('{"id":"%s","workflowExternalId":"%s","version":"%s","status":"%s","engineExecutionId":"%s",'
    .. '"createdTime":%.0f,"startTime":%.0f%s,"metadata":{%s}}'):format(execution.id, execution.workflow,
    execution.version, status, execution.id, ms(execution.created), ms(execution.started),
    ended and (',"endTime":%.0f'):format(ms(ended)) or "",
    execution.request_id and ('"cdfworkflow.requestId":"%s"'):format(execution.request_id) or ""), status
end

-- }====

-- {==== Sessions (CDF.md section 3) ====

--- Makes a session, as `POST /sessions` does.
function Cdf:make_session(now)
  local session = { id = #self.sessions + 1, created = now }
  session.nonce = ("nonce-%010d"):format(session.id)
  self.sessions[session.id], self.by_nonce[session.nonce] = session, session
  return session
end

--- Binds the nonce's session to what uses it: once, while the nonce lives. Gives the session, or nil.
function Cdf:bind(nonce, now)
  local session = self.by_nonce[nonce]
  if not session or session.bound then return nil end
  local age = now - session.created
  if age > NONCE_MOST then return nil end
  if age > NONCE_LEAST and self.nature:choose "nonce" == "dies" then return nil end
  if session.revoked and self.nature:choose "revoked" == "at once" then return nil end
  session.bound = now
  return session
end

--- A nonce that is spent although nothing came of it.
function Cdf:spend(nonce)
  local session = self.by_nonce[nonce]
  if session then session.spent, session.bound = true, session.bound or -1 end
end

local UNBOUND = "Failed to bind session using the nonce"

local function unbound() return cdf.refusal(400, UNBOUND) end

-- }====

-- {==== What can be asked ====

local ask = {}

function ask.token(self)
  self.issued = self.issued + 1
  local token = "token-" .. self.issued
  self.tokens[token] = true
  return answer(200, ('{"access_token":"%s","expires_in":3600}'):format(token))
end

function ask.session(self, _, now)
  local session = self:make_session(now)
  return answer(200, ('{"items":[{"id":%d,"type":"CLIENT_CREDENTIALS","status":"READY","nonce":"%s"}]}')
    :format(session.id, session.nonce))
end

function ask.revoke(self, request, now)
  local session = self.sessions[tonumber(request.body:match '"id":(%d+)')]
  if not session then return cdf.refusal(400, "Unknown session") end
  session.revoked = session.revoked or now
  session.revoked_in_use = session.revoked_in_use or session.bound ~= nil and session.bound > 0
  return answer(200, ('{"items":[{"id":%d}]}'):format(session.id))
end

--- Starts an execution; `session` may be nil for those that others have started.
function Cdf:start(workflow, version, request_id, session, now)
  local n = #self.executions + 1
  local execution = {
    id = ("%08x-0000-4000-8000-%012x"):format(n, n), workflow = workflow, version = version, request_id = request_id,
    session = session, created = now, started = now, status = "RUNNING",
  }
  self.executions[n], self.by_id[execution.id] = execution, execution
  return execution
end

function ask.run(self, request, now)
  local workflow, version = request.url:match "/workflows/([^/]+)/versions/([^/]+)/run$"
  local session = self:bind(request.body:match '"nonce":"([^"]*)"', now)
  if not session then return unbound() end
  local execution = self:start(workflow, version, request.body:match '"cdfworkflow%.requestId":"([^"]*)"', session, now)
  self.starts[#self.starts + 1] = execution
  return answer(202, (execution_json(execution, now)))
end

local function execution_of(self, request) return self.by_id[request.url:match "/executions/([^/]+)"] end

--- Same id, other start and end times (CDF.md section 5).
function ask.retry(self, request, now)
  local execution = execution_of(self, request)
  if not execution then return cdf.refusal(404, "No such execution") end
  local _, status = execution_json(execution, now)
  if status == "RUNNING" then return cdf.refusal(400, "The execution is running") end
  local session = self:bind(request.body:match '"nonce":"([^"]*)"', now)
  if not session then return unbound() end
  execution.status, execution.started, execution.ended, execution.session = "RUNNING", now, nil, session
  execution.until_at = nil
  self.retried[#self.retried + 1] = { id = execution.id, at = now, session = session }
  return answer(202, (execution_json(execution, now)))
end

function ask.read(self, request, now)
  local execution = execution_of(self, request)
  if not execution then return cdf.refusal(404, "No such execution") end
  if self.retried[1] and not execution.until_at and now > execution.started + SOON
    and self.nature:choose "again" == "fails soon" then
    execution.until_at = execution.started + SOON
  end
  return answer(200, (execution_json(execution, now)))
end

local function is_listed(self, execution, now)
  local age = now - execution.created
  return age >= LONGEST_LAG or self.nature:choose "listed" == "at once"
end

--- Newest first; up to 10 s behind.
function ask.list(self, request, now)
  local workflow = request.body:match '"externalId":"([^"]*)"'
  local version = request.body:match '"version":"([^"]*)"'
  local from = tonumber(request.body:match '"createdTimeStart":(%-?[%d.e+]+)') or -math.huge
  local to = tonumber(request.body:match '"createdTimeEnd":(%-?[%d.e+]+)') or math.huge
  local items = {}
  for i = #self.executions, 1, -1 do
    local execution = self.executions[i]
    local created = ms(execution.created)
    local wanted = (not workflow or execution.workflow == workflow) and (not version or execution.version == version)
    if wanted and created >= from and created <= to and is_listed(self, execution, now) then
      items[#items + 1] = execution_json(execution, now)
      execution.shown = execution.shown or now
    end
  end
  return answer(200, ('{"items":[%s]}'):format(table.concat(items, ",")))
end

-- }====

-- {==== Triggers (CDF.md section 8) ====

local function trigger_json(trigger)
  return ('{"externalId":"%s","triggerRule":{"triggerType":"schedule","cronExpression":"%s","timezone":"UTC"},'
    .. '"workflowExternalId":"w","workflowVersion":"1","createdTime":%.0f,"lastUpdatedTime":%.0f,"isPaused":false}')
    :format(trigger.name, trigger.cron, ms(trigger.created), ms(trigger.updated))
end

--- Puts the trigger there, in place of one of the same name.
function Cdf:put_trigger(name, cron, session, now)
  local before = self.triggers[name]
  local trigger = {
    name = name, cron = cron, session = session, created = before and before.created or now, updated = now,
  }
  self.triggers[name] = trigger
  return trigger
end

function ask.upsert(self, request, now)
  local session = self:bind(request.body:match '"nonce":"([^"]*)"', now)
  if not session then return unbound() end
  local item = core.decode(request.body).items[1]
  self.upserts[#self.upserts + 1] = { at = now, session = session }
  return answer(200, ('{"items":[%s]}'):format(
    trigger_json(self:put_trigger(item.externalId, item.triggerRule.cronExpression, session, now))))
end

function ask.triggers(self)
  local items = {}
  for _, trigger in pairs(self.triggers) do items[#items + 1] = trigger_json(trigger) end
  table.sort(items)
  return answer(200, ('{"items":[%s]}'):format(table.concat(items, ",")))
end

-- }====

-- {==== Function schedules (CDF.md section 9): the starter function is there and Ready ====

local function schedule_json(schedule)
  return ('{"id":%d,"name":"%s","cronExpression":"%s","functionId":%d,"createdTime":%.0f,"when":"","sessionId":"%d"}')
    :format(schedule.id, schedule.name, schedule.cron, FUNCTION_ID, ms(schedule.created), schedule.session.id)
end

--- Puts a function schedule there; two may bear the same name.
function Cdf:put_schedule(item, session, now)
  self.made_schedules = self.made_schedules + 1
  local schedule = {
    id = self.made_schedules, name = item.name, cron = item.cronExpression, data = item.data, session = session,
    created = now,
  }
  self.schedules[#self.schedules + 1] = schedule
  return schedule
end

function ask.functions()
  return answer(200, ('{"items":[{"id":%d,"name":"starter","externalId":"cdfworkflow-starter-1","status":"Ready"}]}')
    :format(FUNCTION_ID))
end

--- Nobody needs to upload anything: the starter is there.
function ask.deploy(self)
  self.deployed = true
  return cdf.refusal(403, "Forbidden")
end

function ask.schedule(self, request, now)
  local item = core.decode(request.body).items[1]
  local session = self:bind(item.nonce, now)
  if not session then return unbound() end
  return answer(201, ('{"items":[%s]}'):format(schedule_json(self:put_schedule(item, session, now))))
end

function ask.schedules(self, request)
  local name = (core.decode(request.body).filter or {}).name
  local items = {}
  for _, schedule in ipairs(self.schedules) do
    if not name or schedule.name == name then items[#items + 1] = schedule_json(schedule) end
  end
  return answer(200, ('{"items":[%s]}'):format(table.concat(items, ",")))
end

--- By their ids: one unknown id makes the whole request fail, unless it is told to ignore it (CDF.md section 16).
function ask.schedules_by_id(self, request)
  local body = core.decode(request.body)
  local items = {}
  for _, wanted in ipairs(body.items) do
    local found
    for _, schedule in ipairs(self.schedules) do
      if schedule.id == wanted.id then found = schedule end
    end
    if not found and not body.ignoreUnknownIds then
      return answer(400, ('{"error":{"code":400,"message":"Not found","missing":[{"id":%d}]}}'):format(wanted.id))
    end
    items[#items + 1] = found and schedule_json(found)
  end
  return answer(200, ('{"items":[%s]}'):format(table.concat(items, ",")))
end

function ask.data(self, request)
  local id = tonumber(request.url:match "/schedules/(%d+)/input_data$")
  for _, schedule in ipairs(self.schedules) do
    if schedule.id == id then return answer(200, core.encode { id = id, data = schedule.data }) end
  end
  return cdf.refusal(404, "No such schedule")
end

function ask.unschedule(self, request)
  local id = core.decode(request.body).items[1].id
  for i, schedule in ipairs(self.schedules) do
    if schedule.id == id then
      table.remove(self.schedules, i)
      return answer(200, "{}")
    end
  end
  return cdf.refusal(400, "No such schedule")
end

-- }====

local KINDS = {
  { "POST", "/run$", "run" },
  { "POST", "/retry$", "retry" },
  { "POST", "/executions/list$", "list" },
  { "GET", "/executions/[^/]+$", "read" },
  { "POST", "/sessions$", "session" },
  { "POST", "/sessions/revoke$", "revoke" },
  { "POST", "/workflows/triggers$", "upsert" },
  { "GET", "/workflows/triggers$", "triggers" },
  { "POST", "/functions/byids$", "functions" },
  { "POST", "/files$", "deploy" },
  { "POST", "/functions/schedules$", "schedule" },
  { "POST", "/functions/schedules/list$", "schedules" },
  { "POST", "/functions/schedules/byids$", "schedules_by_id" },
  { "GET", "/input_data$", "data" },
  { "POST", "/functions/schedules/delete$", "unschedule" },
  { "POST", "^https://idp.example/token$", "token" },
}

--- What kind of request this is; raises for one that the model does not know.
---@param request { method: string, url: string }
---@return string
function cdf.kind(request)
  local url = request.url:gsub("%?.*", "")
  for _, kind in ipairs(KINDS) do
    if request.method == kind[1] and url:find(kind[2]) then return kind[3] end
  end
  error("the model of CDF knows no " .. request.method .. " " .. request.url)
end

--- Revokes every token there is.
function Cdf:deny() self.tokens = {} end

local function has_token(self, request)
  for name, value in pairs(request.headers) do
    if name:lower() == "authorization" then return self.tokens[value:match "^Bearer (.*)$" or ""] end
  end
end

--- What CDF (or the identity provider) answers to a request that arrives at `now`.
---@return table response
function Cdf:answer(kind, request, now)
  if kind ~= "token" and not has_token(self, request) then return cdf.refusal(401, "Unauthorized") end
  return ask[kind](self, request, now)
end

return cdf
