-- SPDX-License-Identifier: Apache-2.0
-- Real nginx for specs: a child with a folder of its own, on a free loopback port, ended by its process id. The library
-- inside it is the one of this checkout, built for LuaJIT.

local shell = require "shell"
local which_nginx = require "which_nginx"
local wire = require "wire"

local nginx = {}

local ROOT = debug.getinfo(1, "S").source:match "^@(.*)spec/support/nginx%.lua$"
if not ROOT:match "^/" then ROOT = shell.run("pwd"):match "%C+" .. "/" .. ROOT end
local BUILD = os.getenv "BUILD" or "build"
if not BUILD:match "^/" then BUILD = ROOT .. BUILD end
nginx.root, nginx.build = ROOT, BUILD

---@class spec.Nginx
---@field port integer
---@field url string such as `http://127.0.0.1:8080`
---@field folder string where its configuration and logs are; gone after `stop`
---@field pid integer of the master process
local Nginx = {}
Nginx.__index = Nginx
nginx.class = Nginx

local PROLOGUE = which_nginx.modules .. [[
worker_processes %d;
pid pid;
%s
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 1000000;
  lua_package_path "%slua/?.lua;%slua/?/init.lua;%sspec/support/?.lua;;";
  lua_package_cpath "%s/luajit/?.so;;";
  %s
  server {
    listen 127.0.0.1:@PORT@ backlog=4096 %s;
    %s
  }
}
]]

