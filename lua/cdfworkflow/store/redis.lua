-- SPDX-License-Identifier: Apache-2.0
-- What several hosts share: a Redis with the `get`, `set` and `add` of nginx's shared dictionaries (ngx.shared.NAME),
-- for the client's `token_store` and for the gateway's memory of deliveries. Values are strings. Works in scripts, in
-- nginx and OpenResty, and in HAProxy's actions, services and tasks.

local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local mistake = require "cdfworkflow.mistake"
local options = require "cdfworkflow.options"
local server = require "cdfworkflow.store.server"
local unpack = table.unpack or unpack

---@class cdfworkflow.store.Redis
---@field id? string which memory of Redis this is bound to: see `memory`
---@field private server cdfworkflow.store.Server
---@field private prefix string before its keys
local Store = {}
Store.__index = Store
Store.__name = "cdfworkflow.store.Redis"

--- The module: what `require "cdfworkflow.store.redis"` gives.
---@class cdfworkflow.store.redis
local store = {}

--- A store in a Redis, of which nothing is asked yet.
---
---     local store = assert(require("cdfworkflow.store.redis").new { host = "127.0.0.1", port = 6379 })
---@param opts? cdfworkflow.RedisSettings
---@return cdfworkflow.store.Redis|nil store
---@return cdfworkflow.Error? err kind "invalid" where the client library for Redis is missing, or does not know TLS
local function new(opts)
  local at, message = server.new(opts)
  if not at then return check.invalid("store", message, message) end
  return setmetatable({ server = at, prefix = at.prefix }, Store)
end

store.new = method.fn("cdfworkflow.store.redis.new", {
  { "opts", options.of(server.MEMBERS, server.rule) },
}, new)

function Store:__tostring() return ("%s, keys %s…"):format(tostring(self.server), self.prefix) end

local function expect_string(name, what, value)
  if type(value) ~= "string" then
    mistake.raise(("store:%s: %s: expected a string, got %s"):format(name, what, type(value)))
  end
end

--- Raises for mistakes of the program.
local function expect(self, name, key)
  if getmetatable(self) ~= Store then
    mistake.raise(("store:%s: called with a dot; write store:%s(…)"):format(name, name))
  end
  expect_string(name, "key", key)
end

--- Milliseconds, as Redis wants them.
local function expiry(seconds)
  if seconds == nil or seconds == 0 then return nil end
  return ("%.0f"):format(math.max(seconds * 1000, 1))
end

--- What is kept under the key.
---
---     print(store:get "nothing-is-here") --> nil
---@param key string
---@return string|nil value nil where there is none, or where that cannot be known
---@return string? message why it cannot be known: one line
function Store:get(key)
  expect(self, "get", key)
  local ok, value = self.server:command(self.id, "GET", self.prefix .. key)
  if ok then return value end
  return nil, value
end

--- Keeps a value, in place of another; nil removes it.
---
---     assert(store:set("key", "value", 3600))
---     print(store:get "key") --> value
---@param key string
---@param value string|nil
---@param seconds? number after which it is forgotten; never unless told
---@return true|nil done
---@return string? message
function Store:set(key, value, seconds)
  expect(self, "set", key)
  if value ~= nil then expect_string("set", "value", value) end
  key = self.prefix .. key
  local words = value == nil and { "DEL", key } or { "SET", key, value }
  local left = value ~= nil and expiry(seconds)
  if left then words[4], words[5] = "PX", left end
  local ok, message = self.server:command(self.id, unpack(words))
  if ok then return true end
  return nil, message
end

--- Keeps a value where there is none: of several hosts that try at the same moment, one succeeds. Where the answer is
--- lost nobody knows whether it did: that is a message, and not "exists".
---
---     print(store:add("key", "mine", 60)) --> true
---     print(store:add("key", "yours", 60)) --> false exists
---@param key string
---@param value string
---@param seconds? number after which it is forgotten; never unless told
---@return boolean added
---@return string? why "exists", or a message why it could not be done, or not be known
function Store:add(key, value, seconds)
  expect(self, "add", key)
  expect_string("add", "value", value)
  local left = expiry(seconds)
  local words = { "SET", self.prefix .. key, value, "NX" }
  if left then words[5], words[6] = "PX", left end
  local ok, reply = self.server:command(self.id, unpack(words))
  if not ok then return false, reply end
  if reply == nil then return false, "exists" end
  return true
end

--- The same store, bound to the memory that Redis has now. Once Redis has been restarted, or a replica has taken its
--- place, some of what was kept may be missing: from then on `get`, `set` and `add` of this one fail with a message,
--- and `memory()` gives one that is empty. So whoever asks several things one after another gets all answers from one
--- memory, and a mark such as «all is here» does not outlive what it tells of.
---
---     local memory = assert(store:memory())
---     assert(memory:set("all is here", "yes"))
---@return cdfworkflow.store.Redis|nil memory
---@return string? message
function Store:memory()
  local id, message = self.server:look()
  if not id then return nil, tostring(message) end
  if self.server.noted ~= id then -- so that another one is known for another
    local age, problem = self.server:age(id)
    if not age then return nil, problem end
  end
  return setmetatable({ server = self.server, id = id, prefix = ("%s%s:"):format(self.server.prefix, id) }, Store)
end

--- How long Redis has had the memory that this is bound to (of the store itself: the one that it has now): since the
--- start of Redis, where it was the first that was met under this prefix, or else since it was met. What an earlier
--- memory knew of may be under way for as long as one attempt takes, and 90 s.
---
---     print(assert(store:age()) >= 0) --> true
---@return number|nil seconds
---@return string? message
function Store:age()
  local bound = self.id and self or nil
  local message
  if not bound then bound, message = self:memory() end
  if not bound then return nil, message end
  return self.server:age(bound.id)
end

--- Closes the connections that rest. The store can be used again.
---
---     store:close()
function Store:close() self.server:close() end

store.class = Store

return store
