-- SPDX-License-Identifier: Apache-2.0
-- Access tokens shared by several processes, such as nginx workers through lua_shared_dict: one of them fetches, the
-- others read. Without the option `token_store` nothing of this is used, and tokens stay in C memory.
-- Whoever may read the store reads the tokens in it, which end. The secrets do not: they are in its keys only as a slow
-- digest (src/digest.c), so that nobody gets a token without the secret that it was got with.

local core = require "cdfworkflow.core"

---@class cdfworkflow.TokenStore
---@field dict table with `get(self, key)`, `set(self, key, value, seconds)` and `add(self, key, value, seconds)`, the
---  last giving true, or false and "exists"
---@field client cdfworkflow.Client
---@field key string
---@field errand? cdfworkflow.Errand the call that asks here
---@field memory { mark: string, key: string, used?: string } tells this client's marks at the store from others; the
---  token that the client had from the store or put there
local TokenStore = {}
TokenStore.__index = TokenStore

--- A token with less than this left is not worth sharing: others would fetch a new one.
local LEEWAY = core.most_token_leeway
--- How long the mark of a fetcher that vanished keeps the others waiting, in seconds.
local FETCH_TIME = 10
local LOOK_INTERVAL = 0.02

local memories = setmetatable({}, { __mode = "k" })

local function memory_of(client)
  local memory = memories[client]
  if not memory then
    memory = {
      mark = ("%s at %.9f"):format(tostring({}), core.now()),
      key = "cdfworkflow.token:" .. core.token_key(client.core),
    }
    memories[client] = memory
  end
  return memory
end

---@param errand? cdfworkflow.Errand
---@return cdfworkflow.TokenStore|nil
function TokenStore.of(client, errand)
  if not client.token_store then return nil end
  local memory = memory_of(client)
  return setmetatable({
    dict = client.token_store, client = client, memory = memory, errand = errand, key = memory.key,
  }, TokenStore)
end

function TokenStore:read()
  local value = self.dict:get(self.key)
  local expires, token = tostring(value or ""):match("^([%d.]+) (.+)$")
  local left = tonumber(expires) and tonumber(expires) - core.time()
  if left and left > LEEWAY then return token, left end
  return nil
end

--- Whether this process is the one that fetches. A store that is full lets everybody fetch.
function TokenStore:may_fetch()
  local added, why = self.dict:add(self.key .. ":fetching", self.memory.mark, FETCH_TIME)
  return added or why ~= "exists"
end

--- A good token and its seconds left; or nil when it is this process's turn to fetch one, which `keep` then ends.
--- After a 401 (`denied`) the token that this client used is not trusted, but one that came after it is.
---@param denied boolean
---@param patience number seconds that the call has left
function TokenStore:obtain(denied, patience)
  local transport = self.client.transport
  local refused = denied and self.memory.used
  local limit = transport:now() + math.min(FETCH_TIME, patience / 2) -- and time is left to fetch it here
  repeat
    local token, left = self:read()
    if token and token ~= refused then
      self.memory.used = token
      return token, left
    end
    if self:may_fetch() then
      if self.errand then self.errand.store = self end
      return nil
    end
    transport:sleep(LOOK_INTERVAL, self.errand)
  until transport:now() >= limit
  return nil
end

--- Shares the token that the client holds now, and lets others fetch again.
function TokenStore:keep()
  if self.errand then self.errand.store = nil end
  local token, left = core.token(self.client.core)
  if token and left < math.huge and left > LEEWAY then
    self.memory.used = token
    self.dict:set(self.key, ("%.3f %s"):format(core.time() + left, token), left)
  end
  if self.dict:get(self.key .. ":fetching") == self.memory.mark then self.dict:set(self.key .. ":fetching", nil) end
end

return TokenStore
