-- SPDX-License-Identifier: Apache-2.0
-- cdf.credentials: the ways to sign in. Secrets that are given as such go straight into C; files are read here, when
-- they are needed, since whoever writes them renews them.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local secret_file = require "cdfworkflow.signin.secret_file"

local credentials = {}

--- What makes a form, and which of these takes the rest of the options.
local FORMS = { "token", "token_file", "client_secret", "client_assertion_file", "certificate" }
local OF_CLIENTS = { "client_id", "key", "tenant_id", "token_url", "provider", "scopes", "audience", "resource" }
local COGNITE = "https://auth.cognite.com/oauth2/token" -- SIGNIN.md section 1
local ENTRA = "https://login.microsoftonline.com"

--- The token URL of a tenant where another authority than Entra ID's own may be named (a national cloud).
---@param authority? string
---@param tenant string
---@return string
function credentials.entra_url(authority, tenant)
  local escaped = tenant:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end)
  return (authority or ENTRA):gsub("/+$", "") .. "/" .. escaped .. "/oauth2/v2.0/token"
end

local function form_of(given)
  local found
  for _, name in ipairs(FORMS) do
    if given[name] ~= nil and found then return nil, ("give either %s or %s, not both"):format(found, name) end
    found = given[name] ~= nil and name or found
  end
  return found, not found and "give one of " .. table.concat(FORMS, ", ") or nil
end

local function client_complaint(given)
  if given.client_id == nil then return "client_id is missing" end
  local places = 0
  for _, name in ipairs { "tenant_id", "token_url", "provider" } do
    places = places + (given[name] ~= nil and 1 or 0)
  end
  return places ~= 1 and "client_id needs one of tenant_id, token_url and provider" or nil
end

--- What is wrong with the options together.
local function rule(given)
  local form, complaint = form_of(given)
  if complaint then return complaint end
  if (form == "certificate") ~= (given.key ~= nil) then return "certificate and key belong together" end
  if not form:find "^token" then return client_complaint(given) end
  for _, name in ipairs(OF_CLIENTS) do
    if given[name] ~= nil then return ("%s has no meaning with %s"):format(name, form) end
  end
end

local TOKEN = {
  word = "a string or a function",
  accepts = function(value) return type(value) == "string" or type(value) == "function" end,
}
local SCOPES = {
  word = "a string or a list of strings",
  accepts = function(value) return type(value) == "string" or check.is_list_of(value, "string") end,
}
local PROVIDER = { word = '"cdf"', accepts = function(value) return value == "cdf" end, choices = { "cdf" } }

local OPTIONS = options.needed({
  { "token", TOKEN },
  { "token_file", check.string },
  { "client_id", check.string },
  { "client_secret", check.string },
  { "client_assertion_file", check.string },
  { "certificate", check.string },
  { "key", check.string },
  { "tenant_id", check.string },
  { "token_url", check.string },
  { "provider", PROVIDER },
  { "scopes", SCOPES },
  { "audience", check.string },
  { "resource", check.string },
}, rule)

local function invalid(name, problem)
  return check.invalid(name, name .. ": " .. problem, "a file that can be used")
end

--- Options for the core, of a client that signs in at a provider.
local function of_client(opts, more)
  local given = {
    client_id = opts.client_id, tenant_id = opts.tenant_id, token_url = opts.provider and COGNITE or opts.token_url,
    scopes = opts.scopes, audience = opts.audience, resource = opts.resource,
  }
  for name, value in pairs(more) do given[name] = value end
  return given
end

--- One that proves who it is by an assertion, which is tried once here, so that a missing file is noticed early.
--- `proof` tells it from others who say that they are the same client, where they share tokens.
local function with_assertion(opts, form, label, assertion, proof)
  local _, problem = assertion()
  if problem then return invalid(form, problem) end
  return core.credentials(of_client(opts, { assertion = assertion, proof = proof, label = label }))
end

local MAKERS = {}

function MAKERS.token(opts) return core.credentials { token = opts.token } end

function MAKERS.token_file(opts)
  local path = opts.token_file
  local function token() return secret_file.text(path) end
  local _, problem = token()
  if problem then return invalid("token_file", problem) end
  return core.credentials { token = token, label = "token file" }
end

function MAKERS.client_secret(opts)
  return core.credentials(of_client(opts, { client_secret = opts.client_secret }))
end

function MAKERS.client_assertion_file(opts)
  local path = opts.client_assertion_file
  return with_assertion(opts, "client_assertion_file", "client assertion",
    function() return secret_file.text(path) end, path)
end

function MAKERS.certificate(opts)
  local made, err = core.credentials(of_client(opts, { assertion = function() end }))
  if not made then return nil, err end
  local certificate = require "cdfworkflow.signin.certificate"
  return with_assertion(opts, "certificate", "client certificate", certificate.assertion {
    certificate = opts.certificate, key = opts.key, client_id = opts.client_id,
    token_url = core.describe(made).token_url,
  }, certificate.proof(opts.key))
end

--- Credentials of the caller. Secrets live in C memory: no field, `tostring` or error shows one. One of these forms:
--- * `token = "…"`: an access token that you have;
--- * `token = function() return token, expires_at end`: any flow of your own; `expires_at` in seconds since the epoch.
---   Without it the function is asked again for every call. It may yield where its host allows. For a failure it
---   returns nil and why;
--- * `token_file = "…"`: an access token in a file, which is read again for every request;
--- * `client_id`, `client_secret`: OAuth 2.0 client credentials, at Microsoft Entra ID (`tenant_id`), any other
---   provider (`token_url`) or Cognite's own (`provider = "cdf"`);
--- * `client_id`, `client_assertion_file` (workload identity): the same, with an assertion (RFC 7523) in place of the
---   secret, from a file that is read again for every token request;
--- * `client_id`, `certificate`, `key`: the same, with an assertion signed by the key (RS256). The PEM files are read
---   again for every token request. Needs luaossl.
---
--- With `tenant_id` the scope is `<base_url>/.default` unless told. Without a secret there is no session of client
--- credentials: a run's session is then made by token exchange, unless the run is given `client_credentials`.
---@class cdfworkflow.CredentialsOptions
---@field token? string|fun(): string?, number|string|nil
---@field token_file? string path
---@field client_id? string
---@field client_secret? string
---@field client_assertion_file? string path
---@field certificate? string path of a PEM file; a chain begins with the client's own
---@field key? string path of a PEM file, which may be the same; an encrypted key is refused
---@field tenant_id? string
---@field token_url? string https, or http to loopback
---@field provider? "cdf"
---@field scopes? string|string[]
---@field audience? string
---@field resource? string a member of the token request that some providers ask for

--- Credentials of one form: a token, a client secret, or a certificate. Nothing is sent yet, and `tostring` tells
--- nothing of them.
---
---     local credentials = assert(cdf.credentials {
---       client_id = "my-client", client_secret = "…", token_url = "https://idp.example/token", scopes = "cdf",
---     })
---@param opts cdfworkflow.CredentialsOptions
---@return userdata|nil credentials
---@return cdfworkflow.Error? err kind "invalid" when a value cannot be sent, or a file cannot be used
local function new(opts) return MAKERS[form_of(opts)](opts) end

credentials.new = method.fn("cdf.credentials", { { "opts", OPTIONS, required = true } }, new)

return credentials
