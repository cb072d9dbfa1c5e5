-- SPDX-License-Identifier: Apache-2.0
-- Sessions and their one-time nonces: made by a caller, bound by the service that consumes the nonce, ended by
-- revocation, by time, or with what they were bound to. The other rooms bind and check them here.

local auth = require "cdfworkflow.simulator.api.auth"
local core = require "cdfworkflow.core"
local kept = require "cdfworkflow.simulator.lib.kept"
local paging = require "cdfworkflow.simulator.api.paging"
local random = require "cdfworkflow.simulator.lib.random"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local refusals = require "cdfworkflow.simulator.lib.refusals"

local refuse, refuse_with = refusal.refuse, refusal.refuse_with

local sessions = {}

local NONCE_LIFETIME = 60000 -- milliseconds; CDF says «about one minute»
local LIFETIME = 3600000 -- of a session that nothing keeps alive
local CEILING = 10000 -- live sessions in a project

local key = kept.key

---@class cdfworkflow.simulator.Session
---@field id integer
---@field type string CLIENT_CREDENTIALS, TOKEN_EXCHANGE or ONESHOT_TOKEN_EXCHANGE
---@field status string
---@field creationTime integer
---@field expirationTime integer
---@field clientId string
---@field nonce string? until it is bound
---@field holder string? what it is bound to: execution, call, trigger or schedule

local function is_live(session)
  return session.status == "READY" or session.status == "ACTIVE"
end

-- Sessions run out when somebody looks at them. That those in use are kept alive, one-shot ones apart, is our reading.
local function settle(project, session)
  local kept_alive = session.status == "ACTIVE" and session.type ~= "ONESHOT_TOKEN_EXCHANGE"
  if is_live(session) and not kept_alive and session.expirationTime <= project:now() then
    session.status = "EXPIRED"
  end
  return session
end

local function count_live(project)
  local live = 0
  for _, session in pairs(project.state.sessions) do
    if is_live(settle(project, session)) then
      live = live + 1
    end
  end
  return live
end

-- Counting is slow, so `sessions_live` is an upper bound that is made exact only when it says that there is no room.
local function make_room(project)
  local state = project.state
  if state.sessions_live >= CEILING then
    state.sessions_live = count_live(project)
  end
  if state.sessions_live >= CEILING then
    refuse(refusals.too_many_sessions, CEILING)
  end
  state.sessions_live = state.sessions_live + 1
end

local function view(session)
  return {
    id = session.id,
    type = session.type,
    status = session.status,
    creationTime = session.creationTime,
    expirationTime = session.expirationTime,
    clientId = session.clientId,
  }
end

---@param project cdfworkflow.simulator.Project
---@param nonce string
---@return cdfworkflow.simulator.Session # READY; refuses with 400 when the nonce is unknown, spent or too old
function sessions.open(project, nonce)
  local id = project.state.nonces[nonce]
  local session = id and settle(project, project.state.sessions[id])
  if not session or session.status ~= "READY" or project:now() - session.creationTime >= NONCE_LIFETIME then
    refuse(refusals.nonce)
  end
  return session
end

--- Spends the nonce: from now on the session belongs to its consumer.
---@param project cdfworkflow.simulator.Project
---@param session cdfworkflow.simulator.Session
---@param holder string execution, call, trigger or schedule
function sessions.bind(project, session, holder)
  project.state.nonces[session.nonce] = nil
  session.nonce = nil
  session.holder = holder
  session.status = "ACTIVE"
end

--- Ends a session together with its holder. An execution or a call that uses the session of a trigger or a schedule
--- leaves it alone.
---@param project cdfworkflow.simulator.Project
---@param id integer
---@param holder string
function sessions.release(project, id, holder)
  local session = project.state.sessions[key(id)]
  if session and session.status == "ACTIVE" and session.holder == holder then
    session.status = "CANCELLED"
  end
end

---@param project cdfworkflow.simulator.Project
---@param id integer
---@return cdfworkflow.simulator.Principal|nil # whose rights the session carries; nil when it is over
function sessions.principal(project, id)
  local session = project.state.sessions[key(id)]
  if session and settle(project, session).status == "ACTIVE" then
    return project.sim.directory.principals[session.clientId]
  end
end

local function owner_and_kind(exchange, item)
  if item.clientId then
    local principal = exchange.sim.directory.principals[item.clientId]
    if not principal or principal.client_secret ~= item.clientSecret
      or not auth.may_enter(principal, exchange.project.name) then
      refuse(refusals.client_credentials)
    end
    return principal, "CLIENT_CREDENTIALS"
  elseif item.oneshotTokenExchange then
    return exchange.principal, "ONESHOT_TOKEN_EXCHANGE"
  elseif not exchange.principal.token_exchange then
    refuse(refusals.token_exchange)
  end
  return exchange.principal, "TOKEN_EXCHANGE"
end

local function create(exchange)
  local project, state = exchange.project, exchange.project.state
  local principal, kind = owner_and_kind(exchange, exchange.body.items[1])
  make_room(project)
  local session = {
    id = project:new_id(),
    type = kind,
    status = "READY",
    creationTime = project:now(),
    expirationTime = project:now() + LIFETIME,
    clientId = principal.client_id,
    nonce = random.hex(exchange.sim.state, 16),
  }
  state.sessions[key(session.id)] = session
  state.session_order[#state.session_order + 1] = key(session.id)
  state.nonces[session.nonce] = key(session.id)
  local shown = kind == "CLIENT_CREDENTIALS" and session.clientId or nil
  return {
    items = { { id = session.id, type = kind, status = "READY", nonce = session.nonce, clientId = shown } },
  }
end

local function list(exchange)
  local project, query = exchange.project, exchange.query
  local status = query.status and query.status:upper()
  local step = paging.newest_first(project.state.session_order, function(id)
    local session = settle(project, project.state.sessions[id])
    return (not status or session.status == status) and view(session) or nil
  end)
  return paging.page(step, { limit = query.limit or 25, cursor = query.cursor }, { "sessions", status })
end

local function find(exchange)
  local found, missing = core.array({}), {}
  for _, item in ipairs(exchange.body.items) do
    local session = exchange.project.state.sessions[key(item.id)]
    if session then
      found[#found + 1] = settle(exchange.project, session)
    else
      missing[#missing + 1] = { id = item.id }
    end
  end
  if #missing > 0 then
    refuse_with({ missing = missing }, refusals.sessions_missing)
  end
  return found
end

local function by_ids(exchange)
  local found = find(exchange)
  for position, session in ipairs(found) do
    found[position] = view(session)
  end
  return { items = found }
end

local function revoke(exchange)
  local may_list = auth.has(exchange.principal, "sessionsAcl", "LIST")
  local found = find(exchange)
  for position, session in ipairs(found) do
    if is_live(session) then
      session.status = "REVOKED"
    end
    found[position] = may_list and view(session) or { id = session.id }
  end
  return { items = found }
end

sessions.operations = {
  { operation = "createSessions", method = "POST", path = "/sessions", acl = { "sessionsAcl", "CREATE" },
    handle = create },
  { operation = "listSessions", method = "GET", path = "/sessions", acl = { "sessionsAcl", "LIST" },
    query = { "status", "limit", "cursor" }, handle = list },
  { operation = "retrieveSessions", method = "POST", path = "/sessions/byids", acl = { "sessionsAcl", "LIST" },
    handle = by_ids },
  { operation = "revokeSessions", method = "POST", path = "/sessions/revoke", acl = { "sessionsAcl", "DELETE" },
    handle = revoke },
}

return sessions
