-- SPDX-License-Identifier: Apache-2.0
-- What starts runs by itself: the triggers of a project, and the schedules of its functions.

local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"

local schedule_list = {}

local TRIGGERS = {
  { "State" }, { "Trigger" }, { "Starts" }, { "When" }, { "Next (UTC)", class = "time" }, { "Last run" },
}
local SCHEDULES = {
  { "Schedule" }, { "Function" }, { "When" }, { "Next (UTC)", class = "time" },
}

---@param view cdfworkflow.simulator.View
---@param external_id string
---@return string
function schedule_list.trigger_path(view, external_id)
  return markup.path("ui", view.project.name, "triggers", external_id)
end

---@param view cdfworkflow.simulator.View
---@param id integer
---@return string
function schedule_list.schedule_path(view, id)
  return markup.path("ui", view.project.name, "schedules", ("%.0f"):format(id))
end

---@param rule table
---@return string # in words
function schedule_list.when(rule)
  if rule.triggerType ~= "schedule" then return "on data (" .. tostring(rule.triggerType) .. ")" end
  return rule.cronExpression .. " " .. (rule.timezone or "UTC")
end

---@param trigger table as stored
---@return string html
function schedule_list.state(trigger)
  return parts.badge(trigger.resource.isPaused and "PAUSED" or "ON")
end

local function last_run(view, external_id)
  local runs = view.project.state.trigger_runs[external_id] or {}
  local run = runs[#runs]
  return run and parts.badge(run.status) .. parts.reason(run.reasonForFailure) or "–"
end

local function trigger_row(view, trigger)
  local resource, name = trigger.resource, view.project.name
  return {
    schedule_list.state(trigger),
    parts.link(schedule_list.trigger_path(view, resource.externalId), resource.externalId),
    parts.link(markup.path("ui", name, "workflows", resource.workflowExternalId, "versions", resource.workflowVersion),
      resource.workflowExternalId .. " " .. resource.workflowVersion),
    markup.escape(schedule_list.when(resource.triggerRule)), parts.moment(trigger.next_fire),
    last_run(view, resource.externalId),
  }
end

local function triggers(view, wanted)
  local rows = {}
  for _, trigger in ipairs(view.project:in_order(view.project.state.triggers)) do
    if wanted(trigger.resource) then rows[#rows + 1] = trigger_row(view, trigger) end
  end
  return parts.section("Triggers", parts.table(TRIGGERS, rows, "No trigger."))
end

--- The triggers of a workflow.
---@param view cdfworkflow.simulator.View
---@param workflow string external id
---@return string html
function schedule_list.triggers_of(view, workflow)
  return triggers(view, function(resource) return resource.workflowExternalId == workflow end)
end

--- The name of a function, and the way to it.
---@param view cdfworkflow.simulator.View
---@param id integer
---@return string html
function schedule_list.function_link(view, id)
  local text = ("%.0f"):format(id)
  local fn = view.project.state.functions[text]
  return parts.link(markup.path("ui", view.project.name, "functions", text), fn and (fn.externalId or fn.name) or text)
end

--- The schedules of a function, or of all.
---@param view cdfworkflow.simulator.View
---@param function_id integer|nil
---@return string html
function schedule_list.schedules_of(view, function_id)
  local rows = {}
  for _, schedule in ipairs(view.project:in_order(view.project.state.schedules)) do
    local resource = schedule.resource
    if not function_id or resource.functionId == function_id then
      rows[#rows + 1] = {
        parts.link(schedule_list.schedule_path(view, resource.id), resource.name),
        schedule_list.function_link(view, resource.functionId),
        markup.escape(resource.cronExpression .. " UTC"), parts.moment(schedule.next_fire),
      }
    end
  end
  return parts.section("Schedules of functions", parts.table(SCHEDULES, rows, "No schedule."))
end

local function show(view)
  local all = triggers(view, function() return true end)
  return { title = "Schedules", refresh = 1, body = all .. schedule_list.schedules_of(view) }
end

schedule_list.routes = {
  { method = "GET", path = "/ui/{project}/schedules", handle = show },
}

return schedule_list
