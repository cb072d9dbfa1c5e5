-- SPDX-License-Identifier: Apache-2.0
-- Connections to a Redis inside nginx: `resty.redis` of OpenResty, or `nginx.redis`, which is what Debian's package
-- lua-nginx-redis calls it. nginx keeps those that rest, in pools by name, and closes what Redis has closed.

local core = require "cdfworkflow.core"

local REST = 60 -- seconds for which nginx keeps a connection that nobody uses

local function load_library()
  for _, name in ipairs { "resty.redis", "nginx.redis" } do
    local found, library = pcall(require, name)
    if found then return library end
  end
  return nil, "neither resty.redis nor nginx.redis is here (Debian's package lua-nginx-redis)"
end

-- {==== One connection ====

---@class cdfworkflow.store.NginxConnection : cdfworkflow.store.Connection
---@field generation integer of the pool that it belongs to
local Connection = {}
Connection.__index = Connection

--- nginx's null in place of nil, as the library gives it.
local function plain(reply)
  if reply == ngx.null then return nil end
  return reply
end

--- As lua_redis.lua's.
function Connection:command(name, ...)
  local client = self.client
  local reply, message = client[name:lower()](client, ...)
  if reply then return true, plain(reply) end
  return false, tostring(message), reply == nil
end

function Connection:close() self.client:close() end

-- }====

---@class cdfworkflow.store.Nginx
---@field settings table host, port, timeout, tls
---@field generation integer counts the memories of Redis that were met: each has a pool of its own
---@field memory? string the one that the connections of this generation reach
---@field looked? number when one of them was looked at last
---@field uptime? integer what it showed then
local Nginx = {}
Nginx.__index = Nginx

local nginx, made = {}, 0

---@param settings { host: string, port: integer, timeout: number, tls: boolean }
---@return cdfworkflow.store.Nginx|nil
---@return string? message
function nginx.new(settings)
  local library, message = load_library()
  if not library then return nil, message end
  made = made + 1
  return setmetatable({ settings = settings, library = library, number = made, generation = 1 }, Nginx)
end

--- Neither library's `connect` of old knows TLS; what both are made of does. Where the handshake is over at once, it
--- raises in place of telling why the certificate was refused.
local function start_tls(client, host)
  local socket = rawget(client, "_sock")
  local fine, done, message = pcall(socket.sslhandshake, socket, nil, host, true)
  if fine and done then return end
  client:close()
  return "TLS: " .. (fine and tostring(message) or "the handshake failed, or its certificate was refused")
end

--- A connected client of the library.
local function connect(self)
  local settings = self.settings
  local client, message = self.library:new()
  if not client then return nil, message end
  client:set_timeout(settings.timeout * 1000)
  local pool = ("cdfworkflow.redis %d %d"):format(self.number, self.generation)
  local connected
  connected, message = client:connect(settings.host, settings.port, { pool = pool, pool_size = settings.most_idle })
  if not connected then return nil, message end
  local reused = client:get_reused_times() > 0
  if settings.tls and not reused then
    message = start_tls(client, settings.host)
    if message then return nil, message end
  end
  return client, nil, reused
end

--- As lua_redis.lua's.
function Nginx:take()
  local generation, memory, looked, uptime = self.generation, self.memory, self.looked, self.uptime
  local fine, client, message, reused = pcall(connect, self)
  if not fine then return nil, tostring(client) end -- a phase in which nginx does not wait
  if not client then return nil, tostring(message) end
  local connection = setmetatable({ client = client, generation = generation }, Connection)
  if reused then connection.memory, connection.looked, connection.uptime = memory, looked, uptime end
  return connection
end

function Nginx:give(connection)
  if connection.generation ~= self.generation then return connection:close() end
  connection.client:set_keepalive(REST * 1000, self.settings.most_idle)
end

function Nginx:note(connection, memory)
  connection.memory, connection.looked = memory, core.now()
  if connection.generation == self.generation and self.memory == nil then self.memory = memory end
  if self.memory == memory then self.looked, self.uptime = connection.looked, connection.uptime end
end

function Nginx:forget()
  self.generation, self.memory = self.generation + 1, nil
end

return nginx
