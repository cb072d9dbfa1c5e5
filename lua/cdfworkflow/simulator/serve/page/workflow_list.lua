-- SPDX-License-Identifier: Apache-2.0
-- The workflows of a project, with how many executions each has had.

local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local values = require "cdfworkflow.simulator.serve.page.values"

local workflow_list = {}

local PAGE = 50
local NONE = "No workflow yet. A file for --load has them, or a client puts them here through the API."

-- How many executions each workflow has had, by the list of executions that they were counted in. That list only
-- grows, so each page counts on from where the last one stopped.
local counted = setmetatable({}, { __mode = "k" })

---@param project cdfworkflow.simulator.Project
---@return table<string, integer> # by the external id of the workflow
function workflow_list.counts(project)
  local order, stored = project.state.execution_order, project.engine_state.executions
  local known = counted[order] or { upto = 0, of = {} }
  counted[order] = known
  for position = known.upto + 1, #order do
    local workflow = stored[order[position]].workflowExternalId
    known.of[workflow] = (known.of[workflow] or 0) + 1
  end
  known.upto = #order
  return known.of
end

local HEADS = {
  { "External id" }, { "Description" }, { "Versions", class = "number" }, { "Executions", class = "number" },
  { "Running", class = "number" },
}

local function row(view, id, counts)
  local project = view.project
  local resource = project.state.workflows[id].resource
  return {
    parts.link(markup.path("ui", project.name, "workflows", id), id), parts.text(resource.description),
    ("%d"):format(project:count(project.state.versions[id] or {})), ("%d"):format(counts[id] or 0),
    ("%d"):format(project.engine:running(id)),
  }
end

--- A table of some of the workflows, in the order of their names.
---@param view cdfworkflow.simulator.View
---@param skip integer how many are left out
---@param most integer how many are shown
---@return string html
---@return boolean more
function workflow_list.table(view, skip, most)
  local ids, counts = values.sorted_names(view.project.state.workflows), workflow_list.counts(view.project)
  local rows = {}
  for i = skip + 1, math.min(skip + most, #ids) do rows[#rows + 1] = row(view, ids[i], counts) end
  return parts.table(HEADS, rows, NONE), #ids > skip + most
end

local function show(view)
  local skip = tonumber((view.query.skip or ""):match("^%d+$")) or 0
  local shown, more = workflow_list.table(view, skip, PAGE)
  local older = more and markup.with_query(view.path, { { "skip", ("%d"):format(skip + PAGE) } })
  return { title = "Workflows", refresh = 1, body = shown .. parts.pager(skip > 0 and view.path, older, nil) }
end

workflow_list.routes = {
  { method = "GET", path = "/ui/{project}/workflows", handle = show },
}

return workflow_list
