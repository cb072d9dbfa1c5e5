-- SPDX-License-Identifier: Apache-2.0
-- One execution: how it is, its graph, its timeline, its tasks; cancelling and retrying it.

local execution_list = require "cdfworkflow.simulator.serve.page.execution_list"
local forms = require "cdfworkflow.simulator.serve.page.forms"
local graphs = require "cdfworkflow.simulator.serve.page.graphs"
local heart = require "cdfworkflow.simulator.serve.page.heart"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local reading = require "cdfworkflow.simulator.serve.page.reading"
local sessions_page = require "cdfworkflow.simulator.serve.page.sessions"
local timeline = require "cdfworkflow.simulator.serve.page.timeline"

local fill = markup.fill

local execution_page = {}

local MOST_INPUT = 250000 -- more than CDF takes
local RETRYABLE = { FAILED = true, TIMED_OUT = true, TERMINATED = true }

--- The stored execution that a path names.
---@param view cdfworkflow.simulator.View
---@return table|nil
function execution_page.find(view)
  return view.project.engine_state.executions[view.params.execution:lower()]
end

local function task_path(view, execution, entry)
  return markup.path("ui", view.project.name, "executions", execution.id, "tasks", entry.id)
end

local HEADS = {
  { "Status" }, { "Task", class = "wide" }, { "Type", class = "word" }, { "Attempts", class = "number" },
  { "Started (UTC)", class = "time" }, { "Took", class = "time" },
}

-- The reason of the one attempt there was, or of each of several.
local function reasons(entry)
  if not entry.earlier then return parts.reason(entry.reasonForIncompletion) end
  local lines = {}
  for i, attempt in ipairs(reading.attempts(entry)) do
    local said = attempt.reason or attempt.status ~= "COMPLETED" and parts.words(attempt.status)
    lines[#lines + 1] = said and parts.reason(("attempt %d: %s"):format(i, tostring(said))) or nil
  end
  return table.concat(lines)
end

local function task_row(view, execution, entry)
  local id = entry.id
  local folds = fill('<code class="id">{id}</code>', entry) .. parts.fold("i-" .. id, "Input", entry.input)
    .. parts.fold("o-" .. id, "Output", entry.output)
  return {
    id = "t-" .. id, parts.badge(entry.status),
    parts.link(task_path(view, execution, entry), reading.task_name(entry)) .. reasons(entry) .. parts.folds(folds),
    markup.escape(entry.taskType), ("%d"):format(entry.attempts), parts.moment(entry.startTime),
    parts.elapsed(entry, view.now),
  }
end

local function tasks(view, execution)
  local rows = {}
  for i, entry in ipairs(execution.executedTasks) do rows[i] = task_row(view, execution, entry) end
  return parts.section("Tasks", parts.table(HEADS, rows, "No task has begun."))
end

local function buttons(view, execution)
  local shown = {}
  if execution.status == "RUNNING" then
    shown[1] = forms.button(view, view.path, { deed = "cancel" }, "Cancel", { tone = "bad" })
  elseif RETRYABLE[execution.status] then
    shown[1] = forms.button(view, view.path, { deed = "retry" }, "Retry",
      { title = "Starts the tasks that did not succeed again, under the same id" })
  end
  local workflow = markup.path("ui", view.project.name, "workflows", execution.workflowExternalId)
  local start = markup.with_query(workflow .. "/run", { { "version", execution.version } })
  if view.page.guard.acts then
    shown[#shown + 1] = fill('<a class="button" href="{path}">Start another run</a>', { path = start })
  end
  return #shown > 0 and '<div class="deeds">' .. table.concat(shown) .. "</div>" or ""
end

local function workflow_link(view, execution)
  local name = view.project.name
  local workflow, version = execution.workflowExternalId, execution.version
  return parts.link(markup.path("ui", name, "workflows", workflow), workflow) .. " "
    .. parts.link(markup.path("ui", name, "workflows", workflow, "versions", version), version)
end

local function facts(view, execution)
  local done, all = reading.progress(execution)
  return parts.facts {
    { "Status", reading.badge(execution) .. parts.reason(reading.why(execution)) },
    { "Workflow", workflow_link(view, execution) },
    { "Id", "<code>" .. markup.escape(execution.id) .. "</code>" },
    { "Tasks", ("%d of %d done"):format(done, all) },
    { "Created (UTC)", parts.moment(execution.createdTime) },
    { "Started (UTC)", parts.moment(execution.startTime) },
    { "Ended (UTC)", parts.moment(execution.endTime) },
    { "Took", parts.elapsed(execution, view.now) },
    { "Session", sessions_page.link(view, execution.session) },
    { "Metadata", parts.pairs(execution.metadata) },
    { "Input", parts.fold("input", "Show", execution.input, MOST_INPUT) },
  }
end

-- The more there is to show, the less often.
local function refresh_of(execution)
  return 1 + math.floor(#execution.executedTasks / 50)
end

local function show(view)
  local execution = execution_page.find(view)
  if not execution then return nil end
  return {
    title = execution.workflowExternalId .. " " .. execution.version,
    refresh = execution.status == "RUNNING" and refresh_of(execution) or nil,
    body = buttons(view, execution) .. facts(view, execution) .. graphs.of_execution(execution, view.now)
      .. timeline.draw(execution, view.now) .. tasks(view, execution),
  }
end

local DEEDS = {
  cancel = { heart.cancel, "The run was cancelled.", "The run was not cancelled: " },
  retry = { heart.retry, "The run goes on with the tasks that had not succeeded.", "The run was not retried: " },
}

local function act(view)
  local execution, deed = execution_page.find(view), DEEDS[view.form.deed]
  if not execution or not deed then return nil end
  local ok, message = deed[1](view, execution.id)
  return { go = execution_list.path(view.project, execution.id), tone = ok and "done" or "bad",
    said = ok and deed[2] or deed[3] .. message }
end

execution_page.routes = {
  { method = "GET", path = "/ui/{project}/executions/{execution}", handle = show },
  { method = "POST", path = "/ui/{project}/executions/{execution}", handle = act },
}

return execution_page
