-- SPDX-License-Identifier: Apache-2.0
-- cdf.graph: a workflow or one of its executions as a picture: for a terminal, for Graphviz, for Mermaid.
-- Draws what it is given, sound or not (cdf.lint judges), and asks neither CDF nor the clock.

local columns = require "cdfworkflow.definition.columns"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local sorted_keys = require "cdfworkflow.sorted_keys"
local task_types = require "cdfworkflow.definition.task_types"

local NARROWEST = 20 -- columns
local MAX_NESTING = 8 -- CDF nests one level; a table inside itself would go on for ever

--- A task in the picture.
---@class cdfworkflow.graph.Step
---@field id string
---@field key string its name in dot and Mermaid
---@field type string
---@field run table|nil the last attempt, from `executedTasks`
---@field attempts integer
---@field before cdfworkflow.graph.Step[] those it waits for
---@field after cdfworkflow.graph.Step[] those that wait for it
---@field inside cdfworkflow.graph.Step[] the tasks of a dynamic or subworkflow task

---@class cdfworkflow.graph.Picture
---@field title string|nil
---@field execution table|nil
---@field steps cdfworkflow.graph.Step[]

-- ---------------------------------------------------------------- from tables to steps

local function as_table(value)
  return type(value) == "table" and value or {}
end

--- The newest of two attempts of a task; one that has not begun is newer than any that has.
local function newer(a, b)
  local a_start, b_start = tonumber(a.startTime) or math.huge, tonumber(b.startTime) or math.huge
  return b_start >= a_start and b or a
end

--- Executed tasks by the task that made them (`false` for none) and by id, each with its attempts.
local function index_runs(executed)
  local runs = { made_by = {}, order = {}, steps = 0 }
  for _, run in ipairs(as_table(executed)) do
    if type(run) == "table" and run.externalId ~= nil then
      local parent = run.parentTaskExternalId or false
      local mine = runs.made_by[parent] or {}
      runs.made_by[parent] = mine
      local entry = mine[run.externalId]
      if entry then
        entry.run, entry.attempts = newer(entry.run, run), entry.attempts + 1
      else
        mine[run.externalId] = { run = run, attempts = 1, parent = parent }
        table.insert(runs.order, mine[run.externalId])
      end
    end
  end
  return runs
end

--- The tasks that a dynamic or subworkflow task holds, as far as its definition or its execution tells.
local function tasks_inside(task, run)
  for _, source in ipairs { as_table(task.parameters), as_table(as_table(run).input) } do
    for _, kind in ipairs(task_types) do
      local tasks = kind.holds_tasks and as_table(source[kind.holder]).tasks
      if type(tasks) == "table" then return tasks end
    end
  end
  return {}
end

local function link(steps, by_id, definitions)
  for _, step in ipairs(steps) do
    local seen = {}
    for _, dependency in ipairs(as_table(as_table(definitions[step]).dependsOn)) do
      local id = type(dependency) == "table" and dependency.externalId or dependency
      local earlier = id ~= nil and by_id[id]
      if earlier and earlier ~= step and not seen[earlier] then
        seen[earlier] = true
        table.insert(step.before, earlier)
        table.insert(earlier.after, step)
      end
    end
  end
end

