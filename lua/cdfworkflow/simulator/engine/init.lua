-- SPDX-License-Identifier: Apache-2.0
-- Walks the task graph of workflow executions on the simulator's clock, as CDF.md sections 5, 6 and 14 say.
-- All that must outlive the process is in `world.state`; no I/O, no clock of its own, no chance.

-- Where CDF.md leaves a question open, the engine decides:
--   * a queued execution is RUNNING without startTime; its time limit counts from its start;
--   * a task has one entry and one id, whatever its attempts; the next attempt follows a failure at once;
--   * a dynamic or subworkflow task lasts until its tasks have ended; it fails when one of them fails for good, and has
--     no attempts of its own; only its time limit ends it otherwise;
--   * a reference that leads nowhere, a task list that is none, an unknown task type, an input or output over the
--     limit end the task as FAILED_WITH_TERMINAL_ERROR: another attempt could not help;
--   * the tasks of a subworkflow see the execution's own input, their siblings, and the tasks around them;
--   * asynchronous tasks fail when their function fails; no other tasks can be updated;
--   * no task is SKIPPED.

local core = require "cdfworkflow.core"
local Admission = require "cdfworkflow.simulator.engine.admission"
local Walk = require "cdfworkflow.simulator.engine.walk"
local graph = require "cdfworkflow.simulator.engine.graph"
local tasks = require "cdfworkflow.simulator.engine.tasks"
local views = require "cdfworkflow.simulator.engine.views"
local task_types = require "cdfworkflow.simulator.engine.task_types"

---@class cdfworkflow.simulator.engine
local engine = {}

---@class cdfworkflow.simulator.Engine: cdfworkflow.simulator.Walk
---@field on_finished fun(execution: table)|nil called with the stored execution when it has ended
---@field private executions table<string, table> the stored executions, by id
---@field private admission cdfworkflow.simulator.Admission
---@field private open integer executions that have not ended
---@field private open_by_workflow table<string, integer>
local Engine = setmetatable({}, Walk)
Engine.__index = Engine

local RETRYABLE = { FAILED = true, TIMED_OUT = true, TERMINATED = true }
local REPORTABLE = { COMPLETED = true, FAILED = true, FAILED_WITH_TERMINAL_ERROR = true }

local function older(a, b)
  return a.order < b.order
end

-- One execution -------------------------------------------------------------------------------------------------------

function Engine:_count_open(record, change)
  local workflow = record.workflowExternalId
  local count = (self.open_by_workflow[workflow] or 0) + change
  self.open = self.open + change
  self.open_by_workflow[workflow] = count > 0 and count or nil
end

function Engine:_queue(record)
  record.status, record.queued, record.begun = "RUNNING", true, nil
  record.order = self:_next_order()
  self:_count_open(record, 1)
  self.admission:add(record)
  self:_admit()
end

function Engine:_admit()
  local record = self.admission:take()
  while record do
    local now = self:_now()
    record.queued, record.startTime = nil, record.startTime or now
    record.deadline = now + self.world.limits.execution_timeout * 1000
    local run = { record = record, order = record.order }
    self.runs[record.id] = run
    self:_schedule(run, now)
    record = self.admission:take()
  end
end

