-- SPDX-License-Identifier: Apache-2.0
-- One Redis, and what is known of it: signs in, looks which memory it has, and whether it keeps what it is given. What
-- is kept in it is the business of store/redis.lua and queue/redis.lua. Nothing here shows the password.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local nginx = require "cdfworkflow.transport.nginx"

---@class cdfworkflow.RedisSettings
---@field host? string 127.0.0.1 unless told
---@field port? integer 6379 unless told
---@field username? string of Redis's ACL; goes with `password`
---@field password? string
---@field tls? boolean in nginx only, which verifies by `lua_ssl_trusted_certificate`
---@field prefix? string before every key; "cdfworkflow:" unless told
---@field timeout? number seconds for a connection, and for each answer; 1 unless told

---@class cdfworkflow.store.Server
---@field prefix string
---@field memory? string the one that was met last
---@field noted? string the one that Redis knows to be met
local Server = {}
Server.__index = Server
Server.__name = "cdfworkflow.store.Server"

local server = {}

---@type cdfworkflow.Member[]
server.MEMBERS = {
  { "host", check.string, default = "127.0.0.1" },
  { "port", check.whole(1, 65535), default = 6379 },
  { "username", check.string },
  { "password", check.string },
  { "tls", check.boolean, default = false },
  { "prefix", check.string, default = "cdfworkflow:" },
  { "timeout", check.seconds(0.01, 60), default = 1 },
}

--- A rule for method.fn: why these settings do not go together.
function server.rule(given)
  if given.username ~= nil and given.password == nil then return "username needs a password" end
end

local MOST_IDLE = 30 -- connections that rest
local FRESH = 1 -- seconds for which a connection is trusted after it was looked at
--- Seconds for which nobody tries again after Redis could not be reached, so that not each request waits for it.
local REST = 1

--- Settings that no table of the program's shows.
local hidden = setmetatable({}, { __mode = "k" })

--- A Redis, of which nothing is asked yet.
---@param settings cdfworkflow.RedisSettings complete
---@return cdfworkflow.store.Server|nil
---@return string? message
function server.new(settings)
  local library = nginx.is_here() and require "cdfworkflow.store.nginx"
    or require "cdfworkflow.store.lua_redis"
  local host, message = library.new {
    host = settings.host, port = settings.port, timeout = settings.timeout, tls = settings.tls, most_idle = MOST_IDLE,
  }
  if not host then return nil, message end
  local self = setmetatable({ name = ("Redis at %s:%d"):format(settings.host, settings.port), host = host,
    prefix = settings.prefix }, Server)
  hidden[self] = { username = settings.username, password = settings.password }
  return self
end

function Server:__tostring() return "cdfworkflow." .. self.name end

-- {==== What Redis says ====

--- In better words, by the first word of Redis's own: what it means, and what to do.
local WORDS = {
  OOM = "it is full (maxmemory)",
  LOADING = "it is still reading its data from disk",
  READONLY = "it is a replica, which takes no writes",
  MASTERDOWN = "it is a replica without its master",
  NOREPLICAS = "it has too few replicas that follow (min-replicas-to-write)",
  MISCONF = "it cannot write its data to disk",
  NOAUTH = "it wants a password",
  BUSY = "it is busy with a script",
}

--- After these a connection leads to no Redis that could be used.
local USELESS = { LOADING = true, READONLY = true, MASTERDOWN = true, NOAUTH = true }

--- Redis repeats arguments of commands that it does not know: they may hold what is secret.
local function without_arguments(said)
  return (said:gsub(",? ?with args beginning with.*", ""):gsub("%c", " "))
end

local function complaint(self, said)
  local word = said:match "^%u+"
  return ("%s: %s"):format(self.name, WORDS[word] or without_arguments(said)), USELESS[word]
end

-- }====

