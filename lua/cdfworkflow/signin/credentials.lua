-- SPDX-License-Identifier: Apache-2.0
-- cdf.credentials: the ways to sign in. Secrets that are given as such go straight into C; files are read here, when
-- they are needed, since whoever writes them renews them.

local certificate = require "cdfworkflow.signin.certificate"
local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"
local secret_file = require "cdfworkflow.signin.secret_file"

local credentials = {}

local OPTIONS = {
  "token", "token_file", "client_id", "client_secret", "client_assertion_file", "certificate", "key", "tenant_id",
  "token_url", "provider", "scopes", "audience", "resource",
}
local STRINGS = { "token_file", "client_assertion_file", "certificate", "key", "client_id", "tenant_id", "token_url" }
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

local function fail(level, format, ...)
  error("cdf.credentials: " .. format:format(...), level + 1)
end

local function form_of(opts, level)
  local found
  for _, name in ipairs(FORMS) do
    if opts[name] ~= nil then
      if found then fail(level + 1, "give either %s or %s, not both", found, name) end
      found = name
    end
  end
  return found or fail(level + 1, "give one of %s", table.concat(FORMS, ", "))
end

local function check_types(opts, level)
  for _, name in ipairs(STRINGS) do
    if opts[name] ~= nil and type(opts[name]) ~= "string" then
      fail(level + 1, "%s must be a string, not %s", name, type(opts[name]))
    end
  end
  if opts.provider ~= nil and opts.provider ~= "cdf" then
    fail(level + 1, 'provider must be "cdf", or left out where there is a tenant_id or a token_url')
  end
end

local function check_form(opts, form, level)
  for _, name in ipairs(form:find "^token" and OF_CLIENTS or {}) do
    if opts[name] ~= nil then fail(level + 1, "%s has no meaning with %s", name, form) end
  end
  if (form == "certificate") ~= (opts.key ~= nil) then fail(level + 1, "certificate and key belong together") end
  if form:find "^token" then return end
  if opts.client_id == nil then fail(level + 1, "client_id is missing") end
  local places = 0
  for _, name in ipairs { "tenant_id", "token_url", "provider" } do
    places = places + (opts[name] ~= nil and 1 or 0)
  end
  if places ~= 1 then fail(level + 1, "client_id needs one of tenant_id, token_url and provider") end
end

local function invalid(name, problem)
  return nil, core.error {
    kind = "invalid", field = name, retryable = false, message = ("credentials: %s: %s"):format(name, problem),
  }
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
local function with_assertion(opts, form, label, assertion)
  local _, problem = assertion()
  if problem then return invalid(form, problem) end
  return core.credentials(of_client(opts, { assertion = assertion, label = label }))
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
    function() return secret_file.text(path) end)
end

function MAKERS.certificate(opts)
  local made, err = core.credentials(of_client(opts, { assertion = function() end }))
  if not made then return nil, err end
  return with_assertion(opts, "certificate", "client certificate", certificate.assertion {
    certificate = opts.certificate, key = opts.key, client_id = opts.client_id,
    token_url = core.describe(made).token_url,
  })
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

---@param opts cdfworkflow.CredentialsOptions
---@return userdata|nil credentials
---@return cdfworkflow.Error? err kind "invalid" when a value cannot be sent, or a file cannot be used
function credentials.new(opts)
  opts = options.check(opts, OPTIONS, "cdf.credentials")
  check_types(opts, 2)
  local form = form_of(opts, 2)
  check_form(opts, form, 2)
  return MAKERS[form](opts)
end

return credentials
