-- SPDX-License-Identifier: Apache-2.0
-- Function schedules: create with a nonce, list, retrieve, delete, input data; and their firing on the clock.

local calls = require "cdfworkflow.simulator.api.calls"
local core = require "cdfworkflow.core"
local cron = require "cdfworkflow.simulator.lib.cron"
local functions = require "cdfworkflow.simulator.api.functions"
local kept = require "cdfworkflow.simulator.lib.kept"
local mistake = require "cdfworkflow.mistake"
local paging = require "cdfworkflow.simulator.api.paging"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local refusals = require "cdfworkflow.simulator.lib.refusals"
local sessions = require "cdfworkflow.simulator.api.sessions"

local refuse, refuse_with = refusal.refuse, refusal.refuse_with

local schedules = {}

local MOST, MOST_OF_ONE = 1000, 100
local DEFAULT_LIMIT = 100

local key = kept.key

-- A few common shapes in words; the rest by its expression.
local function in_words(expression)
  local minute, hour, days = expression:match("^%s*(%S+)%s+(%S+)%s+(.-)%s*$")
  if days == "* * *" and hour == "*" then
    local step = minute:match("^%*/(%d+)$")
    if minute == "*" then
      return "Every minute"
    elseif step then
      return ("Every %s minutes"):format(step)
    end
  elseif days == "* * *" and hour:find("^%d+$") and minute:find("^%d+$") then
    local number = tonumber(hour)
    return ("At %02d:%02d %s"):format((number + 11) % 12 + 1, tonumber(minute), number < 12 and "AM" or "PM")
  end
  return "At times of " .. expression
end

local function count_of(project, fn)
  local size = 0
  for _, schedule in pairs(project.state.schedules) do
    if schedule.resource.functionId == fn.id then
      size = size + 1
    end
  end
  return size
end

local function check(project, item)
  local parsed, problem = project:parse_cron(item.cronExpression)
  if not parsed then
    refuse(refusals.cron, problem)
  end
  local fn = functions.find(project, { id = item.functionId })
  if not fn then
    refuse_with({ missing = { { id = item.functionId } } }, refusals.functions_missing)
  elseif count_of(project, fn) >= MOST_OF_ONE then
    refuse(refusals.too_many_schedules_of_one, MOST_OF_ONE)
  elseif project:count(project.state.schedules) >= MOST then
    refuse(refusals.too_many_schedules, MOST)
  end
  return parsed
end

local function create(exchange)
  local project, item = exchange.project, exchange.body.items[1]
  local parsed = check(project, item)
  local session = sessions.open(project, item.nonce)
  sessions.bind(project, session, "schedule")
  local resource = {
    id = project:new_id(),
    name = item.name,
    createdTime = project:now(),
    cronExpression = item.cronExpression,
    when = in_words(item.cronExpression),
    description = item.description,
    functionId = item.functionId,
    sessionId = session.id,
  }
  project.state.schedules[key(resource.id)] = {
    seq = project:new_seq(),
    resource = resource,
    data = item.data,
    next_fire = cron.next(parsed, project:now()),
  }
  return { items = { resource } }, 201
end

---@param project cdfworkflow.simulator.Project
---@return integer|nil # milliseconds
function schedules.next_due(project)
  return kept.first_due(project.state.schedules)
end

local function fire(project, schedule, time)
  local resource = schedule.resource
  local fn = project.state.functions[key(resource.functionId)]
  calls.take_in(project, fn, {
    data = schedule.data,
    session = resource.sessionId,
    scheduleId = resource.id,
    scheduledTime = time,
  })
end

--- Makes the call of a schedule now, out of its turn.
---@param project cdfworkflow.simulator.Project
---@param id integer
function schedules.fire(project, id)
  local schedule = project.state.schedules[key(id)] or mistake.raise("there is no schedule " .. tostring(id))
  fire(project, schedule, project:now())
end

---@param project cdfworkflow.simulator.Project
function schedules.run_due(project)
  for _, schedule in ipairs(project:in_order(project.state.schedules)) do
    if schedule.next_fire and schedule.next_fire <= project:now() then
      fire(project, schedule, schedule.next_fire)
      schedule.next_fire = cron.next(project:parse_cron(schedule.resource.cronExpression), schedule.next_fire)
    end
  end
end

-- Functions that have an external id can be looked for by it; the schedule itself holds the id.
local function matches(project, resource, filter)
  local fn = filter.functionExternalId and functions.find(project, { externalId = filter.functionExternalId })
  if filter.functionExternalId and (not fn or fn.id ~= resource.functionId) then
    return false
  end
  for _, name in ipairs { "name", "functionId", "cronExpression" } do
    if filter[name] and resource[name] ~= filter[name] then
      return false
    end
  end
  local range = filter.createdTime or {}
  return resource.createdTime >= (range.min or 0) and resource.createdTime <= (range.max or math.huge)
end

local function list_page(project, filter, limit)
  local step = paging.by_creation(project.state.schedules, function(resource)
    return matches(project, resource, filter)
  end)
  return { items = paging.page(step, { limit = limit }, "schedules").items }
end

local function list(exchange)
  return list_page(exchange.project, exchange.body.filter or {}, exchange.body.limit or DEFAULT_LIMIT)
end

local function list_all(exchange)
  return list_page(exchange.project, {}, MOST)
end

local function by_ids(exchange)
  local found, missing = core.array({}), {}
  for _, item in ipairs(exchange.body.items) do
    local schedule = exchange.project.state.schedules[key(item.id)]
    if schedule then
      found[#found + 1] = schedule.resource
    else
      missing[#missing + 1] = { id = item.id }
    end
  end
  if #missing > 0 and not exchange.body.ignoreUnknownIds then
    refuse_with({ missing = missing }, refusals.schedules_missing)
  end
  return { items = found }
end

local function delete(exchange)
  local project, id = exchange.project, exchange.body.items[1].id
  local schedule = project.state.schedules[key(id)]
  if not schedule then
    refuse_with({ missing = { { id = id } } }, refusals.schedules_missing)
  end
  sessions.release(project, schedule.resource.sessionId, "schedule")
  project.state.schedules[key(id)] = nil
  return {}
end

local function get(exchange)
  return exchange.project.state.schedules[key(exchange.params.scheduleId)] or refuse(refusals.schedule)
end

local function retrieve(exchange)
  return get(exchange).resource
end

local function input_data(exchange)
  local schedule = get(exchange)
  return { id = schedule.resource.id, data = schedule.data }
end

local READ, WRITE = { "functionsAcl", "READ" }, { "functionsAcl", "WRITE" }

schedules.operations = {
  { operation = "createFunctionSchedules", method = "POST", path = "/functions/schedules", acl = WRITE,
    handle = create },
  { operation = "listAllFunctionSchedules", method = "GET", path = "/functions/schedules", acl = READ,
    handle = list_all },
  { operation = "listFunctionSchedules", method = "POST", path = "/functions/schedules/list", acl = READ,
    handle = list },
  { operation = "retrieveFunctionSchedules", method = "POST", path = "/functions/schedules/byids", acl = READ,
    handle = by_ids },
  { operation = "deleteFunctionSchedules", method = "POST", path = "/functions/schedules/delete", acl = WRITE,
    handle = delete },
  { operation = "retrieveFunctionSchedule", method = "GET", path = "/functions/schedules/{scheduleId}", acl = READ,
    handle = retrieve },
  { operation = "readFunctionScheduleInputData", method = "GET",
    path = "/functions/schedules/{scheduleId}/input_data", acl = READ, handle = input_data },
}

return schedules
