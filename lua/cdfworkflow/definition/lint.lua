-- SPDX-License-Identifier: Apache-2.0
-- cdf.lint: what is wrong with a workflow definition, found without asking CDF. It reads, reports and never raises.
-- "error" is what CDF refuses or what cannot run as written; "warning" is what its documentation leaves open, and what
-- its published description forbids while definitions in use hold it (CDF.md section 20).

local core = require "cdfworkflow.core"
local plain = require("cdfworkflow.json").plain
local rules = require "cdfworkflow.definition.rules"
local suggest = require "cdfworkflow.suggest"
local task_types = require "cdfworkflow.definition.task_types"

local at, entries, members, must, shown = rules.at, rules.entries, rules.members, rules.must, rules.shown
local report_error, report_warning = rules.report_error, rules.report_warning
local sentence, sorted_keys = rules.sentence, rules.sorted_keys

local MAX_TASKS = 200
local PUBLISHED_TASKS = 100 -- in one list
local MAX_DEPENDENCIES = 100
local MAX_DEPTH = 128

---@class cdfworkflow.Finding
---@field severity "error"|"warning" error: CDF refuses it, or it cannot run as written
---@field code string what kind of finding it is, such as `unknown-dependency`
---@field path string where in the table, such as `tasks[3].dependsOn[1].externalId`
---@field message string one sentence for a person

--- A task as seen here: its table, where it stands, and the list ("scope") that it belongs to.
---@class cdfworkflow.lint.Node
---@field task table
---@field path string
---@field scope cdfworkflow.lint.Scope
---@field id string|nil

---@class cdfworkflow.lint.Scope
---@field nodes cdfworkflow.lint.Node[]
---@field first table<string, cdfworkflow.lint.Node> the first task with each id
---@field parent cdfworkflow.lint.Node|nil the task that holds this list
---@field path string where it stands
---@field list any what stands there

---@class cdfworkflow.lint.Report
---@field findings cdfworkflow.Finding[]
---@field scopes cdfworkflow.lint.Scope[]
---@field anywhere table<string, cdfworkflow.lint.Node> the first task with each id, in any list
---@field ids string[]
---@field count integer

--- The task types by their names, each with the rules of its own object and of what stands beside it.
local types = {}

