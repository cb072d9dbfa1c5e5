-- SPDX-License-Identifier: Apache-2.0
-- client.functions: Cognite Functions. Their calls and schedules have own files.

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local session_options = require "cdfworkflow.api.session_options"
local wait = require "cdfworkflow.api.wait"

---@class cdfworkflow.Function a resource of CDF; further members pass through
---@field name string at most 140 characters
---@field fileId? integer of the uploaded zip; `create` sets it when it is given the zip itself
---@field externalId? string
---@field description? string
---@field owner? string
---@field functionPath? string of the Python file in the zip, `handler.py` unless told
---@field secrets? table<string, string> at most 30, names of lower-case letters, digits and dashes, up to 15
---@field envVars? table<string, string>
---@field extraIndexUrls? string[] package indexes beside the usual one
---@field cpu? number
---@field memory? number
---@field runtime? string such as "py312"
---@field metadata? table<string, string>
---@field id? integer in answers, like what follows
---@field status? "Queued"|"Deploying"|"Ready"|"Failed"|"Retired"
---@field createdTime? integer ms since the epoch
---@field error? { code?: integer|string, message?: string }

---@class cdfworkflow.TimeRange
---@field min? integer ms since the epoch
---@field max? integer

---@class cdfworkflow.FunctionFilter
---@field limit? integer
---@field name? string
---@field owner? string
---@field fileId? integer
---@field status? string
---@field externalIdPrefix? string
---@field createdTime? cdfworkflow.TimeRange
---@field metadata? table<string, string>

---@class cdfworkflow.Functions
---@field calls cdfworkflow.Calls
---@field schedules cdfworkflow.Schedules
local Functions = {}
Functions.__index = Functions

local takes = {}

local MOST_AT_ONCE = 10 -- functions in one request by ids, or to delete
local MOST_LISTED = 10000 -- there is no cursor
local LONGEST_CALL = 900 -- seconds to wait for a call; CDF ends them after 10 minutes (CDF.md section 14)

--- Uploads the zip under the function's name; gives the file's id.
local function upload(self, fn, opts)
  local file = { externalId = fn.externalId, name = fn.name .. ".zip", dataSetId = opts.data_set_id }
  local created, err = self.client.files:upload(file, opts.zip)
  if not created then return nil, err end
  local uploaded
  uploaded, err = self.client.files:wait_uploaded(created.id)
  if not uploaded then return nil, err end
  return created.id
end

--- A list that is empty would go out as an object.
local JSON_LIST = { word = "a list", accepts = check.list.accepts, use = answer.list }
local SECRET_NAME = { pattern = "^[a-z0-9%-]+$", words = "1 to 15 lower-case letters, digits and dashes" }

local FUNCTION = options.resource {
  { "name", check.text(140, 1), required = true },
  { "fileId", check.number },
  { "externalId", check.text(255) },
  { "description", check.text(500) },
  { "owner", check.text(128) },
  { "functionPath", check.text(500) },
  { "secrets", check.pairs(30, 15, math.huge, SECRET_NAME) },
  { "envVars", check.pairs(100, math.huge, math.huge) },
  { "metadata", check.pairs(16, 32, 512) },
  { "extraIndexUrls", JSON_LIST },
}

takes.create = {
  { "fn", FUNCTION, required = true },
  { "opts", options.of { { "zip", check.string }, { "data_set_id", check.number } } },
}

--- Creates a function, from a zip given here or from `fileId`, a file that is uploaded already. It is Queued at first,
--- then Ready or Failed; `retrieve` tells.
---
---     local zip = assert(io.open("fetch.zip", "rb")):read "*a" -- with handler.py in it
---     local fn = assert(client.functions:create({ name = "fetch", externalId = "fetch-2" }, { zip = zip }))
---     print(fn.status) --> Queued
---@param fn cdfworkflow.Function
---@param opts? { zip?: string, data_set_id?: integer } the bytes of the zip, and the data set for its file
---@return cdfworkflow.Function|nil created
---@return cdfworkflow.Error? err of any kind
function Functions:create(fn, opts)
  if (opts.zip == nil) == (fn.fileId == nil) then
    return check.invalid("fileId", "a function needs its code: either the option zip or the member fileId",
      "zip or fileId")
  end
  local ok, err = check.json(fn, "fn")
  if not ok then return nil, err end
  if opts.zip then
    fn.fileId, err = upload(self, fn, opts)
    if not fn.fileId then return nil, err end
  end
  return answer.first("function",
    self.client:_call("POST", "/functions", { items = { fn } }, { repeats = "unsafe", secrets = fn.secrets }))
end

local SOME = { "functions", options.one_or_list(check.function_name), required = true }

takes.retrieve = { SOME, { "opts", options.of { { "ignore_unknown_ids", check.boolean } } } }

