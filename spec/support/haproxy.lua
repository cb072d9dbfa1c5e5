-- SPDX-License-Identifier: Apache-2.0
-- Real HAProxy for specs: a child with a folder of its own, on a free loopback port, ended by its process id. The
-- library inside it is the one of this checkout, built for Lua 5.3.

local nginx = require "nginx"
local shell = require "shell"
local wire = require "wire"

local haproxy = {}

---@class spec.HAProxy
---@field port integer
---@field url string
---@field folder string where its configuration and log are; gone after `stop`
---@field pid integer
local HAProxy = {}
HAProxy.__index = HAProxy

local CONFIGURATION = [[
global
  maxconn 4000
  nbthread %d
  lua-prepend-path "%slua/?.lua"
  lua-prepend-path "%slua/?/init.lua"
  lua-prepend-path "%s/5.3/?.so" cpath
  %s @FOLDER@/program.lua
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend here
  bind 127.0.0.1:@PORT@
  %s
]]

--- What it wrote.
---@return string
function HAProxy:log()
  local file = io.open(self.folder .. "/log", "r")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

---@return integer status 0 when there was no answer
---@return string body
---@return string headers
function HAProxy:ask(path, arguments)
  return nginx.ask(self.url .. path, arguments)
end

HAProxy.ask_many = nginx.class.ask_many
HAProxy.signal, HAProxy.stop = nginx.class.signal, nginx.class.stop

--- Ends it once the requests that it has are answered, and removes its folder.
function HAProxy:quit()
  self:signal "USR1"
  nginx.wait_until("HAProxy has ended", function() return not nginx.is_alive(self.pid) end)
  self:stop()
end

local function spawn(folder, environment, arguments)
  local words = { "env" }
  for name, value in pairs(environment or {}) do words[#words + 1] = shell.quote(name .. "=" .. value) end
  local command = "echo $$; exec %s PATH=\"$PATH:/usr/sbin\" haproxy %s -db -f %s/haproxy.cfg >%s/log 2>&1"
  local output = assert(io.popen(command:format(table.concat(words, " "), arguments or "", shell.quote(folder),
    shell.quote(folder)), "r"))
  return output, tonumber(output:read "*l")
end

--- Starts HAProxy with a whole configuration, in which `@PORT@` stands for the port and `@FOLDER@` for its folder.
---@param configuration string
---@param environment? table<string, string>
---@param files? table<string, string> name → text
---@param arguments? string such as "-W": a master process, which SIGUSR2 reloads
---@return spec.HAProxy
function haproxy.run(configuration, environment, files, arguments)
  local folder = shell.run("mktemp -d"):match "%S+"
  for name, text in pairs(files or {}) do nginx.write(folder .. "/" .. name, text) end
  for _ = 1, 3 do -- the free port may be somebody else's by now
    local port = wire.free_port()
    nginx.write(folder .. "/haproxy.cfg", (configuration:gsub("@PORT@", tostring(port)):gsub("@FOLDER@", folder)))
    local output, pid = spawn(folder, environment, arguments)
    local self = setmetatable({ output = output, pid = pid, folder = folder, port = port }, HAProxy)
    self.url = "http://127.0.0.1:" .. port
    if nginx.comes_up(self) then return self end
    self:signal "TERM"
    output:close()
    if not self:log():match "Address already in use" then error("HAProxy did not start: " .. self:log(), 2) end
  end
  error("HAProxy found no free port", 2)
end

--- Starts HAProxy with a Lua program. options: `lua`, `rules` of the frontend, `load` ("lua-load" or
--- "lua-load-per-thread"), `threads`, `environment`.
---@param options table
---@return spec.HAProxy
function haproxy.start(options)
  local configuration = CONFIGURATION:format(options.threads or 1, nginx.root, nginx.root, nginx.build,
    options.load or "lua-load", (options.rules:gsub("\n", "\n  ")))
  return haproxy.run(configuration, options.environment, { ["program.lua"] = options.lua })
end

return haproxy
