-- SPDX-License-Identifier: Apache-2.0
-- client.functions.schedules: cron schedules of Cognite Functions. `client:schedule` is the way to put a workflow on
-- one.

local Functions = require "cdfworkflow.api.functions"
local check = require "cdfworkflow.check"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

---@class cdfworkflow.FunctionSchedule a resource of CDF; further members pass through
---@field name string at most 140 characters
---@field cronExpression string five UNIX fields, in UTC
---@field functionId? integer
---@field functionExternalId? string instead of the id, which is then looked up: CDF itself takes the id only
---@field description? string
---@field data? table what the function gets
---@field id? integer in answers, like what follows
---@field when? string the cron expression in words
---@field createdTime? integer ms since the epoch
---@field sessionId? integer|string CDF is seen to send either

---@class cdfworkflow.FunctionScheduleFilter
---@field limit? integer
---@field name? string
---@field functionId? integer
---@field functionExternalId? string
---@field createdTime? cdfworkflow.TimeRange
---@field cronExpression? string

---@class cdfworkflow.Schedules
local Schedules = {}
Schedules.__index = Schedules

local CREATE = { "session", "client_credentials", "nonce" }
local RETRIEVE = { "ignore_unknown_ids" }
local FILTER = { "name", "functionId", "functionExternalId", "createdTime", "cronExpression" }
local LIST = { "limit", "name", "functionId", "functionExternalId", "createdTime", "cronExpression" }
local MOST_AT_ONCE = 10000 -- schedules by ids, or listed: there is no cursor
local LENGTHS = { name = 140, cronExpression = 1024, description = 500 }

local function check_schedule(schedule)
  for _, member in ipairs { "name", "cronExpression" } do
    if type(schedule[member]) ~= "string" or schedule[member] == "" then
      return check.invalid(member, member .. " must be text, not empty")
    end
  end
  if (schedule.functionId == nil) == (schedule.functionExternalId == nil) then
    return check.invalid("functionId", "a schedule needs either functionId or functionExternalId")
  end
  return check.texts(schedule, LENGTHS)
end

--- Puts a function on a schedule. The session that is made for it lives as long as the schedule: after a secret was
--- changed, create the schedule anew.
---@param schedule cdfworkflow.FunctionSchedule
---@param opts? cdfworkflow.SessionOptions
---@return cdfworkflow.FunctionSchedule|nil created, table? err
function Schedules:create(schedule, opts)
  opts = options.check(opts, CREATE, "schedules:create")
  check.type(schedule, "table", "schedule")
  check.object(schedule.data, "schedule.data")
  local ok, err = check_schedule(schedule)
  if not ok then return nil, err end
  local item = check.without(schedule, { "functionExternalId" })
  item.functionId, err = Functions.id_of(self.client, schedule.functionId or schedule.functionExternalId)
  if not item.functionId then return nil, err end
  return check.first("schedule", self.client:_call("POST", "/functions/schedules", { items = { item } }, {
    repeatable = "throttled", nonce = "items.nonce", given_nonce = opts.nonce, session = opts.session,
    client_credentials = opts.client_credentials,
  }))
end

--- One schedule, or a list of them for a list of ids. A schedule that is not there is an error (`err.missing` names
--- it), unless a list is asked for with `ignore_unknown_ids`.
---@param ids integer|integer[]
---@param opts? { ignore_unknown_ids?: boolean }
---@return cdfworkflow.FunctionSchedule|cdfworkflow.FunctionSchedule[]|nil, table? err
function Schedules:retrieve(ids, opts)
  opts = options.check(opts, RETRIEVE, "schedules:retrieve")
  local single = type(ids) ~= "table"
  local items = {}
  for i, id in ipairs(single and { ids } or ids) do
    local _, err = check.id("id", id)
    if err then return nil, err end
    items[i] = { id = id }
  end
  local found, err = check.slices(items, MOST_AT_ONCE, function(slice)
    return check.items("schedules", self.client:_call("POST", "/functions/schedules/byids",
      { items = slice, ignoreUnknownIds = not single and opts.ignore_unknown_ids == true }))
  end)
  if not found or not single then return found, err end
  if not found[1] then return check.protocol("CDF's answer holds no schedule") end
  return found[1]
end

--- The schedules that pass the filter, up to `limit` (25 unless told; 10000 is the most).
---@param opts? cdfworkflow.FunctionScheduleFilter
---@return cdfworkflow.FunctionSchedule[]|nil schedules, table? err
function Schedules:list(opts)
  opts = options.check(opts, LIST, "schedules:list")
  if opts.functionId and opts.functionExternalId then
    return check.invalid("functionId", "list by functionId or by functionExternalId, not by both")
  end
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  local filter = {}
  for _, member in ipairs(FILTER) do filter[member] = opts[member] end
  return check.items("schedules", self.client:_call("POST", "/functions/schedules/list",
    { filter = filter, limit = math.min(limit, MOST_AT_ONCE) }))
end

--- Deletes one schedule.
---@param id integer
---@return true|nil done, table? err
function Schedules:delete(id)
  local _, err = check.id("id", id)
  if err then return nil, err end
  return check.done(self.client:_call("POST", "/functions/schedules/delete", { items = { { id = id } } },
    { repeatable = "throttled" }))
end

--- What the function gets at each firing: `{ id =, data = }`, without `data` where the schedule has none.
---@param id integer
---@return { id: integer, data?: table }|nil answer, table? err
function Schedules:input_data(id)
  local digits, err = check.id("id", id)
  if not digits then return nil, err end
  return self.client:_call("GET", "/functions/schedules/" .. digits .. "/input_data")
end

return Schedules