--- One function, or a list of them for a list. A function that is not there is an error (`err.missing` names it),
--- unless a list is asked for with `ignore_unknown_ids`.
---
---     print(assert(client.functions:retrieve "fetch").status) --> Ready
---@param functions string|integer|(string|integer)[] external ids (text) and ids (numbers)
---@param opts? { ignore_unknown_ids?: boolean }
---@return cdfworkflow.Function|cdfworkflow.Function[]|nil
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Functions:retrieve(functions, opts)
  local ignore = not functions.single and opts.ignore_unknown_ids or nil
  return paging.by_names(functions, MOST_AT_ONCE, "function", function(slice)
    return self.client:_call("POST", "/functions/byids", { items = slice, ignoreUnknownIds = ignore })
  end)
end

takes.list = {
  { "opts", options.of {
    paging.LIMIT,
    options.into("filter", {
      { "name", check.string },
      { "owner", check.string },
      { "fileId", check.number },
      { "status", check.string },
      { "externalIdPrefix", check.string },
      { "createdTime", check.object },
      { "metadata", check.object },
    }),
  } },
}

--- The functions that pass the filter, up to `limit` (25 unless told; 10000 is the most).
---
---     for _, fn in ipairs(assert(client.functions:list { status = "Ready" })) do print(fn.name) end
---@param opts? cdfworkflow.FunctionFilter
---@return cdfworkflow.Function[]|nil functions
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Functions:list(opts)
  return answer.items("functions", self.client:_call("POST", "/functions/list",
    { filter = opts.filter or {}, limit = math.min(opts.limit, MOST_LISTED) }))
end

takes.delete = takes.retrieve

--- Deletes one function or several. Above 10 several requests are sent, in order, up to the first error.
---
---     assert(client.functions:delete "fetch")
---@param functions string|integer|(string|integer)[] external ids (text) and ids (numbers)
---@param opts? { ignore_unknown_ids?: boolean }
---@return true|nil done
---@return cdfworkflow.Error? err of any kind
function Functions:delete(functions, opts)
  return answer.done(paging.slices(functions, MOST_AT_ONCE, function(slice)
    return answer.done(self.client:_call("POST", "/functions/delete",
      { items = slice, ignoreUnknownIds = opts.ignore_unknown_ids }, { repeats = "unsafe" }))
  end))
end

--- The id of a function that is named as in a body; the paths of calls take the id only.
---@param client table
---@param item { id?: integer, externalId?: string }
---@return number|nil id
---@return cdfworkflow.Error? err
function Functions._id_of(client, item)
  if item.id then return item.id end
  local found, err = answer.first("function", client:_call("POST", "/functions/byids", { items = { item } }))
  if not found then return nil, err end
  if not check.is_id(found.id) then return answer.protocol("CDF's answer holds a function without a usable id") end
  return found.id
end

--- Asks for the function's call until it has ended.
local function finish(self, function_call, timeout)
  local path = ("/functions/%.0f/calls/byids"):format(function_call.functionId)
  local next_look = wait.poller(self.client, function(patience)
    return answer.first("call",
      self.client:_call("POST", path, { items = { { id = function_call.id } } }, { timeout = patience }))
  end, { timeout = timeout })
  while true do
    local now, err = next_look()
    if not now then
      err.call = function_call
      if err.waited then
        err.message = ("call %.0f is %s, %s"):format(function_call.id, tostring(function_call.status),
          err.message)
      end
      return nil, err
    end
    if now.status ~= "Running" then return now end
    function_call = now
  end
end

---@class cdfworkflow.FunctionCallOptions : cdfworkflow.SessionOptions
---@field wait? boolean gives the call back only when it has ended
---@field timeout? number seconds to wait for that, 900 unless told

takes.call = {
  { "fn", check.function_name, required = true },
  { "data", check.json_object, default = {} },
  { "opts", options.of({
    session_options.ALL,
    { "wait", check.boolean, to = "waiting", as = "wanted" },
    { "timeout", check.patience, default = LONGEST_CALL, to = "waiting" },
  }, session_options.rule) },
}

--- Calls a function. The call goes on by itself; `wait = true` waits for it, and `calls:response` gives what the
--- function returned.
---
---     local call = assert(client.functions:call("fetch", { day = 31 }, { wait = true }))
---     print(call.status) --> Completed
---@param fn string|integer external id (text) or id (number)
---@param data? table|userdata the function's `data`
---@param opts? cdfworkflow.FunctionCallOptions
---@return cdfworkflow.FunctionCall|nil function_call
---@return cdfworkflow.Error? err of any kind; "timeout" with `err.call`, the last seen, when it took too long
function Functions:call(fn, data, opts)
  local waiting = opts.waiting
  opts.waiting, opts.repeats, opts.nonce_in = nil, "unsafe", "nonce"
  local ok, err = check.json(data, "data")
  if ok then ok, err = self.client:_acceptable("POST", "/functions/1/call", { data = data }, opts) end
  if not ok then return nil, err end
  local id, function_call
  id, err = Functions._id_of(self.client, fn)
  if not id then return nil, err end
  function_call, err = self.client:_call("POST", ("/functions/%.0f/call"):format(id), { data = data }, opts)
  if not function_call or not waiting.wanted then return function_call, err end
  if not check.is_id(function_call.id) then
    return answer.protocol "CDF's answer to a function call holds no usable id"
  end
  function_call.functionId = id
  return finish(self, function_call, waiting.timeout)
end

return method.class(Functions, "client.functions", takes)
