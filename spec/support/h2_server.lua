-- SPDX-License-Identifier: Apache-2.0
-- An HTTP/2 server by hand, for specs of what such a server may do: it reads frames, knows a request by its body, and
-- does what the plan says. The plan is the client id, or `plan` in the input of a run: "run_cancelled" does to the run
-- what is called `cancelled` below, "run_once_cancelled" only the first time, and all else is answered as it should be.

local cdf = require "cdfworkflow"
local wire = require "wire"

local h2_server = {}

-- Lua 5.4, in the child.
local HANDLER = [[
local BODIES = {
  token = '{"access_token":"token-1","token_type":"Bearer","expires_in":3600}',
  session = '{"items":[{"id":7001,"status":"READY","type":"CLIENT_CREDENTIALS","nonce":"nonce-1"}]}',
  run = '{"id":"059edaa4-a17a-4102-910e-2c3591500cce","workflowExternalId":"w","version":"1","status":"RUNNING",' ..
    '"engineExecutionId":"1","createdTime":1767225600000,"metadata":{}}',
}
local DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
local END_STREAM, END_HEADERS = 1, 4
local connection = ...

local function frame(type, flags, stream, payload)
  return string.pack(">I3BBI4", #payload, type, flags, stream) .. payload
end
-- The last stream that was looked at: of a client's, which have odd numbers.
local function goaway(last) return frame(GOAWAY, 0, 0, string.pack(">I4I4", last, 0)) end
local function rst(stream, code) return frame(RST_STREAM, 0, stream, string.pack(">I4", code)) end
-- :status 200 from the static table; 202, and the length, as literals with the table's names.
local function head(kind, stream, length)
  local fields = kind == "run" and "\8\003202" or "\x88"
  if length then fields = fields .. "\x0f\x0d" .. string.pack("s1", tostring(length)) end
  return frame(HEADERS, END_HEADERS, stream, fields)
end
local function flood(bytes)
  bytes = bytes:rep(10000)
  while send(connection, bytes) do end
  return ""
end

local acts = {
  good = function(kind, stream)
    return head(kind, stream) .. frame(DATA, END_STREAM, stream, BODIES[kind]), true
  end,
  good_and_closed = function(kind, stream)
    send(connection, head(kind, stream) .. frame(DATA, END_STREAM, stream, BODIES[kind]))
    connection:settimeout(0.05) -- a close with bytes unread would be a reset, which can overtake the answer
    while connection:read(1) do end
    return ""
  end,
  goaway_before = function(_, stream) return goaway(math.max(stream - 2, 0)), true end,
  goaway_before_and_closed = function(_, stream) return goaway(math.max(stream - 2, 0)) end,
  goaway_after = function(_, stream) return goaway(stream) end,
  cancelled = function(_, stream) return rst(stream, 8), true end,
  internal_error = function(_, stream) return rst(stream, 2), true end,
  refused_stream = function(_, stream) return rst(stream, 7), true end,
  http_1_1_required = function(_, stream) return rst(stream, 13), true end,
  reset_in_the_middle = function(kind, stream)
    return head(kind, stream) .. frame(DATA, 0, stream, BODIES[kind]:sub(1, 20)) .. rst(stream, 8), true
  end,
  reset_for_no_reason = function(kind, stream)
    return head(kind, stream) .. frame(DATA, 0, stream, BODIES[kind]:sub(1, -2)) .. rst(stream, 0), true
  end,
  reset_for_no_reason_but_short = function(kind, stream)
    local body = BODIES[kind]
    return head(kind, stream, #body) .. frame(DATA, 0, stream, body:sub(1, -2)) .. rst(stream, 0), true
  end,
  closed_in_the_middle = function(kind, stream)
    return head(kind, stream) .. frame(DATA, 0, stream, BODIES[kind]:sub(1, 20))
  end,
  no_headers = function(kind, stream) return frame(DATA, END_STREAM, stream, BODIES[kind]) end,
  broken_hpack = function(_, stream)
    return frame(HEADERS, END_HEADERS + END_STREAM, stream, "\xff\xff\xff\xff")
  end,
  empty_data = function(kind, stream)
    send(connection, head(kind, stream))
    return flood(frame(DATA, 0, stream, ""))
  end,
  unknown_frames = function(_, stream) return flood(frame(77, 0, stream, "")) end,
  garbage = function() return ("garbage "):rep(100) end,
  graceful = function(kind, stream)
    -- and reads on: a close with bytes unread would be a reset, which can overtake the answer
    return goaway(stream) .. head(kind, stream) .. frame(DATA, END_STREAM, stream, BODIES[kind]), true
  end,
}

seen = seen or {}

local function kind_and_plan(body)
  if body:find "^grant_type" then return "token", body:match "client_id=([%w_]+)" end
  if body:find "clientId" then return "session", body:match '"clientId":"([%w_]+)"' end
  return "run", body:match '"plan":"([%w_]+)"'
end

local function serve(stream, body)
  local kind, plan = kind_and_plan(body)
  local target, act = plan:match "^(%a+)_(.*)$"
  log("%s %s", kind, plan)
  local first = act and act:match "^once_(.*)"
  if first then -- and well when it is asked again
    act = seen[plan] and target == kind and "good" or first
    seen[plan] = seen[plan] or target == kind
  end
  local bytes, go_on = acts[target == kind and act or "good"](kind, stream)
  send(connection, bytes)
  return go_on
end

if not alpn then
  alpn = true
  context:setAlpnSelect(function(_, offered) return offered[1] == "h2" and "h2" or "http/1.1" end)
end
if not start_tls(connection) then return end
if connection:checktls():getAlpnSelected() == "http/1.1" then
  local body = read(connection).body -- of a client that tries once more
  log("%s %s", kind_and_plan(body))
  return reply(connection, 200, BODIES[kind_and_plan(body)])
end
connection:read(24)
send(connection, frame(SETTINGS, 0, 0, ""))
local bodies = {}
while true do
  local prefix = connection:read(9)
  if not prefix or #prefix < 9 then return end
  local length, type, flags, stream = string.unpack(">I3BBI4", prefix)
  local payload = length > 0 and connection:read(length) or ""
  if type == SETTINGS and flags == 0 then send(connection, frame(SETTINGS, 1, 0, "")) end
  if type == DATA then
    bodies[stream] = (bodies[stream] or "") .. payload
    if flags & END_STREAM ~= 0 and not serve(stream, bodies[stream]) then return end
  end
end]]

---@class spec.h2.Server
---@field wire spec.wire.Server
---@field url string
local Server = {}
Server.__index = Server

---@return spec.h2.Server
function h2_server.start()
  local server = wire.serve(HANDLER, "later")
  return setmetatable({ wire = server, url = (server.url:gsub("^http:", "https:")) }, Server)
end

--- A client that makes no repeats unless told.
---@param plan string
---@param options? table of cdf.client
---@return cdfworkflow.Client
function Server:client(plan, options)
  local settings = {
    project = "p", base_url = self.url, ca_file = self.wire.ca_file, timeout = 5, max_retries = 0, proxy = "",
    credentials = assert(cdf.credentials { client_id = plan, client_secret = "s", token_url = self.url .. "/token" }),
  }
  for name, value in pairs(options or {}) do settings[name] = value end
  return assert(cdf.client(settings))
end

--- Ends the server.
---@return table<string, integer> # how many requests there were, by "kind plan"
function Server:stop()
  local counts = {}
  for _, line in ipairs(self.wire:stop()) do counts[line] = (counts[line] or 0) + 1 end
  return counts
end

return h2_server
