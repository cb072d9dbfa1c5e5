-- SPDX-License-Identifier: Apache-2.0
-- Puts a simulator behind HTTP/1.1 and HTTP/2 with lua-http: sockets, TLS, the wall clock, ordered faults carried out
-- on the wire, the page to look at. What CDF would answer is decided by the simulator alone.

local control = require "cdfworkflow.simulator.serve.control"
local has_no_body = require "cdfworkflow.simulator.lib.has_no_body"
local http_date = require "cdfworkflow.simulator.lib.http_date"
local options = require "cdfworkflow.options"
local page = require "cdfworkflow.simulator.serve.page"
local reply = require "cdfworkflow.simulator.serve.reply"

local MAX_BODY = 16 * 1024 * 1024
local BODY_TIMEOUT = 30
local ANSWER_TIMEOUT = 60
local IDLE_TIMEOUT = 60
local DRAIN_TIMEOUT = 2
local LONGEST_NAP = 3600
local AFTER_TROUBLE = 1
local TROUBLE = "a connection was closed, what came was not understood (%s: %s)"

local server = {}

---@class cdfworkflow.simulator.Server
local Server = {}
Server.__index = Server

-- lua-http and what it stands on are needed here only, so that the simulator itself works without them.
local function load_http()
  local ok, http = pcall(require, "http.server")
  if not ok then
    return nil, ("lua-http is needed to serve the simulator: install the rock `http`, or Debian's lua-http (%s)")
      :format(tostring(http):match "[^\n]*":gsub(":$", ""))
  end
  return {
    listen = http.listen,
    headers = require "http.headers",
    tls = require "http.tls",
    cqueues = require "cqueues",
    condition = require "cqueues.condition",
    signal = require "cqueues.signal",
    random = require("openssl.rand").bytes,
    pcall = require("http.util").yieldable_pcall,
  }
end

---------------------------------------------------------------------------------------------------------------------
-- TLS
---------------------------------------------------------------------------------------------------------------------

local function read_file(path, what)
  local file, message = io.open(path, "rb")
  if not file then return nil, ("cannot read the %s: %s"):format(what, message) end
  local text = file:read("*a")
  file:close()
  return text
end

