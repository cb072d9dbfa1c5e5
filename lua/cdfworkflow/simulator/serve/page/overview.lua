-- SPDX-License-Identifier: Apache-2.0
-- The first page: what is going on in each project.

local execution_list = require "cdfworkflow.simulator.serve.page.execution_list"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local workflow_list = require "cdfworkflow.simulator.serve.page.workflow_list"

local overview = {}

local LATEST, WORKFLOWS = 10, 20

local function project_part(view)
  local latest, older = execution_list.find(view.project, {}, LATEST)
  local workflows, more = workflow_list.table(view, 0, WORKFLOWS)
  local name = view.project.name
  local all, rest = markup.path("ui", name, "executions"), markup.path("ui", name, "workflows")
  return "<h2>" .. parts.link(all, "Latest executions") .. "</h2>"
    .. execution_list.table(view, latest, "No execution yet.") .. parts.to_all(older and all, "All executions")
    .. "<h2>" .. parts.link(rest, "Workflows") .. "</h2>" .. workflows .. parts.to_all(more and rest, "All workflows")
end

local function show(view)
  local names, texts = view.sim.project_names, {}
  for i, name in ipairs(names) do
    local heading = i > 1 and markup.fill("<h1>{name}</h1>", { name = name }) or ""
    texts[i] = heading .. project_part(view:of_project(name))
  end
  return { title = names[1], refresh = 1, body = table.concat(texts, "\n") }
end

overview.routes = {
  { method = "GET", path = "", handle = show },
}

return overview
