-- SPDX-License-Identifier: Apache-2.0
-- A server that says exactly what a spec wants said, byte for byte. Runs on Lua 5.4 as a child process (wire.lua starts
-- it): its argument names a file with the source of a handler, called with each connection and its number.

local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local handler_file, log_name, tls, certificate_file = arg[1], arg[2], arg[3], arg[4]
local log_file = assert(io.open(log_name, "w"))
log_file:setvbuf "line"

-- A child that its spec forgot does not stay for ever.
local LIFETIME = 120

-- A self-signed certificate for the loopback addresses, or with one fault. → key, certificate
local function make_certificate(kind)
  local x509, altname = require "openssl.x509", require("openssl.x509.altname").new()
  local name = require("openssl.x509.name").new()
  local key = require("openssl.pkey").new { type = "EC", curve = "prime256v1" }
  local certificate = x509.new()
  local now = os.time()
  name:add("CN", "wire")
  if kind == "elsewhere" then altname:add("DNS", "elsewhere.example") else altname:add("IP", "127.0.0.1") end
  certificate:setVersion(3)
  certificate:setSerial(require("openssl.bignum").new(now))
  certificate:setSubject(name)
  certificate:setIssuer(name)
  certificate:setSubjectAlt(altname)
  certificate:setPublicKey(key)
  if kind == "expired" then certificate:setLifetime(now - 7200, now - 3600)
  else certificate:setLifetime(now - 3600, now + 3600) end
  certificate:setBasicConstraints { CA = true }
  certificate:sign(key)
  return key, certificate
end

local function make_context(kind)
  local context = require("openssl.ssl.context").new("TLS", true)
  local key, certificate = make_certificate(kind)
  context:setPrivateKey(key)
  context:setCertificate(certificate)
  local file = assert(io.open(certificate_file, "w"))
  assert(file:write(certificate:toPEM()))
  file:close()
  return context
end

--- What a handler may call beside Lua's own functions.
local words = setmetatable({}, { __index = _G })

--- Adds a line to what `server:line()` and `server:stop()` return.
function words.log(...)
  log_file:write(string.format(...), "\n")
end

words.sleep = cqueues.sleep

--- Reads one request with its whole body; nil when the client has closed.
function words.read(connection)
  local line = connection:read "*L"
  if not line then return nil end
  local request = { headers = {}, text = line }
  request.method, request.path = line:match "^(%S+) (%S+)"
  repeat
    line = connection:read "*L"
    if not line then return nil end
    request.text = request.text .. line
    local name, value = line:match "^([^:]+):%s*(.-)\r\n$"
    if name then request.headers[name:lower()] = value end
  until line == "\r\n"
  request.body = ""
  local length = tonumber(request.headers["content-length"] or 0)
  if length > 0 then request.body = connection:read(length) end
  return request
end

--- Sends these bytes.
function words.send(connection, ...)
  return connection:write(...) and connection:flush()
end

--- Sends an answer with a Content-Length; `headers` are whole lines, each with its CRLF.
function words.reply(connection, status, body, headers)
  return words.send(connection, ("HTTP/1.1 %d Status\r\nContent-Length: %d\r\n%s\r\n%s"):format(
    status, #body, headers or "", body))
end

--- Answers every request with 200 until the client closes. `react(request)` may give another body.
function words.answer_all(connection, react)
  for request in function() return words.read(connection) end do
    words.reply(connection, 200, react and react(request) or "ok")
  end
end

--- Makes this connection a TLS one (for handlers of `tls = "later"`).
function words.start_tls(connection)
  return connection:starttls(words.context)
end

local handle = assert(loadfile(handler_file, "t", words))
local loop = cqueues.new()
local listener = assert(socket.listen { host = "127.0.0.1", port = 0 })
assert(listener:listen())
words.context = tls ~= "" and make_context(tls) or nil
local _, _, port = listener:localname()
io.stdout:write(port, "\n")
io.stdout:flush()

local function serve(connection, number)
  connection:setmode("b", "bn")
  connection:onerror(function(_, _, code) return code end)
  if words.context and tls ~= "later" and not connection:starttls(words.context) then
    words.log("handshake failed")
  else
    handle(connection, number)
  end
  connection:close()
end

loop:wrap(function()
  local number = 0
  for connection in listener:clients() do
    number = number + 1
    loop:wrap(serve, connection, number)
  end
end)
local deadline = cqueues.monotime() + LIFETIME
while cqueues.monotime() < deadline do
  local ok, why = loop:step(1)
  if not ok then words.log("handler failed: %s", why) end
end
