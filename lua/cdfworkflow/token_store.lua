-- SPDX-License-Identifier: Apache-2.0
-- Access tokens shared by several processes, such as nginx workers through lua_shared_dict: one of them fetches, the
-- others read. Without the option `token_store` nothing of this is used, and tokens stay in C memory.

local core = require "cdfworkflow.core"

---@class cdfworkflow.TokenStore
---@field dict table with `get(self, key)`, `set(self, key, value, seconds)` and `add(self, key, value, seconds)`
---@field client cdfworkflow.Client
---@field key string
local TokenStore = {}
TokenStore.__index = TokenStore

--- A token with less than this left is not worth sharing (the leeway of src/auth.c and its jitter).
local LEEWAY = 45
--- How long one process may take to fetch before another tries, in seconds.
local FETCH_TIME = 10
local LOOK_INTERVAL = 0.02

---@return cdfworkflow.TokenStore|nil
function TokenStore.of(client)
  if not client.token_store then return nil end
  return setmetatable({
    dict = client.token_store, client = client, key = "cdfworkflow.token:" .. core.token_key(client.core),
  }, TokenStore)
end

function TokenStore:read()
  local value = self.dict:get(self.key)
  local expires, token = tostring(value or ""):match("^([%d.]+) (.+)$")
  local left = expires and tonumber(expires) - core.time()
  if left and left > LEEWAY then return token, left end
  return nil
end

--- A good token and its seconds left; or nil when it is this process's turn to fetch one, which `keep` then ends.
--- After a 401 the shared token is not trusted.
function TokenStore:obtain(denied)
  local transport = self.client.transport
  local limit = transport:now() + FETCH_TIME
  while not denied do
    local token, left = self:read()
    if token then return token, left end
    if self.dict:add(self.key .. ":fetching", true, FETCH_TIME) or transport:now() >= limit then return nil end
    transport:sleep(LOOK_INTERVAL)
  end
  return nil
end

--- Shares the token that the client holds now, and lets others fetch again.
function TokenStore:keep()
  local token, left = core.token(self.client.core)
  if token and left < math.huge and left > LEEWAY then
    self.dict:set(self.key, ("%.3f %s"):format(core.time() + left, token), left)
  end
  self.dict:set(self.key .. ":fetching", nil)
end

return TokenStore