--- The steps of one list of tasks and of those that ran without standing in it.
local function make_steps(runs, tasks, parent, depth)
  local steps, by_id, definitions = {}, {}, {}
  local function add(id, task, entry)
    if id == nil or by_id[id] then return end
    if entry then entry.used = true end
    runs.steps = runs.steps + 1
    local run = entry and entry.run
    local step = {
      id = tostring(id), key = "t" .. runs.steps, type = tostring(task.type or run and run.taskType or "task"),
      run = run, attempts = entry and entry.attempts or 0, before = {}, after = {}, inside = {},
    }
    by_id[id], definitions[step] = step, task
    table.insert(steps, step)
    if depth < MAX_NESTING then step.inside = make_steps(runs, tasks_inside(task, run), id, depth + 1) end
  end
  local mine = runs.made_by[parent] or {}
  for _, task in ipairs(tasks) do
    if type(task) == "table" and task.externalId ~= nil then add(task.externalId, task, mine[task.externalId]) end
  end
  for _, entry in ipairs(runs.order) do
    if entry.parent == parent and not entry.used then add(entry.run.externalId, {}, entry) end
  end
  if parent == false then -- whatever is left says it was made by a task that is not here
    for _, entry in ipairs(runs.order) do
      if not entry.used then add(entry.run.externalId, {}, entry) end
    end
  end
  link(steps, by_id, definitions)
  return steps
end

---@return cdfworkflow.graph.Picture
local function make_picture(subject)
  local definition = as_table(subject.workflowDefinition or subject)
  local is_execution = subject.executedTasks ~= nil or subject.engineExecutionId ~= nil
  local runs = index_runs(subject.executedTasks)
  local title
  if subject.workflowExternalId ~= nil then
    title = tostring(subject.workflowExternalId)
    if subject.version ~= nil then title = title .. " version " .. tostring(subject.version) end
  end
  return {
    title = title, execution = is_execution and subject or nil,
    steps = make_steps(runs, as_table(definition.tasks), false, 1),
  }
end

-- ---------------------------------------------------------------- words and colours

--- What a status looks like. `mark` and `ascii` are its signs, `ansi` is a terminal's colour, `fill` and `line` are
--- those of a box.
local looks = {
  done = { mark = "✓", ascii = "+", ansi = "32", fill = "#d8f3dc", line = "#2d6a4f" },
  flawed = { mark = "!", ascii = "!", ansi = "33", fill = "#fff3bf", line = "#b08900" },
  failed = { mark = "✗", ascii = "x", ansi = "31", fill = "#ffd6d6", line = "#c1121f" },
  late = { mark = "✗", ascii = "x", ansi = "31", fill = "#ffe0c2", line = "#c05a00" },
  running = { mark = "▶", ascii = ">", ansi = "36", fill = "#d0e7ff", line = "#1b65b0" },
  scheduled = { mark = "○", ascii = "o", ansi = "36", fill = "#f1f7fd", line = "#1b65b0" },
  stopped = { mark = "■", ascii = "#", ansi = "2", fill = "#e5e5e5", line = "#6c757d" },
  skipped = { mark = "–", ascii = "-", ansi = "2", fill = "#f4f4f4", line = "#adb5bd" },
  idle = { mark = "·", ascii = ".", ansi = "2", fill = "#ffffff", line = "#adb5bd" },
  unknown = { mark = "?", ascii = "?", ansi = "33", fill = "#ffffff", line = "#6c757d" },
  plain = { fill = "#ffffff", line = "#495057" },
}

--- Statuses of tasks and of executions (`RUNNING`, `TERMINATED`).
local look_of = {
  COMPLETED = "done", COMPLETED_WITH_ERRORS = "flawed", FAILED = "failed", FAILED_WITH_TERMINAL_ERROR = "failed",
  TIMED_OUT = "late", IN_PROGRESS = "running", RUNNING = "running", SCHEDULED = "scheduled", CANCELED = "stopped",
  CANCELLED = "stopped", TERMINATED = "stopped", SKIPPED = "skipped",
}

local function look(picture, step)
  if not picture.execution then return "plain" end
  if not step.run then return "idle" end
  return look_of[tostring(step.run.status):upper()] or "unknown"
end

--- Milliseconds as people read them.
local function duration(ms)
  if ms < 1000 then return ("%.0f ms"):format(ms) end
  if ms < 59950 then return ("%.1f s"):format(ms / 1000) end
  local seconds = math.floor(ms / 1000 + 0.5)
  local minutes = math.floor(seconds / 60)
  if minutes < 60 then return ("%d min %02d s"):format(minutes, seconds % 60) end
  return ("%d h %02d min"):format(math.floor(minutes / 60), minutes % 60)
