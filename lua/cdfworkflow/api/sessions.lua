-- SPDX-License-Identifier: Apache-2.0
-- client.sessions: sessions hand the rights of a caller to a service, by way of a nonce (CDF.md section 3).

local check = require "cdfworkflow.check"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

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

local CREATE = { "session", "client_credentials" }
local LIST = { "limit", "status" }
local MOST_RETRIEVED, MOST_REVOKED = 1000, 100 -- in one request

--- Creates a session and gives it back with its nonce. `run`, `retry`, `triggers:upsert`, `functions:call` and
--- `schedules:create` do this by themselves.
---@param opts? { session?: string, client_credentials?: table|userdata } as in `cdfworkflow.SessionOptions`
---@return cdfworkflow.Session|nil session, table? err
function Sessions:create(opts)
  opts = options.check(opts, CREATE, "sessions:create")
  return self.client:_session(opts)
end

--- The sessions of the project, up to `limit` (25 unless told; `math.huge` for all).
---@param opts? { limit?: integer, status?: string } such as `status = "ACTIVE"`
---@return cdfworkflow.Session[]|nil sessions, table? err
function Sessions:list(opts)
  opts = options.check(opts, LIST, "sessions:list")
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  return paging.list(function(size, cursor)
    return self.client:_call("GET", "/sessions", nil,
      { query = { status = opts.status, limit = size, cursor = cursor } })
  end, limit)
end

local function items_of(ids)
  local items = {}
  for i, id in ipairs(ids) do
    local _, err = check.id("id", id)
    if err then return nil, err end
    items[i] = { id = id }
  end
  return items
end

--- What one id or a list of ids gives: a session or a list of sessions.
local function by_ids(self, path, ids, most)
  local single = type(ids) ~= "table"
  local items, err = items_of(single and { ids } or ids)
  if not items then return nil, err end
  if single then return check.first("session", self.client:_call("POST", path, { items = items })) end
  return check.slices(items, most, function(slice)
    return check.items("sessions", self.client:_call("POST", path, { items = slice }))
  end)
end

--- One session, or a list of them for a list of ids. One unknown id makes the whole call fail; `err.missing` names it.
---@param ids integer|integer[]
---@return cdfworkflow.Session|cdfworkflow.Session[]|nil, table? err
function Sessions:retrieve(ids)
  return by_ids(self, "/sessions/byids", ids, MOST_RETRIEVED)
end

--- Revokes one session, or several for a list of ids; CDF may take up to an hour to act on it. A caller who may not
--- list sessions gets tables with the id only.
---@param ids integer|integer[]
---@return cdfworkflow.Session|cdfworkflow.Session[]|nil, table? err
function Sessions:revoke(ids)
  return by_ids(self, "/sessions/revoke", ids, MOST_REVOKED)
end

return Sessions
