-- SPDX-License-Identifier: Apache-2.0
-- Deliveries in a Redis that several hosts share: a stream with a consumer group. What Redis does is in
-- redis_scripts.lua; what the queue asks for, and may rely on, in contract.lua.

local check = require "cdfworkflow.check"
local contract = require "cdfworkflow.queue.contract"
local core = require "cdfworkflow.core"
local json = require "cdfworkflow.json"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local scripts = require "cdfworkflow.queue.redis_scripts"
local server = require "cdfworkflow.store.server"

---@class cdfworkflow.queue.Redis : cdfworkflow.queue.Store
---@field private server cdfworkflow.store.Server
---@field private host string this host, as the stream's consumer
---@field private longest number seconds of the longest attempt that this drain has begun
local Store = {}
Store.__index = Store
Store.__name = "cdfworkflow.queue.Redis"

--- The module: what `require "cdfworkflow.queue.redis"` gives.
---@class cdfworkflow.queue.redis
local redis = {}

local PAGE = 200 -- deliveries that are listed at once

local function name_of_host()
  local file = io.open "/proc/sys/kernel/hostname"
  local name = file and file:read "*l"
  if file then file:close() end
  return name and name ~= "" and name or "a host"
end

--- A store for `cdf.queue` in a Redis, of which nothing is asked yet.
---
---     local waiting = assert(require("cdfworkflow.queue.redis").new { host = "127.0.0.1", port = 6379 })
---     local queue = assert(cdf.queue { client = client, store = waiting })
---@param opts? cdfworkflow.RedisSettings
---@return cdfworkflow.queue.Redis|nil store
---@return cdfworkflow.Error? err kind "invalid" where the client library for Redis is missing, or does not know TLS
local function new(opts)
  local at, message = server.new(opts)
  if not at then return check.invalid("store", message, message) end
  return setmetatable({ server = at, host = name_of_host(), longest = 0 }, Store)
end

redis.new = method.fn("cdfworkflow.queue.redis.new", {
  { "opts", options.of(server.MEMBERS, server.rule) },
}, new)

function Store:__tostring() return ("%s, queue %squeue:…"):format(tostring(self.server), self.server.prefix) end

-- {==== Asking Redis ====

local IN_DOUBT = "; whether it was done is not known, and doing it again is harmless"

--- Runs a script. → what it gives; or nil, err
local function ask(self, memory, script, ...)
  local ok, reply, lost = self.server:script(memory, script, { "queue:" }, { ... })
  if ok then return reply end
  return nil, core.error { kind = "transport", retryable = true, message = reply .. (lost and IN_DOUBT or "") }
end

--- Text as Redis has it: there is no nil in it.
local function filled(text) return text ~= "" and text or nil end

local function decoded(text) return text ~= "" and json.decode(text) or nil end

local function encoded(value) return value ~= nil and assert(json.encode(value)) or "" end

local function error_text(err) return encoded { kind = err.kind, message = err.message, status = err.status } end

--- A delivery of the members that the scripts show.
local function delivery_of(id, shown)
  return {
    id = id, workflow = shown[1], version = shown[2], metadata = decoded(shown[3]), created = tonumber(shown[4]),
    state = shown[5], attempts = tonumber(shown[6]), error = decoded(shown[7]), execution = decoded(shown[8]),
    ended = tonumber(shown[9]), input = shown[10] and filled(shown[10]),
  }
end

-- }====

