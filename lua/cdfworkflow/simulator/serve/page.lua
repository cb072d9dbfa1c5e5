-- SPDX-License-Identifier: Apache-2.0
-- The page to look at: projects, workflows, executions and the task graph of one execution as HTML made here, without
-- JavaScript. Reads the simulator's state and changes nothing; what looks like a secret is not shown.

local core = require "cdfworkflow.core"
local drawing = require "cdfworkflow.simulator.serve.drawing"
local markup = require "cdfworkflow.simulator.serve.markup"
local task_graph = require "cdfworkflow.simulator.engine.graph"

local page = {}

local fill, escape = markup.fill, markup.escape

local MOST_EXECUTIONS = 50
local MOST_TEXT = 4000

local STYLE = [[
:root { color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1c2430; --faint: #667085; --line: #dfe3ea; --link: #1f5fbf;
  --done: #1a7f4b; --live: #1f5fbf; --bad: #c0322b; --warn: #a15c00; --idle: #667085; --stop: #7a4fb5; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #10141b; --card: #181e28; --ink: #e4e8ee; --faint: #93a0b4; --line: #2c3645; --link: #7fb0ff;
  --done: #4cc38a; --live: #6aa8ff; --bad: #ff7b72; --warn: #f0b04a; --idle: #93a0b4; --stop: #bd9bf0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main, header { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; padding-top: 22px; }
header strong { font-size: 18px; } header span { color: var(--faint); }
header a { color: inherit; text-decoration: none; }
h1 { font-size: 22px; margin: 22px 0 10px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 26px 0 8px; overflow-wrap: anywhere; }
a { color: var(--link); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
.empty { padding: 14px 16px; color: var(--faint); }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; font-size: 13px; color: var(--faint); white-space: nowrap; }
th, td { padding: 8px 16px; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; } td { overflow-wrap: anywhere; }
td.time, td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { margin: 6px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; margin: 0; padding: 14px 16px; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--link); }
.reason { color: var(--faint); }
.status { display: inline-block; white-space: nowrap; font-size: 13px; font-weight: 600; color: var(--tone); }
.status::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 5px; margin-right: 7px;
  background: var(--tone); }
.progress { display: inline-block; width: 90px; height: 7px; border-radius: 4px; background: var(--line);
  margin-right: 8px; overflow: hidden; }
.progress i { display: block; height: 100%; background: var(--tone); }
.done { --tone: var(--done); } .live { --tone: var(--live); } .bad { --tone: var(--bad); }
.warn { --tone: var(--warn); } .idle { --tone: var(--idle); } .stop { --tone: var(--stop); }
.live.status::before, .live .dot { animation: pulse 1.6s ease-in-out infinite; }
@keyframes pulse { 50% { opacity: .35; } }
@media (prefers-reduced-motion: reduce) { .live.status::before, .live .dot { animation: none; } }
.graph { padding: 16px; } svg { display: block; max-width: 100%; height: auto; }
svg .edge { fill: none; stroke: var(--faint); stroke-opacity: .55; stroke-width: 1.5; }
svg .box { fill: var(--card); stroke: var(--tone); stroke-width: 1.6; }
svg .idle .box { stroke-dasharray: 5 4; } svg .tint { fill: var(--tone); fill-opacity: .09; }
svg .dot { fill: var(--tone); } svg text { fill: var(--ink); font: 600 14px system-ui, sans-serif; }
svg .sub { fill: var(--faint); font-size: 12px; font-weight: 400; } svg .word { fill: var(--tone); font-size: 12px; }
]]

local TONES = {
  COMPLETED = "done", COMPLETED_WITH_ERRORS = "warn", RUNNING = "live", IN_PROGRESS = "live", SCHEDULED = "idle",
  FAILED = "bad", FAILED_WITH_TERMINAL_ERROR = "bad", TIMED_OUT = "bad", TERMINATED = "stop", CANCELED = "stop",
  SKIPPED = "idle", WAITING = "idle", QUEUED = "idle",
}

---------------------------------------------------------------------------------------------------------------------
-- Small parts
---------------------------------------------------------------------------------------------------------------------

