-- SPDX-License-Identifier: Apache-2.0
-- Connections to a Redis by way of lua-redis (Debian's package, the rock redis-lua): over luasocket in scripts, over
-- core.tcp in HAProxy, which goes on serving meanwhile. Those that rest are kept here. lua-redis knows no TLS.

local core = require "cdfworkflow.core"
local haproxy = require "cdfworkflow.transport.haproxy"

--- Debian has no copy of it for Lua 5.4, and says so by nothing.
local OLDER = "/usr/share/lua/5.3/?.lua"

local REST = 60 -- seconds for which a connection that nobody uses is kept

local function load_library()
  local found, redis = pcall(require, "redis")
  if not found and package.path:find(OLDER, 1, true) == nil then
    package.path = package.path .. ";" .. OLDER
    found, redis = pcall(require, "redis")
  end
  if found and type(redis) == "table" and redis.command then return redis end
  return nil, "lua-redis is not here (Debian's package lua-redis, the rock redis-lua)"
end

local function new_socket()
  if haproxy.is_here() then return rawget(_G, "core").tcp() end
  local found, socket = pcall(require, "socket")
  if not found then return nil, "luasocket is not here (Debian's package lua-socket, the rock luasocket)" end
  return socket.tcp()
end

-- {==== One connection ====

---@class cdfworkflow.store.Connection
---@field memory? string which memory of Redis it reaches; nil until it has been looked at
---@field looked? number when that was, by `core.now`
---@field uptime? integer seconds that this Redis had been up then
local Connection = {}
Connection.__index = Connection

--- How lua-redis is to raise, so that what Redis said can be told from a connection that is no more.
local function raise(message)
  error({ said = message:match "^redis error: (.*)$", lost = message:gsub("^connection error: ", "") }, 0)
end

local commands = {}

--- Sends one command and reads its answer.
---@param name string in upper case
---@return boolean ok
---@return any reply or a message
---@return boolean? lost whether the connection is no more good, and the command may have been carried out
function Connection:command(name, ...)
  commands[name] = commands[name] or self.library.command(name)
  local begun = core.now()
  local ok, reply = pcall(commands[name], self.client, ...) -- only HAProxy waits in it, whose Lua can
  if ok then return true, reply end
  if type(reply) ~= "table" then return false, tostring(reply), true end
  if reply.said then return false, reply.said end
  -- HAProxy closes a connection whose time has passed, and says only that.
  return false, core.now() - begun >= self.timeout * 0.9 and "timeout" or reply.lost, true
end

function Connection:close() pcall(self.socket.close, self.socket) end

-- }====

---@class cdfworkflow.store.LuaRedis
---@field settings table host, port, timeout
---@field idle cdfworkflow.store.Connection[] those that rest, the last used last
local LuaRedis = {}
LuaRedis.__index = LuaRedis

local lua_redis = {}

---@param settings { host: string, port: integer, timeout: number, tls: boolean }
---@return cdfworkflow.store.LuaRedis|nil
---@return string? message
function lua_redis.new(settings)
  if settings.tls then return nil, "lua-redis knows no TLS: use it in nginx, or by way of stunnel" end
  local library, message = load_library()
  if not library then return nil, message end
  return setmetatable({ settings = settings, library = library, idle = {} }, LuaRedis)
end

local function connect(self)
  local settings = self.settings
  local socket, message = new_socket()
  if not socket then return nil, message end
  socket:settimeout(settings.timeout)
  local connected
  connected, message = socket:connect(settings.host, settings.port)
  if not connected then
    socket:close()
    return nil, tostring(message or "no connection")
  end
  if socket.setoption then socket:setoption("tcp-nodelay", true) end
  return socket
end

--- A connection, one that rested or a new one.
---@return cdfworkflow.store.Connection|nil
---@return string? message
function LuaRedis:take()
  local kept = table.remove(self.idle)
  if kept then
    kept.socket:settimeout(self.settings.timeout)
    return kept
  end
  local socket, message = connect(self)
  if not socket then return nil, message end
  local client = self.library.connect { socket = socket }
  client.error = raise
  return setmetatable({
    socket = socket, client = client, library = self.library, timeout = self.settings.timeout,
  }, Connection)
end

--- HAProxy lets only the thread that made a connection use it, and does not say which one that is where one Lua state
--- serves several.
local function may_rest()
  local host = haproxy.is_here() and rawget(_G, "core")
  return not host or host.thread ~= 0 or tonumber(host.get_info().Nbthread) == 1
end

--- Keeps it for the next one.
function LuaRedis:give(connection)
  if #self.idle >= self.settings.most_idle or not may_rest() then return connection:close() end
  connection.socket:settimeout(REST) -- HAProxy closes it then
  self.idle[#self.idle + 1] = connection
end

--- Notes what a look at a connection has shown.
function LuaRedis.note(_, connection, memory)
  connection.memory, connection.looked = memory, core.now()
end

--- Closes what rests: it may lead to another Redis than there is now.
function LuaRedis:forget()
  for _, connection in ipairs(self.idle) do connection:close() end
  self.idle = {}
end

return lua_redis