-- {==== Connections ====

--- Notes that Redis could not be reached.
local function rest(self, message)
  self.trouble, self.rests_until = message, core.now() + REST
  return nil, message
end

local function sign_in(self, connection)
  local secret = hidden[self]
  if not secret.password then return true end
  local ok, said, lost
  if secret.username then
    ok, said, lost = connection:command("AUTH", secret.username, secret.password)
  else
    ok, said, lost = connection:command("AUTH", secret.password)
  end
  if ok then return true end
  return nil, lost and said or (complaint(self, said))
end

--- Why what is given to this Redis would not be kept, or nil.
local function unfit(info)
  if info.loading == "1" then return WORDS.LOADING end
  if info.role ~= "master" then return WORDS.READONLY end
  if info.cluster_enabled == "1" then return "it is a cluster, which this cannot use" end
  local policy = info.maxmemory_policy or "noeviction"
  if (info.maxmemory or "0") ~= "0" and policy ~= "noeviction" then
    return ("it forgets keys when it is full (maxmemory-policy %s): set noeviction"):format(policy)
  end
end

--- Looks which Redis is at the other end. Another run_id (it was restarted) or another master_replid (a replica has
--- taken over) is another memory: what was known of the old one may be missing in it.
local function look(self, connection)
  local ok, said, lost = connection:command "INFO"
  if not ok then return nil, lost and said or (complaint(self, said)) end
  local info = {}
  for name, value in said:gmatch "([%w_]+):([^\r\n]*)" do info[name] = value end
  local problem = unfit(info)
  if problem then return nil, ("%s: %s"):format(self.name, problem) end
  local memory = ("%s-%s"):format(tostring(info.run_id):sub(1, 12), tostring(info.master_replid):sub(1, 12))
  connection.uptime = tonumber(info.uptime_in_seconds) or 0
  self.host:note(connection, memory)
  if self.memory and self.memory ~= memory then self.host:forget() end
  self.memory = memory
  return true
end

--- Makes it one that can be used: it is signed in, and was looked at just now.
local function prepare(self, connection)
  if connection.looked and core.now() - connection.looked < FRESH then return true end
  local fine, message = true, nil
  if not connection.looked then fine, message = sign_in(self, connection) end
  if fine then fine, message = look(self, connection) end
  return fine, message
end

local function named(self, message)
  if message:sub(1, #self.name) == self.name then return message end
  return ("%s: %s"):format(self.name, message == "closed" and "it has closed the connection"
    or message == "timeout" and "no answer in time" or message)
end

--- A connection that can be used. One that rested may have died meanwhile: then a new one is made, once.
local function connection_of(self, again)
  if self.rests_until and core.now() < self.rests_until then return nil, self.trouble end
  local connection, message = self.host:take()
  if not connection then return rest(self, named(self, message)) end
  local rested = connection.looked ~= nil
  local fine
  fine, message = prepare(self, connection)
  if fine then return connection end
  connection:close()
  self.host:forget()
  if rested and not again then return connection_of(self, true) end
  return rest(self, named(self, message))
end

-- }====

-- {==== Commands ====

--- Sends a command on this connection, and gives the connection back.
local function command_on(self, connection, ...)
  local ok, reply, lost = connection:command(...)
  if ok then
    self.host:give(connection)
    return true, reply
  end
  local message, useless = reply, false
  if not lost then message, useless = complaint(self, reply) end
  if lost or useless then
    connection:close()
    self.host:forget()
    if lost then rest(self, named(self, message)) end
  else
    self.host:give(connection)
  end
  return false, named(self, message), lost
end

--- Sends one command. It is sent once: what is lost with its answer may have been carried out.
---@param memory string|nil only in this memory of Redis
---@param ... string|number the command, its name in upper case
---@return boolean ok
---@return any reply or, where not ok, one line for a person
---@return boolean? lost it was sent, and nobody knows what came of it
function Server:command(memory, ...)
  local connection, message = connection_of(self)
  if not connection then return false, message end
  if memory and connection.memory ~= memory then
    self.host:give(connection)
    return false, self.name .. ": it was restarted, or another one has taken its place"
  end
  return command_on(self, connection, ...)
end

--- Which memory Redis has now, and how long it had been up when that was looked at last.
---@return string|nil memory
---@return string|integer uptime seconds; or a message
function Server:look()
  local connection, message = connection_of(self)
  if not connection then return nil, message end
  local memory, uptime = connection.memory, connection.uptime
  self.host:give(connection)
  return memory, uptime
end

--- Runs a Lua script in Redis: all of it, or nothing, and nobody else in between.
---@param memory string|nil
---@param script string
---@param keys string[] without the prefix
---@param arguments (string|number)[]
---@return boolean ok
---@return any reply as of `command`
---@return boolean? lost
function Server:script(memory, script, keys, arguments)
  local all = {}
  for i, key in ipairs(keys) do all[i] = self.prefix .. key end
  for _, argument in ipairs(arguments) do all[#all + 1] = argument end
  return self:command(memory, "EVAL", script, #keys, (table.unpack or unpack)(all))
end

--- For scripts in Redis: how long it has had this memory, by its own clock. It is noted in a hash when one is met.
server.AGE_OF_MEMORY = [[
local function age_of_memory(key, id, uptime)
  local now, known = tonumber(redis.call('TIME')[1]), redis.call('HMGET', key, 'id', 'since')
  if known[1] ~= id then
    known[2] = known[1] and now or now - tonumber(uptime)
    redis.call('HSET', key, 'id', id, 'since', known[2])
  end
  return math.max(now - tonumber(known[2]), 0)
end
]]

local AGE = server.AGE_OF_MEMORY .. "return age_of_memory(KEYS[1], ARGV[1], ARGV[2])"

--- How long Redis has had this memory: since its start, where no other was met under this prefix, or else since it was
--- met. By Redis's clock.
---@param memory string
---@return number|nil seconds
---@return string? message
function Server:age(memory)
  local now, uptime = self:look()
  if not now then return nil, tostring(uptime) end
  local ok, age = self:script(memory, AGE, { "memory" }, { memory, uptime })
  if not ok then return nil, age end
  self.noted = memory
  return age
end

--- Closes the connections that rest.
function Server:close() self.host:forget() end

-- }====

return server
