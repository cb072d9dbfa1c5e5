-- SPDX-License-Identifier: Apache-2.0
-- For specs of the wire: a raw server (wire.lua) that knows the right answers to token, session and run, and says what
-- a spec makes of them. A client names its plan in its project and in its token URL, so one server serves many cases.

local cdf = require "cdfworkflow"
local wire = require "wire"

local stub_cdf = {}

-- Lua 5.4, in the child. `behave(kind, plan, answer, connection)` does what the plan says, and gives CLOSE to end
-- the connection.
local HANDLER = [[
local connection, number = ...
local BODIES = {
  token = '{"access_token":"token-1","token_type":"Bearer","expires_in":3600}',
  session = '{"items":[{"id":7001,"status":"READY","type":"CLIENT_CREDENTIALS","nonce":"nonce-1"}]}',
  run = '{"id":"059edaa4-a17a-4102-910e-2c3591500cce","workflowExternalId":"w","version":"1","status":"RUNNING",' ..
    '"engineExecutionId":"1","createdTime":1767225600000,"metadata":{}}',
}
local function body_of(kind) return BODIES[kind] or "{}" end
local function answer_of(kind, body, headers)
  body = body or body_of(kind)
  return ("HTTP/1.1 %d Status\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"):format(
    kind == "run" and 202 or 200, headers or "", #body) .. body
end
local function kind_of(request)
  local plan = request.path:match "^/token/([^/]+)$"
  if plan then return "token", plan end
  local rest
  plan, rest = request.path:match "^/api/v1/projects/([^/]+)/(.*)$"
  return rest:find "/run$" and "run" or rest == "sessions" and "session" or rest, plan
end
local CLOSE = "close"
local behave
]]

local SERVE = [[

for request in function() return read(connection) end do
  local kind, plan = kind_of(request)
  log("%s %s", kind, plan)
  if behave(kind, plan, answer_of(kind), connection, request) == CLOSE then return end
end
]]

---@class spec.stub_cdf.Server
---@field wire spec.wire.Server
---@field url string
local Server = {}
Server.__index = Server

---@param behave string Lua 5.4 source that sets `behave`, in which `answer_of`, `body_of` and the words of
---  wire_server.lua can be used
---@param tls string? as of wire.serve
---@return spec.stub_cdf.Server
function stub_cdf.serve(behave, tls)
  local server = wire.serve(HANDLER .. behave .. SERVE, tls)
  return setmetatable({ wire = server, url = server.url }, Server)
end

--- A client whose requests all name the plan.
---@param plan string
---@param options table? of cdf.client
---@return cdfworkflow.Client
function Server:client(plan, options)
  local settings = { project = plan, base_url = self.url, timeout = 5, max_retries = 0, proxy = "" }
  for name, value in pairs(options or {}) do settings[name] = value end
  settings.credentials = settings.credentials or assert(cdf.credentials {
    client_id = "svc", client_secret = "a secret", token_url = self.url .. "/token/" .. plan })
  return assert(cdf.client(settings))
end

--- Ends the server.
---@return table<string, integer> # how many requests there were, by "kind plan"
function Server:stop()
  local counts = {}
  for _, line in ipairs(self.wire:stop()) do counts[line] = (counts[line] or 0) + 1 end
  return counts
end

return stub_cdf