end

--- How long a task or an execution took, where it is over.
local function time_taken(run)
  local from, to = tonumber(run.startTime), tonumber(run.endTime)
  local took = from and to and to - from
  if took and took >= 0 and took < 2 ^ 53 then return duration(took) end
end

--- Text that cannot disturb a terminal or a picture: one line of valid UTF-8 without control characters.
local function clean(text)
  text = tostring(text)
  if not core.encode(text) then text = text:gsub("[\128-\255]", "\239\191\189") end
  text = text:gsub("\194[\128-\159]", "\239\191\189")
  return (text:gsub("%c", function(c)
    return c == "\n" and "\\n" or c == "\t" and "\\t" or ("\\x%02x"):format(c:byte())
  end))
end

--- What became of a task or an execution, such as `failed after 1.2 s`, and CDF's reason for it.
---@return string words
---@return string|nil reason
local function outcome(run)
  local words, took = clean(run.status):lower():gsub("_", " "), time_taken(run)
  if took then words = words .. (words == "completed" and " in " or " after ") .. took end
  local reason = run.reasonForIncompletion
  return words, type(reason) == "string" and reason ~= "" and clean(reason) or nil
end

--- The same for a task, nil when nothing runs. That a task took 2 s says by itself that it completed.
local function step_outcome(picture, step)
  if not picture.execution then return nil end
  if not step.run then return picture.execution.endTime and "not run" or "waiting" end
  local words, reason = outcome(step.run)
  words = words:gsub("^completed in ", "")
  if step.attempts > 1 then words = ("%s (%d attempts)"):format(words, step.attempts) end
  return words, reason
end

local function heading(picture)
  local execution = picture.execution
  if not execution then return picture.title and clean(picture.title) end
  local words, reason = outcome(execution)
  return clean(picture.title or "execution") .. "  " .. words .. (reason and ": " .. reason or "")
end

-- ---------------------------------------------------------------- a tree for a terminal

--- The signs that a tree is made of.
local STROKES = {
  unicode = { fork = "├─ ", last = "└─ ", through = "│  ", inside = "│ ┊ ", beside = "  ┊ ", again = "↑ ", cut = "…" },
  ascii = { fork = "|- ", last = "`- ", through = "|  ", inside = "| : ", beside = "  : ", again = "^ ", cut = "~" },
}

--- A part of a line, with a colour or without.
---@class cdfworkflow.graph.Part
---@field [1] string
---@field ansi? string

---@class cdfworkflow.graph.Tree
---@field picture cdfworkflow.graph.Picture
---@field opts cdfworkflow.GraphOptions
---@field strokes table<string, string>
---@field seen table<cdfworkflow.graph.Step, true>
---@field lines string[]

--- Text that this terminal can show.
local function shown(tree, text)
  if not tree.opts.ascii then return text end
  return (text:gsub("[\192-\255][\128-\191]*", "?"))
end

local function paint(tree, part, text)
  if not tree.opts.color or not part.ansi or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(part.ansi, text)
end