--- Whether a process runs; one that has ended and waits for its parent does not.
function nginx.is_alive(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  local state = file and file:read("*a"):match "%) (%a)"
  if file then file:close() end
  return state ~= nil and state ~= "Z"
end

---@param name string
function Nginx:read(name)
  local file = io.open(self.folder .. "/" .. name, "r")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

--- What is in the error log.
---@return string
function Nginx:log()
  return self:read "error.log"
end

--- Sends a signal to the master, or to the process given.
function Nginx:signal(name, pid)
  os.execute(("kill -s %s %d 2>/dev/null"):format(name, pid or self.pid))
end

--- The worker processes that do not shut down yet.
---@return integer[]
function Nginx:workers()
  local found = {}
  local listed = shell.run(("ps -o pid=,args= --ppid %d"):format(self.pid))
  for pid, what in listed:gmatch "(%d+) ([^\n]*)" do
    if what:match "worker process" and not what:match "shutting down" then found[#found + 1] = tonumber(pid) end
  end
  return found
end

--- Ends it once the requests that it has are answered, and removes its folder.
function Nginx:quit()
  self:signal "QUIT"
  nginx.wait_until("nginx has ended", function() return not nginx.is_alive(self.pid) end)
  self:stop()
end

--- Ends it and all its workers at once, as a power cut would, and removes its folder.
function Nginx:kill()
  local children = shell.run(("ps -o pid= --ppid %d"):format(self.pid))
  self:signal "KILL"
  for pid in children:gmatch "%d+" do self:signal("KILL", tonumber(pid)) end
  self:stop()
end

--- How many descriptors and how many KiB of memory a process holds.
---@return integer descriptors
---@return integer kibibytes
function nginx.holds(pid)
  local descriptors = shell.run(("ls /proc/%d/fd | wc -l"):format(pid)):match "%d+"
  local memory = shell.run(("grep VmRSS /proc/%d/status"):format(pid)):match "%d+"
  return tonumber(descriptors), tonumber(memory)
end

--- How often the threads of a process have woken up so far, and their CPU.
---@return integer wake_ups
---@return number seconds
function nginx.used(pid)
  local said = shell.run(("cat /proc/%d/task/*/schedstat; grep -h ^voluntary /proc/%d/task/*/status"):format(pid, pid))
  local wake_ups, seconds = 0, 0
  for nanoseconds in said:gmatch "(%d+) %d+ %d+\n" do seconds = seconds + tonumber(nanoseconds) / 1e9 end
  for switches in said:gmatch "voluntary_ctxt_switches:%s*(%d+)" do wake_ups = wake_ups + tonumber(switches) end
  return wake_ups, seconds
end

--- One request through curl.
---@param path string
---@param arguments? string further arguments of curl
---@return integer status 0 when there was no answer
---@return string body
---@return string headers
function Nginx:ask(path, arguments)
  return nginx.ask(self.url .. path, arguments)
end

---@return integer status 0 when there was no answer
---@return string body
---@return string headers
function nginx.ask(url, arguments)
  local said = shell.run(("curl -sk -m 30 -D - -w '\\n%%{http_code}' %s %s"):format(
    arguments or "", shell.quote(url)))
  said = said:gsub("^HTTP/%S+ 100[^\n]*\r\n\r\n", "")
  local answer, status = said:match "^(.*)\n(%d+)$"
  local headers, body = answer:match "^(.-)\r\n\r\n(.*)$"
  return tonumber(status), body or "", headers or ""
end

--- Many requests at the same time. → how many had each status
---@param path string with a range such as `?[1-200]`
---@param arguments? string
---@return table<integer, integer> statuses
function Nginx:ask_many(path, arguments)
  local curl = assert(io.popen(
    ("curl -sk -Z --parallel-immediate --parallel-max 300 -m 60 -o /dev/null -w '%%{http_code}\\n' %s %s 2>/dev/null")
      :format(arguments or "", shell.quote(self.url .. path))))
  local statuses = {}
  for line in curl:lines() do
    local status = tonumber(line)
    statuses[status] = (statuses[status] or 0) + 1
  end
  curl:close()
  return statuses
end

--- Waits until the function gives something true, which is returned.
---@param what string
---@param look fun(): any
function nginx.wait_until(what, look)
  for _ = 1, 600 do -- 30 s, for machines that have much to do
    local seen = look()
    if seen then return seen end
    os.execute "sleep 0.05"
  end
  error("waited in vain until " .. what, 2)
end

--- Ends it and removes its folder. May be called again.
---@return string log what was in the error log
function Nginx:stop()
  if not self.output then return "" end
  self:signal "TERM"
  self.output:close()
  self.output = nil
  local log = self:log()
  shell.run("rm -r " .. shell.quote(self.folder))
  return log
end

function nginx.write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function listens(port)
  return select(2, shell.run(("bash -c ': </dev/tcp/127.0.0.1/%d'"):format(port))) == 0
end

-- Only root may say, and must, that its workers are root too, who read this checkout wherever it lies.
local SETTINGS = "daemon off;" .. (shell.run("id -u") == "0\n" and " user root;" or "")

local function spawn(folder, environment)
  local words = { "env" }
  for name, value in pairs(environment or {}) do words[#words + 1] = shell.quote(name .. "=" .. value) end
  -- An ordinary user's limit of 1,024 descriptors is less than the worker's connections, and may be raised.
  local command = "echo $$; ulimit -S -n 8192 2>/dev/null; "
    .. "exec %s %s -p %s -c %s/nginx.conf -g %s 2>%s/error.log"
  local output = assert(io.popen(command:format(table.concat(words, " "), which_nginx.command, shell.quote(folder),
    shell.quote(folder), shell.quote(SETTINGS), shell.quote(folder)), "r"))
  return output, tonumber(output:read "*l")
end

--- Whether a server that was just started listens at last; false when it has ended.
---@param server { pid: integer, port: integer }
function nginx.comes_up(server)
  for _ = 1, 100 do
    if not nginx.is_alive(server.pid) then return false end
    if listens(server.port) then return true end
    os.execute "sleep 0.03"
  end
  return false
end

--- Starts nginx with a whole configuration, in which `@PORT@` stands for the port.
---@param configuration string
---@param environment? table<string, string>
---@param files? table<string, string> what else lies in its folder: name → text
---@return spec.Nginx
function nginx.run(configuration, environment, files)
  local folder = shell.run("mktemp -d"):match "%S+"
  for name, text in pairs(files or {}) do nginx.write(folder .. "/" .. name, text) end
  for _ = 1, 3 do -- the free port may be somebody else's by now
    local port = wire.free_port()
    nginx.write(folder .. "/nginx.conf", (configuration:gsub("@PORT@", tostring(port))))
    local output, pid = spawn(folder, environment)
    local self = setmetatable({ output = output, pid = pid, folder = folder, port = port }, Nginx)
    self.url = "http://127.0.0.1:" .. port
    if nginx.comes_up(self) then
      nginx.wait_until("nginx has a worker", function() return self:workers()[1] end)
      return self
    end
    self:signal "TERM"
    output:close()
    if not self:log():match "Address already in use" then
      error("nginx did not start: " .. self:log(), 2)
    end
  end
  error("nginx found no free port", 2)
end

--- Starts nginx with a server block. options: `server` (its locations), `http` (what stands around it), `main`,
--- `workers`, `listen` (what stands behind the address), `environment`, `files`.
---@param options table
---@return spec.Nginx
function nginx.start(options)
  local configuration = PROLOGUE:format(options.workers or 1, options.main or "", ROOT, ROOT, ROOT, BUILD,
    options.http or "", options.listen or "", options.server)
  local server = nginx.run(configuration, options.environment, options.files)
  if (options.listen or ""):match "ssl" then server.url = "https://127.0.0.1:" .. server.port end
  return server
end

return nginx
