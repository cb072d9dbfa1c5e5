-- SPDX-License-Identifier: Apache-2.0
-- The module `cdfworkflow`: what a user's program sees first. Loading it does no I/O.

require "cdfworkflow.supported"
local client = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local credentials = require "cdfworkflow.signin.credentials"
local definition = require "cdfworkflow.definition"
local gather = require "cdfworkflow.call.gather"
local graph = require "cdfworkflow.definition.graph"
local json = require "cdfworkflow.json"
local lint = require "cdfworkflow.definition.lint"
local method = require "cdfworkflow.method"
local queue = require "cdfworkflow.queue"
local signin = require "cdfworkflow.signin"
local why = require "cdfworkflow.definition.why"

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
  accepts = function(value) return type(value) == "table" and pcall(mark, value) end,
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

  json = json.json,
  encode = json.encode,
  decode = json.decode,

  client = client.new,
  credentials = credentials.new,
  from_env = signin.from_env,
  from_file = signin.from_file,
  gather = gather.run,
  queue = queue.new,

  task = definition.task,
  definition = definition.definition,
  lint = lint,
  graph = graph,
  why = why,
}

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