--- Deep down a tree, its left side gives way, so that the names are seen.
local function narrowed(tree, indent)
  local room = math.floor(tree.opts.width / 2)
  if columns.of(indent) <= room then return indent end
  local kept = {}
  for character in indent:gmatch "[%z\1-\127\192-\255][\128-\191]*" do kept[#kept + 1] = character end
  return tree.strokes.cut .. table.concat(kept, "", #kept - math.max(room - 2, 2))
end

--- The parts in the width that there is, with a sign where something was cut off.
local function fitted(tree, parts)
  local room, texts = tree.opts.width, {}
  for i, part in ipairs(parts) do
    local taken = columns.of(part[1])
    if taken > room or taken == room and parts[i + 1] then
      texts[i] = paint(tree, part, columns.fit(part[1], room - 1) .. tree.strokes.cut)
      break
    end
    room = room - taken
    texts[i] = paint(tree, part, part[1])
  end
  return table.concat(texts)
end

local function add_line(tree, indent, parts)
  if tree.opts.width then indent = narrowed(tree, indent) end
  table.insert(parts, 1, { indent })
  for _, part in ipairs(parts) do
    if part ~= parts[1] then part[1] = shown(tree, part[1]) end
  end
  if tree.opts.width then return table.insert(tree.lines, fitted(tree, parts)) end
  for i, part in ipairs(parts) do parts[i] = paint(tree, part, part[1]) end
  table.insert(tree.lines, table.concat(parts))
end

local function mark(tree, style) return { tree.opts.ascii and style.ascii or style.mark, ansi = style.ansi } end

local function step_parts(tree, step)
  local picture = tree.picture
  local name = clean(step.id) .. "  " .. clean(step.type)
  local words, reason = step_outcome(picture, step)
  if not words then return { { name } } end
  local style = looks[look(picture, step)]
  if reason then words = words .. ": " .. reason end
  return { mark(tree, style), { " " .. name .. "  " }, { words, ansi = style.ansi } }
end

local draw_list -- both ways: a branch holds the lists of tasks inside its tasks

--- Writes steps as branches: each with its inner tasks behind a dotted line, then those that wait for it. A step that
--- waits for several stands under the first of them and is only named under the others.
local function draw_branches(tree, steps, indent)
  local strokes = tree.strokes
  for i, step in ipairs(steps) do
    local is_last = i == #steps
    local branch = indent .. (is_last and strokes.last or strokes.fork)
    if tree.seen[step] then
      add_line(tree, branch .. strokes.again, { { clean(step.id) } })
    else
      tree.seen[step] = true
      add_line(tree, branch, step_parts(tree, step))
      local deeper = indent .. (is_last and "   " or strokes.through)
      draw_list(tree, step.inside, deeper .. (#step.after > 0 and strokes.inside or strokes.beside))
      draw_branches(tree, step.after, deeper)
    end
  end
end

--- Where a list begins: the steps that wait for nothing, and one of each ring that nothing else leads to.
local function beginnings(steps)
  local found, reached = {}, {}
  local function begin(step)
    found[#found + 1] = step
    local todo = { step }
    while #todo > 0 do
      local reachable = table.remove(todo)
      if not reached[reachable] then
        reached[reachable] = true
        for _, later in ipairs(reachable.after) do todo[#todo + 1] = later end
      end
    end
  end
  for _, step in ipairs(steps) do
    if #step.before == 0 then begin(step) end
  end
  for _, step in ipairs(steps) do
    if not reached[step] then begin(step) end
  end
  return found
end

function draw_list(tree, steps, indent)
  draw_branches(tree, beginnings(steps), indent)
end

local function title_parts(tree)
  local picture, title = tree.picture, heading(tree.picture)
  if not title or not picture.execution then return title and { { title } } end
  return { mark(tree, looks[look_of[tostring(picture.execution.status):upper()] or "unknown"]), { " " .. title } }
end

local function text(picture, opts)
  local tree = {
    picture = picture, opts = opts, strokes = opts.ascii and STROKES.ascii or STROKES.unicode, seen = {}, lines = {},
  }
  local title = title_parts(tree)
  if title then add_line(tree, "", title) end
  draw_list(tree, picture.steps, "")
  return table.concat(tree.lines, "\n")
end

-- ---------------------------------------------------------------- boxes and arrows

--- The lines of a box.
local function box_lines(picture, step)
  local words, reason = step_outcome(picture, step)
  if reason and #reason > 40 then reason = reason:sub(1, 40):gsub("[\192-\255]?[\128-\191]*$", "") .. "…" end
  return { clean(step.id), clean(step.type), words, reason }
end

--- Calls `visit(step, depth)` for each step, `leave(step, depth)` after the steps inside it.
local function walk(steps, visit, leave, depth)
  for _, step in ipairs(steps) do
    visit(step, depth)
    if #step.inside > 0 then
      walk(step.inside, visit, leave, depth + 1)
      leave(step, depth)
    end
  end
end

local function each_arrow(steps, visit)
  walk(steps, function(step)
    for _, earlier in ipairs(step.before) do visit(earlier, step) end
  end, function() end, 1)
end

local function quote(label)
  return '"' .. label:gsub('[\\"]', "\\%0"):gsub("&", "&amp;") .. '"'
end

local function dot_label(lines)
  local quoted = {}
  for i, line in ipairs(lines) do quoted[i] = quote(line):sub(2, -2) end
  return '"' .. table.concat(quoted, "\\n") .. '"'
end

--- Graphviz draws arrows between boxes only: an inner box that has nothing before (or after) it stands for the frame
--- around it, and the arrow is cut at the frame.
local function stand_in(step, side)
  while #step.inside > 0 do
    local chosen = step.inside[1]
    for _, inner in ipairs(step.inside) do
      if #inner[side] == 0 then chosen = inner end
    end
    step = chosen
  end
  return step
end

local function dot_arrow(earlier, later)
  local from, to, ends = stand_in(earlier, "after"), stand_in(later, "before"), {}
  if from ~= earlier then ends[#ends + 1] = "ltail=cluster_" .. earlier.key end
  if to ~= later then ends[#ends + 1] = "lhead=cluster_" .. later.key end
  return ("  %s -> %s%s;"):format(from.key, to.key, #ends > 0 and " [" .. table.concat(ends, ", ") .. "]" or "")
end

local function dot(picture)
  local lines = {
    "digraph workflow {",
    '  graph [rankdir=LR, compound=true, fontname="Helvetica,sans-serif", fontsize=13];',
    '  node [shape=box, style="rounded,filled", fontname="Helvetica,sans-serif", fontsize=11];',
    '  edge [color="#495057", arrowsize=0.7];',
  }
  local title = heading(picture)
  if title then lines[#lines + 1] = "  labelloc=t; label=" .. quote(title) .. ";" end
  walk(picture.steps, function(step, depth)
    local indent, style, label = ("  "):rep(depth), looks[look(picture, step)], dot_label(box_lines(picture, step))
    if #step.inside > 0 then
      lines[#lines + 1] = ("%ssubgraph cluster_%s {"):format(indent, step.key)
      lines[#lines + 1] = ('%s  label=%s; labelloc=t; fontsize=11; style=rounded; color="%s"; bgcolor="%s";'):format(
        indent, label, style.line, style.fill)
    else
      lines[#lines + 1] = ('%s%s [label=%s, color="%s", fillcolor="%s"];'):format(indent, step.key, label, style.line,
        style.fill)
    end
  end, function(_, depth) lines[#lines + 1] = ("  "):rep(depth) .. "}" end, 1)
  each_arrow(picture.steps, function(earlier, later) lines[#lines + 1] = dot_arrow(earlier, later) end)
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n")
end

--- Everything that Mermaid, Markdown or HTML could take for a sign of theirs goes as a character code. Mermaid acts on
--- `\n` and on icon names (`fa:fa-car`) even then, unless a space of no width parts them.
local function mermaid_text(line)
  line = line:gsub("\\n", "\\\226\128\139n"):gsub(":fa%-", ":\226\128\139fa-")
  return (line:gsub("()([^%w%s\128-\255,()/_:])", function(position, c)
    local is_inside_word = line:find("^%w[-.]%w", position - 1)
    return is_inside_word and c or ("#%d;"):format(c:byte())
  end))
end

local function mermaid_label(lines, joint)
  local safe = {}
  for i, line in ipairs(lines) do safe[i] = mermaid_text(line) end
  return '"' .. table.concat(safe, joint) .. '"'
end

local function mermaid(picture)
  local lines, members, title = {}, {}, heading(picture)
  if title then
    -- Mermaid takes whatever stands in < > out of a title, and shows character codes as they are.
    title = title:gsub('[\\"]', "\\%0"):gsub("<", "‹"):gsub(">", "›")
    lines = { "---", 'title: "' .. title .. '"', "---" }
  end
  lines[#lines + 1] = "flowchart LR"
  walk(picture.steps, function(step, depth)
    local style = look(picture, step)
    members[style] = members[style] or {}
    table.insert(members[style], step.key)
    local has_inside, words = #step.inside > 0, box_lines(picture, step)
    local shape = has_inside and "%ssubgraph %s[%s]" or "%s%s(%s)"
    -- A frame has room for one line above what is inside it.
    lines[#lines + 1] = shape:format(("  "):rep(depth), step.key, mermaid_label(words, has_inside and " · " or "<br/>"))
  end, function(_, depth) lines[#lines + 1] = ("  "):rep(depth) .. "end" end, 1)
  each_arrow(picture.steps, function(earlier, later)
    lines[#lines + 1] = ("  %s --> %s"):format(earlier.key, later.key)
  end)
  for _, style in ipairs(sorted_keys(members)) do
    lines[#lines + 1] = ("  classDef %s fill:%s,stroke:%s,color:#212529"):format(style, looks[style].fill,
      looks[style].line)
    lines[#lines + 1] = ("  class %s %s"):format(table.concat(members[style], ","), style)
  end
  return table.concat(lines, "\n")
end

local formats = { text = text, dot = dot, mermaid = mermaid }

---@class cdfworkflow.GraphOptions
---@field color? boolean text only: colours for a terminal (ANSI escape sequences)
---@field width? integer text only: columns that a line may take, at least 20; longer ones are cut, with a sign for it
---@field ascii? boolean text only: nothing beyond ASCII, for terminals without UTF-8

--- A workflow, or one of its executions with statuses and durations, as a picture.
---
--- `"text"` is a tree for a terminal: under each task those that wait for it, behind a dotted line those inside it (of
--- dynamic and subworkflow tasks). A task that waits for several stands under the first and is named with ↑ under the
--- others. The marks: ✓ completed, ! completed with errors, ✗ failed or timed out, ▶ in progress, ○ scheduled,
--- ■ canceled, – skipped, · not begun; in ASCII + ! x > o # - and a dot.
---
--- `"dot"` is for Graphviz (`dot -Tsvg`), `"mermaid"` for Mermaid, which Git hosts draw in Markdown. Task ids may hold
--- any character; those that would disturb a terminal or a picture are shown escaped.
---
--- ```lua
--- print(cdf.graph(definition, "text"))
--- print(cdf.graph(client:wait(execution), "mermaid"))
--- ```
---@param subject table a workflow definition, a version, or an execution in detail (from `retrieve`, `wait`, `watch`)
---@param format "text"|"dot"|"mermaid"
---@param opts? cdfworkflow.GraphOptions
---@return string picture without a line end at its end
local function graph(subject, format, opts)
  return formats[format](make_picture(subject), opts)
end

--- What is no picture: an execution that came without its tasks, say.
local SUBJECT = {
  word = "a workflow definition or an execution in detail (executions:retrieve gives it)",
  accepts = function(value)
    if type(value) ~= "table" then return false end
    return type(value.executedTasks) == "table" or type(as_table(value.workflowDefinition or value).tasks) == "table"
  end,
}

return method.fn("cdf.graph", {
  { "subject", SUBJECT, required = true },
  { "format", check.choice { "text", "dot", "mermaid" }, required = true },
  { "opts", options.of { { "color", check.any }, { "width", check.whole(NARROWEST, 10000) }, { "ascii", check.any } } },
}, graph)