local function read_certificates(pem, path)
  local x509, chain = require "openssl.x509", {}
  for block in pem:gmatch("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-") do
    local ok, certificate = pcall(x509.new, block, "PEM")
    if not ok then return nil, ("no PEM certificate in %s: %s"):format(path, certificate) end
    chain[#chain + 1] = certificate
  end
  if #chain == 0 then return nil, "no PEM certificate in " .. path end
  return chain
end

-- What was asked for first and is known here; without this HTTP/2 would silently become HTTP/1.1.
local function choose_protocol(_, offered)
  for _, protocol in ipairs(offered) do
    if protocol == "h2" or protocol == "http/1.1" then return protocol end
  end
  return nil
end

local function new_context(http, certificate_path, key_path)
  local pem, message = read_file(certificate_path, "certificate")
  if not pem then return nil, message end
  local key_pem
  key_pem, message = read_file(key_path, "key")
  if not key_pem then return nil, message end
  local chain
  chain, message = read_certificates(pem, certificate_path)
  if not chain then return nil, message end
  local readable, key = pcall(require("openssl.pkey").new, key_pem, "PEM")
  if not readable then return nil, ("no PEM key in %s"):format(key_path) end

  local context = http.tls.new_server_context()
  local own = table.remove(chain, 1)
  local fits = pcall(function()
    context:setCertificate(own)
    context:setPrivateKey(key)
  end)
  if not fits then
    return nil, ("the key in %s is not the one of the certificate in %s"):format(key_path, certificate_path)
  end
  local rest = require("openssl.x509.chain").new()
  for _, certificate in ipairs(chain) do rest:add(certificate) end
  context:setCertificateChain(rest)
  context:setAlpnSelect(choose_protocol)
  return context
end

---------------------------------------------------------------------------------------------------------------------
-- Requests in
---------------------------------------------------------------------------------------------------------------------

-- Lower-case names already; a header that comes several times is one with commas.
local function read_headers(incoming)
  local headers = {}
  for name, value in incoming:each() do
    if name:sub(1, 1) ~= ":" then
      headers[name] = headers[name] and headers[name] .. ", " .. value or value
    end
  end
  headers.host = headers.host or incoming:get(":authority")
  return headers
end

local function hang_up(stream)
  local connection = stream.connection
  if connection.version < 2 then -- nothing more can be read or written once the connection has no socket
    local socket = connection:take_socket()
    if socket then socket:close() end
  else
    connection.socket:shutdown("rw")
  end
end

-- Whoever waits for an HTTP/2 connection waits to read, too. lua-http leaves it to the socket what to wait for, and
-- that forgets the reading when something was written meanwhile: the connection would then sleep on (its issue 239).
local function listen_always(connection)
  function connection:events()
    local wanted = self.socket:events()
    return wanted:find("r", 1, true) and wanted or wanted .. "r"
  end
end

-- The next piece of a body. For HTTP/2 the connection's own thread reads the socket, and this one only waits for what
-- it finds: after the end of the connection lua-http would ask the socket for more for ever.
local function next_piece(http, stream)
  while stream.connection.version == 2 and stream.state == "open" and stream.chunk_fifo:length() == 0 do
    if http.cqueues.poll(stream.chunk_cond, BODY_TIMEOUT) == BODY_TIMEOUT then return nil, "timed out" end
  end
  return stream:get_next_chunk(BODY_TIMEOUT)
end

-- What is too large is still read, up to a point: a client that is cut off while it sends does not see the answer.
-- A stream that is still open after its last piece is one whose client went away in the middle.
---@return string|nil body, integer|nil status the refusal, where there is somebody to tell it
local function read_body(http, stream, most)
  local parts, size = {}, 0
  while true do
    local chunk, message = next_piece(http, stream)
    if not chunk and (message or stream.state == "open") then return nil end
    if not chunk and size <= most then return table.concat(parts) end
    if not chunk or size + #chunk > 8 * most then return nil, 413 end
    size = size + #chunk
    parts[#parts + 1] = size <= most and chunk or nil
  end
end

-- The target as it was sent; a proxy's absolute form loses its scheme and host.
local function target_of(incoming)
  local target = incoming:get(":path") or "/"
  return (target:gsub("^https?://[^/]*", ""))
end

---@return table|nil request, integer|nil status the refusal, where there is somebody to tell it
local function read_request(self, stream, incoming)
  local headers, target = read_headers(incoming), target_of(incoming)
  local length, most = headers["content-length"], control.largest_body(self, stream, target) or MAX_BODY
  if length and not length:find("^%d+$") then return nil, 400 end
  if (headers.expect or ""):lower() == "100-continue" and stream.peer_version == 1.1 then
    if tonumber(length or 0) > most then return nil, 413 end
    stream:write_continue(BODY_TIMEOUT)
  end
  local body, status = read_body(self.http, stream, most)
  if not body then return nil, status end
  return {
    method = incoming:get(":method"), path = target, headers = headers,
    body = body ~= "" and body or nil, scheme = self.scheme,
  }
end

---------------------------------------------------------------------------------------------------------------------
-- Answers out
---------------------------------------------------------------------------------------------------------------------

-- None goes into HTTP/2's header table: lua-http 0.4 writes the number of the second entry there (63) wrongly.
local function answer_headers(http, response, length)
  local headers = http.headers.new()
  headers:append(":status", ("%d"):format(response.status), true)
  for name, value in pairs(response.headers or {}) do
    if name ~= "content-length" then headers:append(name, tostring(value), true) end
  end
  if length then headers:append("content-length", ("%d"):format(length), true) end
  return headers
end

local function send(http, stream, method, response, close)
  local body = response.body or ""
  local headers = answer_headers(http, response, not has_no_body(response.status) and #body or nil)
  if close and stream.connection.version < 2 then headers:append("connection", "close") end
  local empty = method == "HEAD" or body == ""
  if stream:write_headers(headers, empty, ANSWER_TIMEOUT) and not empty then
    stream:write_chunk(body, true, ANSWER_TIMEOUT)
  end
end

-- Promises the whole body and closes the connection after the first `count` bytes of it.
local function send_part(http, stream, response, count)
  local body = response.body or ""
  if stream:write_headers(answer_headers(http, response, #body), false, ANSWER_TIMEOUT) then
    local part = body:sub(1, math.min(count, math.max(#body - 1, 0)))
    stream:write_chunk(part, false, ANSWER_TIMEOUT)
    stream.connection:flush(ANSWER_TIMEOUT)
  end
  hang_up(stream)
end

-- Nothing told the client that the connection would not be kept.
local function hang_up_after(stream)
  stream.connection:flush(ANSWER_TIMEOUT)
  hang_up(stream)
end

local function answer(http, stream, method, response)
  local fault = response.fault or {}
  if fault.delay then http.cqueues.sleep(fault.delay) end
  if fault.drop then
    hang_up(stream)
  elseif fault.truncate then
    send_part(http, stream, response, fault.truncate)
  else
    send(http, stream, method, response)
    if fault.close then hang_up_after(stream) end
  end
end

---------------------------------------------------------------------------------------------------------------------
-- From request to answer
---------------------------------------------------------------------------------------------------------------------

local function respond(self, stream, request)
  if self.page and page.is_for(request) then return self.page:answer(request) end
  return control.respond(self, stream, request) or self.sim:handle(request)
end

-- Whatever goes wrong in here is this program's own mistake: said in the log, answered with 500.
local function respond_safely(self, stream, request)
  local began = self.http.cqueues.monotime()
  local ok, response = xpcall(function()
    self:keep_up()
    return respond(self, stream, request)
  end, debug.traceback)
  self.changed = self.changed or request.method ~= "GET" and request.method ~= "HEAD"
  self.wake:signal()
  if not ok then
    self.log(("%s %s: %s"):format(request.method, request.path:match("^[^?]*"), response))
    response = reply.refusal(500, "The simulator made a mistake; its log says more.")
  end
  response.headers.date = response.headers.date or http_date(self.sim:now())
  self.on_request(request, response, self.http.cqueues.monotime() - began)
  return response
end

local REASONS = { [400] = "Bad request", [413] = "Request body is too large." }

local function refuse(self, stream, status)
  local response = reply.refusal(status, REASONS[status])
  response.headers.date = http_date(self.sim:now())
  send(self.http, stream, "POST", response, true)
  stream.connection:flush(ANSWER_TIMEOUT)
end

-- Whenever a request did not come whole, the connection ends with it.
local function serve(self, stream)
  if stream.connection.version == 2 then listen_always(stream.connection) end
  local incoming, problem = stream:get_headers(BODY_TIMEOUT)
  -- lua-http forgets streams that are over, and takes a late frame for one of them for a new one.
  if not incoming and stream.connection.version == 2 and stream.state == "closed" then return end
  if not incoming then
    if problem and stream.state == "open" then refuse(self, stream, 400) end
    return hang_up(stream)
  end
  local request, status = read_request(self, stream, incoming)
  if request then return answer(self.http, stream, request.method, respond_safely(self, stream, request)) end
  if status then refuse(self, stream, status) end
  hang_up(stream)
end

local function on_stream(self, stream)
  self.busy = self.busy + 1
  local ok, message = self.http.pcall(serve, self, stream)
  self.busy = self.busy - 1
  self.wake:signal()
  if not ok then
    self.log(tostring(message))
    hang_up(stream)
  end
end

---------------------------------------------------------------------------------------------------------------------
-- Time: the simulator's clock follows the wall's, the state is saved when something changed
---------------------------------------------------------------------------------------------------------------------

--- Moves a real-time simulator's clock by the whole milliseconds that have passed since it was last moved here; what
--- somebody else has advanced it by comes on top.
function Server:keep_up()
  if not self.real_time then return end
  local passed = math.floor((self.http.cqueues.monotime() - self.seen) * 1000)
  if passed < 1 then return end
  self.seen = self.seen + passed / 1000
  local due = self.sim:next_due()
  if due and due <= self.sim:now() + passed then self.changed = true end
  self.sim:advance(passed / 1000)
end

--- Lets the clock run from where it stands. One that was saved has to catch up with the wall's; one that is ahead of it
--- is left to run from there.
function Server:start_clock()
  self.seen = self.http.cqueues.monotime() - math.max(os.time() - self.sim:now() / 1000, 0)
end

local function nap(self)
  local due = self.real_time and self.sim:next_due()
  return due and math.min(math.max((due - self.sim:now()) / 1000, 0.001), LONGEST_NAP) or LONGEST_NAP
end

local function follow_clock(self)
  while not self.stopping do
    local ok, message = pcall(self.keep_up, self)
    if not ok then self.log(tostring(message)) end
    self.http.cqueues.poll(self.wake, ok and nap(self) or AFTER_TROUBLE)
  end
end

-- A second at least from save to save, and more when a large state takes long.
local function save_changes(self)
  local pause = 1
  while self.save and not self.stopping do
    self.http.cqueues.poll(self.ended, pause)
    if self.changed then
      self.changed = false
      local begun = self.http.cqueues.monotime()
      self.save()
      pause = math.max(1, 10 * (self.http.cqueues.monotime() - begun))
    end
  end
end

local function await_signal(self)
  local signal = self.http.signal
  local listener = signal.listen(signal.SIGINT, signal.SIGTERM)
  listener:wait()
  self:stop()
end

---------------------------------------------------------------------------------------------------------------------
-- Public
---------------------------------------------------------------------------------------------------------------------

local OPTIONS = {
  "sim", "host", "port", "certificate", "key", "control", "headless", "page_actions", "real_time", "save", "fill",
  "log", "on_request",
}

local function new_page(self, opts)
  local token = self.http.random(16):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  return page.new { sim = self.sim, host = self.host, token = token, page_actions = opts.page_actions }
end

local function listen(self, opts, context)
  local listener, message = self.http.listen {
    cq = self.controller, host = self.host, port = opts.port or 0, reuseaddr = true,
    tls = context ~= nil, ctx = context, intra_stream_timeout = IDLE_TIMEOUT,
    onstream = function(_, stream) on_stream(self, stream) end,
    onerror = function(_, _, operation, problem) self.log(TROUBLE:format(operation, tostring(problem))) end,
  }
  local ok = listener
  if listener then ok, message = listener:listen() end
  if not ok then return nil, ("cannot listen on %s port %s: %s"):format(self.host, opts.port or 0, message) end
  self.listener = listener
  local _
  _, _, self.bound_port = listener:localname()
  return self
end

---@class cdfworkflow.simulator.ServerOptions
---@field sim cdfworkflow.simulator.Simulator
---@field host? string default 127.0.0.1
---@field port? integer 0, the default, is a free one
---@field certificate? string a PEM file, which with its `key` turns TLS on
---@field key? string
---@field control? boolean opens the seam for tests to this machine
---@field headless? boolean leaves the page out
---@field page_actions? boolean lets the page act although `host` is not this machine alone
---@field real_time? boolean the simulator's clock follows the wall clock
---@field save? fun() called when something has changed, and at the end
---@field fill? fun(sim: table): boolean|nil, string? puts into a simulator that was reset what it held at the start
---@field log? fun(line: string)
---@field on_request? fun(request: table, response: table, seconds: number)

--- Opens the port; nothing is answered before `run`, and a SIGINT or SIGTERM that comes before it ends it at once.
---@param opts cdfworkflow.simulator.ServerOptions
---@return cdfworkflow.simulator.Server|nil server, string|nil message
function server.new(opts)
  opts = options.check(opts, OPTIONS, "server.new")
  local http, message = load_http()
  if not http then return nil, message end
  if (opts.certificate == nil) ~= (opts.key == nil) then return nil, "TLS needs both a certificate and a key" end
  local context
  if opts.certificate then
    context, message = new_context(http, opts.certificate, opts.key)
    if not context then return nil, message end
  end
  local self = setmetatable({
    http = http, sim = opts.sim, host = opts.host or "127.0.0.1", scheme = context and "https" or "http",
    control = opts.control, real_time = opts.real_time, save = opts.save,
    log = opts.log or function() end, on_request = opts.on_request or function() end,
    fill = opts.fill or function() return true end, controller = http.cqueues.new(), busy = 0, changed = false,
    wake = http.condition.new(), ended = http.condition.new(),
  }, Server)
  self.page = not opts.headless and new_page(self, opts) or nil
  http.signal.block(http.signal.SIGINT, http.signal.SIGTERM)
  return listen(self, opts, context)
end

---@return integer
function Server:port()
  return self.bound_port
end

---@return string
function Server:url()
  local host = self.host:find(":", 1, true) and "[" .. self.host .. "]" or self.host
  return ("%s://%s:%d"):format(self.scheme, host, self.bound_port)
end

--- Ends `run`: no new connections, the answers under way get a moment, the state is saved.
function Server:stop()
  self.stopping = true
  self.listener:pause()
  self.wake:signal()
  self.ended:signal()
end

local function drain(self)
  local last = self.http.cqueues.monotime() + DRAIN_TIMEOUT
  while self.busy > 0 and self.http.cqueues.monotime() < last do
    self.controller:step(0.05)
  end
  self.listener:close()
end

--- Serves until SIGINT, SIGTERM or `stop`.
function Server:run()
  self:start_clock()
  for _, thread in ipairs { await_signal, follow_clock, save_changes } do
    self.controller:wrap(thread, self)
  end
  while not self.stopping do
    local ok, message = self.controller:step()
    if not ok then self.log(tostring(message)) end
  end
  drain(self)
  if self.save then self.save() end
end

return server
