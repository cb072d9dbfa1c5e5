-- SPDX-License-Identifier: Apache-2.0
-- A caller of the simulator for specs: signs in, sends JSON, and keeps every exchange, so that all of them can be
-- held against the contract at the end.

local contract = require "contract"
local core = require "cdfworkflow.core"
local simulator = require "cdfworkflow.simulator"

local Caller = {}
Caller.__index = Caller

local M = { exchanges = {} }

M.FORM = { ["content-type"] = "application/x-www-form-urlencoded" }
M.TOKEN_PATH = "/11111111-2222-4333-8444-555555555555/oauth2/v2.0/token"

---@param given table? options of the simulator; project, client id and secret have defaults here
---@return table caller signed in, with `sim` and `token`; `exchanges` are those of all callers
function M.new(given)
  local options = { project = "acme-dev", client_id = "svc-acme", client_secret = "s3cr3t" }
  for name, value in pairs(given or {}) do
    options[name] = value
  end
  local self = setmetatable({ exchanges = M.exchanges, root = "/api/v1/projects/acme-dev" }, Caller)
  self.sim = simulator.new(options)
  self.token = self:sign_in(options.client_id, options.client_secret)
  return self
end

-- A well-formed path of each operation: what was refused for its path still has an answer to check.
local SAMPLES = {
  project = "acme-dev", executionId = "059edaa4-a17a-4102-910e-2c3591500cce", functionId = "1", callId = "1",
  taskId = "059edaa4-a17a-4102-910e-2c3591500cce", scheduleId = "1",
}
local PATHS = {}
for _, room in ipairs {
  "auth", "sessions", "workflows", "versions", "executions", "triggers", "functions", "calls", "schedules", "files",
} do
  for _, operation in ipairs(require("cdfworkflow.simulator.api." .. room).operations) do
    local path = (operation.acl and "/api/v1/projects/{project}" or "") .. operation.path
    PATHS[operation.operation] = path:gsub("{(%w+)}", function(name)
      return SAMPLES[name] or "sample"
    end)
  end
end
PATHS.issueToken = M.TOKEN_PATH

-- What was refused is kept without the request; what is no operation of the contract is not kept.
local function keep(self, request, response)
  local operation = self.sim.log[#self.sim.log].operation
  if not operation then
    return
  end
  local fine = response.status < 400
  local plain = fine and not (request.headers or {})["content-encoding"]
  self.exchanges[#self.exchanges + 1] = {
    name = ("%s %s -> %d (exchange %d)"):format(request.method, request.path, response.status, #self.exchanges + 1),
    operationId = operation,
    method = request.method,
    path = fine and operation ~= "issueToken" and request.path or PATHS[operation],
    request = plain and (request.body or "") or nil,
    status = response.status,
    response = response.body,
  }
end

--- Sends a request as it is and keeps the exchange.
---@return table response
function Caller:send(request)
  local response = self.sim:handle(request)
  keep(self, request, response)
  return response
end

local function decoded(response)
  return response.body ~= "" and core.decode(response.body) or nil
end

---@return string token
function Caller:sign_in(client_id, client_secret)
  local form = ("grant_type=client_credentials&client_id=%s&client_secret=%s"):format(client_id, client_secret)
  local response = self:send { method = "POST", path = M.TOKEN_PATH, headers = M.FORM, body = form }
  return assert(decoded(response).access_token, response.body)
end

--- One call of the API; `path` is under the project unless it begins with /api.
---@return integer status
---@return any body decoded
---@return table response
function Caller:try(method, path, body, headers)
  local sent = { authorization = self.token and "Bearer " .. self.token }
  if method ~= "GET" then
    sent["content-type"] = "application/json"
  end
  for name, value in pairs(headers or {}) do
    sent[name] = value
  end
  local response = self:send {
    method = method,
    path = path:find("^/api/") and path or self.root .. path,
    headers = sent,
    body = type(body) == "table" and assert(core.encode(body)) or body,
  }
  return response.status, decoded(response), response
end

--- The same for a call that has to succeed.
---@return any body decoded
function Caller:call(method, path, body)
  local status, answer, response = self:try(method, path, body)
  assert(status < 300, ("%s %s: %d %s"):format(method, path, status, response.body))
  return answer
end

---@return string nonce of a fresh session
---@return integer id
function Caller:nonce(item)
  local session = self:call("POST", "/sessions", {
    items = { item or { clientId = "svc-acme", clientSecret = "s3cr3t" } },
  }).items[1]
  return session.nonce, session.id
end

--- Puts a version there whose tasks are function tasks, one after another unless said otherwise.
function Caller:version(workflow, version, tasks)
  return self:call("POST", "/workflows/versions", {
    items = {
      { workflowExternalId = workflow, version = version, workflowDefinition = { tasks = core.array(tasks) } },
    },
  }).items[1]
end

---@return table execution
function Caller:run(workflow, version, more)
  local body = { authentication = { nonce = (self:nonce()) } }
  for name, value in pairs(more or {}) do
    body[name] = value
  end
  return self:call("POST", ("/workflows/%s/versions/%s/run"):format(workflow, version), body)
end

---@return table a function task
function M.task(external_id, function_id, more)
  local task = {
    externalId = external_id,
    type = "function",
    parameters = { ["function"] = { externalId = function_id } },
  }
  for name, value in pairs(more or {}) do
    task[name] = value
  end
  return task
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return assert(core.decode(text))
end

---@return table[] goldens read by this library, so that large numbers come out exact on every Lua
function M.goldens()
  local goldens = {}
  local listing = assert(io.popen "ls spec/contract/golden")
  for name in listing:lines() do
    goldens[#goldens + 1] = read("spec/contract/golden/" .. name)
  end
  listing:close()
  return goldens
end

---@return string[] violations of the contract in all that every caller of this spec file has sent and been answered
function M.violations()
  assert(#M.exchanges > 0, "nothing was exchanged")
  return contract.violations(M.exchanges)
end

return M
