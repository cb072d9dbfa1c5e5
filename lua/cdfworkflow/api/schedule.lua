-- SPDX-License-Identifier: Apache-2.0
-- client:schedule{…}: a workflow on a cron schedule, by a trigger of CDF's own or by a function on a schedule
-- (schedule_by_function.lua); and the calls that list and remove such schedules.

local by_function = require "cdfworkflow.api.schedule_by_function"
local check = require "cdfworkflow.check"
local options = require "cdfworkflow.options"

local schedule = {}

---@class cdfworkflow.ScheduleOptions
---@field workflow_external_id string
---@field version string|integer
---@field cron string five UNIX fields
---@field timezone? string IANA name, "UTC" unless told; with `via = "trigger"` only
---@field name? string "Scheduled trigger: <workflow_external_id>" unless told; a schedule of that name is replaced
---@field input? table of each run
---@field metadata? table<string, string> of each run
---@field via? "trigger"|"function" the first unless told; the second for projects without triggers
---@field client_credentials? { client_id: string, client_secret: string }|userdata whose rights the runs have; a must
---  with `via = "function"`, as a table, since the function keeps them as its secrets
---@field session? string with `via = "trigger"` only, as in `cdfworkflow.SessionOptions`
---@field function_external_id? string with `via = "function"`: of the starter function. It is deployed once; since its
---  secrets cannot be changed, a new client secret asks for a function under a new external id
---@field data_set_id? integer with `via = "function"`: the data set for the function's file
---@field deploy_timeout? number with `via = "function"`: seconds to wait for the function, 1200 unless told

---@class cdfworkflow.Schedule
---@field via "trigger"|"function"
---@field name string
---@field workflow_external_id string
---@field version string
---@field cron string
---@field timezone string
---@field resource cdfworkflow.Trigger|cdfworkflow.FunctionSchedule as CDF has it

local SCHEDULE = {
  "workflow_external_id", "version", "cron", "timezone", "name", "input", "metadata", "via", "client_credentials",
  "session", "function_external_id", "data_set_id", "deploy_timeout",
}
local WAYS = { -- each with the options that have no meaning there
  trigger = { "function_external_id", "data_set_id", "deploy_timeout" },
  ["function"] = { "session" },
}
local LIST = { "via", "function_external_id" }
local TYPES = { -- of what may be left out
  timezone = "string", name = "string", input = "table", metadata = "table", session = "string",
  function_external_id = "string", data_set_id = "number", deploy_timeout = "number",
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
  if not is_schedule(trigger) then return check.protocol("CDF's answer to a schedule is a trigger without one") end
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

local function check_options(opts)
  opts = options.check(opts, SCHEDULE, "client:schedule", 3)
  for _, name in ipairs { "workflow_external_id", "cron" } do
    if type(opts[name]) ~= "string" then
      error(("%s: expected text, got a %s"):format(name, type(opts[name])), 3)
    end
  end
  local via = opts.via or "trigger"
  if not WAYS[via] then error(('via: expected "trigger" or "function", got %s'):format(tostring(via)), 3) end
  for _, name in ipairs(WAYS[via]) do
    if opts[name] ~= nil then error(('%s has no meaning with via = "%s"'):format(name, via), 3) end
  end
  for name, kind in pairs(TYPES) do
    if opts[name] ~= nil and type(opts[name]) ~= kind then
      error(("%s: expected a %s or nil, got a %s"):format(name, kind, type(opts[name])), 3)
    end
  end
  local fine = opts.deploy_timeout == nil or opts.deploy_timeout >= 0
  if not fine then
    error("deploy_timeout: expected a number of seconds, got " .. tostring(opts.deploy_timeout), 3)
  end
  return via
end

--- Puts a workflow version on a cron schedule. With `via = "function"` the starter function is deployed when it is not
--- there yet, and waited for; a call that finds everything as wanted changes nothing. A schedule of the same name is
--- replaced; where something goes wrong, there is the old one or the new one, or for a moment both, but never none.
---@param client table
---@param opts cdfworkflow.ScheduleOptions
---@return cdfworkflow.Schedule|nil schedule, table? err
function schedule.schedule(client, opts)
  local via = check_options(opts)
  local settled = check.without(opts, {})
  settled.name = opts.name or "Scheduled trigger: " .. opts.workflow_external_id
  local ok, err = check.identifier("workflow_external_id", opts.workflow_external_id)
  if not ok then return nil, err end
  settled.version, err = check.identifier("version", opts.version)
  if err then return nil, err end
  if via == "trigger" then return by_trigger(client, settled) end
  return by_function.schedule(client, settled)
end

--- The schedules there are, of both ways or of one: all triggers with a cron expression, and all schedules of the
--- starter function.
---@param client table
---@param opts? { via?: "trigger"|"function", function_external_id?: string }
---@return cdfworkflow.Schedule[]|nil schedules, table? err
function schedule.schedules(client, opts)
  opts = options.check(opts, LIST, "client:schedules")
  if opts.via ~= nil and not WAYS[opts.via] then
    error(('via: expected "trigger" or "function", got %s'):format(tostring(opts.via)), 2)
  end
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

--- Removes a schedule that `client:schedule` or `client:schedules` gave; one that is not there any more is no mistake.
--- The starter function stays, for others.
---@param client table
---@param one cdfworkflow.Schedule
---@return true|nil done, table? err
function schedule.unschedule(client, one)
  if type(one) ~= "table" or type(one.resource) ~= "table" or not WAYS[one.via] then
    error("schedule: expected what client:schedule or client:schedules gave", 2)
  end
  local done, err
  if one.via == "trigger" then
    done, err = client.workflows.triggers:delete(one.resource.externalId)
  else
    done, err = client.functions.schedules:delete(one.resource.id)
  end
  if not done and check.is_missing(err) then return true end
  return done, err
end

return schedule