local function tone(status)
  return TONES[status] or "idle"
end

local function words(status)
  return (status:lower():gsub("_", " "))
end

local function badge(status)
  return fill('<span class="status {tone}">{words}</span>', { tone = tone(status), words = words(status) })
end

local function moment(ms)
  if not ms then return "–" end
  return os.date("!%Y-%m-%d %H:%M:%S", math.floor(ms / 1000))
end

local function duration(ms)
  local seconds = ms / 1000
  if seconds < 10 then return ("%.1f s"):format(seconds) end
  if seconds < 60 then return ("%d s"):format(math.floor(seconds)) end
  local minutes = math.floor(seconds / 60)
  if minutes < 60 then return ("%d min %d s"):format(minutes, math.floor(seconds % 60)) end
  return ("%d h %d min"):format(math.floor(minutes / 60), minutes % 60)
end

local function elapsed(record, now)
  if not record.startTime then return "–" end
  return duration(math.max((record.endTime or now) - record.startTime, 0))
end

-- Names of members whose values are nobody's business, whatever their spelling: clientSecret, client-secret, apiKey.
local function is_secret(name)
  local bare = tostring(name):lower():gsub("[^%a]", "")
  for _, word in ipairs { "secret", "password", "token", "nonce", "authorization", "apikey", "credential" } do
    if bare:find(word, 1, true) then return true end
  end
  return false
end

