-- SPDX-License-Identifier: Apache-2.0
-- The functions of a project, and one of them with its schedules and its calls.

local function_calls = require "cdfworkflow.simulator.serve.page.function_calls"
local functions = require "cdfworkflow.simulator.api.functions"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local schedule_list = require "cdfworkflow.simulator.serve.page.schedule_list"
local values = require "cdfworkflow.simulator.serve.page.values"

local functions_page = {}

local HEADS = {
  { "Status" }, { "Function" }, { "Name" }, { "What answers", class = "word" }, { "Created (UTC)", class = "time" },
  { "Last called (UTC)", class = "time" },
}

local function answers(view, fn)
  return view.sim.handlers[fn.externalId or fn.name] and "a Lua function" or "nothing: calls fail"
end

local function by_name(a, b)
  local one, other = a.externalId or a.name, b.externalId or b.name
  if one ~= other then return one < other end
  return a.seq < b.seq
end

local function show_all(view)
  local list, rows = view.project:in_order(view.project.state.functions), {}
  table.sort(list, by_name)
  for i, fn in ipairs(list) do
    rows[i] = {
      parts.badge(functions.status(view.project, fn)), schedule_list.function_link(view, fn.id),
      markup.escape(fn.name), answers(view, fn), parts.moment(fn.createdTime), parts.moment(fn.lastCalled),
    }
  end
  return { title = "Functions", refresh = 1, body = parts.table(HEADS, rows, "No function yet.") }
end

local function names_of(map)
  local names = values.sorted_names(map or {})
  return #names > 0 and markup.escape(table.concat(names, ", ")) or ""
end

local function show(view)
  local fn = view.project.state.functions[view.params.fn]
  if not fn then return nil end
  return {
    title = fn.externalId or fn.name, refresh = 1,
    body = parts.facts {
      { "Status", parts.badge(functions.status(view.project, fn)) },
      { "Id", ("<code>%.0f</code>"):format(fn.id) },
      { "Name", markup.escape(fn.name) }, { "Description", parts.text(fn.description) },
      { "What answers", answers(view, fn) }, { "Runtime", markup.escape(fn.runtimeVersion or fn.runtime) },
      { "Path", markup.escape(fn.functionPath) }, { "Created (UTC)", parts.moment(fn.createdTime) },
      { "Last called (UTC)", parts.moment(fn.lastCalled) }, { "Secrets", names_of(fn.secrets) },
      { "Variables", names_of(fn.envVars) }, { "Metadata", parts.pairs(fn.metadata) },
    } .. schedule_list.schedules_of(view, fn.id)
      .. function_calls.latest(view, function(call) return call.functionId == fn.id end),
  }
end

functions_page.routes = {
  { method = "GET", path = "/ui/{project}/functions", handle = show_all },
  { method = "GET", path = "/ui/{project}/functions/{fn}", handle = show },
}

return functions_page
