-- SPDX-License-Identifier: Apache-2.0
-- cdf.lint: what is wrong with a workflow definition, found without asking CDF. It reads, reports and never raises.
-- "error" is what CDF refuses or what cannot run as written; "warning" is what its documentation leaves open.

local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"
local plain = require("cdfworkflow.json").plain

local MAX_TASKS = 200
local MAX_DEPENDENCIES = 100
local MAX_INPUTS = 200
local MAX_DATA = 100 * 1024
local MAX_BODY = 1024 * 1024
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

---@class cdfworkflow.lint.Report
---@field findings cdfworkflow.Finding[]
---@field scopes cdfworkflow.lint.Scope[]
---@field anywhere table<string, cdfworkflow.lint.Node> the first task with each id, in any list
---@field ids string[]
---@field count integer

-- ---------------------------------------------------------------- words and paths

local function report_error(report, code, path, message)
  table.insert(report.findings, { severity = "error", code = code, path = path, message = message })
end

local function report_warning(report, code, path, message)
  table.insert(report.findings, { severity = "warning", code = code, path = path, message = message })
end

--- A value in a sentence: short, on one line.
local function shown(value)
  if value == core.null then return "null" end
  if type(value) == "table" then return "a table" end
  if type(value) ~= "string" then return tostring(value) end
  if #value > 80 then value = value:sub(1, 80):gsub("[\192-\255]?[\128-\191]*$", "") .. "…" end
  return '"' .. value:gsub("%c", function(c) return ("\\%d"):format(c:byte()) end) .. '"'
end

local function at(path, key)
  if type(key) == "number" then return ("%s[%s]"):format(path, key) end
  local name = tostring(key)
  if not name:find("^[%a_][%w_]*$") then return ("%s[%s]"):format(path, shown(name)) end
  return path == "" and name or path .. "." .. name
end

--- The last part of a path: the member that a sentence is about.
local function last(path)
  return path:match("[^.]+$") or path
end