local function sorted_names(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  return names
end

-- JSON for a reader: members in order of name, one a line, secrets hidden.
local function describe(value, indent)
  if type(value) ~= "table" then return core.encode(value) or '"…"' end
  local is_array = core.is_array(value) or value[1] ~= nil
  local parts, inner = {}, indent .. "  "
  for _, name in ipairs(is_array and {} or sorted_names(value)) do
    local member = is_secret(name) and '"…"' or describe(value[name], inner)
    parts[#parts + 1] = inner .. core.encode(tostring(name)) .. ": " .. member
  end
  for i = 1, is_array and #value or 0 do parts[i] = inner .. describe(value[i], inner) end
  local open, close = is_array and "[" or "{", is_array and "]" or "}"
  if #parts == 0 then return open .. close end
  return open .. "\n" .. table.concat(parts, ",\n") .. "\n" .. indent .. close
end

local function json(value)
  local text = describe(value, "")
  if #text > MOST_TEXT then text = markup.cut(text, MOST_TEXT) end
  return fill("<pre>{text}</pre>", { text = text })
end

local function fold(title, value)
  if value == nil or type(value) == "table" and next(value) == nil then return "" end
  return fill("<details><summary>{title}</summary>{!json}</details>", { title = title, json = json(value) })
end

local function table_of(heads, rows, empty)
  if #rows == 0 then return fill('<div class="card empty">{empty}</div>', { empty = empty }) end
  local cells = {}
  for i, head in ipairs(heads) do cells[i] = "<th>" .. escape(head) .. "</th>" end
  return ('<div class="card"><table><thead><tr>%s</tr></thead><tbody>\n%s\n</tbody></table></div>')
    :format(table.concat(cells), table.concat(rows, "\n"))
end

local function whole(sim, title, refresh, body)
  return fill([[
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{!refresh}
<style>{!style}</style></head><body>
<header><strong><a href="/">cdfworkflow-sim</a></strong><span>embedded CDF · {clock} UTC</span></header>
<main>
{!body}
</main><p></p></body></html>
]], {
    title = title, style = STYLE, body = body, clock = moment(sim:now()),
    refresh = refresh and ('<meta http-equiv="refresh" content="%d">'):format(refresh) or "",
  })
end

---------------------------------------------------------------------------------------------------------------------
-- The first page
---------------------------------------------------------------------------------------------------------------------

local function shown_status(execution)
  return execution.queued and "QUEUED" or execution.status
end

local function execution_path(project, execution)
  return "/ui/" .. markup.segment(project.name) .. "/executions/" .. markup.segment(execution.id)
end

local function progress(execution)
  local done = 0
  for _, entry in ipairs(execution.executedTasks) do
    if not entry.parent and task_graph.DONE[entry.status] then done = done + 1 end
  end
  local all = #(execution.workflowDefinition.tasks or {})
  return fill('<span class="progress {tone}"><i style="width:{percent}%"></i></span>{done} of {all}', {
    tone = tone(execution.status), percent = all > 0 and math.floor(100 * done / all) or 0, done = done, all = all,
  })
end

local function execution_row(project, execution, now)
  return fill('<tr><td>{!badge}</td><td><a href="{href}">{workflow}</a> <code>{version}</code></td>'
    .. '<td class="number">{!progress}</td><td class="time">{created}</td><td class="time">{elapsed}</td></tr>', {
    badge = badge(shown_status(execution)), href = execution_path(project, execution),
    workflow = execution.workflowExternalId, version = execution.version, progress = progress(execution),
    created = moment(execution.createdTime), elapsed = elapsed(execution, now),
  })
end

local function latest_executions(project, now)
  local order, rows = project.state.execution_order, {}
  for i = #order, math.max(#order - MOST_EXECUTIONS + 1, 1), -1 do
    rows[#rows + 1] = execution_row(project, project.engine_state.executions[order[i]], now)
  end
  return table_of({ "Status", "Workflow", "Tasks", "Created (UTC)", "Took" }, rows, "No execution yet.")
end

local function count_executions(project)
  local counts = {}
  for _, execution in pairs(project.engine_state.executions) do
    counts[execution.workflowExternalId] = (counts[execution.workflowExternalId] or 0) + 1
  end
  return counts
end

local function workflow_rows(project)
  local counts, rows = count_executions(project), {}
  for _, id in ipairs(sorted_names(project.state.workflows)) do
    local resource = project.state.workflows[id].resource
    rows[#rows + 1] = fill('<tr><td>{id}</td><td>{description}</td><td class="number">{versions}</td>'
      .. '<td class="number">{executions}</td><td class="number">{running}</td></tr>', {
      id = id, description = resource.description or "", executions = counts[id] or 0,
      versions = #sorted_names(project.state.versions[id] or {}), running = project.engine:running(id),
    })
  end
  return table_of({ "External id", "Description", "Versions", "Executions", "Running" }, rows, "No workflow yet.")
end

local function project_part(project, now)
  return fill("<h1>{name}</h1><h2>Latest executions</h2>{!executions}<h2>Workflows</h2>{!workflows}", {
    name = project.name, executions = latest_executions(project, now), workflows = workflow_rows(project),
  })
end

local function overview(sim)
  local parts = {}
  for _, name in ipairs(sorted_names(sim.projects)) do
    parts[#parts + 1] = project_part(sim.projects[name], sim:now())
  end
  return whole(sim, "cdfworkflow-sim", 3, table.concat(parts, "\n"))
end

---------------------------------------------------------------------------------------------------------------------
-- One execution
---------------------------------------------------------------------------------------------------------------------

local function entries_of(execution, parent)
  local entries = {}
  for _, entry in ipairs(execution.executedTasks) do
    if entry.parent == parent then entries[entry.externalId] = entry end
  end
  return entries
end

local function drawn_tasks(definitions, entries, now)
  local tasks = {}
  for i, definition in ipairs(definitions) do
    local entry = entries[definition.externalId]
    local status = entry and entry.status or "WAITING"
    local took = entry and entry.startTime and " · " .. elapsed(entry, now) or ""
    local needs = {}
    for _, need in ipairs(definition.dependsOn or {}) do needs[#needs + 1] = need.externalId end
    local name = type(definition.name) == "string" and definition.name
    tasks[i] = {
      id = definition.externalId, needs = needs, tone = tone(status), title = name or definition.externalId,
      sub = definition.type .. took, word = words(status),
    }
  end
  return tasks
end

local function graph_part(title, definitions, entries, now)
  return fill('<h2>{title}</h2><div class="card graph">{!svg}</div>', {
    title = title, svg = drawing.draw(drawn_tasks(definitions, entries, now)),
  })
end

-- The definition's own graph, and one for each task that has made tasks.
local function graphs(execution, now)
  local definitions = execution.workflowDefinition.tasks or {}
  local parts = { graph_part("Task graph", definitions, entries_of(execution, nil), now) }
  for position, entry in ipairs(execution.executedTasks) do
    if entry.expanded then
      parts[#parts + 1] = graph_part("Tasks of " .. entry.externalId, task_graph.child_definitions(entry),
        entries_of(execution, position), now)
    end
  end
  return table.concat(parts, "\n")
end

local function task_row(entry, now)
  local reason = entry.reasonForIncompletion
  return fill('<tr><td>{!badge}</td><td>{parent}{id}{!reason}</td><td>{type}</td><td class="number">{attempts}</td>'
    .. '<td class="time">{started}</td><td class="time">{elapsed}</td><td>{!input}{!output}</td></tr>', {
    badge = badge(entry.status), id = entry.externalId, type = entry.taskType, attempts = entry.attempts or "–",
    parent = entry.parentTaskExternalId and entry.parentTaskExternalId .. " › " or "",
    reason = reason and fill('<div class="reason">{reason}</div>', { reason = reason }) or "",
    started = moment(entry.startTime), elapsed = elapsed(entry, now),
    input = fold("Input", entry.input), output = fold("Output", entry.output),
  })
end

local function task_rows(execution, now)
  local rows = {}
  for i, entry in ipairs(execution.executedTasks) do rows[i] = task_row(entry, now) end
  return table_of({ "Status", "Task", "Type", "Attempts", "Started (UTC)", "Took", "Data" }, rows, "No task has begun.")
end

local function facts(project, execution, now)
  local reason = execution.reasonForIncompletion
  return fill([[
<div class="card"><dl>
<dt>Status</dt><dd>{!badge}{!reason}</dd><dt>Project</dt><dd>{project}</dd><dt>Id</dt><dd><code>{id}</code></dd>
<dt>Created</dt><dd>{created} UTC</dd><dt>Started</dt><dd>{started} UTC</dd><dt>Took</dt><dd>{elapsed}</dd>
<dt>Data</dt><dd>{!metadata}{!input}</dd></dl></div>]], {
    badge = badge(shown_status(execution)), project = project.name, id = execution.id,
    reason = reason and fill(' <span class="reason">{reason}</span>', { reason = reason }) or "",
    created = moment(execution.createdTime), started = moment(execution.startTime), elapsed = elapsed(execution, now),
    metadata = fold("Metadata", execution.metadata), input = fold("Input", execution.input),
  })
end

local function execution_view(sim, project, execution)
  local now = sim:now()
  local title = execution.workflowExternalId .. " " .. execution.version
  local body = fill("<h1>{title}</h1>{!facts}{!graphs}<h2>Tasks</h2>{!tasks}", {
    title = title, facts = facts(project, execution, now), graphs = graphs(execution, now),
    tasks = task_rows(execution, now),
  })
  return whole(sim, title .. " · cdfworkflow-sim", execution.status == "RUNNING" and 2 or nil, body)
end

---------------------------------------------------------------------------------------------------------------------
-- Public
---------------------------------------------------------------------------------------------------------------------

---The page under a path, or nil when there is none.
---@param sim table
---@param path string `/` or `/ui/{project}/executions/{id}`, percent-encoded; a query is ignored
---@return string|nil html
function page.render(sim, path)
  path = path:match("^[^?#]*")
  if path == "/" then return overview(sim) end
  local project_name, id = path:match("^/ui/([^/]+)/executions/([^/]+)$")
  local project = project_name and sim.projects[markup.unescape(project_name)]
  local execution = project and project.engine_state.executions[markup.unescape(id)]
  return execution and execution_view(sim, project, execution) or nil
end

---The page for a path where there is none.
---@param sim table
---@return string html
function page.missing(sim)
  return whole(sim, "Not found · cdfworkflow-sim", nil,
    '<h1>Not found</h1><div class="card empty">There is nothing here. <a href="/">All executions</a></div>')
end

return page
