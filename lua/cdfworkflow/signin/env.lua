-- SPDX-License-Identifier: Apache-2.0
-- A client from the environment variables that the CDF Toolkit uses, so that one set of secrets serves both.

local check = require "cdfworkflow.check"
local client = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"

local env = {}

--- A variable's value; an empty one counts as not set, since that is what CI systems make of a missing secret.
local function get(name)
  local value = os.getenv(name)
  if value and value:match("%S") then return value end
  return nil
end

local function missing(name, why)
  return check.invalid(name, ("the environment variable %s is not set%s"):format(name, why), "set, and not empty")
end

local function token_credentials()
  local token = get "CDF_TOKEN"
  if not token then return missing("CDF_TOKEN", " (LOGIN_FLOW is token)") end
  return core.credentials { token = token }
end

--- IDP_SCOPES holds one scope, or several separated by commas or spaces.
local function scopes()
  local list = {}
  for scope in (get "IDP_SCOPES" or ""):gmatch("[^%s,]+") do list[#list + 1] = scope end
  return list[1] and list or nil
end

local function client_credentials()
  local provider = get "PROVIDER" or "entra_id"
  for _, name in ipairs { "IDP_CLIENT_ID", "IDP_CLIENT_SECRET" } do
    if not get(name) then return missing(name, " (LOGIN_FLOW is client_credentials)") end
  end
  local token_url, tenant_id = get "IDP_TOKEN_URL", get "IDP_TENANT_ID"
  if not token_url and provider ~= "entra_id" then
    return missing("IDP_TOKEN_URL", (" (PROVIDER is %s)"):format(provider))
  end
  if not token_url and not tenant_id then return missing("IDP_TENANT_ID", " (nor is IDP_TOKEN_URL)") end
  return core.credentials {
    client_id = get "IDP_CLIENT_ID", client_secret = get "IDP_CLIENT_SECRET",
    token_url = token_url, tenant_id = not token_url and tenant_id or nil,
    scopes = scopes(), audience = get "IDP_AUDIENCE",
  }
end

local FLOWS = { token = token_credentials, client_credentials = client_credentials }

local function credentials()
  local flow = get "LOGIN_FLOW" or (get "CDF_TOKEN" and not get "IDP_CLIENT_ID" and "token") or "client_credentials"
  local read = FLOWS[flow]
  if read then return read() end
  return check.invalid("LOGIN_FLOW",
    ("LOGIN_FLOW is %s, and only client_credentials and token work without a person"):format(flow),
    "client_credentials or token")
end

local function timeout()
  local text = get "CDF_CLIENT_TIMEOUT"
  if not text then return nil end
  local seconds = tonumber(text)
  if seconds and seconds > 0 then return seconds end
  return check.invalid("CDF_CLIENT_TIMEOUT", "CDF_CLIENT_TIMEOUT is not a number of seconds above 0", "above 0")
end

--- Where CDF is: options first, then CDF_URL, then CDF_CLUSTER.
local function place(opts)
  if opts.base_url or opts.cluster then return true end
  opts.base_url = get "CDF_URL"
  if not opts.base_url then opts.cluster = get "CDF_CLUSTER" end
  if opts.base_url or opts.cluster then return true end
  return missing("CDF_CLUSTER", " (nor is CDF_URL)")
end

--- A client from CDF_CLUSTER or CDF_URL, CDF_PROJECT, LOGIN_FLOW (client_credentials or token), CDF_TOKEN, PROVIDER,
--- IDP_TENANT_ID, IDP_CLIENT_ID, IDP_CLIENT_SECRET, IDP_TOKEN_URL, IDP_SCOPES, IDP_AUDIENCE and CDF_CLIENT_TIMEOUT
--- (seconds).
---@param overrides? cdfworkflow.ClientOptions win over the environment
---@return cdfworkflow.Client|nil
---@return cdfworkflow.Error? err names the variable that is missing or wrong
local function from_env(overrides)
  local opts = {}
  for name, value in pairs(overrides) do opts[name] = value end
  local placed, err = place(opts)
  if not placed then return nil, err end
  opts.project = opts.project or get "CDF_PROJECT"
  if not opts.project then return missing("CDF_PROJECT", "") end
  if not opts.credentials then
    opts.credentials, err = credentials()
    if not opts.credentials then return nil, err end
  end
  if not opts.timeout then
    opts.timeout, err = timeout()
    if err then return nil, err end
  end
  return client.new(opts)
end

env.client = method.fn("cdf.from_env", { { "overrides", options.passed(client.MEMBERS) } }, from_env)

return env
