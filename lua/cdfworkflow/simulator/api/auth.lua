-- SPDX-License-Identifier: Apache-2.0
-- Who is asking: principals with their secrets, projects and capabilities, the token endpoint of the identity
-- provider, and token inspection. Secrets and static tokens stay in the configuration, never in the saved state.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"
local random = require "cdfworkflow.simulator.lib.random"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"
local router = require "cdfworkflow.simulator.api.router"

local auth = {}

---@class cdfworkflow.simulator.Principal
---@field client_id string
---@field client_secret string
---@field projects? string[] every project unless told
---@field capabilities? table<string, string[]> actions by ACL, such as `sessionsAcl = { "CREATE" }`; all unless told
---@field tokens? string[] bearer tokens that never expire (for logins with CDF_TOKEN)
---@field token_exchange? boolean false: its tokens do not come straight from the identity provider

local EVERYTHING = {
  workflowOrchestrationAcl = { "READ", "WRITE" },
  sessionsAcl = { "LIST", "CREATE", "DELETE" },
  functionsAcl = { "READ", "WRITE", "RUN" },
  filesAcl = { "READ", "WRITE" },
}

local STRINGS = options.list(check.string)

auth.PRINCIPAL = options.members {
  { "client_id", check.string, required = true },
  { "client_secret", check.string, required = true },
  { "projects", STRINGS },
  { "capabilities", check.map("a table of lists by text", check.list.accepts) },
  { "tokens", STRINGS, default = {} },
  { "token_exchange", check.boolean, default = true },
}

---@param list cdfworkflow.simulator.Principal[]
---@param projects string[] all there are
---@return table directory
function auth.directory(list, projects)
  local directory = { principals = {}, static = {}, order = {} }
  for position, given in ipairs(list) do
    local principal = {
      client_id = given.client_id,
      client_secret = given.client_secret,
      projects = given.projects or projects,
      capabilities = given.capabilities or EVERYTHING,
      token_exchange = given.token_exchange,
    }
    directory.principals[principal.client_id] = principal
    directory.order[position] = principal
    for _, token in ipairs(given.tokens) do
      directory.static[token] = principal
    end
  end
  return directory
end

---@param principal cdfworkflow.simulator.Principal
---@param project string
---@return boolean
function auth.may_enter(principal, project)
  for _, name in ipairs(principal.projects) do
    if name == project then
      return true
    end
  end
  return false
end

---@param principal cdfworkflow.simulator.Principal
---@param acl string
---@param action string
---@return boolean
function auth.has(principal, acl, action)
  for _, name in ipairs(principal.capabilities[acl] or {}) do
    if name == action then
      return true
    end
  end
  return false
end

---@param exchange cdfworkflow.simulator.Exchange
---@return cdfworkflow.simulator.Principal # of the bearer token; refuses with 401 when there is none
function auth.principal(exchange)
  local token = (exchange.headers.authorization or ""):match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(.+)$")
  if not token then
    refuse(refusals.unauthorized)
  end
  local directory = exchange.sim.directory
  local issued = exchange.sim.state.tokens[token]
  local principal = directory.static[token]
    or issued and issued.expires > exchange.sim.state.clock and directory.principals[issued.principal]
  return principal or refuse(refusals.unauthorized)
end

local REFUSALS = {
  unsupported_grant_type = { 400, "AADSTS70003: The grant type is not supported.", 70003 },
  invalid_request = { 400, "AADSTS900144: The request body is not a form or lacks a parameter.", 900144 },
  unauthorized_client = { 400, "AADSTS700016: Application not found in the directory.", 700016 },
  invalid_scope = { 400, "AADSTS70011: The scope is not valid.", 70011 },
  invalid_client = { 401, "AADSTS7000215: Invalid client secret provided.", 7000215 },
}

local function no(name)
  local refusal = REFUSALS[name]
  return { error = name, error_description = refusal[2], error_codes = { refusal[3] } }, refusal[1]
end

-- What Entra ID knows of CDF; other providers have scopes of their own.
local SCOPES = { openid = true, profile = true, email = true, offline_access = true }

local function knows_scopes(scopes)
  for scope in scopes:gmatch("%S+") do
    if not (SCOPES[scope] or scope:find("/%.default$") or scope:find("IDENTITY$") or scope:find("user_impersonation$"))
    then
      return false
    end
  end
  return true
end

local function is_form(exchange)
  return (exchange.headers["content-type"] or ""):lower():find("^application/x%-www%-form%-urlencoded") ~= nil
end

local function drop_expired(tokens, now)
  for token, issued in pairs(tokens) do
    if issued.expires <= now then
      tokens[token] = nil
    end
  end
end

local function issue(exchange)
  local form = is_form(exchange) and router.form(exchange.body_text) or {}
  if not form.grant_type then
    return no "invalid_request"
  elseif form.grant_type ~= "client_credentials" then
    return no "unsupported_grant_type"
  elseif not form.client_id then
    return no "invalid_request"
  elseif exchange.params.tenantId and not knows_scopes(form.scope or "") then
    return no "invalid_scope"
  end
  local principal = exchange.sim.directory.principals[form.client_id]
  if not principal then
    return no "unauthorized_client"
  elseif principal.client_secret ~= form.client_secret then -- or there is none: RFC 6749, section 5.2
    return no "invalid_client"
  end
  local state = exchange.sim.state
  drop_expired(state.tokens, state.clock)
  local token = "sim." .. random.hex(state, 64)
  local lifetime = exchange.sim.token_lifetime
  state.tokens[token] = { principal = principal.client_id, expires = state.clock + lifetime * 1000 }
  return { token_type = "Bearer", expires_in = lifetime, ext_expires_in = lifetime, access_token = token }
end

local function acl_of(capability)
  for name in pairs(capability) do
    if name ~= "projectScope" then
      return name
    end
  end
end

local function inspect(exchange)
  local principal = auth.principal(exchange)
  local projects, capabilities = core.array({}), core.array({})
  for position, name in ipairs(principal.projects) do
    projects[position] = { projectUrlName = name, groups = { 1 } }
  end
  for acl, actions in pairs(principal.capabilities) do
    if #actions > 0 then
      capabilities[#capabilities + 1] = {
        [acl] = { actions = actions, scope = { all = {} } },
        projectScope = { projects = principal.projects },
      }
    end
  end
  table.sort(capabilities, function(a, b)
    return acl_of(a) < acl_of(b)
  end)
  return { subject = principal.client_id, projects = projects, capabilities = capabilities }
end

auth.operations = {
  { operation = "issueToken", method = "POST", path = "/{tenantId}/oauth2/v2.0/token", handle = issue, bare = true },
  { operation = "issueToken", method = "POST", path = "/oauth2/token", handle = issue, bare = true },
  { operation = "inspectToken", method = "GET", path = "/api/v1/token/inspect", handle = inspect },
}

return auth
