-- SPDX-License-Identifier: Apache-2.0
-- client.functions.calls: the calls of a function, what they gave back and what they logged.

local Functions = require "cdfworkflow.api.functions"
local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

---@class cdfworkflow.FunctionCall a resource of CDF
---@field id integer
---@field functionId integer
---@field status "Running"|"Completed"|"Failed"|"Timeout"
---@field startTime integer ms since the epoch
---@field endTime? integer
---@field scheduleId? integer of the schedule that made it
---@field scheduledTime? integer
---@field error? string|{ message?: string, trace?: string } CDF is seen to send either

---@class cdfworkflow.FunctionCallFilter
---@field limit? integer
---@field status? string
---@field scheduleId? integer
---@field startTime? cdfworkflow.TimeRange
---@field endTime? cdfworkflow.TimeRange

---@class cdfworkflow.Calls
local Calls = {}
Calls.__index = Calls

local takes = {}

local FUNCTION = { "fn", check.function_name, required = true }
local FUNCTION_CALL = { "call_id", check.id "a call", required = true }

--- `/functions/{id}/calls`, after a look for the id where the function is named by its external id.
local function path_of(self, fn)
  local id, err = Functions._id_of(self.client, fn)
  if not id then return nil, err end
  return ("/functions/%.0f/calls"):format(id)
end

takes.retrieve = { FUNCTION, FUNCTION_CALL }

--- One call of a function.
---
---     local call = assert(client.functions:call "fetch")
---     print(assert(client.functions.calls:retrieve("fetch", call)).status) --> Running
---@param fn string|integer the function: external id (text) or id (number)
---@param call_id integer|cdfworkflow.FunctionCall
---@return cdfworkflow.FunctionCall|nil function_call
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Calls:retrieve(fn, call_id)
  local path, err = path_of(self, fn)
  if not path then return nil, err end
  return answer.first("call", self.client:_call("POST", path .. "/byids", { items = { { id = call_id } } }))
end

takes.list = {
  FUNCTION,
  { "opts", options.of {
    paging.LIMIT,
    options.into("filter", {
      { "status", check.string },
      { "scheduleId", check.number },
      { "startTime", check.object },
      { "endTime", check.object },
    }),
  } },
}

--- The calls of a function that pass the filter, up to `limit` (25 unless told; `math.huge` for all).
---
---     local failed = assert(client.functions.calls:list("fetch", { status = "Failed" }))
---@param fn string|integer the function: external id (text) or id (number)
---@param opts? cdfworkflow.FunctionCallFilter
---@return cdfworkflow.FunctionCall[]|nil calls
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Calls:list(fn, opts)
  local ok, err = check.json(opts.filter or {}, "filter")
  if not ok then return nil, err end
  local path
  path, err = path_of(self, fn)
  if not path then return nil, err end
  return paging.list(function(size, cursor)
    return self.client:_call("POST", path .. "/list", { filter = opts.filter or {}, limit = size, cursor = cursor })
  end, opts.limit)
end

local function read(self, fn, call_id, what)
  local path, err = path_of(self, fn)
  if not path then return nil, err end
  return self.client:_call("GET", path .. "/" .. check.digits(call_id) .. what)
end

takes.response = { FUNCTION, FUNCTION_CALL }

--- What the function returned: `{ functionId =, callId =, response = }`, without `response` where it returned nothing.
---
---     local call = assert(client.functions:call("fetch", {}, { wait = true }))
---     print(assert(client.functions.calls:response("fetch", call)).response.rows) --> 3
---@param fn string|integer the function: external id (text) or id (number)
---@param call_id integer|cdfworkflow.FunctionCall
---@return { functionId: integer, callId: integer, response: any }|nil body
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Calls:response(fn, call_id)
  return read(self, fn, call_id, "/response")
end

takes.logs = { FUNCTION, FUNCTION_CALL }

--- What the call logged.
---
---     local call = assert(client.functions:call("fetch", {}, { wait = true }))
---     for _, line in ipairs(assert(client.functions.calls:logs("fetch", call))) do print(line.message) end
---@param fn string|integer the function: external id (text) or id (number)
---@param call_id integer|cdfworkflow.FunctionCall
---@return { timestamp: integer, message: string }[]|nil lines
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Calls:logs(fn, call_id)
  return answer.items("log lines", read(self, fn, call_id, "/logs"))
end

return method.class(Calls, "client.functions.calls", takes)
