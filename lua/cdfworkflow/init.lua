-- SPDX-License-Identifier: Apache-2.0
-- The module `cdfworkflow`: what a user's program sees first. Loading it does no I/O.

local client = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local definition = require "cdfworkflow.definition"
local env = require "cdfworkflow.signin.env"
local gather = require "cdfworkflow.call.gather"
local graph = require "cdfworkflow.definition.graph"
local json = require "cdfworkflow.json"
local lint = require "cdfworkflow.definition.lint"
local options = require "cdfworkflow.options"
local why = require "cdfworkflow.definition.why"

local cdf = {
  _VERSION = core.version,

  --- JSON null: light userdata NULL, the same value as `cjson.null` and `ngx.null`.
  null = core.null,

  --- Marks a table as a JSON array, which an empty one needs: `cdf.array {}` is written as `[]`.
  ---@type fun(t?: table): table
  array = core.array,

  json = json.json,
  encode = json.encode,
  decode = json.decode,

  client = client.new,
  from_env = env.client,
  gather = gather.run,

  task = definition.task,
  definition = definition.definition,
  lint = lint,
  graph = graph,
  why = why,
}

local CREDENTIALS_OPTIONS = { "token", "client_id", "client_secret", "token_url", "tenant_id", "scopes", "audience" }

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
---@return cdfworkflow.Error? err kind "invalid" when a value cannot be sent
function cdf.credentials(opts)
  return core.credentials(options.check(opts, CREDENTIALS_OPTIONS, "cdf.credentials"))
end

--- Authenticates now. See `Client:auth`.
---@param c cdfworkflow.Client
---@param opts? { timeout?: number }
---@return { tokenType: string, expiresAt?: integer }|nil
---@return cdfworkflow.Error? err
function cdf.auth(c, opts)
  return c:auth(opts)
end

--- Starts a run. See `Client:run`.
---@param c cdfworkflow.Client
---@param workflow_external_id string
---@param version string|integer
---@param opts? cdfworkflow.RunOptions
---@return table|nil execution
---@return cdfworkflow.Error? err
function cdf.run(c, workflow_external_id, version, opts)
  return c:run(workflow_external_id, version, opts)
end

return cdf
