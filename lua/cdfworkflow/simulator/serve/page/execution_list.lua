-- SPDX-License-Identifier: Apache-2.0
-- All executions of a project by pages, newest first, filtered by workflow, status and time. However many there are, a
-- page looks at a limited number of them, and says so where that cut it short.

local forms = require "cdfworkflow.simulator.serve.page.forms"
local markup = require "cdfworkflow.simulator.serve.markup"
local newest = require "cdfworkflow.simulator.serve.page.newest"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local reading = require "cdfworkflow.simulator.serve.page.reading"
local timezone = require "cdfworkflow.simulator.lib.timezone"
local values = require "cdfworkflow.simulator.serve.page.values"

local fill = markup.fill

local execution_list = {}

local PAGE = 25
local MOST_CHOICES = 100

---------------------------------------------------------------------------------------------------------------------
-- Finding
---------------------------------------------------------------------------------------------------------------------

---@class cdfworkflow.simulator.ExecutionFilter
---@field workflow string?
---@field version string?
---@field status string? as reading.status tells it
---@field from integer? ms
---@field to integer? ms, the last millisecond that counts

-- How many of the first executions were created before a moment; they stand in the order of their creation.
local function count_before(project, ms)
  local order, stored = project.state.execution_order, project.engine_state.executions
  local low, high = 0, #order
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    if stored[order[middle]].createdTime < ms then low = middle else high = middle - 1 end
  end
  return low
end

local function fits(execution, filter)
  return (not filter.workflow or execution.workflowExternalId == filter.workflow)
    and (not filter.version or execution.version == filter.version)
    and (not filter.status or reading.has_status(execution, filter.status))
end

--- Executions that fit, newest first.
---@param project cdfworkflow.simulator.Project
---@param filter cdfworkflow.simulator.ExecutionFilter
---@param most integer how many are wanted
---@param before integer|nil only those that stand before this place in the order of creation
---@return table[] found stored executions
---@return integer|nil more, boolean cut as newest.find tells them
function execution_list.find(project, filter, most, before)
  return newest.find(project.state.execution_order, project.engine_state.executions, function(execution)
    return fits(execution, filter)
  end, {
    most = most, before = before, after = filter.from and count_before(project, filter.from),
    till = filter.to and count_before(project, filter.to + 1),
  })
end

---------------------------------------------------------------------------------------------------------------------
-- Showing
---------------------------------------------------------------------------------------------------------------------

---@param project cdfworkflow.simulator.Project
---@param id string
---@return string
function execution_list.path(project, id)
  return markup.path("ui", project.name, "executions", id)
end

local function progress(execution)
  local done, all = reading.progress(execution)
  return fill('<progress class="{tone}" value="{done}" max="{most}"></progress>{done} of {all}',
    { tone = parts.tone(reading.status(execution)), done = done, all = all, most = math.max(all, 1) })
end

local function named(view, execution)
  return fill('<a href="{path}">{workflow}</a> <code>{version}</code>', {
    path = execution_list.path(view.project, execution.id), workflow = execution.workflowExternalId,
    version = execution.version,
  })
end

local HEADS = {
  { "Status" }, { "Workflow" }, { "Tasks", class = "word" }, { "Created (UTC)", class = "time" },
  { "Took", class = "time" },
}

--- A table of executions.
---@param view cdfworkflow.simulator.View
---@param executions table[]
---@param empty string
---@return string html
function execution_list.table(view, executions, empty)
  local rows = {}
  for i, execution in ipairs(executions) do
    rows[i] = {
      id = "e-" .. execution.id, reading.badge(execution),
      named(view, execution) .. parts.reason(reading.why(execution)), progress(execution),
      parts.moment(execution.createdTime), parts.elapsed(execution, view.now),
    }
  end
  return parts.table(HEADS, rows, empty)
end

---------------------------------------------------------------------------------------------------------------------
-- The page with its filter
---------------------------------------------------------------------------------------------------------------------

local STATUSES = { "QUEUED", "RUNNING", "COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "TIMED_OUT", "TERMINATED" }

local MOMENT = "^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d)$"

-- `2026-01-01T08:30`, as browsers send it, taken as UTC.
local function read_moment(text)
  if not text or text == "" then return nil end
  local parsed = { text:match(MOMENT) }
  for i, digits in ipairs(parsed) do parsed[i] = tonumber(digits) end
  local year, month, day, hour, minute = parsed[1], parsed[2], parsed[3], parsed[4], parsed[5]
  if not year or month < 1 or month > 12 or day < 1 or day > timezone.days_in_month(year, month) or hour > 23
    or minute > 59 then
    return nil, "Write a time like 2026-01-31T08:30."
  end
  return (timezone.days(year, month, day) * 86400 + hour * 3600 + minute * 60) * 1000
end

local function some(text)
  return text ~= "" and text or nil
end

local function read_filter(query)
  local filter = { workflow = some(query.workflow), status = some(query.status) }
  local problems = {}
  filter.from, problems.from = read_moment(query.from)
  filter.to, problems.to = read_moment(query.to)
  if filter.to then filter.to = filter.to + 60000 - 1 end -- the whole minute
  return filter, problems
end

-- Names to choose from; where there are very many, or the one asked for is gone, the name is typed.
local function workflow_field(project, chosen)
  local field = { name = "workflow", label = "Workflow", kind = "text", sample = "all" }
  local names = project.state.workflows
  if project:count(names) > MOST_CHOICES or chosen and not names[chosen] then return field end
  field.kind, field.options = "select", { { "", "all" } }
  for i, id in ipairs(values.sorted_names(names)) do field.options[i + 1] = { id, id } end
  return field
end

local function status_options()
  local options = { { "", "all" } }
  for _, status in ipairs(STATUSES) do options[#options + 1] = { status, parts.words(status) } end
  return options
end

local function filter_form(view, problems)
  local query = view.query
  local fields = {
    workflow_field(view.project, some(query.workflow)),
    { name = "status", label = "Status", kind = "select", options = status_options() },
    { name = "from", label = "Created from (UTC)", kind = "moment" },
    { name = "to", label = "to (UTC)", kind = "moment" },
  }
  local inside = {}
  for i, field in ipairs(fields) do
    field.value, field.error = query[field.name], problems[field.name]
    inside[i] = forms.field(field)
  end
  return fill('<form class="filter" action="{path}">{!fields}<button>Filter</button></form>',
    { path = view.path, fields = table.concat(inside) })
end

local function page_path(view, before)
  local members = {}
  for i, name in ipairs { "workflow", "status", "from", "to" } do members[i] = { name, view.query[name] } end
  members[#members + 1] = { "before", before }
  return markup.with_query(view.path, members)
end

local function cut_note(project, position)
  local execution = project.engine_state.executions[project.state.execution_order[position]]
  return ("Looked at %d executions, back to %s."):format(newest.MOST_LOOKS, parts.moment(execution.createdTime))
end

local function show(view)
  local filter, problems = read_filter(view.query)
  local before = newest.before(view.query)
  local found, more, cut = execution_list.find(view.project, filter, PAGE, before)
  local note = cut and cut_note(view.project, more) or nil
  local body = filter_form(view, problems)
    .. execution_list.table(view, found, cut and "None of them fits." or "No execution.")
    .. parts.pager(before and page_path(view), more and page_path(view, more), note)
  return { title = "Executions", refresh = 1, body = body }
end

execution_list.routes = {
  { method = "GET", path = "/ui/{project}/executions", handle = show },
}

return execution_list
