-- SPDX-License-Identifier: Apache-2.0
-- client.functions.schedules: cron schedules of Cognite Functions. `client:schedule` is the way to put a workflow on
-- one.

local Functions = require "cdfworkflow.api.functions"
local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local session_options = require "cdfworkflow.api.session_options"

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

local takes = {}

local MOST_AT_ONCE = 10000 -- schedules by ids, or listed: there is no cursor

--- Either of two, and not both.
local function exactly_one(resource, a, b, message)
  if (resource[a] == nil) ~= (resource[b] == nil) then return true end
  return check.invalid(a, message, ("%s or %s"):format(a, b))
end

local SCHEDULE = options.resource({
  { "name", check.text(140, 1), required = true },
  { "cronExpression", check.text(1024, 1), required = true },
  { "description", check.text(500) },
  { "functionId", options.item("id", check.id "a function") },
  { "functionExternalId", options.item("externalId", check.text(255, 1)) },
  { "data", check.json_object },
})

takes.create = {
  { "schedule", SCHEDULE, required = true },
  { "opts", options.of(session_options.ALL, session_options.rule) },
}

--- Puts a function on a schedule. The session that is made for it lives as long as the schedule: after a secret was
--- changed, create the schedule anew.
---
---     local schedule = assert(client.functions.schedules:create {
---       name = "hourly", cronExpression = "0 * * * *", functionExternalId = "fetch", data = { day = 31 },
---     })
---@param schedule cdfworkflow.FunctionSchedule
---@param opts? cdfworkflow.SessionOptions
---@return cdfworkflow.FunctionSchedule|nil created
---@return cdfworkflow.Error? err of any kind
function Schedules:create(schedule, opts)
  local ok, err = exactly_one(schedule, "functionId", "functionExternalId",
    "a schedule needs either functionId or functionExternalId")
  if not ok then return nil, err end
  opts.repeats, opts.nonce_in, opts.result = "unsafe", "items.nonce", "item"
  ok, err = self.client:_acceptable("POST", "/functions/schedules", { items = { schedule } }, opts)
  if not ok then return nil, err end
  schedule.functionId, err = Functions._id_of(self.client, schedule.functionId or schedule.functionExternalId)
  if not schedule.functionId then return nil, err end
  schedule.functionExternalId = nil
  return answer.first("schedule", self.client:_call("POST", "/functions/schedules", { items = { schedule } }, opts))
end

local ID = check.id "a schedule"

takes.retrieve = {
  { "ids", options.one_or_list(options.item("id", ID)), required = true },
  { "opts", options.of { { "ignore_unknown_ids", check.boolean, default = false } } },
}

--- One schedule, or a list of them for a list of ids. A schedule that is not there is an error (`err.missing` names
--- it), unless a list is asked for with `ignore_unknown_ids`.
---
---     print(assert(client.functions.schedules:retrieve(function_schedule.id)).cronExpression) --> 0 2 * * *
---@param ids integer|cdfworkflow.FunctionSchedule|(integer|cdfworkflow.FunctionSchedule)[]
---@param opts? { ignore_unknown_ids?: boolean }
---@return cdfworkflow.FunctionSchedule|cdfworkflow.FunctionSchedule[]|nil
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Schedules:retrieve(ids, opts)
  local ignore = not ids.single and opts.ignore_unknown_ids
  return paging.by_names(ids, MOST_AT_ONCE, "schedule", function(slice)
    return self.client:_call("POST", "/functions/schedules/byids", { items = slice, ignoreUnknownIds = ignore })
  end)
end

takes.list = {
  { "opts", options.of {
    paging.LIMIT,
    options.into("filter", {
      { "name", check.string },
      { "functionId", check.number },
      { "functionExternalId", check.string },
      { "createdTime", check.object },
      { "cronExpression", check.string },
    }),
  } },
}

--- The schedules that pass the filter, up to `limit` (25 unless told; 10000 is the most).
---
---     local schedules = assert(client.functions.schedules:list { functionExternalId = "fetch" })
---@param opts? cdfworkflow.FunctionScheduleFilter
---@return cdfworkflow.FunctionSchedule[]|nil schedules
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Schedules:list(opts)
  local filter = opts.filter or {}
  if filter.functionId and filter.functionExternalId then
    return check.invalid("functionId", "list by functionId or by functionExternalId, not by both",
      "functionId or functionExternalId")
  end
  return answer.items("schedules", self.client:_call("POST", "/functions/schedules/list",
    { filter = filter, limit = math.min(opts.limit, MOST_AT_ONCE) }))
end

takes.delete = { { "id", ID, required = true } }

--- Deletes one schedule. An id is never used again, so the call can be repeated.
---
---     assert(client.functions.schedules:delete(function_schedule))
---@param id integer|cdfworkflow.FunctionSchedule|cdfworkflow.Schedule
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Schedules:delete(id)
  return answer.done(self.client:_call("POST", "/functions/schedules/delete", { items = { { id = id } } },
    { result = "gone" }))
end

takes.input_data = { { "id", ID, required = true } }

--- What the function gets at each firing: `{ id =, data = }`, without `data` where the schedule has none.
---
---     print(assert(client.functions.schedules:input_data(function_schedule)).data.day) --> 31
---@param id integer|cdfworkflow.FunctionSchedule|cdfworkflow.Schedule
---@return { id: integer, data?: table }|nil body
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Schedules:input_data(id)
  local body, err = self.client:_call("GET", "/functions/schedules/" .. check.digits(id) .. "/input_data")
  if not body then return nil, err end
  if body.id == nil then return answer.protocol "CDF's answer holds no schedule" end -- not: one without data
  return body
end

return method.class(Schedules, "client.functions.schedules", takes)
