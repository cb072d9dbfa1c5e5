-- SPDX-License-Identifier: Apache-2.0
-- The walk through the task graph of running executions: starting, ending, failing and cancelling tasks, and what
-- follows from it (CDF.md section 6). The engine's lower half; executions as a whole are engine.lua's.

local PriorityQueue = require "cdfworkflow.priority_queue"
local definitions = require "cdfworkflow.simulator.engine.definition"
local graph = require "cdfworkflow.simulator.engine.graph"
local tasks = require "cdfworkflow.simulator.engine.tasks"
local task_types = require "cdfworkflow.simulator.engine.task_types"

---@class cdfworkflow.simulator.Walk
---@field protected world table
---@field protected notes { order: integer, jobs: table<string, table> } what is saved beside the executions
---@field protected timers cdfworkflow.PriorityQueue runs and nodes, by due time
---@field protected at integer|nil the time of the event that is being handled
---@field protected waiting cdfworkflow.PriorityQueue nodes that wait for a place among the running tasks
---@field protected waker table a timer that goes off when a place has become free and tasks wait for one
---@field protected busy integer how many places are taken
---@field protected runs table<string, table> running executions by id, with their graphs
---@field protected owners table<string, table> the execution of every task, by task id
local Walk = {}
Walk.__index = Walk

local RESTARTED = { CANCELED = true, FAILED = true, FAILED_WITH_TERMINAL_ERROR = true, TIMED_OUT = true }

local DEFAULT_RETRIES = 3
local DEFAULT_TIMEOUT = 3600

-- A definition made by a function may hold null or anything else where a number belongs.
local function number_or(value, default)
  return type(value) == "number" and value or default
end

local function timeout_at(node)
  return node.entry.startTime + tasks.milliseconds(number_or(node.definition.timeout, DEFAULT_TIMEOUT))
end

--- What a walk needs; to be completed by the engine.
---@param world table
---@param notes table
---@return table
function Walk.new(world, notes)
  return {
    world = world, notes = notes, timers = PriorityQueue.new(), waiting = PriorityQueue.new(), waker = { order = 0 },
    busy = 0, runs = {}, owners = {},
  }
end

-- Time ----------------------------------------------------------------------------------------------------------------

function Walk:_now()
  return self.at or self.world:now()
end

function Walk:_next_order()
  self.notes.order = self.notes.order + 1
  return self.notes.order
end

-- The time is noted in the stored record too, so that a loaded state goes on with the same timers.
function Walk:_schedule(item, due)
  item.due = due
  local stored = item.record or item.entry
  if stored then stored.due = due end
  self.timers:push(item)
end

function Walk:_unschedule(item)
  self.timers:remove(item)
  item.due = nil
  local stored = item.record or item.entry
  if stored then stored.due = nil end
end

-- Places for running tasks --------------------------------------------------------------------------------------------

function Walk:_take_place(node)
  node.slot = true
  self.busy = self.busy + 1
end

function Walk:_free_place(node)
  if not node.slot then return end
  node.slot = nil
  self.busy = self.busy - 1
  if self.waiting.size > 0 then self:_schedule(self.waker, self:_now()) end
end

function Walk:_wake()
  while self.waiting.size > 0 and self.busy < self.world.limits.concurrent_tasks do
    self:_start_attempt(self.waiting:pop())
  end
end

-- One task ------------------------------------------------------------------------------------------------------------

