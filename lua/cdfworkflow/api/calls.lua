-- SPDX-License-Identifier: Apache-2.0
-- client.functions.calls: the calls of a function, what they gave back and what they logged.

local Functions = require "cdfworkflow.api.functions"
local check = require "cdfworkflow.check"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

---@class cdfworkflow.Call a resource of CDF
---@field id integer
---@field functionId integer
---@field status "Running"|"Completed"|"Failed"|"Timeout"
---@field startTime integer ms since the epoch
---@field endTime? integer
---@field scheduleId? integer of the schedule that made it
---@field scheduledTime? integer
---@field error? string|{ message?: string, trace?: string } CDF is seen to send either

---@class cdfworkflow.CallFilter
---@field limit? integer
---@field status? string
---@field scheduleId? integer
---@field startTime? cdfworkflow.TimeRange
---@field endTime? cdfworkflow.TimeRange

---@class cdfworkflow.Calls
local Calls = {}
Calls.__index = Calls

local FILTER = { "status", "scheduleId", "startTime", "endTime" }
local LIST = { "limit", "status", "scheduleId", "startTime", "endTime" }

--- `/functions/{id}/calls`, after a look for the id where the function is named by its external id.
local function path_of(self, fn)
  local id, err = Functions.id_of(self.client, fn)
  if not id then return nil, err end
  return ("/functions/%.0f/calls"):format(id)
end

--- One call of a function.
---@param fn string|integer the function: external id (text) or id (number)
---@param call_id integer
---@return cdfworkflow.Call|nil call, table? err
function Calls:retrieve(fn, call_id)
  local digits, err = check.id("call_id", call_id)
  if not digits then return nil, err end
  local path
  path, err = path_of(self, fn)
  if not path then return nil, err end
  return check.first("call", self.client:_call("POST", path .. "/byids", { items = { { id = call_id } } }))
end

--- The calls of a function that pass the filter, up to `limit` (25 unless told; `math.huge` for all).
---@param fn string|integer the function: external id (text) or id (number)
---@param opts? cdfworkflow.CallFilter
---@return cdfworkflow.Call[]|nil calls, table? err
function Calls:list(fn, opts)
  opts = options.check(opts, LIST, "calls:list")
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  local path
  path, err = path_of(self, fn)
  if not path then return nil, err end
  local filter = {}
  for _, member in ipairs(FILTER) do filter[member] = opts[member] end
  return paging.list(function(size, cursor)
    return self.client:_call("POST", path .. "/list", { filter = filter, limit = size, cursor = cursor })
  end, limit)
end

local function read(self, fn, call_id, what)
  local digits, err = check.id("call_id", call_id)
  if not digits then return nil, err end
  local path
  path, err = path_of(self, fn)
  if not path then return nil, err end
  return self.client:_call("GET", path .. "/" .. digits .. what)
end

--- What the function returned: `{ functionId =, callId =, response = }`, without `response` where it returned nothing.
---@param fn string|integer the function: external id (text) or id (number)
---@param call_id integer
---@return { functionId: integer, callId: integer, response: any }|nil answer, table? err
function Calls:response(fn, call_id)
  return read(self, fn, call_id, "/response")
end

--- What the call logged.
---@param fn string|integer the function: external id (text) or id (number)
---@param call_id integer
---@return { timestamp: integer, message: string }[]|nil lines, table? err
function Calls:logs(fn, call_id)
  return check.items("log lines", read(self, fn, call_id, "/logs"))
end

return Calls
