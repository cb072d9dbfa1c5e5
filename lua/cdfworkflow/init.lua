-- SPDX-License-Identifier: Apache-2.0
-- The module `cdfworkflow`: what a user's program sees first. Loading it does no I/O.

local check = require "cdfworkflow.check"
local client = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local definition = require "cdfworkflow.definition"
local env = require "cdfworkflow.signin.env"
local gather = require "cdfworkflow.call.gather"
local graph = require "cdfworkflow.definition.graph"
local lint = require "cdfworkflow.definition.lint"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"

local cdf = {
  _VERSION = core.version,

  --- JSON null: light userdata NULL, the same value as `cjson.null` and `ngx.null`.
  null = core.null,

  --- Marks a table as a JSON array, which an empty one needs: `cdf.array {}` is written as `[]`.
  ---@type fun(t?: table): table
  array = method.fn("cdf.array", { { "t", check.object } }, core.array),

  client = client.new,
  from_env = env.client,
  gather = gather.run,

  task = definition.task,
  definition = definition.definition,
  lint = lint,
  graph = graph,
}

local SCOPES = {
  word = "a string or a list of strings",
  accepts = function(value) return type(value) == "string" or check.is_list_of(value, "string") end,
}

local function credentials_rule(given)
  local wants_pair = given.client_id ~= nil or given.client_secret ~= nil
  if (given.token ~= nil) == wants_pair then return "give either token, or client_id and client_secret" end
  if not wants_pair then return nil end
  for _, name in ipairs { "client_id", "client_secret" } do
    if given[name] == nil then return name .. " is missing" end
  end
  if (given.token_url == nil) ~= (given.tenant_id == nil) then return nil end
  return "client_id needs either token_url or tenant_id"
end

local CREDENTIALS = options.needed({
  { "token", {
    word = "a string or a function",
    accepts = function(value) return type(value) == "string" or type(value) == "function" end,
  } },
  { "client_id", check.string },
  { "client_secret", check.string },
  { "token_url", check.string },
  { "tenant_id", check.string },
  { "scopes", SCOPES },
  { "audience", check.string },
}, credentials_rule)

--- Credentials of the caller. They live in C memory: no field, `tostring` or error shows a secret.
---
--- One of three forms (OAuth 2.0, OpenID Connect; see CDF.md section 2):
--- * `token = "…"`: a ready-made access token;
--- * `token = function() return token, expires_at end`: any flow of your own; `expires_at` in seconds
---   since the epoch. Without it the function is asked again for every call. It may yield where its host allows.
--- * `client_id`, `client_secret` with `tenant_id` (Microsoft Entra ID) or `token_url` (any provider), and where
---   the provider wants them `scopes` (a string or a list) and `audience`. With `tenant_id` the scope is
---   `<base_url>/.default` unless told.
---@class cdfworkflow.CredentialsOptions
---@field token? string|fun(): string, number?
---@field client_id? string
---@field client_secret? string
---@field token_url? string https, or http to loopback
---@field tenant_id? string
---@field scopes? string|string[]
---@field audience? string

---@param opts cdfworkflow.CredentialsOptions
---@return userdata|nil credentials
---@return cdfworkflow.Error? err kind "invalid" for a value that cannot be sent
local function credentials(opts) return core.credentials(opts) end

cdf.credentials = method.fn("cdf.credentials", { { "opts", CREDENTIALS, required = true } }, credentials)

local CLIENT = {
  "client", { word = "a client", accepts = function(value) return getmetatable(value) == client.class end },
  required = true,
}

--- Authenticates now. See `Client:auth`.
---@param c cdfworkflow.Client
---@param opts? { timeout?: number }
---@return { tokenType: string, expiresAt?: integer }|nil result
---@return cdfworkflow.Error? err
local function auth(c, opts) return c:auth(opts) end

cdf.auth = method.fn("cdf.auth", { CLIENT }, auth)

--- Starts a run. See `Client:run`.
---@param c cdfworkflow.Client
---@param workflow_external_id string
---@param version string|integer
---@param opts? cdfworkflow.RunOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err
local function run(c, workflow_external_id, version, opts) return c:run(workflow_external_id, version, opts) end

cdf.run = method.fn("cdf.run", { CLIENT }, run)

return cdf