function Walk:_add_entry(node)
  local definition, parent = node.definition, node.scope.parent
  local run = node.scope.run
  local entry = {
    id = self.world:new_uuid(), externalId = definition.externalId, taskType = definition.type,
    status = "SCHEDULED", input = tasks.raw_input(definition), output = {},
    index = node.index, attempts = 0, granted = 0, order = self:_next_order(),
  }
  if parent then
    entry.parent, entry.parentTaskExternalId = parent.entry.position, parent.definition.externalId
  end
  local list = run.record.executedTasks
  list[#list + 1] = entry
  entry.position = #list
  node.entry, node.order = entry, entry.order
  run.tasks[entry.id] = node
  self.owners[entry.id] = run.record
end

function Walk:_schedule_task(node)
  if not node.entry then self:_add_entry(node) end
  node.entry.status = "SCHEDULED"
  self:_schedule(node, self:_now())
end

function Walk:_wait_for_place(node)
  node.entry.status = "SCHEDULED"
  self.waiting:push(node)
end

local function source_of(node)
  return function(name, member)
    if name == "workflow" and member == "input" then return node.scope.run.record.input or {} end
    local other = graph.find(node, name)
    if not other then return nil end
    local entry = other.entry
    if not entry then return nil, "that task has not been scheduled" end
    if member == "input" then return entry.input end
    if not graph.DONE[entry.status] then return nil, "that task has not completed" end
    return entry.output
  end
end

-- What a new attempt is about to overwrite: the page shows each attempt with its error, the API only the last one.
local function keep_attempt(entry)
  if not (entry.startTime and entry.endTime) then return end -- CANCELED before it began
  entry.earlier = entry.earlier or {}
  table.insert(entry.earlier, {
    status = entry.status, startTime = entry.startTime, endTime = entry.endTime, reason = entry.reasonForIncompletion,
  })
end

function Walk:_start_attempt(node)
  local entry = node.entry
  if entry.status ~= "SCHEDULED" then keep_attempt(entry) end -- one that waited for a place has been here before
  local container = task_types.is_container(node.definition.type)
  if not container then
    if self.busy >= self.world.limits.concurrent_tasks then return self:_wait_for_place(node) end
    self:_take_place(node)
  end
  entry.status, entry.startTime, entry.output = "IN_PROGRESS", self:_now(), {}
  entry.endTime, entry.reasonForIncompletion = nil, nil
  entry.attempts = entry.attempts + 1
  local input, reason = tasks.input(node.definition, source_of(node), self.world.limits.output_bytes)
  if not input then return self:_end_later(node, tasks.hopeless(reason)) end
  entry.input = input
  if container then return self:_expand(node) end
  return self:_call(node)
end

local function add_missing(output, more)
  for key, value in pairs(more) do
    if output[key] == nil then output[key] = value end
  end
end

function Walk:_call(node)
  local entry = node.entry
  local outcome = tasks.attempt {
    world = self.world, record = node.scope.run.record, entry = entry, now = self:_now(), jobs = self.notes.jobs,
  }
  if entry.status ~= "IN_PROGRESS" then -- the call has cancelled the execution, or reported its own task
    if entry.status == "COMPLETED" then add_missing(entry.output, outcome.output) end
    return
  end
  self:_end_later(node, outcome)
end

-- Time passes in every task, in one that comes to nothing, too.
function Walk:_end_later(node, outcome)
  local entry = node.entry
  local over, deadline = self:_now() + outcome.wait, timeout_at(node)
  if over > deadline then return self:_schedule(node, deadline) end
  entry.call = { ok = outcome.ok, output = outcome.output, reason = outcome.reason, terminal = outcome.terminal }
  entry.output = { callId = outcome.output.callId, functionId = outcome.output.functionId }
  self:_schedule(node, over)
end

function Walk:_finish_call(node)
  local entry, call = node.entry, node.entry.call
  entry.call, entry.output = nil, call.output
  if not call.ok then
    return self:_fail(node, call.reason, call.terminal and "FAILED_WITH_TERMINAL_ERROR" or "FAILED")
  end
  if entry.input.asyncComplete then return self:_schedule(node, timeout_at(node)) end
  self:_complete(node)
end

function Walk:_end_task(node, status, reason)
  local entry = node.entry
  self:_unschedule(node)
  self.waiting:remove(node)
  self:_free_place(node)
  entry.status, entry.endTime, entry.reasonForIncompletion, entry.call = status, self:_now(), reason, nil
end

function Walk:_complete(node)
  self:_end_task(node, "COMPLETED")
  self:_go_on(node)
end

-- Whether a task that has failed is tried again. A container is not: the tasks in it have used their own attempts.
local function attempts_left(node, status)
  local entry, definition = node.entry, node.definition
  if task_types.is_container(definition.type) or status == "FAILED_WITH_TERMINAL_ERROR" then return false end
  if status == "TIMED_OUT" and definition.onFailure ~= "skipTask" then return false end
  return entry.attempts <= number_or(definition.retries, DEFAULT_RETRIES) + entry.granted
end

function Walk:_fail(node, reason, status)
  if node.children then self:_cancel_scope(node.children) end
  if attempts_left(node, status) then
    self:_end_task(node, status, reason)
    return self:_schedule(node, self:_now())
  end
  if node.definition.onFailure == "skipTask" then
    self:_end_task(node, "COMPLETED_WITH_ERRORS", reason)
    return self:_go_on(node)
  end
  self:_end_task(node, status, reason)
  self:_abort(node)
end

-- The graph -----------------------------------------------------------------------------------------------------------

function Walk:_go_on(node)
  for _, free in ipairs(graph.release(node)) do self:_schedule_task(free) end
  if node.scope.open == 0 then self:_finish_scope(node.scope) end
end

function Walk:_finish_scope(scope)
  if scope.parent then return self:_complete(scope.parent) end
  self:_finish(scope.run, "COMPLETED")
end

function Walk:_abort(node)
  local scope = node.scope
  local what = node.entry.status == "TIMED_OUT" and " timed out" or " failed"
  local reason = "Task " .. node.definition.externalId .. what
  if not scope.parent then return self:_finish(scope.run, "FAILED", reason) end
  self:_fail(scope.parent, reason, "FAILED")
end

function Walk:_cancel_scope(scope)
  for _, node in ipairs(scope.nodes) do
    if node.children then self:_cancel_scope(node.children) end
    local status = node.entry and node.entry.status
    if status == "SCHEDULED" or status == "IN_PROGRESS" then
      self:_end_task(node, "CANCELED")
    elseif node.entry then
      self:_unschedule(node) -- a failed task that was about to be tried again
    end
  end
end

-- The tasks of a container; by reference they come from the version as it is now, and are kept.
function Walk:_children_of(node)
  local entry = node.entry
  local parameters = entry.input[entry.taskType]
  if type(parameters) ~= "table" then return nil, "Parameter " .. entry.taskType .. " is not an object" end
  if entry.taskType == "subworkflow" and type(parameters.tasks) ~= "table" then
    local version = self.world:find_version(parameters.workflowExternalId, parameters.version)
    if not version then
      return nil, "There is no version " .. tostring(parameters.version) .. " of workflow "
        .. tostring(parameters.workflowExternalId)
    end
    entry.children = version.workflowDefinition.tasks
    return entry.children
  end
  local list = parameters.tasks
  if type(list) ~= "table" or (next(list) ~= nil and list[1] == nil) then
    return nil, "Parameter " .. entry.taskType .. ".tasks is not an array"
  end
  return list
end

function Walk:_count_tasks(record, more)
  local limit = self.world.limits.tasks
  if (record.taskCount or 0) + more > limit then return "An execution may have " .. limit .. " tasks at most" end
  record.taskCount = (record.taskCount or 0) + more
  return nil
end

-- The scope of a container's tasks, or why there is none.
function Walk:_build_children(node)
  local run = node.scope.run
  local list, reason = self:_children_of(node)
  if not list then return nil, reason end
  local scope, problem = graph.build(run, list, node)
  if scope and node.entry.taskType == "dynamic" then problem = definitions.take_in(list) end
  if problem then return nil, "Bad task list: " .. problem end
  reason = self:_count_tasks(run.record, #list)
  if reason then return nil, reason end
  return scope
end

-- A list of tasks that is none stays a reference in the input: clients read what stands there as tasks.
function Walk:_expand(node)
  local scope, reason = self:_build_children(node)
  if not scope then
    node.entry.input = tasks.raw_input(node.definition)
    return self:_end_later(node, tasks.hopeless(reason))
  end
  node.children, node.entry.expanded = scope, true
  self:_schedule(node, timeout_at(node))
  self:_start_scope(scope)
end

function Walk:_start_scope(scope)
  if scope.open == 0 then return self:_finish_scope(scope) end
  for _, node in ipairs(scope.nodes) do
    if node.blockers == 0 then self:_start_node(node) end
  end
end

-- A fresh task is scheduled; one that an earlier try of the execution left without success starts again, with one
-- attempt more; a container that had its tasks goes on with them.
function Walk:_start_node(node)
  local entry = node.entry
  if not entry then return self:_schedule_task(node) end
  if not RESTARTED[entry.status] then return end
  entry.granted = entry.granted + 1
  keep_attempt(entry)
  entry.startTime, entry.endTime, entry.reasonForIncompletion, entry.output = nil, nil, nil, {}
  if not node.children then return self:_schedule_task(node) end
  entry.status, entry.startTime = "IN_PROGRESS", self:_now()
  self:_schedule(node, timeout_at(node))
  self:_start_scope(node.children)
end

return Walk
