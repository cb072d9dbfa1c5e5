-- SPDX-License-Identifier: Apache-2.0
-- client:schedule{…}: a workflow on a cron schedule, by a trigger of CDF's own or by a function on a schedule
-- (schedule_by_function.lua); and the calls that list and remove such schedules.

local answer = require "cdfworkflow.api.answer"
local by_function = require "cdfworkflow.api.schedule_by_function"
local check = require "cdfworkflow.check"
local dry_run = require "cdfworkflow.call.dry_run"
local options = require "cdfworkflow.options"
local session_options = require "cdfworkflow.api.session_options"
local starter = require "cdfworkflow.api.starter"

local schedule = { takes = {} }

---@class cdfworkflow.ScheduleOptions
---@field workflow_external_id string
---@field version string|integer
---@field cron string five UNIX fields
---@field timezone? string IANA name, "UTC" unless told; with `via = "trigger"` only
---@field name? string "Scheduled trigger: <workflow_external_id>" unless told; a schedule of that name is replaced
---@field input? table|userdata of each run
---@field metadata? table<string, string> of each run
---@field via? "trigger"|"function" the first unless told; the second for projects without triggers
---@field client_credentials? { client_id: string, client_secret: string }|userdata whose rights the runs have; a must
---  with `via = "function"`, as a table, since the function keeps them as its secrets
---@field session? string with `via = "trigger"` only, as in `cdfworkflow.SessionOptions`
---@field function_external_id? string with `via = "function"`: of the starter function. It is deployed once; since its
---  secrets cannot be changed, a new client secret asks for a function under a new external id
---@field data_set_id? integer with `via = "function"`: the data set for the function's file
---@field deploy_timeout? number with `via = "function"`: seconds to wait for the function, 1200 unless told
---@field dry_run? boolean sends nothing, and gives the list of requests that would be sent; with `via = "function"` as
---  they are once the starter function is deployed

---@class cdfworkflow.Schedule
---@field via "trigger"|"function"
---@field name string
---@field workflow_external_id string
---@field version string
---@field cron string
---@field timezone string
---@field resource cdfworkflow.Trigger|cdfworkflow.FunctionSchedule as CDF has it

local WAYS = { -- each with the options that have no meaning there
  trigger = { "function_external_id", "data_set_id", "deploy_timeout" },
  ["function"] = { "session" },
}

