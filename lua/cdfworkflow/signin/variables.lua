-- SPDX-License-Identifier: Apache-2.0
-- What the CDF Toolkit's variables mean (SIGNIN.md section 1), and those of Azure workload identity (section 4), as
-- options of a client: the very requests that the Toolkit sends.

local check = require "cdfworkflow.check"
local client = require "cdfworkflow.client"
local credentials = require "cdfworkflow.signin.credentials"
local suggest = require "cdfworkflow.suggest"

local variables = {}

local WITHOUT_A_PERSON = "client_credentials or token"
local PROVIDERS = { "entra_id", "auth0", "cdf", "other" }

--- Whatever of these is set, signing in is meant to go by variables.
local SIGNS = { "LOGIN_FLOW", "CDF_TOKEN", "IDP_CLIENT_ID", "IDP_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE" }

--- Takes note of how the option is called where it came from.
local function take(settings, source, option, variable)
  local value, path = source:get(variable)
  if value then settings.words[option] = source:word(variable) end
  return value, path
end

-- {==== What the providers of the Toolkit are asked for ====

--- `https://CLUSTER.cognitedata.com`; without a cluster the host of CDF_URL stands for it.
local function cluster_url(source, opts)
  local cluster = opts.cluster or source:get "CDF_CLUSTER"
  return cluster and ("https://%s.cognitedata.com"):format(cluster) or (opts.base_url:match "^[^:]*://[^/?#]*")
end

local function scopes_of(source)
  local list = {}
  for scope in (source:get "IDP_SCOPES" or ""):gmatch "[^%s,]+" do list[#list + 1] = scope end
  return list[1] and list or nil
end

local DEFAULTS = {}

function DEFAULTS.auth0(_, opts)
  return { "IDENTITY", "user_impersonation" }, ("https://%s.fusion.cognite.com/%s"):format(opts.project, opts.project)
end

function DEFAULTS.entra_id(source, opts)
  local url = cluster_url(source, opts)
  return url .. "/.default", url
end

DEFAULTS.other = DEFAULTS.entra_id

--- Adds token URL, scopes and audience to the client's options.
local function add_provider(settings, source, login, provider)
  if provider == "cdf" then
    settings.words.token_url = "PROVIDER"
    login.provider = "cdf"
    return login
  end
  login.token_url = take(settings, source, "token_url", "IDP_TOKEN_URL")
  if not login.token_url then
    if provider ~= "entra_id" then return source:missing("IDP_TOKEN_URL", "PROVIDER is " .. provider) end
    login.tenant_id = take(settings, source, "tenant_id", "IDP_TENANT_ID")
    if not login.tenant_id then return source:missing("IDP_TENANT_ID", "nor is IDP_TOKEN_URL") end
    settings.words.token_url = settings.words.tenant_id
  end
  local scopes, audience = DEFAULTS[provider](source, settings.opts)
  login.scopes = scopes_of(source) or scopes
  login.audience = source:get "IDP_AUDIENCE" or audience
  settings.words.scopes, settings.words.audience = "IDP_SCOPES", "IDP_AUDIENCE"
  return login
end

local function provider_of(source)
  local given = source:get "PROVIDER"
  if not given then return PROVIDERS[1] end
  local name = given:lower()
  for _, known in ipairs(PROVIDERS) do
    if known == name then return name end
  end
  local known = table.concat(PROVIDERS, ", ")
  return check.invalid("PROVIDER", ("%s is %s, and must be one of %s%s"):format(source:word "PROVIDER", given, known,
    suggest.hint(given, PROVIDERS)), known)
end

-- }====

-- {==== Flows ====

--- Azure workload identity, which Kubernetes sets up for a pod.
local function workload_identity(settings, source)
  local login = {}
  login.client_assertion_file = take(settings, source, "client_assertion_file", "AZURE_FEDERATED_TOKEN_FILE")
  for _, name in ipairs { "IDP_CLIENT_ID", "AZURE_CLIENT_ID" } do
    login.client_id = login.client_id or take(settings, source, "client_id", name)
  end
  if not login.client_id then return source:missing("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE is") end
  login.token_url = take(settings, source, "token_url", "IDP_TOKEN_URL")
  if not login.token_url then
    local tenant = source:get "IDP_TENANT_ID" or take(settings, source, "token_url", "AZURE_TENANT_ID")
    if not tenant then return source:missing("AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE is") end
    login.token_url = credentials.entra_url(source:get "AZURE_AUTHORITY_HOST", tenant)
  end
  login.scopes = scopes_of(source) or cluster_url(source, settings.opts) .. "/.default"
  settings.words.scopes = "IDP_SCOPES"
  return login
end

local function client_credentials(settings, source)
  if not source:get "IDP_CLIENT_SECRET" and source:get "AZURE_FEDERATED_TOKEN_FILE" then
    return workload_identity(settings, source)
  end
  local provider, err = provider_of(source)
  if not provider then return nil, err end
  local login = {
    client_id = take(settings, source, "client_id", "IDP_CLIENT_ID"),
    client_secret = take(settings, source, "client_secret", "IDP_CLIENT_SECRET"),
  }
  for _, name in ipairs { "client_id", "client_secret" } do
    if not login[name] then
      return source:missing("IDP_" .. name:upper(), "LOGIN_FLOW is client_credentials")
    end
  end
  return add_provider(settings, source, login, provider)
end

--- A token that systemd hands over may be renewed there, so its file is read again.
local function token(settings, source)
  local value, path = take(settings, source, "token", "CDF_TOKEN")
  if not value then return source:missing("CDF_TOKEN", "LOGIN_FLOW is token") end
  settings.words.token_file = "CDF_TOKEN"
  if value:find "^[Bb]earer%s" then
    local rule = 'must be the token alone, without "Bearer"'
    return check.invalid("CDF_TOKEN", ("%s %s"):format(source:word "CDF_TOKEN", rule), rule)
  end
  return path and { token_file = path } or { token = value }
end

local function with_a_person(settings, source)
  local said = "%s is %s, which needs a person with a browser; client_credentials and token work without"
  return check.invalid("LOGIN_FLOW", said:format(source:word "LOGIN_FLOW", settings.flow), WITHOUT_A_PERSON)
end

local FLOWS = {
  client_credentials = client_credentials, token = token, interactive = with_a_person, device_code = with_a_person,
}

local function flow_of(source)
  local given = source:get "LOGIN_FLOW"
  if given then return given:lower() end
  return source:get "CDF_TOKEN" and not source:get "IDP_CLIENT_ID" and "token" or "client_credentials"
end

-- }====

--- Whether anything says that signing in goes by variables.
---@param source cdfworkflow.signin.Source
---@return boolean
function variables.sign_in(source)
  for _, name in ipairs(SIGNS) do
    if source:get(name) then return true end
  end
  return false
end

--- Credentials from the variables; `settings.opts` holds where CDF is.
---@return userdata|nil credentials
---@return cdfworkflow.Error? err
function variables.credentials(settings, source)
  settings.flow = flow_of(source)
  local flow = FLOWS[settings.flow]
  if not flow then
    return check.invalid("LOGIN_FLOW", ("%s is %s, and must be %s"):format(source:word "LOGIN_FLOW", settings.flow,
      WITHOUT_A_PERSON), WITHOUT_A_PERSON)
  end
  local login, err = flow(settings, source)
  if not login then return nil, err end
  return credentials.new(login)
end

--- The scopes are made from the address, so it is looked at before they are.
local function address(settings, source)
  local url = take(settings, source, "base_url", "CDF_URL")
  if not url then return nil end
  local rule = not url:find "^%s*https?://" and "is not a URL that begins with https://"
    or url:find "[%c ]" and "contains a character that cannot stand in a URL"
  if not rule then return url end
  return check.invalid("CDF_URL", ("%s %s"):format(source:word "CDF_URL", rule), rule)
end

--- Likewise.
local function cluster(settings, source)
  local name = take(settings, source, "cluster", "CDF_CLUSTER")
  if not name then return nil end
  local url, err = client.url_of_cluster(name, "cluster")
  return url and name, err
end

local function timeout(source)
  local text = source:get "CDF_CLIENT_TIMEOUT"
  if not text then return nil end
  local seconds = tonumber(text)
  if check.timeout.accepts(seconds) then return seconds end
  return check.invalid("CDF_CLIENT_TIMEOUT", ("%s is %s, and must be %s"):format(source:word "CDF_CLIENT_TIMEOUT", text,
    check.timeout.word), check.timeout.most)
end

--- Whom to trust is a matter of the machine, so it counts for all files too.
---@param settings { opts: table, words: table<string, string> }
---@param source cdfworkflow.signin.Source
function variables.trust(settings, source)
  settings.words.ca_file = "CDF_CA_FILE" -- also where it is not set
  settings.opts.ca_file = settings.opts.ca_file or take(settings, source, "ca_file", "CDF_CA_FILE")
end

--- Adds what the variables say of the project, of where it is and of how to get there, where the options do not.
---@param settings { opts: table, words: table<string, string> }
---@param source cdfworkflow.signin.Source
---@return true|nil, cdfworkflow.Error? err
function variables.place(settings, source)
  local opts = settings.opts
  settings.words.base_url = "CDF_URL" -- also where it is not set
  opts.project = opts.project or take(settings, source, "project", "CDF_PROJECT")
  local err
  if not opts.base_url and not opts.cluster then
    opts.base_url, err = address(settings, source)
    if err then return nil, err end
    if not opts.base_url then
      opts.cluster, err = cluster(settings, source)
      if err then return nil, err end
      settings.words.base_url = settings.words.cluster or settings.words.base_url
    end
  end
  if not opts.timeout then opts.timeout, err = timeout(source) end
  if err then return nil, err end
  return true
end

return variables
