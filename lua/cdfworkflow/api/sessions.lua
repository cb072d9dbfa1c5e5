-- SPDX-License-Identifier: Apache-2.0
-- client.sessions: sessions hand the rights of a caller to a service, by way of a nonce (CDF.md section 3).

local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local session_options = require "cdfworkflow.api.session_options"

---@class cdfworkflow.Session a resource of CDF
---@field id integer
---@field type "CLIENT_CREDENTIALS"|"TOKEN_EXCHANGE"|"ONESHOT_TOKEN_EXCHANGE"
---@field status string
---@field nonce? string in the answer of `create` only; works once, for about a minute
---@field creationTime? integer ms since the epoch
---@field expirationTime? integer
---@field clientId? string

---@class cdfworkflow.Sessions
local Sessions = {}
Sessions.__index = Sessions

local takes = {}

local MOST_RETRIEVED, MOST_REVOKED = 1000, 100 -- in one request

takes.create = {
  { "opts", options.of({ session_options.SESSION, session_options.CLIENT_CREDENTIALS }, session_options.rule) },
}

--- Creates a session and gives it back with its nonce. `run`, `retry`, `triggers:upsert`, `functions:call` and
--- `schedules:create` do this by themselves.
---
---     local session = assert(client.sessions:create { session = "token_exchange" })
---     assert(client:run("report", "1", { nonce = session.nonce }))
---@param opts? { session?: string, client_credentials?: table|userdata } as in `cdfworkflow.SessionOptions`
---@return cdfworkflow.Session|nil session
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Sessions:create(opts)
  return self.client:_session(opts)
end

takes.list = { { "opts", options.of { paging.LIMIT, { "status", check.string } } } }

--- The sessions of the project, up to `limit` (25 unless told; `math.huge` for all).
---
---     local active = assert(client.sessions:list { status = "ACTIVE" })
---@param opts? { limit?: integer, status?: string } such as `status = "ACTIVE"`
---@return cdfworkflow.Session[]|nil sessions
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Sessions:list(opts)
  return paging.list(function(size, cursor)
    return self.client:_call("GET", "/sessions", nil,
      { query = { status = opts.status, limit = size, cursor = cursor } })
  end, opts.limit)
end

local function by_ids(self, path, ids, most)
  return paging.by_names(ids, most, "session", function(slice)
    return self.client:_call("POST", path, { items = slice })
  end)
end

local IDS = { "ids", options.one_or_list(options.item("id", check.id "a session")), required = true }

takes.retrieve = { IDS }

--- One session, or a list of them for a list of ids. One unknown id makes the whole call fail; `err.missing` names it.
---
---     local session = assert(client.sessions:create())
---     print(assert(client.sessions:retrieve(session)).status) --> READY
---@param ids integer|cdfworkflow.Session|(integer|cdfworkflow.Session)[]
---@return cdfworkflow.Session|cdfworkflow.Session[]|nil
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Sessions:retrieve(ids)
  return by_ids(self, "/sessions/byids", ids, MOST_RETRIEVED)
end

takes.revoke = { IDS }

--- Revokes one session, or several for a list of ids; CDF may take up to an hour to act on it. A caller who may not
--- list sessions gets tables with the id only.
---
---     local session = assert(client.sessions:create())
---     print(assert(client.sessions:revoke(session)).status) --> REVOKED
---@param ids integer|cdfworkflow.Session|(integer|cdfworkflow.Session)[]
---@return cdfworkflow.Session|cdfworkflow.Session[]|nil
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Sessions:revoke(ids)
  return by_ids(self, "/sessions/revoke", ids, MOST_REVOKED)
end

return method.class(Sessions, "client.sessions", takes)
