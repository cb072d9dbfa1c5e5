-- SPDX-License-Identifier: Apache-2.0
-- The way that was not taken inside nginx: a transport over cosockets, by hand, as small as it can be (HTTP/1.1 without
-- TLS, proxies, limits and certainty about what was sent). For `make bench` only, to compare with.

local core = require "cdfworkflow.core"

local cosocket = {}

local function failure(kind, sent, message)
  return { failure = kind, sent = sent, message = message }
end

local function read_chunks(socket)
  local parts = {}
  repeat
    local size = tonumber(socket:receive "*l" or "0", 16)
    if size > 0 then parts[#parts + 1] = socket:receive(size) end
    socket:receive "*l"
  until size == 0
  return table.concat(parts)
end

local function read_answer(socket)
  local line, why = socket:receive "*l"
  if not line then return failure("receive", true, why) end
  local response = { status = tonumber(line:match "^HTTP/%S+ (%d+)"), headers = {} }
  for header in function() return socket:receive "*l" end do
    if header == "" then break end
    local name, value = header:match "^([^:]+):%s*(.-)%s*$"
    response.headers[name:lower()] = value
  end
  local length = tonumber(response.headers["content-length"])
  response.body = length and socket:receive(length) or read_chunks(socket)
  return response
end

local function send(socket, request, host, path)
  local lines = { ("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n"):format(request.method, path, host,
    #(request.body or "")) }
  for name, value in pairs(request.headers) do lines[#lines + 1] = ("%s: %s\r\n"):format(name, value) end
  lines[#lines + 1] = "\r\n" .. (request.body or "")
  return socket:send(lines)
end

--- A transport for cdf.client{ transport = }.
function cosocket.new()
  local transport = {}
  function transport:now() return core.now() end -- luacheck: no unused
  function transport:sleep(seconds) ngx.sleep(seconds) end -- luacheck: no unused
  function transport:http(request) -- luacheck: no unused
    local host, port, path = request.url:match "^http://([^:/]+):(%d+)(.*)$"
    local socket = ngx.socket.tcp()
    socket:settimeouts(10000, 60000, 60000)
    local ok, why = socket:connect(host, tonumber(port), { pool_size = 300 })
    if not ok then return failure("connect", false, why) end
    ok, why = send(socket, request, host .. ":" .. port, path)
    if not ok then return failure("send", true, why) end
    local response = read_answer(socket)
    if response.failure then socket:close() else socket:setkeepalive(60000, 300) end
    return response
  end
  return transport
end

return cosocket