local function rules_of(list)
  local by_name, required = {}, {}
  for _, member in ipairs(list or {}) do
    by_name[member[1]] = member[2]
    if member.required then required[#required + 1] = member[1] end
  end
  return by_name, required
end

for _, kind in ipairs(task_types) do
  local own, required = rules_of(kind.members)
  types[kind.type] = { kind = kind, rules = own, required = required, beside = rules_of(kind.beside) }
end

local type_names = sorted_keys(types)

local task_rules = {
  externalId = rules.identifier, type = true, parameters = true, dependsOn = true, name = rules.text(255),
  description = rules.text(500), retries = rules.whole_number(0, 10), timeout = rules.timeout,
  onFailure = rules.one_of { "abortWorkflow", "skipTask" },
}

--- The task's own object inside `parameters`, where it is one.
local function held(task)
  local known = types[task.type]
  local parameters = type(task.parameters) == "table" and task.parameters
  local inner = known and parameters and parameters[known.kind.holder]
  return type(inner) == "table" and inner or nil
end

-- ---------------------------------------------------------------- the graph

--- The tasks that this one names in dependsOn and that stand in the same list.
local function direct(node)
  if node.direct then return node.direct end
  node.direct = {}
  local links = node.task.dependsOn
  for _, key in ipairs(type(links) == "table" and sorted_keys(links) or {}) do
    local link = links[key]
    local id = type(link) == "table" and link.externalId or link
    local target = id ~= nil and node.scope.first[id]
    if target and target ~= node then table.insert(node.direct, { node = target, index = key }) end
  end
  return node.direct
end

--- The set of tasks that have ended when this one starts.
local function upstream(node)
  if node.upstream then return node.upstream end
  local set, todo = {}, { node }
  while #todo > 0 do
    for _, link in ipairs(direct(table.remove(todo))) do
      if not set[link.node] then
        set[link.node] = true
        todo[#todo + 1] = link.node
      end
    end
  end
  if node.scope.parent then
    for outer in pairs(upstream(node.scope.parent)) do set[outer] = true end
  end
  node.upstream = set
  return set
end

local function dependency(report, node, link, path, seen)
  if type(link) ~= "table" then
    return must(report, path, '{ externalId = "…" } (cdf.definition makes that of an id)', link)
  end
  members(report, link, path, { externalId = rules.identifier }, { "externalId" })
  local id, id_path = link.externalId, at(path, "externalId")
  if type(id) ~= "string" then return end
  if seen[id] then
    report_warning(report, "duplicate-dependency", id_path, ("%s is named twice in dependsOn"):format(shown(id)))
  elseif id == node.id then
    report_error(report, "self-dependency", id_path, ("%s waits for itself"):format(shown(id)))
  elseif not node.scope.first[id] then
    local elsewhere = report.anywhere[id] and "; it stands in another list of tasks, which dependsOn does not reach"
    report_error(report, "unknown-dependency", id_path,
      ("there is no task %s to wait for%s"):format(shown(id), elsewhere or suggest.hint(id, report.ids)))
  end
  seen[id] = true
end

local function dependencies(report, node)
  if node.task.dependsOn == nil then return end
  local path = at(node.path, "dependsOn")
  local found, seen = entries(report, node.task.dependsOn, path), {}
  if #found > MAX_DEPENDENCIES then
    report_error(report, "too-many", path,
      ("dependsOn has %d entries; CDF takes at most %d"):format(#found, MAX_DEPENDENCIES))
  end
  for _, entry in ipairs(found) do
    dependency(report, node, entry.value, at(path, entry.index), seen)
  end
end

--- Takes out every task whose dependencies are all out, beginning with those in `ready`.
local function take_out(ready, left, waiting, dependents)
  while #ready > 0 do
    local node = table.remove(ready)
    left[node] = nil
    for _, dependent in ipairs(dependents[node]) do
      waiting[dependent] = waiting[dependent] - 1
      if waiting[dependent] == 0 and left[dependent] then ready[#ready + 1] = dependent end
    end
  end
end

--- Follows dependencies from a task that can never start until one comes back: those from there on are the cycle.
local function walk(node, left)
  local steps, position = {}, {}
  while not position[node] do
    steps[#steps + 1] = node
    position[node] = #steps
    for _, link in ipairs(direct(node)) do
      if left[link.node] then
        node = link.node
        break
      end
    end
  end
  local cycle = {}
  for i = position[node], #steps do cycle[#cycle + 1] = steps[i] end
  return cycle
end

local function report_cycle(report, cycle)
  local names, next_node = {}, cycle[2]
  for i, node in ipairs(cycle) do names[i] = node.id end
  names[#names + 1] = cycle[1].id
  for _, link in ipairs(direct(cycle[1])) do
    if link.node == next_node then
      report_error(report, "cycle", at(at(cycle[1].path, "dependsOn"), link.index),
        ("these tasks wait for each other: %s"):format(table.concat(names, " → ")))
    end
  end
end

--- Reports each ring of tasks that wait for each other (one of several that share a task).
local function cycles(report, scope)
  local left, waiting, dependents, ready = {}, {}, {}, {}
  for _, node in ipairs(scope.nodes) do
    left[node], waiting[node], dependents[node] = true, #direct(node), {}
    if waiting[node] == 0 then ready[#ready + 1] = node end
  end
  for _, node in ipairs(scope.nodes) do
    for _, link in ipairs(direct(node)) do table.insert(dependents[link.node], node) end
  end
  take_out(ready, left, waiting, dependents)
  for _, node in ipairs(scope.nodes) do
    if left[node] then
      local cycle = walk(node, left)
      report_cycle(report, cycle)
      take_out(cycle, left, waiting, dependents)
    end
  end
end

-- ---------------------------------------------------------------- references

--- Calls `visit(text, path)` for every text below `value`, down to where JSON could not be written any more.
local function each_text(value, path, visit, seen, depth)
  if type(value) == "string" then return visit(value, path) end
  if type(value) ~= "table" or seen[value] or depth > MAX_DEPTH then return end
  seen[value] = true
  for _, key in ipairs(sorted_keys(value)) do each_text(value[key], at(path, key), visit, seen, depth + 1) end
end

--- Takes `task.output.member…` apart. Ids may hold dots, so an id that exists wins over a shorter one that does not.
---@return string|nil id
---@return string|nil part "output" or "input"
---@return string|nil rest what follows, from its dot or bracket
local function take_apart(report, content)
  local id, part, rest
  for before, word, after in content:gmatch("()%.(%a+)()") do
    local candidate, tail = content:sub(1, before - 1), content:sub(after)
    if (word == "output" or word == "input") and (tail == "" or tail:find("^[.%[]")) then
      if not id or report.anywhere[candidate] then id, part, rest = candidate, word, tail end
    end
  end
  return id, part, rest
end

local function malformed(report, path, reference, why)
  report_error(report, "malformed-reference", path, ("%s %s"):format(shown(reference), why))
end

--- A task that adds others while it runs, whose ids nobody can know beforehand.
local function adds_tasks(node)
  local inner = held(node.task)
  local known = types[node.task.type]
  return known and known.kind.holds_tasks and not (inner and type(inner.tasks) == "table")
end

local function unknown_task(report, node, path, reference, id)
  for earlier in pairs(upstream(node)) do
    if adds_tasks(earlier) then
      return report_warning(report, "unknown-task", path,
        ("%s: there is no task %s, unless a task that runs earlier makes it"):format(shown(reference), shown(id)))
    end
  end
  report_error(report, "unknown-task", path,
    ("%s: there is no task %s%s"):format(shown(reference), shown(id), suggest.hint(id, report.ids)))
end

--- The task that the id means to `node`: in its own list, in the list around it, or wherever there is one.
local function meant(report, node, id)
  local outer = node.scope.parent and node.scope.parent.scope
  return node.scope.first[id] or (outer and outer.first[id]) or report.anywhere[id]
end

--- Reports a reference to a task whose output is not there when `node` starts.
local function in_time(report, node, target, path, reference)
  local before, holder = upstream(node), target.scope.parent
  if before[target] then return end
  if holder and before[holder] then
    report_warning(report, "inner-task", path,
      ("%s: %s runs inside %s, and CDF does not document references into it"):format(shown(reference),
        shown(target.id), shown(holder.id)))
  elseif target == node then
    report_error(report, "not-upstream", path, ("%s refers to the task that it stands in"):format(shown(reference)))
  else
    report_error(report, "not-upstream", path,
      ("%s: %s need not have run when %s starts; put it in dependsOn"):format(shown(reference), shown(target.id),
        shown(node.id)))
  end
end

--- Reports an output member that the task's type does not have. An asynchronous function's caller may add any.
local function output_member(report, target, member, path, reference)
  local known = types[target.task.type]
  local parameters = target.task.parameters
  local is_async = type(parameters) == "table" and parameters.isAsyncComplete
  if not known or not known.kind.output or is_async then return end
  local responds = false
  for _, name in ipairs(known.kind.output) do
    if name == member then return end
    responds = responds or name == "response"
  end
  local has = #known.kind.output > 0 and "has " .. sentence(known.kind.output, "and") or "is always empty"
  local hint = suggest.hint(member, known.kind.output)
  if hint == "" and responds then hint = ("; did you mean output.response.%s?"):format(member) end
  report_error(report, "unknown-output", path,
    ("%s: the output of a %s task %s%s"):format(shown(reference), target.task.type, has, hint))
end

local function check_reference(report, node, path, reference, content)
  if content == "" or content:find("[{$]") or content:find("^%s") or content:find("%s$") then
    return malformed(report, path, reference, "must read ${workflow.input…}, ${task.output…} or ${task.input…}")
  end
  if content:find("%.%.") or content:find("%.$") then
    return malformed(report, path, reference, "has an empty part between its dots")
  end
  if content == "workflow" or content:find("^workflow%.") then
    if (content .. "."):find("^workflow%.input[.%[]") then return end
    return malformed(report, path, reference, "asks for what a workflow does not offer; it has only workflow.input")
  end
  local id, part, rest = take_apart(report, content)
  if not id then
    return malformed(report, path, reference, "must read ${workflow.input…}, ${task.output…} or ${task.input…}")
  end
  local target = meant(report, node, id)
  if not target then return unknown_task(report, node, path, reference, id) end
  in_time(report, node, target, path, reference)
  local member = part == "output" and rest:match("^%.([^.%[]+)")
  if member then output_member(report, target, member, path, reference) end
end

local function check_text(report, node, value, path)
  local from = value:find("${", 1, true)
  while from do
    local to = value:find("}", from, true)
    if not to then return malformed(report, path, value:sub(from), "has no closing }") end
    check_reference(report, node, path, value:sub(from, to), value:sub(from + 2, to - 1))
    from = value:find("${", to, true)
  end
end

-- ---------------------------------------------------------------- tasks

--- A table of tasks inside a task, and its path, where there is one.
local function inner_tasks(node)
  local inner = held(node.task)
  if inner and type(inner.tasks) == "table" then
    return inner.tasks, at(at(at(node.path, "parameters"), types[node.task.type].kind.holder), "tasks")
  end
end

local function parameters(report, node)
  local task, path = node.task, at(node.path, "parameters")
  local known = types[task.type]
  if task.parameters == nil then return end
  if type(task.parameters) ~= "table" then return must(report, path, "an object", task.parameters) end
  if known then
    local holder, look = known.kind.holder, known.kind.look
    local by_name = { [holder] = function(_, value, inner_path)
      members(report, value, inner_path, known.rules, known.required)
    end }
    for name, rule in pairs(known.beside) do by_name[name] = rule end
    members(report, task.parameters, path, by_name, { holder })
    if look and held(task) then look(report, held(task), at(path, holder)) end
  end
  if inner_tasks(node) then return end
  local json, why = core.encode(task.parameters, path)
  if not json then report_error(report, "not-json", path, tostring(why)) end
  each_text(task.parameters, path, function(value, where) check_text(report, node, value, where) end, {}, 1)
end

local function reserved(report, node)
  local id = node.id
  if id == "workflow" or id and id:find("^__") then
    report_error(report, "bad-id", at(node.path, "externalId"),
      ("%s is a task id that CDF keeps for itself"):format(shown(id)))
  end
end

local function task_type(report, node)
  local value, path = node.task.type, at(node.path, "type")
  local holder = node.scope.parent
  if type(value) ~= "string" then
    if value ~= nil then must(report, path, "text", value) end
  elseif not types[value] then
    report_warning(report, "unknown-type", path,
      ("%s is no task type known here; it is passed on as it is%s"):format(shown(value),
        suggest.hint(value, type_names)))
  elseif holder and types[value].kind.holds_tasks then
    report_error(report, "nesting", path,
      ("a %s task must not stand inside a %s task"):format(value, holder.task.type))
  end
end

local function duplicates(report, node)
  local id, path = node.id, at(node.path, "externalId")
  if not id then return end
  local first = node.scope.first[id]
  if first ~= node then
    report_error(report, "duplicate-id", path, ("%s is the id of %s already"):format(shown(id), first.path))
  elseif report.anywhere[id] ~= node then
    report_warning(report, "duplicate-id", path,
      ("%s is the id of %s too, so references to it may mean either"):format(shown(id), report.anywhere[id].path))
  end
end

local function check_task(report, node)
  members(report, node.task, node.path, task_rules, { "externalId", "type", "parameters" })
  duplicates(report, node)
  reserved(report, node)
  task_type(report, node)
  parameters(report, node)
  dependencies(report, node)
end

local function note(report, scope, task, path)
  local node = { task = task, path = path, scope = scope }
  table.insert(scope.nodes, node)
  if type(task.externalId) == "string" then
    local id = task.externalId
    node.id = id
    if not report.anywhere[id] then table.insert(report.ids, id) end
    report.anywhere[id] = report.anywhere[id] or node
    scope.first[id] = scope.first[id] or node
  end
  return node
end

--- Notes the tasks of a list before any is checked, so that each can be held against all. Tasks inside tasks inside
--- tasks are an error already and not looked at.
local function collect(report, list, path, parent)
  local scope = { nodes = {}, first = {}, parent = parent, path = path, list = list }
  table.insert(report.scopes, scope)
  for _, entry in ipairs(entries(report, list, path)) do
    local task, task_path = entry.value, at(path, entry.index)
    report.count = report.count + 1
    if type(task) ~= "table" then
      must(report, task_path, "a task", task)
    else
      local node = note(report, scope, task, task_path)
      local inner, inner_path = inner_tasks(node)
      if inner and not parent then collect(report, inner, inner_path, node) end
    end
  end
end

--- CDF takes 200 tasks in one execution; published are 1 to 100 in a list.
local function count(report, scope)
  local size, what = #scope.nodes, scope.parent and scope.parent.task.type or "workflow"
  if type(scope.list) == "table" and next(scope.list) == nil then
    report_warning(report, "no-tasks", scope.path, ("the %s has no tasks"):format(what))
  elseif not scope.parent and report.count > MAX_TASKS then
    report_error(report, "too-many", scope.path,
      ("the workflow has %d tasks; CDF takes at most %d"):format(report.count, MAX_TASKS))
  elseif size > PUBLISHED_TASKS then
    report_warning(report, "too-many", scope.path,
      ("the %s has %d tasks; CDF's own API description allows %d"):format(what, size, PUBLISHED_TASKS))
  end
end

local function check_definition(report, definition, path)
  members(report, definition, path, { tasks = true, description = rules.text(500), hash = true }, { "tasks" })
  if type(definition) ~= "table" or definition.tasks == nil then return end
  collect(report, definition.tasks, at(path, "tasks"))
  for _, scope in ipairs(report.scopes) do
    count(report, scope)
    for _, node in ipairs(scope.nodes) do check_task(report, node) end
    cycles(report, scope)
  end
end

--- `client.workflows.versions:upsert` makes text of an integer.
local function version(report, value, path)
  if not rules.is_whole(value, 0, 2 ^ 53) then rules.identifier(report, value, path) end
end

--- A version as it is upserted or read back, or an execution, which holds the definition that it runs.
local function check_version(report, resource)
  if resource.engineExecutionId == nil then
    members(report, resource, "", {
      workflowExternalId = rules.identifier, version = version, workflowDefinition = true,
      createdTime = true, lastUpdatedTime = true,
    }, { "workflowExternalId", "version" })
  end
  report.workflow, report.version = resource.workflowExternalId, resource.version
  check_definition(report, resource.workflowDefinition, "workflowDefinition")
end

--- What is wrong with a workflow definition, in the order of its tasks. An empty list means that nothing was found.
---
--- Takes what `cdf.definition` gives, a definition written by hand, a whole workflow version (with
--- `workflowDefinition`), or either as read back from CDF. It never raises: a table of an odd shape is a finding too.
---
--- ```lua
--- for _, finding in ipairs(cdf.lint(definition)) do
---   print(finding.severity, finding.path, finding.message)
--- end
--- ```
---
--- An error is what CDF refuses or what cannot run as written: missing and duplicate ids, unknown dependencies, rings
--- of tasks that wait for each other, `${…}` references to tasks that are unknown or need not have run, output members
--- that a task's type does not have, forbidden nesting, and values beyond CDF's limits. A warning is what CDF's
--- documentation leaves open, such as a task type that this library does not know.
---@param definition any
---@return cdfworkflow.Finding[]
local function lint(definition)
  local report = { findings = {}, scopes = {}, anywhere = {}, ids = {}, count = 0 }
  definition = plain(definition)
  if type(definition) ~= "table" then
    report_error(report, "wrong-type", "", ("a definition must be a table, not %s"):format(shown(definition)))
  elseif definition.workflowDefinition ~= nil then
    check_version(report, definition)
  else
    check_definition(report, definition, "")
  end
  return report.findings
end

return lint
