-- SPDX-License-Identifier: Apache-2.0
-- The module `cdfworkflow`: what a user's program sees first. Loading it does no I/O.

require "cdfworkflow.supported"
local client = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local credentials = require "cdfworkflow.signin.credentials"
local gather = require "cdfworkflow.call.gather"
local later = require "cdfworkflow.later"
local method = require "cdfworkflow.method"

local has_read = false

--- Reading loads lua-cjson, whose own mark is taken where it has one: the host may give the table to it.
local function mark(t)
  if not has_read then
    has_read = true
    core.decode "0"
  end
  return core.array(t)
end

--- A table that is one already may be marked again; one with another metatable may not.
local ARRAY = {
  word = "a table without a metatable of its own",
  accepts = function(value)
    if type(value) ~= "table" then return false end
    local ok, why = pcall(mark, value)
    if not ok and not tostring(why):find("metatable", 1, true) then error(why, 0) end -- no memory
    return ok
  end,
}

--- Marks a table as a JSON array, which an empty one needs: `cdf.array {}` is written as `[]`.
---
---     local text = assert(cdf.encode { sensors = cdf.array {} })
---     print(text) --> {"sensors":[]}
---@param t? table a new one unless given; without a metatable of its own
---@return table t the same
local function array(t) return mark(t) end

--- The module: what `require "cdfworkflow"` gives.
---@class cdfworkflow
---@field _VERSION string
---@field null userdata JSON null: light userdata NULL, the same value as `cjson.null` and `ngx.null`
---@field task cdfworkflow.task
local cdf = {
  _VERSION = core.version,
  null = core.null,
  array = method.fn("cdf.array", { { "t", ARRAY } }, array),

  client = client.new,
  credentials = credentials.new,
  gather = gather.run,

  task = later.table(function() return require("cdfworkflow.definition").task end),
}

later.functions(cdf, {
  json = function() return require("cdfworkflow.json").json end,
  encode = function() return require("cdfworkflow.json").encode end,
  decode = function() return require("cdfworkflow.json").decode end,
  from_env = function() return require("cdfworkflow.signin").from_env end,
  from_file = function() return require("cdfworkflow.signin").from_file end,
  queue = function() return require("cdfworkflow.queue").new end,
  definition = function() return require("cdfworkflow.definition").definition end,
  lint = function() return require "cdfworkflow.definition.lint" end,
  graph = function() return require "cdfworkflow.definition.graph" end,
  why = function() return require "cdfworkflow.definition.why" end,
})

local CLIENT = {
  "client", { word = "a client", accepts = function(value) return getmetatable(value) == client.class end },
  required = true,
}

--- Authenticates now. See `client:auth`.
---
---     assert(cdf.auth(client))
---@param c cdfworkflow.Client
---@param opts? { timeout?: number }
---@return { tokenType: string, expiresAt?: integer }|nil result
---@return cdfworkflow.Error? err of any kind but "ambiguous"
local function auth(c, opts) return c:auth(opts) end

cdf.auth = method.fn("cdf.auth", { CLIENT }, auth)

--- Starts a run. See `client:run`.
---
---     local execution = assert(cdf.run(client, "report", "1"))
---@param c cdfworkflow.Client
---@param workflow_external_id string
---@param version string|integer
---@param opts? cdfworkflow.RunOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind
local function run(c, workflow_external_id, version, opts) return c:run(workflow_external_id, version, opts) end

cdf.run = method.fn("cdf.run", { CLIENT }, run)

return cdf