local function sentence(list, joint)
  if #list == 1 then return list[1] end
  return table.concat(list, ", ", 1, #list - 1) .. " " .. joint .. " " .. list[#list]
end

local function code_points(s)
  local _, count = s:gsub("[^\128-\191]", "")
  return count
end

--- Keys in the same order each time: numbers, then the rest by name.
local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    local a_number, b_number = type(a) == "number", type(b) == "number"
    if a_number and b_number then return a < b end
    if a_number ~= b_number then return a_number end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local function is_index(key)
  return type(key) == "number" and key >= 1 and key == math.floor(key) and key < math.huge
end

-- ---------------------------------------------------------------- values
-- A rule is called with the report, a value and its path, and reports what is wrong with the value.

--- True when the text is one reference and nothing else, so that it becomes the value it refers to.
local function is_reference(value)
  return type(value) == "string" and value:find("^%${[^{}]+}$") ~= nil
end

local function must(report, path, what, value)
  report_error(report, "wrong-type", path, ("%s must be %s, not %s"):format(last(path), what, shown(value)))
end

local function text(most)
  return function(report, value, path)
    if type(value) ~= "string" then return must(report, path, "text", value) end
    if not core.encode(value) then return must(report, path, "valid UTF-8", value) end
    local count = code_points(value)
    if count <= most then return end
    report_error(report, "too-long", path,
      ("%s has %d characters; CDF takes at most %d"):format(last(path), count, most))
  end
end

local function name_text(report, value, path)
  if type(value) ~= "string" or value == "" then must(report, path, "text that is not empty", value) end
end

local identifier_length = text(255)

local function identifier(report, value, path)
  identifier_length(report, value, path)
  if type(value) ~= "string" then return end
  local flaw = value == "" and "is empty" or value:find("%z") and "holds a NUL character"
    or (value:find("^%s") or value:find("%s$")) and "begins or ends with white space"
  if flaw then report_error(report, "bad-id", path, ("%s %s, which CDF refuses"):format(last(path), flaw)) end
end

local function boolean(report, value, path)
  if type(value) ~= "boolean" then must(report, path, "true or false", value) end
end

local function is_whole(value, least, most)
  return type(value) == "number" and value == math.floor(value) and value >= least and value <= most
end

local function whole_number(least, most)
  local what = ("a whole number from %d to %d"):format(least, most)
  return function(report, value, path)
    if type(value) ~= "number" then return must(report, path, what, value) end
    if is_whole(value, least, most) then return end
    report_error(report, "out-of-range", path, ("%s must be %s, not %s"):format(last(path), what, value))
  end
end

local widest_timeout = whole_number(60, 86400)

local function timeout(report, value, path)
  widest_timeout(report, value, path)
  if is_whole(value, 60, 86400) and not is_whole(value, 100, 43200) then
    report_warning(report, "out-of-range", path,
      ("timeout is %d s; CDF's own API description allows 100 to 43200 only"):format(value))
  end
end

local function one_of(choices, reference_too)
  return function(report, value, path)
    for _, choice in ipairs(choices) do
      if value == choice then return end
    end
    if reference_too and is_reference(value) then return end
    report_error(report, "bad-value", path, ("%s must be %s, not %s%s"):format(last(path), sentence(choices, "or"),
      shown(value), options.hint(value, choices)))
  end
end

--- A number of milliseconds, or a reference to one.
local function milliseconds(report, value, path)
  if not is_whole(value, 0, 2 ^ 53) and not is_reference(value) then
    must(report, path, "a whole number of milliseconds or one ${…} reference", value)
  end
end

--- An object of at most `most` bytes of JSON, or a reference to one.
local function object(most, severity)
  return function(report, value, path)
    local is_list = type(value) == "table" and (#value > 0 or core.is_array(value))
    if is_list or not (type(value) == "table" or is_reference(value)) then
      return must(report, path, "an object or one ${…} reference", is_list and "a list" or value)
    end
    local json = most and core.encode(value)
    if json and #json > most then
      severity(report, "too-long", path,
        ("%s is %d bytes of JSON; the limit is %d KiB"):format(last(path), #json, most / 1024))
    end
  end
end

--- The positions and values of a list, in order; what is no list is reported.
local function entries(report, list, path)
  if type(list) ~= "table" then
    if core.encode(list) ~= "[]" then must(report, path, "a list", list) end
    return {}
  end
  local found, odd = {}, nil
  for _, key in ipairs(sorted_keys(list)) do
    if is_index(key) then
      if key ~= #found + 1 and not odd then odd = ("has nothing at [%d]"):format(#found + 1) end
      found[#found + 1] = { index = key, value = list[key] }
    elseif not odd then
      odd = "has the key " .. shown(key)
    end
  end
  if odd then report_error(report, "wrong-type", path, ("%s must be a list, but %s"):format(last(path), odd)) end
  return found
end

--- Checks each member of an object by its rule; unknown members are only pointed at, since CDF may know them.
---@param rules table<string, function|true> `true` for what is looked at elsewhere
---@param required string[]
local function members(report, value, path, rules, required)
  if type(value) ~= "table" then return must(report, path, "an object", value) end
  for _, name in ipairs(required) do
    if value[name] == nil then
      report_error(report, "missing-member", path, ("%s is missing"):format(name))
    end
  end
  for _, key in ipairs(sorted_keys(value)) do
    local rule = rules[key]
    if rule == nil then
      report_warning(report, "unknown-member", at(path, key),
        ("%s is no known member here%s"):format(shown(key), options.hint(key, sorted_keys(rules))))
    elseif rule ~= true then
      rule(report, value[key], at(path, key))
    end
  end
end

-- ---------------------------------------------------------------- what each task type may hold

local function input_value(report, value, path)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" then
    must(report, path, "text, a number or a list of these", value)
  end
end

local function unit(report, value, path)
  members(report, value, path, { name = name_text }, { "name" })
end

local input_rules = { referenceId = name_text, value = input_value, unit = unit }

local function inputs(report, value, path)
  if is_reference(value) then return end
  local found = entries(report, value, path)
  if #found > MAX_INPUTS then
    report_error(report, "too-many", path, ("inputs has %d entries; CDF takes at most %d"):format(#found, MAX_INPUTS))
  end
  for _, entry in ipairs(found) do
    members(report, entry.value, at(path, entry.index), input_rules, { "referenceId", "value" })
  end
end

--- A definition holds a reference here; an array stands there only once the task has run.
local function dynamic_tasks(report, value, path)
  if type(value) == "table" then
    report_warning(report, "bad-value", path,
      "tasks of a dynamic task is meant to be a ${…} reference; use a subworkflow for tasks known beforehand")
  elseif not is_reference(value) then
    must(report, path, "one ${…} reference to a list of tasks", value)
  end
end

--- By type: the member of `parameters` that holds the task's own, its rules, and what may stand beside it;
--- `output` lists the members of the task's output.
local types = {
  ["function"] = {
    holder = "function", required = { "externalId" }, output = { "callId", "functionId", "response" },
    rules = { externalId = name_text, data = object(MAX_DATA, report_warning) },
    beside = { isAsyncComplete = boolean },
  },
  transformation = {
    holder = "transformation", required = { "externalId" }, output = { "jobId" },
    rules = {
      externalId = name_text, useTransformationCredentials = boolean,
      concurrencyPolicy = one_of { "fail", "waitForCurrent", "restartAfterCurrent" },
    },
  },
  cdf = {
    holder = "cdfRequest", required = { "resourcePath", "method" }, output = { "response", "statusCode" },
    rules = {
      resourcePath = name_text, method = one_of({ "GET", "POST", "PUT" }, true), queryParameters = object(),
      body = object(MAX_BODY, report_error), requestTimeoutInMillis = milliseconds, cdfVersionHeader = true,
    },
  },
  dynamic = { holder = "dynamic", required = { "tasks" }, output = {}, rules = { tasks = dynamic_tasks } },
  subworkflow = {
    holder = "subworkflow", required = {}, output = {},
    rules = { tasks = true, workflowExternalId = identifier, version = identifier },
  },
  simulation = {
    holder = "simulation", required = { "routineExternalId" }, output = { "runId", "logId", "statusMessage" },
    rules = { routineExternalId = name_text, runTime = milliseconds, inputs = inputs },
  },
}
local type_names = sorted_keys(types)

local task_rules = {
  externalId = identifier, type = true, parameters = true, dependsOn = true, name = text(255),
  description = text(500), retries = whole_number(0, 10), timeout = timeout,
  onFailure = one_of { "abortWorkflow", "skipTask" },
}

--- The task's own object inside `parameters`, where it is one.
local function held(task)
  local known = types[task.type]
  local parameters = type(task.parameters) == "table" and task.parameters
  local inner = known and parameters and parameters[known.holder]
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
  members(report, link, path, { externalId = identifier }, { "externalId" })
  local id, id_path = link.externalId, at(path, "externalId")
  if type(id) ~= "string" then return end
  if seen[id] then
    report_warning(report, "duplicate-dependency", id_path, ("%s is named twice in dependsOn"):format(shown(id)))
  elseif id == node.id then
    report_error(report, "self-dependency", id_path, ("%s waits for itself"):format(shown(id)))
  elseif not node.scope.first[id] then
    local elsewhere = report.anywhere[id] and "; it stands in another list of tasks, which dependsOn does not reach"
    report_error(report, "unknown-dependency", id_path,
      ("there is no task %s to wait for%s"):format(shown(id), elsewhere or options.hint(id, report.ids)))
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
  return node.task.type == "dynamic" or (node.task.type == "subworkflow" and inner and inner.tasks == nil)
end

local function unknown_task(report, node, path, reference, id)
  for earlier in pairs(upstream(node)) do
    if adds_tasks(earlier) then
      return report_warning(report, "unknown-task", path,
        ("%s: there is no task %s, unless a task that runs earlier makes it"):format(shown(reference), shown(id)))
    end
  end
  report_error(report, "unknown-task", path,
    ("%s: there is no task %s%s"):format(shown(reference), shown(id), options.hint(id, report.ids)))
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
  if not known or is_async then return end
  local responds = false
  for _, name in ipairs(known.output) do
    if name == member then return end
    responds = responds or name == "response"
  end
  local has = #known.output > 0 and "has " .. sentence(known.output, "and") or "is always empty"
  local hint = options.hint(member, known.output)
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
    return inner.tasks, at(at(at(node.path, "parameters"), types[node.task.type].holder), "tasks")
  end
end

local function subworkflow(report, node)
  local inner, path = held(node.task), at(at(node.path, "parameters"), "subworkflow")
  if not inner then return end
  local named = inner.workflowExternalId ~= nil or inner.version ~= nil
  if inner.tasks ~= nil and named then
    report_error(report, "bad-value", path, "a subworkflow holds tasks or names a workflow version, not both")
  elseif inner.tasks == nil and (inner.workflowExternalId == nil or inner.version == nil) then
    report_error(report, "missing-member", path, "a subworkflow needs tasks, or workflowExternalId and version")
  elseif named and inner.workflowExternalId == report.workflow and inner.version == report.version then
    report_error(report, "nesting", path, "this workflow version runs itself as a subworkflow")
  end
end

local function parameters(report, node)
  local task, path = node.task, at(node.path, "parameters")
  local known = types[task.type]
  if task.parameters == nil then return end
  if type(task.parameters) ~= "table" then return must(report, path, "an object", task.parameters) end
  if known then
    local rules = { [known.holder] = function(_, value, inner_path)
      members(report, value, inner_path, known.rules, known.required)
    end }
    for name, rule in pairs(known.beside or {}) do rules[name] = rule end
    members(report, task.parameters, path, rules, { known.holder })
  end
  if task.type == "subworkflow" then subworkflow(report, node) end
  if inner_tasks(node) then return end
  local json, why = core.encode(task.parameters, path)
  if not json then report_error(report, "not-json", path, tostring(why)) end
  each_text(task.parameters, path, function(value, where) check_text(report, node, value, where) end, {}, 1)
end

local function task_type(report, node)
  local value, path = node.task.type, at(node.path, "type")
  local holder = node.scope.parent
  if type(value) ~= "string" then
    if value ~= nil then must(report, path, "text", value) end
  elseif not types[value] then
    report_warning(report, "unknown-type", path,
      ("%s is no task type known here; it is passed on as it is%s"):format(shown(value),
        options.hint(value, type_names)))
  elseif holder and (value == "dynamic" or value == "subworkflow") then
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
  local scope = { nodes = {}, first = {}, parent = parent }
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

local function check_definition(report, definition, path)
  members(report, definition, path, { tasks = true, description = text(500), hash = true }, { "tasks" })
  if type(definition) ~= "table" or definition.tasks == nil then return end
  local tasks_path = at(path, "tasks")
  collect(report, definition.tasks, tasks_path)
  if type(definition.tasks) == "table" and next(definition.tasks) == nil then
    report_warning(report, "no-tasks", tasks_path, "the workflow has no tasks")
  elseif report.count > MAX_TASKS then
    report_error(report, "too-many", tasks_path,
      ("the workflow has %d tasks; CDF takes at most %d"):format(report.count, MAX_TASKS))
  end
  for _, scope in ipairs(report.scopes) do
    for _, node in ipairs(scope.nodes) do check_task(report, node) end
    cycles(report, scope)
  end
end

--- `client.workflows.versions:upsert` makes text of an integer.
local function version(report, value, path)
  if not is_whole(value, 0, 2 ^ 53) then identifier(report, value, path) end
end

--- A version as it is upserted or read back, or an execution, which holds the definition that it runs.
local function check_version(report, resource)
  if resource.engineExecutionId == nil then
    members(report, resource, "", {
      workflowExternalId = identifier, version = version, workflowDefinition = true,
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
