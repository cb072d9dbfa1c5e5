-- SPDX-License-Identifier: Apache-2.0
-- client:schedule{…}: a workflow on a cron schedule, by a trigger of CDF's own or by a function on a schedule; and the
-- calls that list and remove such schedules.

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local dry_run = require "cdfworkflow.call.dry_run"
local json = require "cdfworkflow.json"
local options = require "cdfworkflow.options"
local session_options = require "cdfworkflow.api.session_options"
local starter = require "cdfworkflow.api.starter"
local wait = require "cdfworkflow.api.wait"

local schedule = { takes = {} }

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

local WAYS = { -- each with the options that have no meaning there
  trigger = { "function_external_id", "data_set_id", "deploy_timeout" },
  ["function"] = { "session" },
}
local DEPLOY_INTERVAL = 3 -- seconds before the second look; a build takes minutes

-- {==== By a trigger ====

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
  return of_trigger(trigger)
end

local function list_triggers(client)
  local found = {}
  local triggers, err = client.workflows.triggers:list { limit = math.huge }
  if not triggers then return nil, err end
  for _, trigger in ipairs(triggers) do
    if type(trigger.triggerRule) == "table" and trigger.triggerRule.triggerType == "schedule" then
      found[#found + 1] = of_trigger(trigger)
    end
  end
  return found
end

-- }====

-- {==== By a function on a schedule (CDF.md section 9) ====

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

--- The starter function, or false when there is none that could come to run.
local function find_starter(client, external_id)
  local fn, err = client.functions:retrieve(external_id)
  if not fn then
    if answer.is_missing(err) then return false end
    return nil, err
  end
  if fn.status ~= "Failed" then return fn end
  local ok
  ok, err = client.functions:delete(fn.id) -- a build that failed stays so
  if not ok then return nil, err end
  return false
end

local function deploy(client, external_id, opts)
  return client.functions:create({
    name = external_id, externalId = external_id, functionPath = "handler.py",
    description = "Starts workflow versions on a schedule",
    secrets = {
      ["client-id"] = opts.client_credentials.client_id,
      ["client-secret"] = opts.client_credentials.client_secret,
      project = client.project,
    },
  }, { zip = starter.zip, data_set_id = opts.data_set_id })
end

--- Waits until the function is Ready.
local function ready(client, fn, timeout)
  local next_look = wait.poller(client, function(patience)
    return answer.first("function",
      client:_call("POST", "/functions/byids", { items = { { id = fn.id } } }, { timeout = patience }))
  end, { timeout = timeout, interval = DEPLOY_INTERVAL })
  while true do
    local now, err = next_look()
    if not now then
      if err.waited then
        err.message = ("the function %s is %s, %s; calling again waits on"):format(fn.name, fn.status, err.message)
      end
      return nil, err
    end
    if now.status == "Ready" then return now end
    if now.status == "Failed" then
      local reason = type(now.error) == "table" and now.error.message
      return nil, core.error {
        kind = "api", code = now.error and now.error.code,
        message = ("the function %s could not be deployed: %s"):format(fn.name, reason or "CDF gives no reason"),
      }
    end
    fn = now
  end
end

local function of_function_schedule(resource, data)
  return {
    via = "function", name = resource.name, resource = resource,
    workflow_external_id = data["workflow-external-id"], version = data["workflow-version"],
    cron = resource.cronExpression, timezone = "UTC",
  }
end

--- The starter's schedules, each with its data; those without a workflow are somebody else's.
local function starter_schedules(client, function_id, name)
  local resources, err = client.functions.schedules:list { functionId = function_id, name = name, limit = math.huge }
  if not resources then return nil, err end
  local found = {}
  for _, resource in ipairs(resources) do
    local input
    input, err = client.functions.schedules:input_data(resource.id)
    if not input then return nil, err end
    local data = type(input.data) == "table" and input.data or {}
    if data["workflow-external-id"] then found[#found + 1] = { resource = resource, data = data } end
  end
  return found
end

--- The first that is just as wanted, or nil, and all others.
local function sort_out(found, wanted)
  local kept, stale = nil, {}
  for _, one in ipairs(found) do
    if not kept and one.resource.cronExpression == wanted.cronExpression and same(one.data, wanted.data) then
      kept = one
    else
      stale[#stale + 1] = one
    end
  end
  return kept, stale
end

--- Leaves exactly one schedule of that name. The session is made before an old schedule goes, so that a refusal
--- leaves everything as it was; and the old one goes first, so that no run is started twice.
local function put_on_schedule(client, wanted, opts)
  local found, err = starter_schedules(client, wanted.functionId, wanted.name)
  if not found then return nil, err end
  local kept, stale = sort_out(found, wanted)
  local session
  if not kept then
    session, err = client.sessions:create { client_credentials = opts.client_credentials }
    if not session then return nil, err end
  end
  for _, one in ipairs(stale) do
    local ok
    ok, err = client.functions.schedules:delete(one.resource.id)
    if not ok then return nil, err end
  end
  if kept then return kept end
  local resource
  resource, err = client.functions.schedules:create(wanted, { nonce = session.nonce })
  if not resource then return nil, err end
  return { resource = resource, data = wanted.data }
end

local function check_credentials(credentials)
  if type(credentials) ~= "table" then
    return check.invalid("client_credentials", "client_credentials must be { client_id =, client_secret = } with "
      .. "via = \"function\": the function keeps them as its secrets", "a table")
  end
  return true
end

local function by_function(client, opts)
  local ok, err = check_credentials(opts.client_credentials)
  if not ok then return nil, err end
  if opts.timezone and opts.timezone ~= "UTC" then
    return check.invalid("timezone", "timezone must be UTC with via = \"function\": function schedules know no other",
      "UTC")
  end
  local external_id = opts.function_external_id
  local fn
  fn, err = find_starter(client, external_id)
  if fn == false then fn, err = deploy(client, external_id, opts) end
  if not fn then return nil, err end
  if fn.status ~= "Ready" then fn, err = ready(client, fn, opts.deploy_timeout) end
  if not fn then return nil, err end
  local put
  put, err = put_on_schedule(client, {
    name = opts.name, cronExpression = opts.cron, functionId = fn.id,
    data = {
      ["workflow-external-id"] = opts.workflow_external_id, ["workflow-version"] = opts.version,
      input = json.plain(opts.input), metadata = opts.metadata,
    },
  }, opts)
  if not put then return nil, err end
  return of_function_schedule(put.resource, put.data)
end

local function list_function_schedules(client, external_id)
  local fn, err = client.functions:retrieve(external_id)
  if not fn then
    if answer.is_missing(err) then return {} end
    return nil, err
  end
  local found
  found, err = starter_schedules(client, fn.id)
  if not found then return nil, err end
  for i, one in ipairs(found) do found[i] = of_function_schedule(one.resource, one.data) end
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
--- replaced.
---@param client table
---@param opts cdfworkflow.ScheduleOptions
---@return cdfworkflow.Schedule|cdfworkflow.DryRequest[]|nil schedule
---@return cdfworkflow.Error? err
function schedule.schedule(client, opts)
  if dry_run.wanted(opts) then
    return dry_run.requests(client, function(double) return double:_schedule(opts) end)
  end
  opts.name = opts.name or "Scheduled trigger: " .. opts.workflow_external_id
  if opts.via == "trigger" then return by_trigger(client, opts) end
  return by_function(client, opts)
end

schedule.takes.schedules = { { "opts", options.of { { "via", VIA }, FUNCTION } } }

--- The schedules there are, of both ways or of one: all triggers with a cron expression, and all schedules of the
--- starter function.
---@param client table
---@param opts? { via?: "trigger"|"function", function_external_id?: string }
---@return cdfworkflow.Schedule[]|nil schedules
---@return cdfworkflow.Error? err
function schedule.schedules(client, opts)
  local found = {}
  local err
  if opts.via ~= "function" then
    found, err = list_triggers(client)
    if not found then return nil, err end
  end
  if opts.via ~= "trigger" then
    local more
    more, err = list_function_schedules(client, opts.function_external_id)
    if not more then return nil, err end
    for _, one in ipairs(more) do found[#found + 1] = one end
  end
  return found
end

--- Removes the schedules of the starter function that bear the name; `nil, err`, the error of the trigger that is not
--- there either, where there is none.
local function unschedule_functions(client, name, missing)
  local found, err = list_function_schedules(client, starter.EXTERNAL_ID)
  if not found then return nil, err end
  local done
  for _, one in ipairs(found) do
    if one.name == name then
      done, err = client.functions.schedules:delete(one)
      if not done then return nil, err end
    end
  end
  return done, not done and missing or nil
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
--- there is none the schedule of the starter function. The starter function stays, for others.
---@param client table
---@param one cdfworkflow.Schedule|string
---@return true|nil done
---@return cdfworkflow.Error? err
function schedule.unschedule(client, one)
  if type(one) == "table" and one.via == "function" then return client.functions.schedules:delete(one) end
  local done, err = client.workflows.triggers:delete(one)
  if done or type(one) == "table" or not answer.is_missing(err) then return done, err end
  return unschedule_functions(client, one, err)
end

return schedule
