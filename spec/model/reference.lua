-- SPDX-License-Identifier: Apache-2.0
-- A client as README «Promises» describes it, in as few lines as can be: it shows that what the judge asks for can be
-- had. `flaws` spoil it in one way each; the judge must notice every one of them.

local core = require "cdfworkflow.core"
local model = require "model.cdf"
local world = require "model.world"

local reference = {}

local ATTEMPT = 30 -- seconds for one request that can be repeated or looked for
local NONCE_SURE, NONCE_DEAD, LAG = 60, 70, 10 -- seconds
local MARGIN = 900 -- seconds by which a clock may be wrong
local MOST_REPEATS = 10

---@class spec.model.Reference
---@field world spec.model.World
---@field timeout number
---@field flaws table<string, boolean>
local Reference = {}
Reference.__index = Reference

---@param w spec.model.World
---@param scenario spec.model.Scenario
---@param flaw? string
function reference.new(w, scenario, flaw)
  local self = setmetatable({ world = w, timeout = scenario.timeout, flaws = { [flaw or ""] = true } }, Reference)
  self.workflows = {
    executions = { retry = function(_, id, opts) return self:retry(id, opts) end },
    triggers = { upsert = function(_, trigger) return self:upsert(trigger) end },
  }
  return self
end

local function fail(kind, response)
  return nil, { kind = kind, status = response and response.status }
end

-- {==== Requests ====

function Reference:left() return self.deadline - self.world:now() end

function Reference:send(method, url, body)
  local most = self.flaws.endless and 100 or math.min(ATTEMPT, self:left())
  self.sent_at = self.world:now()
  local response = self.world:http {
    method = method, url = url, body = body, timeout = most,
    headers = { Authorization = "Bearer " .. (self.token or "") },
  }
  local date = response.headers and response.headers.date
  if date then self.dated = { text = date, at = self.world:now() } end
  return response, world.heard(response)
end

--- Sends what can be repeated until it is answered: gives the answer, or nil and an error.
function Reference:ask(method, url, body)
  local renewed, pause = url == model.TOKEN_URL, 0.5
  for _ = 0, MOST_REPEATS do
    if self:left() <= 0 then break end
    local response, heard = self:send(method, url, body)
    local readable = heard ~= "done" or response.body:find "^{.*}$"
    if heard == "done" and readable then return response end
    if heard == "denied" and not renewed then
      renewed = true
      local ok, err = self:sign_in()
      if not ok then return nil, err end
    elseif heard == "refused" or heard == "foreign" or heard == "denied" then
      return fail("api", response)
    else
      if self.flaws.impatient then return fail("transport", response) end
      self.last = response
      pause = self:nap(pause, response)
    end
  end
  return fail(self:left() <= 0 and "timeout" or "transport", self.last)
end

--- Waits, ever longer, and as long as the answer asked for.
function Reference:nap(pause, response)
  local asked = tonumber(response and response.headers and response.headers["retry-after"]) or 0
  self.world:sleep(math.max(0, math.min(math.max(pause, asked), self:left())))
  return self.flaws.hasty and pause or math.min(pause * 2, 8)
end

function Reference:sign_in()
  local response, err = self:ask("POST", model.TOKEN_URL, "grant_type=client_credentials")
  if not response then return nil, err end
  self.token = response.body:match '"access_token":"([^"]*)"'
  return true
end

--- A nonce, and when it was asked for and answered.
function Reference:session()
  local response, err = self:ask("POST", model.PROJECT .. "/sessions", '{"items":[{"clientId":"svc"}]}')
  if not response then return nil, err end
  return { nonce = response.body:match '"nonce":"([^"]*)"', id = response.body:match '"id":(%d+)', asked = self.sent_at,
    answered = self.world:now(), known = "untouched" }
end

function Reference:revoke(session)
  if not session.id then return end
  self:ask("POST", model.PROJECT .. "/sessions/revoke", ('{"items":[{"id":%s}]}'):format(session.id))
end

-- }====