-- {==== Putting and looking ====

local function full(limit, figure)
  return core.error {
    kind = "throttled", retryable = true, limit = figure,
    message = ("the queue is full: %s is %.0f"):format(limit, figure),
  }
end

---@return boolean|nil is_new
---@return cdfworkflow.Error? err
function Store:put(delivery, limits)
  local said, err = ask(self, nil, scripts.put, delivery.id, delivery.workflow, delivery.version,
    delivery.input or "", encoded(delivery.metadata), ("%.3f"):format(delivery.created),
    ("%.0f"):format(limits.max_entries), ("%.0f"):format(limits.max_bytes))
  if not said then return nil, err end
  if limits[said] then return nil, full(said, limits[said]) end
  return said == "new"
end

---@return cdfworkflow.queue.Delivery|nil delivery
---@return cdfworkflow.Error? err
function Store:get(id)
  local shown, err = ask(self, nil, scripts.get, id)
  if not shown then return nil, err end
  if not shown[1] then return nil end
  return delivery_of(id, shown)
end

--- Adds those of a page that are wanted.
local function add(list, page, opts)
  for i = 2, #page do
    local delivery = delivery_of(page[i][1], page[i][2])
    local is_refused = delivery.state == "refused"
    if #list < opts.limit and (not opts.state or (opts.state == "refused") == is_refused) then
      list[#list + 1] = delivery
    end
  end
end

---@return cdfworkflow.queue.Delivery[]|nil list
---@return cdfworkflow.Error? err
function Store:list(opts)
  local list, from = {}, "0"
  repeat
    local page, err = ask(self, nil, scripts.list, from, PAGE, opts.state or "")
    if not page then return nil, err end
    add(list, page, opts)
    from = page[1]
  until from == "" or #list >= opts.limit
  return list
end

---@return { waiting: integer, refused: integer, bytes: integer }|nil count
---@return cdfworkflow.Error? err
function Store:count()
  local figures, err = ask(self, nil, scripts.count)
  if not figures then return nil, err end
  return { waiting = figures[1] - figures[2], refused = figures[2], bytes = figures[3] }
end

-- }====

-- {==== Claims ====

--- How far back an attempt is to look: to the first, by whichever clock says that it was longer ago. Where Redis has
--- had its memory for less than a day, an attempt may have been forgotten.
local function look_back(first_there, since_first, since_put, age, now)
  local seconds = since_first and math.max(since_first, first_there and now - first_there or 0, 0)
  if age >= contract.REMEMBERED then return seconds end
  return math.max(seconds or 0, since_put, contract.REMEMBERED)
end

local function claim_of(self, memory, said)
  local since_put = math.max(tonumber(said[13]), 0)
  return {
    owner = said[2], memory = memory, id = said[3], workflow = said[4], version = said[5], input = filled(said[6]),
    metadata = decoded(said[7]), created = tonumber(said[8]), attempts = tonumber(said[9]),
    look_back = look_back(tonumber(said[10]), tonumber(said[11]), since_put, tonumber(said[14]), self.clock.time()),
    wait = tonumber(said[12]), age = since_put,
  }
end

---@return cdfworkflow.queue.Claim|nil claim
---@return cdfworkflow.Error? err
---@return number? seconds
function Store:claim()
  local memory, uptime = self.server:look()
  if not memory then return nil, core.error { kind = "transport", retryable = true, message = uptime } end
  local said, err = ask(self, memory, scripts.claim, memory, uptime, self.host, ("%.3f"):format(self.longest))
  if not said then return nil, err end
  if said[1] == "none" then return nil, nil, tonumber(said[2]) end
  return claim_of(self, memory, said)
end

--- A claim ends with the memory of Redis in which it was made: another may have given the delivery to somebody else.
---@return boolean|nil is_ours
---@return cdfworkflow.Error? err
function Store:begin(claim, seconds)
  self.longest = math.max(self.longest, seconds)
  local said, err = ask(self, claim.memory, scripts.begin, claim.id, claim.owner, ("%.3f"):format(seconds),
    ("%.3f"):format(self.clock.time()))
  if not said then return nil, err end
  return said == 1
end

local function done(said, err)
  if not said then return nil, err end
  return true
end

---@return true|nil done
---@return cdfworkflow.Error? err
function Store:settle(claim, execution)
  return done(ask(self, nil, scripts.settle, claim.id, encoded(execution), ("%.3f"):format(self.clock.time()),
    claim.workflow, claim.version, encoded(claim.metadata), ("%.3f"):format(claim.created)))
end

---@return true|nil done
---@return cdfworkflow.Error? err
function Store:refuse(claim, err)
  return done(ask(self, nil, scripts.refuse, claim.id, claim.owner, error_text(err),
    ("%.3f"):format(self.clock.time())))
end

---@return true|nil done
---@return cdfworkflow.Error? err
function Store:fail(claim, err, in_doubt)
  return done(ask(self, nil, scripts.fail, claim.id, claim.owner, error_text(err), in_doubt and "1" or ""))
end

---@return true|nil done
---@return cdfworkflow.Error? err
function Store:release(claim) return done(ask(self, nil, scripts.release, claim.id, claim.owner)) end

-- }====

-- {==== What a person does ====

---@return true|nil done
---@return cdfworkflow.Error? err
function Store:retry(id)
  local said, err = ask(self, nil, scripts.retry, id, ("%.3f"):format(self.clock.time()))
  if not said then return nil, err end
  return said == 1 or nil
end

---@return true|nil done
---@return cdfworkflow.Error? err
function Store:drop(id)
  local said, err = ask(self, nil, scripts.drop, id)
  if not said then return nil, err end
  if said == "starting" then
    return check.invalid("id", ("the delivery %s is being started just now"):format(id), "one that waits")
  end
  return said == "done" or nil
end

-- }====

--- Closes the connections that rest.
function Store:close() self.server:close() end

return redis
