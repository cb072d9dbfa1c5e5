-- SPDX-License-Identifier: Apache-2.0
-- One trigger, with its history, to be paused, resumed and fired; and one schedule of a function, to be run now.

local execution_list = require "cdfworkflow.simulator.serve.page.execution_list"
local forms = require "cdfworkflow.simulator.serve.page.forms"
local function_calls = require "cdfworkflow.simulator.serve.page.function_calls"
local heart = require "cdfworkflow.simulator.serve.page.heart"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local schedule_list = require "cdfworkflow.simulator.serve.page.schedule_list"
local sessions_page = require "cdfworkflow.simulator.serve.page.sessions"

local schedule_page = {}

local LATEST = 25

---------------------------------------------------------------------------------------------------------------------
-- A trigger
---------------------------------------------------------------------------------------------------------------------

local HISTORY = { { "Fired (UTC)", class = "time" }, { "Outcome" }, { "Run" } }

local function history(view, external_id)
  local runs, rows = view.project.state.trigger_runs[external_id] or {}, {}
  for i = #runs, math.max(#runs - LATEST + 1, 1), -1 do
    local run = runs[i]
    local id = run.workflowExecutionId
    rows[#rows + 1] = {
      parts.moment(run.fireTime), parts.badge(run.status) .. parts.reason(run.reasonForFailure),
      id and parts.link(execution_list.path(view.project, id), id) or "–",
    }
  end
  return parts.section("Latest runs", parts.table(HISTORY, rows, "It has not fired."))
end

local function is_schedule(trigger)
  return trigger.resource.triggerRule.triggerType == "schedule"
end

local function trigger_buttons(view, trigger)
  local paused = trigger.resource.isPaused
  local now = is_schedule(trigger) and forms.button(view, view.path, { deed = "fire" }, "Run now") or ""
  local switch = paused and forms.button(view, view.path, { deed = "resume" }, "Resume")
    or forms.button(view, view.path, { deed = "pause" }, "Pause")
  return now .. switch ~= "" and '<div class="deeds">' .. now .. switch .. "</div>" or ""
end

local function items_form(view, trigger, problem)
  if is_schedule(trigger) or not view.page.guard.acts then return "" end
  local items, note = forms.echo(view.form.items, "json")
  return parts.section("Let data come", forms.form(view, view.path, {
    { name = "items", label = "Items (JSON)", kind = "area", value = items, error = problem or note,
      sample = '[{ "externalId": "sensor-7" }]', hint = "A list, for ${workflow.input.items}." },
  }, "Fire", { members = { deed = "fire" } }))
end

local function trigger_page(view, trigger, problem)
  local resource = trigger.resource
  return {
    title = resource.externalId, status = problem and 422 or nil, refresh = is_schedule(trigger) and 1 or nil,
    body = trigger_buttons(view, trigger) .. parts.facts {
      { "State", schedule_list.state(trigger) },
      { "Starts", parts.link(markup.path("ui", view.project.name, "workflows", resource.workflowExternalId, "versions",
        resource.workflowVersion), resource.workflowExternalId .. " " .. resource.workflowVersion) },
      { "When", markup.escape(schedule_list.when(resource.triggerRule)) },
      { "Next (UTC)", parts.moment(trigger.next_fire) },
      { "Waiting items", #trigger.waiting > 0 and ("%d"):format(#trigger.waiting) or "" },
      { "Session", sessions_page.link(view, trigger.session) }, { "Metadata", parts.pairs(resource.metadata) },
      { "Rule", parts.fold("rule", "Show", resource.triggerRule) },
      { "Input", parts.fold("input", "Show", resource.input) },
    } .. items_form(view, trigger, problem) .. history(view, resource.externalId),
  }
end

local function find_trigger(view)
  return view.project.state.triggers[view.params.trigger]
end

local function show_trigger(view)
  local trigger = find_trigger(view)
  return trigger and trigger_page(view, trigger) or nil
end

local function told(view, run)
  if run.status == "success" then return "A run was started: " .. run.workflowExecutionId .. ".", "done" end
  if run.status then return "No run was started: " .. tostring(run.reasonForFailure), "bad" end
  return view.params.trigger .. " is paused: the items are kept until it is resumed.", "warn"
end

local function fire(view, trigger)
  local items, problem = forms.read_json(view.form.items, "array")
  local lacks_items = not is_schedule(trigger) and (not items or #items == 0)
  problem = problem or lacks_items and "At least one item is needed."
  if problem then return trigger_page(view, trigger, problem) end
  local run, message = heart.fire(view, view.params.trigger, items)
  if not run then return { go = view.path, tone = "bad", said = message } end
  local said, tone = told(view, run)
  return { go = view.path, tone = tone, said = said }
end

local SWITCHED = { pause = "The trigger is paused.", resume = "The trigger goes on." }

local function act_on_trigger(view)
  local trigger, deed = find_trigger(view), view.form.deed
  if not trigger then return nil end
  if deed == "fire" then return fire(view, trigger) end
  if not SWITCHED[deed] then return nil end
  local ok, message = heart.switch(view, view.params.trigger, deed)
  return { go = view.path, tone = ok and "done" or "bad", said = ok and SWITCHED[deed] or message }
end

---------------------------------------------------------------------------------------------------------------------
-- A schedule of a function
---------------------------------------------------------------------------------------------------------------------

local function show_schedule(view)
  local schedule = view.project.state.schedules[view.params.schedule]
  if not schedule then return nil end
  local resource = schedule.resource
  local now = forms.button(view, view.path, { deed = "fire" }, "Run now")
  return {
    title = resource.name, refresh = 1,
    body = (now ~= "" and '<div class="deeds">' .. now .. "</div>" or "") .. parts.facts {
      { "Function", schedule_list.function_link(view, resource.functionId) },
      { "When", markup.escape(resource.cronExpression .. " UTC") }, { "In words", markup.escape(resource.when) },
      { "Next (UTC)", parts.moment(schedule.next_fire) }, { "Description", parts.text(resource.description) },
      { "Created (UTC)", parts.moment(resource.createdTime) },
      { "Session", sessions_page.link(view, resource.sessionId) },
      { "Data", parts.fold("data", "Show", schedule.data) },
    } .. function_calls.latest(view, function(call) return call.scheduleId == resource.id end),
  }
end

local function run_schedule(view)
  local schedule = view.project.state.schedules[view.params.schedule]
  if not schedule or view.form.deed ~= "fire" then return nil end
  heart.fire_schedule(view, schedule.resource.id)
  return { go = view.path, tone = "done", said = ("The function was called for %s."):format(schedule.resource.name) }
end

schedule_page.routes = {
  { method = "GET", path = "/ui/{project}/triggers/{trigger}", handle = show_trigger },
  { method = "POST", path = "/ui/{project}/triggers/{trigger}", handle = act_on_trigger },
  { method = "GET", path = "/ui/{project}/schedules/{schedule}", handle = show_schedule },
  { method = "POST", path = "/ui/{project}/schedules/{schedule}", handle = run_schedule },
}

return schedule_page
