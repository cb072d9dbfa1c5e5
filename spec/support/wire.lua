-- SPDX-License-Identifier: Apache-2.0
-- Servers for specs that look at the wire: a raw one that a handler speaks for (wire_server.lua), and nginx. Each
-- listens on a free loopback port as a child process and is ended by its process id.

local core = require "cdfworkflow.core"
local shell = require "shell"
local which_nginx = require "which_nginx"

local wire = {}

local HERE = debug.getinfo(1, "S").source:match "^@(.*)wire%.lua$"

---@class spec.wire.Server
---@field port integer
---@field url string such as `http://127.0.0.1:8080`
---@field ca_file? string the certificate to trust, of a TLS server
local Server = {}
Server.__index = Server

-- A sanitizer that is preloaded into the spec's own process is not for other programs.
local PLAIN = "env -u LD_PRELOAD "

-- Starts a command as a child whose process id and whose output can be read.
local function spawn(command)
  local output = assert(io.popen("echo $$; exec " .. PLAIN .. command, "r"))
  return { output = output, pid = tonumber(output:read "*l"), folder = nil }
end

--- Ends the server and waits for it. What its handler logged and nobody has read yet, line by line; all that it wrote,
--- of nginx.
---@return string[] lines
function Server:stop()
  local lines = {}
  if not self.output then return lines end
  os.execute("kill " .. self.pid)
  for line in self.output:lines() do lines[#lines + 1] = line end
  self.output:close()
  self.output = nil
  if self.log then
    for line in self.log:lines() do lines[#lines + 1] = line end
    self.log:close()
    os.remove(self.log_name)
  end
  if self.ca_file then os.remove(self.ca_file) end
  if self.folder then os.execute("rm -r " .. shell.quote(self.folder)) end
  return lines
end

--- The next line that the handler logs. `pump` is called while there is none, so that the client gets on.
---@param pump? fun()
---@return string
function Server:line(pump)
  local deadline = core.now() + 10
  repeat
    local at = self.log:seek()
    local line = self.log:read "*l"
    -- A line that is being written has no end yet.
    if line and self.log:seek() == at + #line + 1 then return line end
    self.log:seek("set", at)
    if pump then pump() else os.execute "sleep 0.01" end
  until core.now() > deadline
  error("the wire server logged nothing", 2)
end

--- Returns once the server has closed a connection that its client still has open.
function Server:wait_until_it_closes()
  local is_closed = (" 0100007F:%04X 08 "):format(self.port) -- CLOSE_WAIT
  local deadline = core.now() + 10
  repeat
    local file = assert(io.open "/proc/net/tcp")
    local connections = file:read "*a"
    file:close()
    if connections:find(is_closed, 1, true) then return end
    os.execute "sleep 0.01"
  until core.now() > deadline
  error("the wire server closed no connection", 2)
end

--- Starts a raw server. `handler` is Lua 5.4 source, called with each connection and its number, in which the words of
--- wire_server.lua can be used. `tls`: "good", "expired", "elsewhere" (a certificate for another host), or "later" (the
--- handler begins it).
---@param handler string
---@param tls? string
---@return spec.wire.Server
function wire.serve(handler, tls)
  local ca_file, handler_file, log_name = tls and os.tmpname(), os.tmpname(), os.tmpname()
  local file = assert(io.open(handler_file, "w"))
  file:write(handler)
  file:close()
  local server = spawn(("lua5.4 %s %s %s %s %s"):format(
    shell.quote(HERE .. "wire_server.lua"), handler_file, log_name, shell.quote(tls or ""), shell.quote(ca_file or "")))
  server.port = assert(tonumber(server.output:read "*l"), "the wire server did not start")
  os.remove(handler_file)
  server.url = ("%s://127.0.0.1:%d"):format(tls and tls ~= "later" and "https" or "http", server.port)
  server.ca_file, server.log_name = ca_file, log_name
  server.log = assert(io.open(log_name, "r"))
  return setmetatable(server, Server)
end

--- A loopback port on which nobody listens.
---@return integer
function wire.free_port()
  local server = wire.serve ""
  server:stop()
  return server.port
end

local NGINX = [[
daemon off;
master_process off;
pid %s/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  log_format wire "$connection $server_protocol $status";
  access_log /dev/stdout wire;
  client_body_temp_path %s/body;
  proxy_temp_path %s/proxy;
  fastcgi_temp_path %s/fastcgi;
  uwsgi_temp_path %s/uwsgi;
  scgi_temp_path %s/scgi;
  ssl_certificate %s/certificate.pem;
  ssl_certificate_key %s/key.pem;
  keepalive_requests 1000000000;
  server { listen 127.0.0.1:%d %s; %s }
}
]]

local CERTIFICATE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=wire "
  .. "-addext subjectAltName=IP:127.0.0.1 -keyout %s/key.pem -out %s/certificate.pem"
local UNTIL_READY = "for _ in $(seq 100); do kill -0 %d || exit 1; " .. PLAIN ..
  "curl -s --cacert %s/certificate.pem %s/ready >/dev/null && exit 0; sleep 0.05; done; exit 1"

local function make_certificate(folder)
  local said, status = shell.run(PLAIN .. CERTIFICATE:format(shell.quote(folder), shell.quote(folder)))
  assert(status == 0, said)
end

local function start_nginx(folder, listen, block)
  local port = wire.free_port()
  local file = assert(io.open(folder .. "/nginx.conf", "w"))
  file:write((NGINX:gsub("%%s/", folder .. "/"):format(port, listen, block)))
  file:close()
  local server = spawn(("%s -c %s 2>&1"):format(which_nginx.command, shell.quote(folder .. "/nginx.conf")))
  server.port, server.url = port, "https://127.0.0.1:" .. port
  local _, status = shell.run(UNTIL_READY:format(server.pid, shell.quote(folder), server.url))
  return setmetatable(server, Server), status == 0
end

--- Starts nginx with one server block over TLS. Its log has a line for each request: number of the connection, protocol
--- and status.
---@param listen string what stands behind the address, such as `ssl http2`
---@param block string the rest of the server block
---@return spec.wire.Server
function wire.nginx(listen, block)
  local folder = shell.run("mktemp -d"):match "%S+"
  make_certificate(folder)
  for _ = 1, 5 do -- somebody else may take the free port first
    local server, ready = start_nginx(folder, listen, block)
    if ready then
      server.folder, server.ca_file = folder, folder .. "/certificate.pem"
      return server
    end
    server:stop()
  end
  error("nginx did not start", 2)
end

return wire
