-- SPDX-License-Identifier: Apache-2.0
-- client.functions: Cognite Functions. Their calls and schedules have own files.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local wait = require "cdfworkflow.api.wait"

---@class cdfworkflow.Function a resource of CDF; further members pass through
---@field name string at most 140 characters
---@field fileId integer of the uploaded zip; `create` sets it when it is given the zip itself
---@field externalId? string
---@field description? string
---@field owner? string
---@field functionPath? string of the Python file in the zip, `handler.py` unless told
---@field secrets? table<string, string> at most 30, names of lower-case letters, digits and dashes, up to 15
---@field envVars? table<string, string>
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

local CREATE = { "zip", "data_set_id" }
local RETRIEVE = { "ignore_unknown_ids" }
local FILTER = { "name", "owner", "fileId", "status", "externalIdPrefix", "createdTime", "metadata" }
local LIST = { "limit", "name", "owner", "fileId", "status", "externalIdPrefix", "createdTime", "metadata" }
local CALL = { "session", "client_credentials", "nonce", "wait", "timeout" }
local MOST_AT_ONCE = 10 -- functions in one request by ids, or to delete
local MOST_LISTED = 10000 -- there is no cursor
local LONGEST_CALL = 900 -- seconds to wait for a call; CDF ends them after 10 minutes (CDF.md section 14)
local LENGTHS = { name = 140, externalId = 255, description = 500, owner = 128, functionPath = 500 }

local function check_pairs(name, map, most, key_problem, longest)
  local count = 0
  for key, value in pairs(map or {}) do
    count = count + 1
    local problem = key_problem(key)
    if problem then return check.invalid(name, ("%s: the name %s %s"):format(name, tostring(key), problem)) end
    if type(value) ~= "string" then return check.invalid(name, ("%s.%s must be text"):format(name, key)) end
    local ok, err = check.text(name .. "." .. key, value, longest)
    if not ok then return nil, err end
  end
  if count > most then return check.invalid(name, ("%s holds more than %d pairs"):format(name, most), most) end
  return true
end

local function text_problem(key)
  if type(key) ~= "string" then return "must be text" end
end

local function secret_name_problem(key)
  if type(key) ~= "string" or not key:find("^[a-z0-9%-]+$") or #key > 15 then
    return "must be 1 to 15 lower-case letters, digits and dashes"
  end
end

local function metadata_key_problem(key)
  if type(key) ~= "string" or not check.text("key", key, 32) then return "must be text of up to 32 characters" end
end

local function check_function(fn)
  if type(fn.name) ~= "string" or fn.name == "" then return check.invalid("name", "name must be text, not empty") end
  local ok, err = check.texts(fn, LENGTHS)
  if ok then ok, err = check_pairs("secrets", fn.secrets, 30, secret_name_problem, math.huge) end
  if ok then ok, err = check_pairs("envVars", fn.envVars, 100, text_problem, math.huge) end
  if ok then ok, err = check_pairs("metadata", fn.metadata, 16, metadata_key_problem, 512) end
  return ok, err
end

--- Whether the value can be sent, before anything else is.
---@return true|nil, table? err
local function writable(name, value)
  local _, message = core.encode(value, name)
  if message then return check.invalid(name, message) end
  return true
end

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

--- Creates a function, from a zip given here or from `fileId`, a file that is uploaded already. It is Queued at first,
--- then Ready or Failed; `retrieve` tells.
---@param fn cdfworkflow.Function
---@param opts? { zip?: string, data_set_id?: integer } the bytes of the zip, and the data set for its file
---@return cdfworkflow.Function|nil created, table? err
function Functions:create(fn, opts)
  opts = options.check(opts, CREATE, "functions:create")
  check.type(fn, "table", "fn")
  check.optional(opts.zip, "string", "zip")
  if (opts.zip == nil) == (fn.fileId == nil) then
    return check.invalid("fileId", "a function needs its code: either the option zip or the member fileId")
  end
  local ok, err = check_function(fn)
  if not ok then return nil, err end
  local item = check.without(fn, {})
  if type(item.extraIndexUrls) == "table" then item.extraIndexUrls = check.list(item.extraIndexUrls) end
  ok, err = writable("fn", item)
  if not ok then return nil, err end
  if opts.zip then
    item.fileId, err = upload(self, fn, opts)
    if not item.fileId then return nil, err end
  end
  return check.first("function",
    self.client:_call("POST", "/functions", { items = { item } }, { repeatable = "throttled", secrets = fn.secrets }))
end

--- `{ id = … }` for a number, `{ externalId = … }` for text.
local function identifier(value)
  if type(value) == "number" then
    local _, err = check.id("id", value)
    if err then return nil, err end
    return { id = value }
  end
  if type(value) ~= "string" or value == "" then
    return check.invalid("external_id", "a function is named by its id, a number, or its external id, text; got "
      .. (value == "" and "empty text" or "a " .. type(value)))
  end
  local ok, err = check.text("external_id", value, 255)
  if not ok then return nil, err end
  return { externalId = value }
end

