-- SPDX-License-Identifier: Apache-2.0
-- What CDF does to a definition when it takes it in: refuses broken task graphs, fills in the defaults that are seen
-- on reading back, and makes the hash.

local copy = require "cdfworkflow.simulator.lib.copy"
local defaults = require "cdfworkflow.definition.defaults"
local canonical = require "cdfworkflow.simulator.lib.canonical"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"
local task_types = require "cdfworkflow.simulator.engine.task_types"

local graph = {}

local function invalid(message, ...)
  refuse(refusals.definition, message:format(...))
end

-- What the engine of CDF keeps for itself (CDF.md section 20).
local function is_reserved(external_id)
  return external_id == "workflow" or external_id:find("^__") ~= nil
end

local function collect(tasks)
  local by_id = {}
  for _, task in ipairs(tasks) do
    if is_reserved(task.externalId) then
      invalid("the task external id %s is reserved", task.externalId)
    elseif by_id[task.externalId] then
      invalid("the task external id %s is not unique", task.externalId)
    end
    by_id[task.externalId] = task
  end
  return by_id
end

-- Depth first; `open` while the tasks below are looked at, so meeting an open task again closes a ring.
local function walk(task, by_id, seen)
  seen[task.externalId] = "open"
  for _, dependency in ipairs(task.dependsOn or {}) do
    local upstream = by_id[dependency.externalId]
    if not upstream then
      invalid("task %s depends on %s, which is not there", task.externalId, dependency.externalId)
    elseif seen[upstream.externalId] == "open" then
      invalid("the task graph has a ring")
    elseif not seen[upstream.externalId] then
      walk(upstream, by_id, seen)
    end
  end
  seen[task.externalId] = "done"
end

local function inner_tasks(task)
  local kind = task_types.types[task.type]
  return kind and kind.holds_definitions and task.parameters[kind.holds].tasks or nil
end

local function check_inner(task, tasks)
  for _, inner in ipairs(tasks) do
    if task_types.is_container(inner.type) then
      invalid("the %s task %s may not stand inside %s", inner.type, inner.externalId, task.externalId)
    end
  end
end

local function check_level(tasks)
  local by_id, seen, size = collect(tasks), {}, #tasks
  for _, task in ipairs(tasks) do
    if not seen[task.externalId] then
      walk(task, by_id, seen)
    end
    local inner = inner_tasks(task)
    if inner then
      check_inner(task, inner)
      size = size + check_level(inner)
    end
  end
  return size
end

---@param definition table
---@param most integer how many tasks there may be, those of inline sub-workflows included
function graph.check(definition, most)
  if check_level(definition.tasks) > most then
    invalid("more than %d tasks", most)
  end
end

---@param definition table as sent, checked
---@return table # a copy with defaults and hash
function graph.complete(definition)
  local complete = copy(definition)
  complete.hash = nil
  defaults.fill(complete.tasks)
  complete.hash = canonical.hash(canonical.text(complete), 40)
  return complete
end

--- Takes in the tasks of a dynamic task, whose graph is in order: fills in the defaults, in place.
---@param tasks table[]
---@return string|nil problem what is wrong with one of them
function graph.take_in(tasks)
  for _, task in ipairs(tasks) do
    local kind = task_types.types[task.type]
    if is_reserved(task.externalId) then
      return ("the task external id %s is reserved"):format(task.externalId)
    end
    if kind and not kind.is_container and type(task.parameters[kind.holds]) ~= "table" then
      -- clients cannot read such a task
      return ("task %s has no %s among its parameters"):format(task.externalId, kind.holds)
    end
  end
  defaults.fill(tasks)
end

return graph
