-- SPDX-License-Identifier: Apache-2.0
-- A real Redis for specs: a child with a folder of its own, on a free loopback port, ended, killed and frozen by its
-- process id.

local nginx = require "nginx"
local shell = require "shell"
local temp_folder = require "temp_folder"
local wire = require "wire"

local redis = {}

---@class spec.Redis
---@field port integer
---@field pid integer
local Redis = {}
Redis.__index = Redis

--- Debian's package redis-tools holds the program, but for its name: it is a server when it is called so.
local PROGRAM = "if command -v redis-server >/dev/null; then exec redis-server %s; "
  .. "else exec -a redis-server redis-check-rdb %s; fi"

local SETTINGS = "--bind 127.0.0.1 %s %d --dir %s --daemonize no --logfile '' --save '' %s"

local function spawn(self)
  local arguments = SETTINGS:format(self.tls and "--port 0 --tls-port" or "--port", self.port,
    shell.quote(self.folder.path), self.arguments)
  local command = ("echo $$; exec >%s/log 2>&1; "):format(shell.quote(self.folder.path))
    .. PROGRAM:format(arguments, arguments)
  self.output = assert(io.popen("exec bash -c " .. shell.quote(command), "r"))
  self.pid = tonumber(self.output:read "*l")
  return nginx.comes_up(self)
end

--- Starts one. It keeps what it is given in memory only; `--appendonly yes` writes it down.
---@param arguments? string
---@param tls? boolean it speaks TLS only
---@return spec.Redis
function redis.start(arguments, tls)
  local self = setmetatable({ folder = temp_folder.new(), arguments = arguments or "", tls = tls }, Redis)
  for _ = 1, 3 do -- the free port may be somebody else's by now
    self.port = wire.free_port()
    if spawn(self) then return self end
    self.output:close()
  end
  error("Redis did not start: " .. shell.run("cat " .. shell.quote(self.folder.path .. "/log")), 2)
end

--- Starts it again, on the same port and with the same files.
function Redis:restart()
  assert(spawn(self), "Redis did not start again")
  nginx.wait_until("Redis answers", function()
    local said = self:ask "PING"
    return said == "PONG" or said:match "^NOAUTH" -- and is not still reading its file
  end)
end

local function signal(self, name) shell.run(("kill -s %s %d"):format(name, self.pid)) end

--- Ends it at once, as a power cut would (but for what the system has taken for the disk).
function Redis:kill()
  signal(self, "KILL")
  self.output:close()
  self.output = nil
end

function Redis:freeze() signal(self, "STOP") end

function Redis:thaw() signal(self, "CONT") end

--- What redis-cli prints for a command.
---@param command string words of a shell
---@return string
function Redis:ask(command)
  return (shell.run(("redis-cli -p %d %s"):format(self.port, command)):gsub("\n$", ""))
end

--- Which memory it has, as the library names it.
---@return string
function Redis:memory()
  local said = self:ask "INFO"
  return said:match "run_id:(%x+)":sub(1, 12) .. "-" .. said:match "master_replid:(%x+)":sub(1, 12)
end

--- Makes stores and the queue believe that Redis has had its memory for so long.
---@param seconds number
function Redis:has_long_been_there(seconds)
  for _, key in ipairs { "cdfworkflow:memory", "cdfworkflow:queue:memory" } do
    self:ask(("HSET %s id %s since %.0f"):format(key, self:memory(), os.time() - seconds))
  end
end

local AGE = [[
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  for _, name in ipairs { 'until', 'first', 'put', 'not_before' } do
    local time = tonumber(redis.call('HGET', key, name) or nil)
    if time then redis.call('HSET', key, name, string.format('%f', time - ARGV[2])) end
  end
end
]]

--- Makes what a queue knows of a delivery older by so many seconds.
---@param id string the delivery, or a pattern
---@param seconds number
function Redis:age_claim(id, seconds)
  self:ask(("EVAL %s 0 %s %f"):format(shell.quote(AGE), shell.quote("cdfworkflow:queue:delivery:" .. id), seconds))
end

--- Ends it and removes its folder. May be called again.
function Redis:stop()
  if self.output then self:kill() end
  self.folder:remove()
end

return redis