local function identifiers(values)
  local items = {}
  for i, value in ipairs(values) do
    local item, err = identifier(value)
    if not item then return nil, err end
    items[i] = item
  end
  return items
end

--- One function, or a list of them for a list. A function that is not there is an error (`err.missing` names it),
--- unless a list is asked for with `ignore_unknown_ids`.
---@param functions string|integer|(string|integer)[] external ids (text) and ids (numbers)
---@param opts? { ignore_unknown_ids?: boolean }
---@return cdfworkflow.Function|cdfworkflow.Function[]|nil, table? err
function Functions:retrieve(functions, opts)
  opts = options.check(opts, RETRIEVE, "functions:retrieve")
  local single = type(functions) ~= "table"
  local items, err = identifiers(single and { functions } or functions)
  if not items then return nil, err end
  local ignore = not single and opts.ignore_unknown_ids or nil
  local found
  found, err = check.slices(items, MOST_AT_ONCE, function(slice)
    return check.items("functions", self.client:_call("POST", "/functions/byids",
      { items = slice, ignoreUnknownIds = ignore }))
  end)
  if not found or not single then return found, err end
  if not found[1] then return check.protocol("CDF's answer holds no function") end
  return found[1]
end

--- The functions that pass the filter, up to `limit` (25 unless told; 10000 is the most).
---@param opts? cdfworkflow.FunctionFilter
---@return cdfworkflow.Function[]|nil functions, table? err
function Functions:list(opts)
  opts = options.check(opts, LIST, "functions:list")
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  local filter = {}
  for _, member in ipairs(FILTER) do filter[member] = opts[member] end
  return check.items("functions", self.client:_call("POST", "/functions/list",
    { filter = filter, limit = math.min(limit, MOST_LISTED) }))
end

--- Deletes one function or several. Above 10 several requests are sent, in order, up to the first error.
---@param functions string|integer|(string|integer)[] external ids (text) and ids (numbers)
---@param opts? { ignore_unknown_ids?: boolean }
---@return true|nil done, table? err
function Functions:delete(functions, opts)
  opts = options.check(opts, RETRIEVE, "functions:delete")
  if type(functions) ~= "table" then functions = { functions } end
  local items, err = identifiers(functions)
  if not items then return nil, err end
  local ok
  ok, err = check.slices(items, MOST_AT_ONCE, function(slice)
    return check.done(self.client:_call("POST", "/functions/delete",
      { items = slice, ignoreUnknownIds = opts.ignore_unknown_ids }, { repeatable = "throttled" }))
  end)
  return check.done(ok, err)
end

--- The id of a function named by id or external id; the paths of calls take the id only.
---@param client table
---@param fn string|integer
---@return number|nil id, table? err
function Functions.id_of(client, fn)
  local item, err = identifier(fn)
  if not item then return nil, err end
  if item.id then return item.id end
  local found
  found, err = check.first("function", client:_call("POST", "/functions/byids", { items = { item } }))
  if not found then return nil, err end
  if not check.id("id", found.id) then return check.protocol("CDF's answer holds a function without a usable id") end
  return found.id
end

--- Asks for the call until it has ended.
local function finish(self, call, timeout)
  local path = ("/functions/%.0f/calls/byids"):format(call.functionId)
  local next_look = wait.poller(self.client, function(patience)
    return check.first("call",
      self.client:_call("POST", path, { items = { { id = call.id } } }, { timeout = patience }))
  end, { timeout = timeout })
  while true do
    local now, err = next_look()
    if not now then
      err.call = call
      if err.waited then err.message = ("call %.0f is %s, %s"):format(call.id, call.status, err.message) end
      return nil, err
    end
    if now.status ~= "Running" then return now end
    call = now
  end
end

---@class cdfworkflow.CallOptions : cdfworkflow.SessionOptions
---@field wait? boolean gives the call back only when it has ended
---@field timeout? number seconds to wait for that, 900 unless told

--- Calls a function. The call goes on by itself; `wait = true` waits for it, and `calls:response` gives what the
--- function returned.
---@param fn string|integer external id (text) or id (number)
---@param data? table|userdata the function's `data`
---@param opts? cdfworkflow.CallOptions
---@return cdfworkflow.Call|nil call, table? err kind "timeout" with `err.call`, the last seen, when it took too long
function Functions:call(fn, data, opts)
  opts = options.check(opts, CALL, "functions:call")
  check.object(data, "data")
  wait.check({ timeout = opts.timeout }, 3)
  local ok, err = writable("data", data or {})
  if not ok then return nil, err end
  local id, call
  id, err = Functions.id_of(self.client, fn)
  if not id then return nil, err end
  call, err = self.client:_call("POST", ("/functions/%.0f/call"):format(id), { data = data or {} }, {
    repeatable = "throttled", nonce = "nonce", given_nonce = opts.nonce,
    session = opts.session, client_credentials = opts.client_credentials,
  })
  if not call or not opts.wait then return call, err end
  if not check.id("id", call.id) then return check.protocol("CDF's answer to a function call holds no usable id") end
  call.functionId = id
  return finish(self, call, opts.timeout or LONGEST_CALL)
end

return Functions
