-- SPDX-License-Identifier: Apache-2.0
-- Calls of functions, newest first, by pages; each with what it answered, its error, and what it logged.

local calls = require "cdfworkflow.simulator.api.calls"
local markup = require "cdfworkflow.simulator.serve.markup"
local newest = require "cdfworkflow.simulator.serve.page.newest"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local values = require "cdfworkflow.simulator.serve.page.values"

local fill = markup.fill

local function_calls = {}

local PAGE = 25
local MOST_TEXT = 4000

local HEADS = {
  { "Status" }, { "Call", class = "wide" }, { "Started (UTC)", class = "time" }, { "Took", class = "time" },
}

local function text_fold(id, title, text)
  if text == "" then return "" end
  return fill('<details id="{id}"><summary>{title}</summary><pre>{text}</pre></details>',
    { id = id, title = title, text = markup.cut((values.mask(text)), MOST_TEXT) })
end

local function log_of(call)
  local lines = {}
  for i, line in ipairs(call.logs or {}) do lines[i] = parts.moment(line.timestamp) .. "  " .. line.message end
  return table.concat(lines, "\n")
end

local function row(view, call)
  local id, status = ("%.0f"):format(call.id), calls.status(view.project, call)
  local over = status ~= "Running"
  local problem, ended = over and call.error or {}, over and call.ends or nil
  local folds = (over and parts.fold("r-" .. id, "Response", call.response) or "")
    .. text_fold("l-" .. id, "Log", log_of(call)) .. text_fold("x-" .. id, "Trace", problem.trace or "")
  return {
    id = "c-" .. id, parts.badge(status),
    "<code>" .. id .. "</code>" .. parts.reason(problem.message) .. parts.folds(folds),
    parts.moment(call.startTime), parts.elapsed({ startTime = call.startTime, endTime = ended }, view.now),
  }
end

--- A table of the latest calls that are wanted, and the way to older ones.
---@param view cdfworkflow.simulator.View
---@param wanted fun(call: table): boolean
---@return string html
function function_calls.latest(view, wanted)
  local state, before = view.project.state, newest.before(view.query)
  local found, more, cut = newest.find(state.call_order, state.calls, wanted, { most = PAGE, before = before })
  local rows = {}
  for i, call in ipairs(found) do rows[i] = row(view, call) end
  local older = more and markup.with_query(view.path, { { "before", ("%d"):format(more) } })
  local empty = cut and "None among those that were looked at." or "No call yet."
  local note = cut and ("Looked at %d calls."):format(newest.MOST_LOOKS) or nil
  return parts.section("Calls", parts.table(HEADS, rows, empty) .. parts.pager(before and view.path, older, note))
end

return function_calls