function Engine:_begin(run)
  local record = run.record
  record.begun = true
  local problem = graph.restore(run)
  if not problem and not record.taskCount then problem = self:_count_tasks(record, #run.root.nodes) end
  if problem then return self:_finish(run, "FAILED", "Bad workflow definition: " .. problem) end
  self:_schedule(run, record.deadline)
  self:_start_scope(run.root)
end

function Engine:_finish(run, status, reason)
  if run.root then self:_cancel_scope(run.root) end
  self:_unschedule(run)
  self.runs[run.record.id] = nil
  self.admission:release(run.record)
  self:_close(run.record, status, reason)
  self:_admit()
end

function Engine:_close(record, status, reason)
  record.status, record.endTime, record.reasonForIncompletion = status, self:_now(), reason
  record.queued = nil
  self:_count_open(record, -1)
  if self.on_finished then self.on_finished(record) end
end

-- Events --------------------------------------------------------------------------------------------------------------

function Engine:_run_due(run)
  if not run.record.begun then return self:_begin(run) end
  self:_finish(run, "TIMED_OUT", "Execution timed out")
end

function Engine:_task_due(node)
  local entry = node.entry
  if entry.status ~= "IN_PROGRESS" then return self:_start_attempt(node) end
  if entry.call then return self:_finish_call(node) end
  self:_fail(node, "Task timed out", "TIMED_OUT")
end

function Engine:_fire(item)
  self:_unschedule(item)
  if item == self.waker then return self:_wake() end
  if item.record then return self:_run_due(item) end
  self:_task_due(item)
end

--- When the next thing is due.
---@return integer|nil ms nil when nothing is, and while events are being handled
function Engine:next_due()
  local first = not self.at and self.timers:peek()
  return first and first.due or nil
end

--- Does all that is due up to `now_ms`, in the order of time. Called from inside an event (a task that requests
--- the simulator's own API) it does nothing: the outer call goes on afterwards.
---@param now_ms integer
function Engine:advance(now_ms)
  if self.at then return end
  local item = self.timers:peek()
  while item and item.due <= now_ms do
    self.at = item.due
    local ok, problem = pcall(self._fire, self, item)
    self.at = nil
    if not ok then error(problem, 0) end
    item = self.timers:peek()
  end
end

-- What the API asks for -----------------------------------------------------------------------------------------------

---@class cdfworkflow.simulator.Start
---@field workflowExternalId string
---@field version string
---@field definition table the version's workflowDefinition
---@field input table|nil
---@field metadata table|nil
---@field session any kept with the execution and given to what its tasks call
---@field maxConcurrentExecutions integer|nil the workflow's own limit

--- Takes an execution in. It has a startTime when there was a place for it; its tasks start with the next `advance`.
---@param options cdfworkflow.simulator.Start
---@return table execution the stored record
function Engine:start(options)
  local record = {
    id = self.world:new_uuid(), engineExecutionId = self.world:new_uuid(),
    workflowExternalId = options.workflowExternalId, version = options.version,
    createdTime = self:_now(), metadata = options.metadata or {}, input = options.input,
    session = options.session, workflowDefinition = options.definition,
    maxConcurrentExecutions = options.maxConcurrentExecutions, executedTasks = core.array {},
  }
  self.executions[record.id] = record
  self:_queue(record)
  return record
end

--- Ends a running execution as TERMINATED, its running tasks as CANCELED.
---@param execution_id string
---@param reason string|nil
---@return table|nil execution
---@return "unknown"|"not_running"|nil
function Engine:cancel(execution_id, reason)
  local record = self.executions[execution_id]
  if not record then return nil, "unknown" end
  if record.status ~= "RUNNING" then return nil, "not_running" end
  local run = self.runs[execution_id]
  if run then
    self:_finish(run, "TERMINATED", reason)
  else
    self.admission:remove(record)
    self:_close(record, "TERMINATED", reason)
  end
  return record
end

--- Starts the tasks that did not succeed again, under the same execution id.
---@param execution_id string
---@param session any
---@return table|nil execution
---@return "unknown"|"not_retryable"|nil
function Engine:retry(execution_id, session)
  local record = self.executions[execution_id]
  if not record then return nil, "unknown" end
  if not RETRYABLE[record.status] then return nil, "not_retryable" end
  record.endTime, record.reasonForIncompletion, record.session = nil, nil, session
  self:_queue(record)
  return record
end

--- Reports the outcome of an asynchronous task.
---@param task_id string
---@param status string COMPLETED, FAILED or FAILED_WITH_TERMINAL_ERROR
---@param output table|nil merged into the task's own output
---@return table|nil task
---@return "unknown"|"not_in_progress"|"invalid_status"|nil
function Engine:update_task(task_id, status, output)
  local record = self.owners[task_id]
  if not record then return nil, "unknown" end
  if not REPORTABLE[status] then return nil, "invalid_status" end
  local run = self.runs[record.id]
  local node = run and run.tasks and run.tasks[task_id]
  if not node or node.entry.status ~= "IN_PROGRESS" or not node.entry.input.asyncComplete then
    return nil, "not_in_progress"
  end
  self:_report(node, status, output or {})
  return views.task(node.entry)
end

function Engine:_report(node, status, output)
  local entry = node.entry
  local merged, problem = tasks.merge(entry.output, output, self.world.limits.output_bytes)
  if not merged then return self:_fail(node, problem, "FAILED_WITH_TERMINAL_ERROR") end
  entry.output = merged
  if status == "COMPLETED" then return self:_complete(node) end
  self:_fail(node, "Task was reported as " .. status, status)
end

--- How many executions have not ended, those in the queue among them.
---@param workflow_external_id string|nil all workflows when left out
---@return integer
function Engine:running(workflow_external_id)
  if workflow_external_id == nil then return self.open end
  return self.open_by_workflow[workflow_external_id] or 0
end

--- The execution as in list and run answers.
---@param execution table the stored record
---@return table
function Engine:summary(execution) -- luacheck: no self
  return views.summary(execution)
end

--- The execution with its definition, its tasks and its input.
---@param execution table the stored record
---@return table
function Engine:detail(execution) -- luacheck: no self
  return views.detail(execution)
end

-- A stored state ------------------------------------------------------------------------------------------------------

function Engine:_restore_run(record)
  local run = { record = record, order = record.order }
  self.runs[record.id] = run
  self.admission:count(record)
  self:_schedule(run, record.due)
  if not record.begun then return end
  assert(not graph.restore(run), "the stored definition of a running execution is damaged")
  for _, entry in ipairs(record.executedTasks) do
    local node = run.tasks[entry.id]
    if node then self:_restore_node(node) end
  end
end

function Engine:_restore_node(node)
  local entry = node.entry
  if entry.status == "IN_PROGRESS" and not task_types.is_container(entry.taskType) then self:_take_place(node) end
  if entry.due then
    self:_schedule(node, entry.due)
  elseif entry.status == "SCHEDULED" then
    self.waiting:push(node)
  end
end

function Engine:_restore()
  local open = {}
  for _, record in pairs(self.executions) do
    for _, entry in ipairs(record.executedTasks) do self.owners[entry.id] = record end
    if record.status == "RUNNING" then open[#open + 1] = record end
  end
  table.sort(open, older)
  for _, record in ipairs(open) do
    self:_count_open(record, 1)
    if record.queued then
      self.admission:add(record)
    else
      self:_restore_run(record)
    end
  end
  if self.waiting.size > 0 then self:_schedule(self.waker, self:_now()) end
  self:_admit()
end

--- An engine over `world.state`; with executions in it, it goes on from there.
---@param world table see project.lua: `state`, `limits`, now, new_uuid, new_id, call_function, find_version, …
---@return cdfworkflow.simulator.Engine
function engine.new(world)
  local notes = world.state.engine or { order = 0, jobs = {} }
  world.state.engine = notes
  world.state.executions = world.state.executions or {}
  local self = setmetatable(Walk.new(world, notes), Engine)
  self.executions, self.admission = world.state.executions, Admission.new(world.limits)
  self.open, self.open_by_workflow = 0, {}
  self:_restore()
  return self
end

return engine
