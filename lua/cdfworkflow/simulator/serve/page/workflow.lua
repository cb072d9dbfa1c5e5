-- SPDX-License-Identifier: Apache-2.0
-- One workflow with its versions, its triggers and its latest executions; and one version with its graph and tasks.

local execution_list = require "cdfworkflow.simulator.serve.page.execution_list"
local graphs = require "cdfworkflow.simulator.serve.page.graphs"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local schedule_list = require "cdfworkflow.simulator.serve.page.schedule_list"

local fill = markup.fill

local workflow_page = {}

local LATEST = 10

--- The versions of a workflow, the newest first.
---@param project cdfworkflow.simulator.Project
---@param workflow string external id
---@return table[] # version resources
function workflow_page.versions(project, workflow)
  local entries, resources = {}, {}
  for _, entry in pairs(project.state.versions[workflow] or {}) do entries[#entries + 1] = entry end
  table.sort(entries, function(a, b) return a.seq > b.seq end)
  for i, entry in ipairs(entries) do resources[i] = entry.resource end
  return resources
end

--- The button that leads to the form which starts a run.
---@param view cdfworkflow.simulator.View
---@param workflow string
---@param version string|nil
---@return string html
function workflow_page.start_button(view, workflow, version)
  if not view.page.guard.acts then return "" end
  local path = markup.with_query(markup.path("ui", view.project.name, "workflows", workflow, "run"),
    { { "version", version } })
  return fill('<div class="deeds"><a class="button main" href="{path}">Start a run</a></div>', { path = path })
end

---------------------------------------------------------------------------------------------------------------------
-- The workflow
---------------------------------------------------------------------------------------------------------------------

local VERSIONS = {
  { "Version" }, { "Tasks", class = "number" }, { "Description" }, { "Created (UTC)", class = "time" },
  { "Changed (UTC)", class = "time" },
}

local function versions(view, workflow)
  local rows = {}
  for i, version in ipairs(workflow_page.versions(view.project, workflow)) do
    local definition = version.workflowDefinition
    rows[i] = {
      parts.link(markup.path("ui", view.project.name, "workflows", workflow, "versions", version.version),
        version.version),
      ("%d"):format(#(definition.tasks or {})), parts.text(definition.description),
      parts.moment(version.createdTime), parts.moment(version.lastUpdatedTime),
    }
  end
  return parts.section("Versions", parts.table(VERSIONS, rows, "No version yet.")), #rows
end

local function latest(view, filter)
  local found, more, cut = execution_list.find(view.project, filter, LATEST)
  local all = markup.with_query(markup.path("ui", view.project.name, "executions"), { { "workflow", filter.workflow } })
  local empty = cut and "None among the latest of the project." or "No execution yet."
  return parts.section("Latest executions", execution_list.table(view, found, empty)
    .. parts.to_all(more and all, "All executions"))
end

local function show_workflow(view)
  local id = view.params.workflow
  local entry = view.project.state.workflows[id]
  if not entry then return nil end
  local resource = entry.resource
  local listed, count = versions(view, id)
  local at_most = parts.text(resource.maxConcurrentExecutions)
  return {
    title = id, refresh = 1,
    body = (count > 0 and workflow_page.start_button(view, id) or "") .. parts.facts {
      { "Description", parts.text(resource.description) },
      { "Running", ("%d"):format(view.project.engine:running(id)) },
      { "At most at the same time", at_most ~= "" and at_most or "as many as the project may" },
      { "Created (UTC)", parts.moment(resource.createdTime) },
      { "Changed (UTC)", parts.moment(resource.lastUpdatedTime) },
    } .. listed .. schedule_list.triggers_of(view, id) .. latest(view, { workflow = id }),
  }
end

---------------------------------------------------------------------------------------------------------------------
-- A version
---------------------------------------------------------------------------------------------------------------------

local TASKS = {
  { "Task" }, { "Type" }, { "After" }, { "Retries", class = "number" }, { "Timeout", class = "number" },
  { "On failure" }, { "Parameters" },
}

local function task_row(task)
  return {
    id = "d-" .. task.externalId, markup.escape(task.externalId), markup.escape(task.type),
    markup.escape(table.concat(graphs.needs_of(task), ", ")), parts.text(task.retries),
    type(task.timeout) == "number" and parts.duration(task.timeout * 1000) or "", parts.text(task.onFailure),
    parts.fold("p-" .. task.externalId, "Show", task.parameters),
  }
end

local function show_version(view)
  local workflow, name = view.params.workflow, view.params.version
  local entry = (view.project.state.versions[workflow] or {})[name]
  if not entry then return nil end
  local version = entry.resource
  local definition, rows = version.workflowDefinition, {}
  for i, task in ipairs(definition.tasks or {}) do rows[i] = task_row(task) end
  return {
    title = workflow .. " " .. name, refresh = 1,
    body = workflow_page.start_button(view, workflow, name) .. parts.facts {
      { "Workflow", parts.link(markup.path("ui", view.project.name, "workflows", workflow), workflow) },
      { "Version", markup.escape(name) }, { "Description", parts.text(definition.description) },
      { "Hash", "<code>" .. parts.text(definition.hash) .. "</code>" },
      { "Created (UTC)", parts.moment(version.createdTime) },
      { "Changed (UTC)", parts.moment(version.lastUpdatedTime) },
      { "Input", parts.fold("input", "Show", definition.input) },
    } .. graphs.of_definition(definition.tasks or {}) .. parts.section("Tasks", parts.table(TASKS, rows, "No task."))
      .. latest(view, { workflow = workflow, version = name }),
  }
end

workflow_page.routes = {
  { method = "GET", path = "/ui/{project}/workflows/{workflow}", handle = show_workflow },
  { method = "GET", path = "/ui/{project}/workflows/{workflow}/versions/{version}", handle = show_version },
}

return workflow_page