-- {==== By a trigger ====

local function is_schedule(trigger)
  return type(trigger.triggerRule) == "table" and trigger.triggerRule.triggerType == "schedule"
end

local function of_trigger(trigger)
  local rule = trigger.triggerRule
  return {
    via = "trigger", name = trigger.externalId, resource = trigger,
    workflow_external_id = trigger.workflowExternalId, version = trigger.workflowVersion,
    cron = rule.cronExpression, timezone = rule.timezone or "UTC",
  }
end

local function by_trigger(client, opts)
  local trigger, err = client.workflows.triggers:upsert({
    externalId = opts.name,
    triggerRule = { triggerType = "schedule", cronExpression = opts.cron, timezone = opts.timezone },
    workflowExternalId = opts.workflow_external_id, workflowVersion = opts.version,
    input = opts.input, metadata = opts.metadata,
  }, { session = opts.session, client_credentials = opts.client_credentials })
  if not trigger then return nil, err end
  if not is_schedule(trigger) then return answer.protocol("CDF's answer to a schedule is a trigger without one") end
  return of_trigger(trigger)
end

local function list_triggers(client)
  local found = {}
  local triggers, err = client.workflows.triggers:list { limit = math.huge }
  if not triggers then return nil, err end
  for _, trigger in ipairs(triggers) do
    if is_schedule(trigger) then found[#found + 1] = of_trigger(trigger) end
  end
  return found
end

-- }====

local VIA = check.choice { "trigger", "function" }
local FUNCTION = { "function_external_id", check.text(255, 1), default = starter.EXTERNAL_ID }

local function rule(given)
  local via = given.via or "trigger"
  for _, name in ipairs(WAYS[via] or {}) do
    if given[name] ~= nil then return ("%s has no meaning with via = %q"):format(name, via) end
  end
  return session_options.rule(given)
end

schedule.takes.schedule = {
  { "opts", options.needed({
    { "workflow_external_id", check.identifier, required = true },
    { "version", check.identifier, required = true },
    { "cron", check.string, required = true },
    { "timezone", check.string },
    { "name", check.identifier },
    { "input", check.json_object },
    { "metadata", check.metadata },
    { "via", VIA, default = "trigger" },
    session_options.CLIENT_CREDENTIALS,
    session_options.SESSION,
    FUNCTION,
    { "data_set_id", check.number },
    { "deploy_timeout", check.patience, default = 1200 },
    { "dry_run", check.boolean },
  }, rule), required = true },
}

--- Puts a workflow version on a cron schedule. With `via = "function"` the starter function is deployed when it is not
--- there yet, and waited for; a call that finds everything as wanted changes nothing. A schedule of the same name is
--- replaced; where something goes wrong, there is the old one or the new one, or for a moment both, but never none.
---
---     local schedule = assert(client:schedule {
---       workflow_external_id = "report", version = "1", cron = "0 6 * * 1-5", timezone = "Europe/Oslo",
---     })
---@param client table
---@param opts cdfworkflow.ScheduleOptions
---@return cdfworkflow.Schedule|cdfworkflow.DryRequest[]|nil schedule
---@return cdfworkflow.Error? err of any kind
function schedule.schedule(client, opts)
  if opts.dry_run then
    opts.dry_run = nil
    return dry_run.requests(client, function(double) return double:_schedule(opts) end)
  end
  opts.name = opts.name or "Scheduled trigger: " .. opts.workflow_external_id
  if opts.via == "trigger" then return by_trigger(client, opts) end
  return by_function.schedule(client, opts)
end

schedule.takes.schedules = { { "opts", options.of { { "via", VIA }, FUNCTION } } }

--- The schedules there are, of both ways or of one: all triggers with a cron expression, and all schedules of the
--- starter function.
---
---     for _, schedule in ipairs(assert(client:schedules())) do
---       print(schedule.name, schedule.cron) --> nightly 0 2 * * *
---     end
---@param client table
---@param opts? { via?: "trigger"|"function", function_external_id?: string }
---@return cdfworkflow.Schedule[]|nil schedules
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function schedule.schedules(client, opts)
  local found = {}
  local err
  if opts.via ~= "function" then
    found, err = list_triggers(client)
    if not found then return nil, err end
  end
  if opts.via ~= "trigger" then
    local more
    more, err = by_function.list(client, opts.function_external_id)
    if not more then return nil, err end
    for _, one in ipairs(more) do found[#found + 1] = one end
  end
  return found
end

--- Nothing that is not there any more is a mistake.
local function gone(done, err)
  if not done and answer.is_missing(err) then return true end
  return done, err
end

--- Removes the schedules of the starter function that bear the name.
local function unschedule_functions(client, name)
  local found, err = by_function.list(client, starter.EXTERNAL_ID)
  if not found then return nil, err end
  for _, one in ipairs(found) do
    if one.name == name then
      local done
      done, err = gone(client.functions.schedules:delete(one))
      if not done then return nil, err end
    end
  end
  return true
end

local SCHEDULE = {
  word = "a schedule or its name",
  accepts = function(value)
    if type(value) ~= "table" then return type(value) == "string" end
    return type(value.resource) == "table" and WAYS[value.via] ~= nil
  end,
}

schedule.takes.unschedule = { { "schedule", SCHEDULE, required = true } }

--- Removes a schedule that `client:schedule` or `client:schedules` gave, or the one of that name: the trigger, or where
--- there is none the schedule of the starter function. One that is not there any more is no mistake. The starter
--- function stays, for others.
---
---     assert(client:unschedule "nightly")
---@param client table
---@param one cdfworkflow.Schedule|string
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function schedule.unschedule(client, one)
  if type(one) == "table" and one.via == "function" then return gone(client.functions.schedules:delete(one)) end
  local done, err = client.workflows.triggers:delete(one)
  if done or not answer.is_missing(err) then return done, err end
  return type(one) == "table" or unschedule_functions(client, one)
end

return schedule
