-- SPDX-License-Identifier: Apache-2.0
-- cdf.from_env and cdf.from_file: a client from settings that other CDF programs use already. Errors call each setting
-- by the name it has where it was found.

local check = require "cdfworkflow.check"
local client = require "cdfworkflow.client"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local words = require "cdfworkflow.signin.words"

local signin = {}

--- What is still missing, in the words of the variables.
local function complete(opts, source)
  if not opts.project then return source:missing "CDF_PROJECT" end
  if not opts.base_url and not opts.cluster then return source:missing("CDF_CLUSTER", "nor is CDF_URL") end
  return true
end

--- Where CDF is, then how to sign in: all of a login comes from one place.
---@return cdfworkflow.Error? err
local function collect(settings, source, from)
  local variables = require "cdfworkflow.signin.variables"
  local opts, ok, err = settings.opts, true, nil
  local opened ---@type cdfworkflow.signin.Extractor|nil
  variables.trust(settings, source)
  if from.config then
    opened, err = require("cdfworkflow.signin.extractor").open(from.config, source)
    if not opened then return err end
  end
  if from.variables then ok, err = variables.place(settings, source) end
  if ok and opened then ok, err = opened:place(settings) end
  if ok then ok, err = complete(opts, source) end
  if not ok or opts.credentials then return err end
  if opened and not (from.variables and variables.sign_in(source)) then
    opts.credentials, err = opened:credentials(settings)
  else
    opts.credentials, err = variables.credentials(settings, source)
  end
  return err
end

--- A client from what there is: options, then the environment, then a `.env` file, then an extractor's YAML; what comes
--- first wins.
---@param overrides table options of `cdf.client`, checked already
---@param from { variables?: boolean, env_file?: string, source?: cdfworkflow.signin.Source, config?: string } whether
---  variables count, and paths of files; `source` in place of `env_file`, where it is read already
---@return cdfworkflow.Client|nil
---@return cdfworkflow.Error? err
function signin.open(overrides, from)
  local settings = { opts = {}, words = {} }
  for name, value in pairs(overrides) do settings.opts[name] = value end
  local source, err = from.source, nil
  if not source then source, err = require("cdfworkflow.signin.source").new(from.env_file) end
  if not source then return nil, err end
  err = source:verdict(collect(settings, source, from))
  if err then return nil, words.of_setting(err, settings.words) end
  local made
  made, err = client.new(settings.opts)
  if not made then return nil, words.of_setting(err, settings.words) end
  made.words = settings.words
  return made
end

--- A client from the environment variables of the CDF Toolkit: CDF_CLUSTER or CDF_URL, CDF_PROJECT, PROVIDER,
--- LOGIN_FLOW (client_credentials or token), CDF_TOKEN, IDP_CLIENT_ID, IDP_CLIENT_SECRET, IDP_TENANT_ID or
--- IDP_TOKEN_URL, IDP_SCOPES, IDP_AUDIENCE, CDF_CLIENT_TIMEOUT (seconds); CDF_CA_FILE; and those of Azure workload
--- identity. A variable that is not set may be a file of that name under systemd's $CREDENTIALS_DIRECTORY.
---
---     local client, err = cdf.from_env { timeout = 20 }
---     if not client then print(err.kind) end --> invalid
---@param overrides? cdfworkflow.ClientSettings win over the environment
---@return cdfworkflow.Client|nil
---@return cdfworkflow.Error? err kind "invalid": names the variable that is missing or wrong
function signin.from_env(overrides) return signin.open(overrides, { variables = true }) end

--- Whether a file is a `.env` file: by the ending of its name, else by its first line that says something.
local function is_env_file(path)
  local name = path:match "[^/\\]*$"
  if name:find "^%.env" or name:find "%.env$" then return true end
  if name:find "%.ya?ml$" or name:find "%.json$" then return false end
  local file = io.open(path, "rb")
  if not file then return true end -- the reader says why
  local text = file:read(65536) or ""
  file:close()
  for line in text:gmatch "[^\r\n]+" do
    if line:find "%S" and not line:find "^%s*#" then
      return line:find "^%s*export%s" ~= nil or line:find "^\239?\187?\191?%s*[%w_]+%s*=" ~= nil
    end
  end
  return true
end

--- A client from a file: a `.env` file of the CDF Toolkit (what the environment has wins), or the YAML of an extractor,
--- in both of its forms, which needs lyaml. They are told apart by the ending of the name, else by what is in them.
--- CDF_CA_FILE counts for both.
---
---     local client = assert(cdf.from_file("toolkit.env", { timeout = 20 }))
---     print(client.project) --> my-project
---@param path string
---@param overrides? cdfworkflow.ClientSettings win over the file
---@return cdfworkflow.Client|nil
---@return cdfworkflow.Error? err kind "invalid": names the file, and the line or the key
function signin.from_file(path, overrides)
  if is_env_file(path) then return signin.open(overrides, { variables = true, env_file = path }) end
  return signin.open(overrides, { config = path })
end

local OVERRIDES = { "overrides", options.passed(client.MEMBERS) }
signin.from_env = method.fn("cdf.from_env", { OVERRIDES }, signin.from_env)
signin.from_file = method.fn("cdf.from_file", { { "path", check.string, required = true }, OVERRIDES },
  signin.from_file)

return signin
