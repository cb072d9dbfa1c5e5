-- SPDX-License-Identifier: Apache-2.0
-- HTTP/1.1 by hand over a loopback socket, for what an HTTP library would not let a spec say or see: every byte of a
-- request, and an answer with its header names as they came. Needs cqueues.

local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local raw = {}

local TIMEOUT = 10

---@class spec.raw.Connection
local Connection = {}
Connection.__index = Connection

---@class spec.raw.Answer
---@field status integer
---@field version string such as `1.1`
---@field headers table<string, string> by lower-case name; one that came several times is joined by commas
---@field body string

---@param port integer
---@return spec.raw.Connection
function raw.connect(port)
  local wire = socket.connect { host = "127.0.0.1", port = port, nodelay = true }
  wire:settimeout(TIMEOUT)
  wire:onerror(function(_, _, why) return why end)
  wire:setmode("b", "b")
  assert(wire:connect())
  return setmetatable({ wire = wire, host = "127.0.0.1:" .. port }, Connection)
end

---@param bytes string
function Connection:send(bytes)
  assert(self.wire:xwrite(bytes, "bn"))
end

function Connection:close()
  self.wire:close()
end

--- Whether the server has closed the connection; waits until it has said something or has gone.
---@return boolean
function Connection:is_closed()
  return self.wire:xread(1) == nil
end

local function read_line(self)
  local line = self.wire:xread "*L"
  if not line then return nil, "the connection was closed" end
  assert(line:sub(-2) == "\r\n", "a line that does not end in CR LF: " .. line)
  return line:sub(1, -3)
end

local function read_headers(self)
  local headers = {}
  while true do
    local line = assert(read_line(self))
    if line == "" then return headers end
    local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+): *(.-) *$"
    assert(name, "not a header: " .. line)
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
end

local function read_chunks(self)
  local parts = {}
  while true do
    local size = tonumber(assert(read_line(self)):match "^%x+", 16)
    if size == 0 then break end
    parts[#parts + 1] = assert(self.wire:xread(size))
    assert(read_line(self) == "")
  end
  read_headers(self)
  return table.concat(parts)
end

local function read_body(self, answer, method)
  local headers, length = answer.headers, tonumber(answer.headers["content-length"])
  if method == "HEAD" or answer.status < 200 or answer.status == 204 or answer.status == 304 then return "" end
  if (headers["transfer-encoding"] or ""):lower() == "chunked" then return read_chunks(self) end
  assert(length, "neither a length nor chunks")
  if length == 0 then return "" end
  local body = self.wire:xread(length)
  assert(body and #body == length, "the body is cut short")
  return body
end

--- Reads one answer, interim ones (1xx) too.
---@param method? string that of the request; the answer to HEAD has no body
---@return spec.raw.Answer|nil
---@return string|nil problem the server closed the connection instead
function Connection:receive(method)
  local line, problem = read_line(self)
  if not line then return nil, problem end
  local version, status = line:match "^HTTP/(%d%.%d) (%d%d%d)"
  assert(version, "not an answer: " .. line)
  local answer = { version = version, status = tonumber(status), headers = read_headers(self) }
  answer.body = read_body(self, answer, method)
  return answer
end

--- The head of a request, without the length of a body.
---@param request { method: string, target: string, headers?: string[] } headers are whole lines
---@return string
function Connection:head(request)
  local lines = { ("%s %s HTTP/1.1"):format(request.method, request.target), "Host: " .. self.host }
  for _, line in ipairs(request.headers or {}) do lines[#lines + 1] = line end
  return table.concat(lines, "\r\n") .. "\r\n"
end

--- Sends a request as a client does that knows the whole body, and reads the answer.
---@param request { method: string, target: string, headers?: string[], body?: string }
---@return spec.raw.Answer|nil
---@return string|nil problem
function Connection:ask(request)
  local length = request.body and ("Content-Length: %d\r\n"):format(#request.body) or ""
  self:send(self:head(request) .. length .. "\r\n" .. (request.body or ""))
  return self:receive(request.method)
end

--- Runs the functions at the same time; raises when one of them does.
---@param functions fun()[]
function raw.together(functions)
  local queue = cqueues.new()
  for _, fn in ipairs(functions) do queue:wrap(fn) end
  assert(queue:loop(30))
  assert(queue:empty(), "still at work after 30 s")
end

return raw
