-- SPDX-License-Identifier: Apache-2.0
-- The form that starts a run: version, input, metadata. What is wrong is said beside the field, and what was typed
-- stays, but for what looks like a secret.

local execution_list = require "cdfworkflow.simulator.serve.page.execution_list"
local forms = require "cdfworkflow.simulator.serve.page.forms"
local heart = require "cdfworkflow.simulator.serve.page.heart"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local workflow_page = require "cdfworkflow.simulator.serve.page.workflow"

local start_page = {}

local function version_options(view)
  local options = {}
  for i, version in ipairs(workflow_page.versions(view.project, view.params.workflow)) do
    options[i] = { version.version, version.version }
  end
  return options
end

-- A field that is shown again tells its problem, and what was left out of what was typed.
local function typed(view, name, kind, problems)
  local text, note = forms.echo(view.form[name], kind)
  local said = {}
  said[#said + 1] = problems[name]
  said[#said + 1] = note
  return text, #said > 0 and table.concat(said, " ") or nil
end

local function fields(view, problems)
  local input, input_problem = typed(view, "input", "json", problems)
  local metadata, metadata_problem = typed(view, "metadata", "pairs", problems)
  return {
    { name = "version", label = "Version", kind = "select", options = version_options(view), error = problems.version,
      value = view.form.version or view.query.version },
    { name = "input", label = "Input (JSON)", kind = "area", value = input, error = input_problem,
      sample = '{ "plant": "north" }', hint = "An object, for ${workflow.input}; may be left empty." },
    { name = "metadata", label = "Metadata", kind = "area", value = metadata, error = metadata_problem,
      sample = "team=forecast", hint = "KEY=VALUE, one a line; may be left empty." },
  }
end

local function page_of(view, problems)
  local workflow = view.params.workflow
  local link = markup.path("ui", view.project.name, "workflows", workflow)
  return {
    title = "Start a run of " .. workflow, status = problems and 422 or nil,
    body = markup.fill("<p>{!link}</p>{!form}", {
      link = parts.link(link, "« " .. workflow),
      form = forms.form(view, view.path, fields(view, problems or {}), "Start",
        { problem = problems and problems.whole }),
    }),
  }
end

local function is_there(view)
  return view.page.guard.acts and #version_options(view) > 0
end

local function show(view)
  return is_there(view) and page_of(view) or nil
end

local function start(view)
  if not is_there(view) then return nil end
  local input, input_problem = forms.read_json(view.form.input, "object")
  local metadata, metadata_problem = forms.read_pairs(view.form.metadata)
  if input_problem or metadata_problem then
    return page_of(view, { input = input_problem, metadata = metadata_problem })
  end
  local execution, message = heart.start(view, view.params.workflow, view.form.version or "",
    { input = input, metadata = metadata })
  if not execution then return page_of(view, { whole = "The run was not started: " .. message }) end
  return { go = execution_list.path(view.project, execution.id), tone = "done", said = "The run was started." }
end

start_page.routes = {
  { method = "GET", path = "/ui/{project}/workflows/{workflow}/run", handle = show },
  { method = "POST", path = "/ui/{project}/workflows/{workflow}/run", handle = start },
}

return start_page
