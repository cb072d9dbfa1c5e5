-- SPDX-License-Identifier: Apache-2.0
-- One task of an execution: every attempt with its error, its data whole, and, for an asynchronous one that is under
-- way, the form that reports its outcome.

local execution_list = require "cdfworkflow.simulator.serve.page.execution_list"
local execution_page = require "cdfworkflow.simulator.serve.page.execution"
local forms = require "cdfworkflow.simulator.serve.page.forms"
local heart = require "cdfworkflow.simulator.serve.page.heart"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local reading = require "cdfworkflow.simulator.serve.page.reading"

local task_page = {}

local MOST_JSON = 250000 -- more than CDF lets a task have
local MOST_REASON = 20000

local function find(view)
  local execution = execution_page.find(view)
  local id = view.params.task:lower()
  for _, entry in ipairs(execution and execution.executedTasks or {}) do
    if entry.id == id then return execution, entry end
  end
end

local ATTEMPTS = {
  { "Attempt", class = "number" }, { "Status" }, { "Started (UTC)", class = "time" }, { "Took", class = "time" },
  { "Reason" },
}

local function attempts(view, entry)
  local rows = {}
  for i, attempt in ipairs(reading.attempts(entry)) do
    rows[i] = {
      ("%d"):format(i), parts.badge(attempt.status), parts.moment(attempt.startTime), parts.elapsed(attempt, view.now),
      parts.reason(attempt.reason, MOST_REASON),
    }
  end
  return parts.section("Attempts", parts.table(ATTEMPTS, rows, "The task has not begun."))
end

local function data(title, value)
  if type(value) ~= "table" or next(value) == nil then return "" end
  return parts.section(title, '<div class="card data">' .. parts.json(value, MOST_JSON) .. "</div>")
end

local function can_complete(execution, entry)
  return execution.status == "RUNNING" and entry.status == "IN_PROGRESS" and entry.input.asyncComplete
end

local STATUSES = {
  { "COMPLETED", "completed" }, { "FAILED", "failed" },
  { "FAILED_WITH_TERMINAL_ERROR", "failed with a terminal error" },
}

local function completion(view, execution, entry, problems)
  if not can_complete(execution, entry) or not view.page.guard.acts then return "" end
  local output, note = forms.echo(view.form.output, "json")
  local problem = problems and problems.output
  return parts.section("Report the outcome", forms.form(view, view.path, {
    { name = "status", label = "Status", kind = "select", options = STATUSES, value = view.form.status },
    { name = "output", label = "Output (JSON)", kind = "area", value = output, sample = '{ "rows": 120 }',
      error = problem and problem .. (note and " " .. note or "") or note, hint = "Added to the output of the task." },
  }, "Report", { problem = problems and problems.whole }))
end

local function page_of(view, execution, entry, problems)
  return {
    title = reading.task_name(entry), status = problems and 422 or nil,
    refresh = execution.status == "RUNNING" and not problems and 1 or nil,
    body = parts.facts {
      { "Status", parts.badge(entry.status) .. parts.reason(entry.reasonForIncompletion) },
      { "Run", parts.link(execution_list.path(view.project, execution.id),
        execution.workflowExternalId .. " " .. execution.version) },
      { "Task id", "<code>" .. markup.escape(entry.id) .. "</code>" }, { "Type", markup.escape(entry.taskType) },
      { "Started (UTC)", parts.moment(entry.startTime) }, { "Took", parts.elapsed(entry, view.now) },
    } .. completion(view, execution, entry, problems) .. attempts(view, entry) .. data("Input", entry.input)
      .. data("Output", entry.output),
  }
end

local function show(view)
  local execution, entry = find(view)
  return entry and page_of(view, execution, entry) or nil
end

local function complete(view)
  local execution, entry = find(view)
  if not entry then return nil end
  local output, problem = forms.read_json(view.form.output, "object")
  if problem then return page_of(view, execution, entry, { output = problem }) end
  local task, message = heart.complete(view, entry.id, view.form.status or "", output)
  if not task then
    local said = "The outcome was not taken: " .. message
    if can_complete(execution, entry) then return page_of(view, execution, entry, { whole = said }) end
    return { go = view.path, tone = "bad", said = said } -- the form is gone
  end
  return { go = execution_list.path(view.project, execution.id), tone = "done",
    said = ("The task %s was reported as %s."):format(entry.externalId, parts.words(view.form.status)) }
end

task_page.routes = {
  { method = "GET", path = "/ui/{project}/executions/{execution}/tasks/{task}", handle = show },
  { method = "POST", path = "/ui/{project}/executions/{execution}/tasks/{task}", handle = complete },
}

return task_page