-- {==== A run, a retry ====

--- Since when to look, by the more cautious clock.
function Reference:since(look_back)
  local now = self.world:wall()
  local dated = self.dated and self.dated.text:match "(%d%d:%d%d:%d%d)"
  if dated then
    local h, m, s = dated:match "(%d+):(%d+):(%d+)"
    local day = now - now % 86400
    local by_date = day + h * 3600 + m * 60 + s + self.world:now() - self.dated.at
    by_date = by_date - math.floor((by_date - now) / 86400 + 0.5) * 86400 -- of the nearest day
    now = self.flaws.trusting and by_date or math.min(now, by_date)
  end
  return math.floor((now - (self.flaws.trusting and 0 or MARGIN) - look_back) * 1000)
end

--- Looks once: the execution, false where it is not there, or nil and an error.
function Reference:look(call)
  local cursor
  repeat
    local response, err = self:ask(call.look(cursor))
    if not response then return nil, err end
    local page = core.decode(response.body)
    local found = call.found(page)
    if found then return found end
    cursor = page.nextCursor
  until not cursor
  return false
end

--- Sends the call with the session's nonce, once; tells what is known of the nonce then.
function Reference:attempt(call, session)
  local response, heard = self:send("POST", call.url, call.body(session.nonce))
  if heard == "done" then
    local ok, result = pcall(core.decode, response.body)
    if ok and type(result) == "table" and call.is_ours(result) then return "done", result end
    heard = "doubt"
  end
  if session.known == "in doubt" then heard = heard == "clean" and "clean" or "doubt" end
  if heard == "refused" and session.known == "put off" and response.status == 400 then heard = "doubt" end
  if heard == "doubt" then session.known = "in doubt" end
  if heard == "put off" and session.known == "untouched" then session.known = "put off" end
  return heard, response
end

--- Looks until it is found, or may be sent again: "again" with the same nonce, "anew" with another.
function Reference:settle(call, session)
  local began, pause = self.world:now(), 1
  while self:left() > 0 do
    local asked = self.world:now()
    local found, err = self:look(call)
    if found then return "found", found end
    if found == nil and err.kind == "api" then return "shut out" end
    if found == false then
      local sure = self.flaws.hurried and NONCE_SURE or NONCE_DEAD + LAG
      if asked >= session.answered + sure and session.id and not call.only then return "anew" end
      if asked - began >= LAG and asked < session.asked + NONCE_SURE and not self.flaws.resigned then return "again" end
    end
    if self.flaws.resigned then return "shut out" end
    pause = self:nap(pause)
  end
  return "late"
end

--- A foreign refusal, with a request_id: it is looked for before it is believed.
function Reference:believe(call, response)
  if call.look then
    local found = self:look(call)
    if found then return found end
  end
  return fail("api", response)
end

function Reference:renewed(call, session)
  local old = self.world:now() >= session.asked + NONCE_SURE
  if old and session.id and session.known ~= "in doubt" and not call.given then return self:session() end
  return session
end

--- What follows an attempt that was no success: true to go on, or the end of the call.
function Reference:after(call, session, heard, response)
  if heard == "doubt" then
    if self.flaws.lying then return fail("transport", response) end
    if self.flaws.blind then
      session.fresh = true
      return true
    end
    if not call.look and self.flaws.repeating then return true end
    if not call.look then return fail "ambiguous" end
    local how, found = self:settle(call, session)
    if how == "found" then return found end
    if how == "anew" then session.fresh = true elseif how ~= "again" then return fail "ambiguous" end
  elseif heard == "refused" then
    if session.known == "untouched" then self:revoke(session) end
    return fail("api", response)
  elseif heard == "foreign" then
    if self.flaws.sweeping then self:revoke(session) end
    return self:believe(call, response)
  elseif heard == "denied" then
    if session.denied then return fail("api", response) end
    session.denied = true
    local ok, err = self:sign_in()
    if not ok then return nil, err end
  end
  return true
end

function Reference:first_session(call)
  if not call.given then return self:session() end
  return { nonce = call.given, asked = self.world:now(), answered = self.world:now(), known = "untouched" }
end

function Reference:carry(call)
  local session, err = self:first_session(call)
  if not session then return nil, err end
  local pause, repeats = 0.5, 0
  while session.known == "in doubt" or repeats <= MOST_REPEATS do
    repeats = session.known == "in doubt" and 0 or repeats + 1
    if session.fresh or self:left() > 0 and self:renewed(call, session) ~= session then
      session, err = self:session()
      if not session then return nil, err end
    end
    if self:left() <= 0 then break end
    local heard, response = self:attempt(call, session)
    if heard == "done" then return response end
    local done
    done, err = self:after(call, session, heard, response)
    if done ~= true then return done, err end
    if heard == "clean" or heard == "put off" then pause = self:nap(pause, response) end
  end
  return fail(session.known == "in doubt" and "ambiguous" or "transport")
end

function Reference:begin() self.deadline = self.world:now() + self.timeout end

function Reference:run(workflow, version, opts)
  self:begin()
  local ok, err = self:sign_in()
  if not ok then return nil, err end
  local since = self:since(opts.look_back or 0)
  local function is_ours(execution)
    return execution.workflowExternalId == workflow
      and (execution.metadata or {})["cdfworkflow.requestId"] == opts.request_id
  end
  local metadata = opts.request_id and (',"metadata":{"cdfworkflow.requestId":"%s"}'):format(opts.request_id) or ""
  local call = {
    url = ("%s/workflows/%s/versions/%s/run"):format(model.PROJECT, workflow, version),
    given = opts.nonce, is_ours = is_ours,
    body = function(nonce) return ('{"authentication":{"nonce":"%s"}%s}'):format(nonce, metadata) end,
    look = opts.request_id and function(cursor)
      return "POST", model.PROJECT .. "/workflows/executions/list",
        ('{"filter":{"workflowFilters":[{"externalId":"%s","version":"%s"}],"createdTimeStart":%.0f}%s}'):format(
          workflow, version, since, cursor and ',"cursor":"' .. cursor .. '"' or "")
    end,
    found = function(page)
      for _, execution in ipairs(page.items) do
        if is_ours(execution) then return execution end
      end
    end,
  }
  if opts.look_back then
    local found
    found, err = self:look(call)
    if found or err then return found or nil, err end
  end
  return self:carry(call)
end

function Reference:retry(id, opts)
  self:begin()
  local ok, err = self:sign_in()
  if not ok then return nil, err end
  local url = model.PROJECT .. "/workflows/executions/" .. id
  local before
  local call = {
    url = url .. "/retry", only = true,
    body = function(nonce) return ('{"authentication":{"nonce":"%s"}}'):format(nonce) end,
    is_ours = function(execution) return execution.id == id end,
    look = opts.request_id and function() return "GET", url end,
    found = function(execution)
      local runs = execution.status == "RUNNING" or execution.startTime ~= before.startTime
        or execution.endTime ~= before.endTime
      return (runs or self.flaws.credulous) and execution or nil
    end,
  }
  if opts.request_id then
    local response
    response, err = self:ask("GET", url)
    if not response then return nil, err end
    before = core.decode(response.body)
  end
  return self:carry(call)
end

function Reference:upsert(trigger)
  self:begin()
  local ok, err = self:sign_in()
  if not ok then return nil, err end
  local doubt, pause = false, 0.5
  local session, response, heard
  for _ = 0, MOST_REPEATS do
    if self:left() <= 0 then break end
    if not session or session.known == "in doubt" or self.world:now() > session.asked + NONCE_SURE then
      session, err = self:session()
      if not session then return fail(doubt and not self.flaws.forgetful and "ambiguous" or err.kind) end
    end
    trigger.authentication = { nonce = session.nonce }
    response, heard = self:send("POST", model.PROJECT .. "/workflows/triggers", core.encode { items = { trigger } })
    if heard == "done" and response.body:find '^{"items".*}$' then return trigger end
    if heard == "done" then heard = "doubt" end
    if heard == "doubt" or heard == "refused" and session.known == "put off" then
      doubt = true
      session.known = "in doubt"
    elseif heard == "put off" then
      session.known = "put off"
    elseif heard == "denied" and not session.denied then
      session.denied = true
      self:sign_in()
    elseif heard ~= "clean" then
      if heard == "refused" and session.known == "untouched" then self:revoke(session) end
      return fail(doubt and not self.flaws.forgetful and "ambiguous" or "api", response)
    end
    pause = self:nap(pause, response)
  end
  return fail(doubt and "ambiguous" or "transport", response)
end

-- }====

return reference
