-- SPDX-License-Identifier: Apache-2.0
-- The server of `make soak`: as much of CDF as a run needs, with faults in one request of a hundred, and a count of
-- what it has done. Its argument is a seed; it prints its port.

local cqueues = require "cqueues"
local json = require "cjson"
local socket = require "cqueues.socket"

math.randomseed(tonumber(arg[1]))

local FAULTS_PER_REQUEST = 0.01

local stats = { requests = 0, faults = 0, started = 0, duplicates = 0, tokens = 0 }
local nonces, executions, sessions = {}, {}, 0

local PROJECT = "^/api/v1/projects/p"

local function refuse(status, message)
  return status, { error = { code = status, message = message } }
end

local function create_session()
  sessions = sessions + 1
  local nonce = ("nonce-%d"):format(sessions)
  nonces[nonce] = true
  return 200, { items = { { id = sessions, status = "READY", nonce = nonce } } }
end

local function start(workflow, body)
  local nonce = body.authentication.nonce
  if not nonces[nonce] then return refuse(403, "the nonce is not valid") end
  nonces[nonce] = nil
  stats.started = stats.started + 1
  if executions[workflow] then stats.duplicates = stats.duplicates + 1 end -- each run is of a workflow of its own
  executions[workflow] = {
    id = ("00000000-0000-4000-8000-%012d"):format(stats.started), status = "RUNNING", workflowExternalId = workflow,
    version = "1", createdTime = os.time() * 1000, metadata = body.metadata,
  }
  return 202, executions[workflow]
end

local function look(body)
  local found = executions[body.filter.workflowFilters[1].externalId]
  return 200, { items = found and { found } or {} }
end

local function answer(request)
  local path = request.path:gsub(PROJECT, "")
  if path == "/token" then
    stats.tokens = stats.tokens + 1
    return 200, { access_token = "token-" .. stats.tokens, expires_in = 10 }
  elseif path == "/stats" then
    return 200, stats
  elseif path == "/sessions" then
    return create_session()
  elseif path == "/sessions/revoke" then
    return 200, { items = {} }
  elseif path == "/workflows/executions/list" then
    return look(json.decode(request.body))
  end
  local workflow = path:match "^/workflows/([^/]+)/versions/1/run$"
  if workflow then return start(workflow, json.decode(request.body)) end
  return refuse(404, "not found")
end

-- {==== On the wire ====

local function read(connection)
  local line = connection:read "*L"
  if not line then return nil end
  local request = { path = line:match "^%S+ (%S+)", length = 0 }
  repeat
    line = connection:read "*L"
    if not line then return nil end
    request.length = tonumber(line:lower():match "^content%-length: (%d+)") or request.length
  until line == "\r\n"
  request.body = request.length > 0 and connection:read(request.length) or ""
  return request.body and request
end

local function send(connection, text)
  return connection:write(text) and connection:flush()
end

local function response(status, value, headers)
  local body = json.encode(value):gsub('"items":{}', '"items":[]')
  return ("HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"):format(
    status, #body, headers or "", body)
end

--- What can go wrong; each returns whether the connection stays.
local faults = {
  function() return false end, -- cut before anything is done
  function(_, request) -- done, and cut before the answer
    answer(request)
    return false
  end,
  function(connection, request) -- cut within the answer
    local text = response(answer(request))
    send(connection, text:sub(1, math.random(#text - 1)))
    return false
  end,
  function(connection, request) -- done, and a gateway's page in the place of the answer
    answer(request)
    return send(connection, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html></html>")
  end,
  function(connection) return send(connection, response(503, { error = { code = 503, message = "later" } })) end,
  function(connection)
    return send(connection, response(429, { error = { code = 429, message = "slowly" } }, "Retry-After: 0\r\n"))
  end,
  function(connection, request) -- late
    cqueues.sleep(0.2)
    return send(connection, response(answer(request)))
  end,
}

local function serve(connection)
  connection:setmode("b", "bf")
  connection:onerror(function(_, _, code) return code end)
  for request in function() return read(connection) end do
    stats.requests = stats.requests + 1
    local stays
    if request.path ~= "/api/v1/projects/p/stats" and math.random() < FAULTS_PER_REQUEST then
      stats.faults = stats.faults + 1
      stays = faults[math.random(#faults)](connection, request)
    else
      stays = send(connection, response(answer(request)))
    end
    if not stays then break end
  end
  connection:close()
end

local loop = cqueues.new()
local listener = assert(socket.listen { host = "127.0.0.1", port = 0 })
assert(listener:listen())
local _, _, port = listener:localname()
io.stdout:write(port, "\n")
io.stdout:flush()
loop:wrap(function()
  for connection in listener:clients() do loop:wrap(serve, connection) end
end)
while true do
  local ok, why = loop:step()
  if not ok then io.stderr:write("stub: ", tostring(why), "\n") end
end

-- }====
