-- SPDX-License-Identifier: Apache-2.0
-- Waiting for things that take their time: looks again, ever more seldom, until it is over.
-- Reads the clock and sleeps through the client only, so that a test's transport decides what time it is.

local core = require "cdfworkflow.core"

local wait = {}

---@class cdfworkflow.WatchOptions
---@field timeout? number seconds; 25 hours unless told, an hour more than the longest execution takes
---@field interval? number seconds between two looks in the first 2 s, and never less later, 0.63 unless told; they grow
---  apart by the measure of how long it takes
---@field max_interval? number seconds between two looks at most, 15 unless told
---@field cancel? boolean cancels the execution when `timeout` has passed

---@class cdfworkflow.WaitOptions : cdfworkflow.WatchOptions
---@field on_change? fun(execution: cdfworkflow.Execution) called at the first look, and whenever the status of the
---  execution or of one of its tasks is another

---@alias cdfworkflow.EventType
--- | "execution_started"
--- | "task_scheduled" # waits for its first or next attempt
--- | "task_started"
--- | "task_completed"
--- | "task_failed" # ended without success, also where the workflow goes on without it (COMPLETED_WITH_ERRORS)
--- | "task_canceled"
--- | "task_skipped"
--- | "task_changed" # to a status that this library does not know
--- | "execution_ended" # always the last one

---@class cdfworkflow.Event
---@field type cdfworkflow.EventType
---@field time? integer ms since the epoch, as CDF says it
---@field task? cdfworkflow.TaskExecution
---@field reason? string why the task or the execution did not succeed
---@field execution cdfworkflow.Execution as seen at this look

local INTERVAL, MAX_INTERVAL = 0.63, 15 -- seconds

--- How far apart looks are when so many seconds have passed, and in proportion between; the first is `interval`.
--- Found by trial: the end of a run of 2, 20, 200 and 2,000 s is seen 0.3, 1, 5 and 7 s late on average, at the cost of
--- 5, 20, 40 and 200 looks (`make bench`). What is spared from 6 to 20 s pays for the looks before and after.
local APART = { { 2, 0 }, { 6, 2 }, { 20, 2 }, { 40, 10.4 }, { 2000, 15 } }

local SHORTEST_LOOK, LONGEST_LOOK = 1, 60 -- seconds that one look may take
local LONGEST_CANCEL = 5 -- seconds

local ENDED = { COMPLETED = true, FAILED = true, TIMED_OUT = true, TERMINATED = true }

local TASK_EVENTS = {
  SCHEDULED = "task_scheduled",
  IN_PROGRESS = "task_started",
  COMPLETED = "task_completed",
  COMPLETED_WITH_ERRORS = "task_failed",
  FAILED = "task_failed",
  FAILED_WITH_TERMINAL_ERROR = "task_failed",
  TIMED_OUT = "task_failed",
  CANCELED = "task_canceled",
  CANCELLED = "task_canceled", -- the Python SDK's spelling (CDF.md section 6)
  SKIPPED = "task_skipped",
}

--- How long after a look the next one is due.
---@param waited number seconds
---@param first number
---@param longest number
local function interval_after(waited, first, longest)
  if first == longest then return longest end
  local from, at = 0, first
  for i, to in ipairs(APART) do
    local due = math.max(to[2], first)
    if waited < to[1] or i == #APART then
      return math.min(at + (due - at) * (waited - from) / (to[1] - from), longest)
    end
    from, at = to[1], due
  end
end

--- A function that looks, the first time at once and then after sleeping ever longer. It gives what `look` gives;
--- errors that pass by themselves are slept over. `nil, err` when `look` fails for good or the time is up; then
--- `err.waited` is true. `look` is told how many seconds it may take.
---@param client table
---@param look fun(timeout: number): any, table?
---@param opts { timeout: number, interval?: number, max_interval?: number }
---@return fun(): any, table?
function wait.poller(client, look, opts)
  local started = client:_now()
  local longest = opts.max_interval or MAX_INTERVAL
  local first = math.min(opts.interval or INTERVAL, longest)
  local looks, trouble = 0, nil

  local function time_up(waited)
    return nil, core.error {
      kind = "timeout", retryable = true, waited = true, attempts = looks, elapsed = waited,
      message = ("not over after %g s of waiting%s"):format(opts.timeout,
        trouble and "; the last look failed: " .. tostring(trouble) or ""),
    }
  end

  local function sleep()
    local waited = client:_now() - started
    if waited >= opts.timeout then return time_up(waited) end
    -- less by up to a fifth, so that those who began to wait together do not ask together
    local pause = interval_after(waited, first, longest) * (1 - 0.2 * math.random())
    return client:_sleep(math.min(pause, opts.timeout - waited))
  end

  return function()
    while true do
      if looks > 0 then
        local _, err = sleep()
        if err then return nil, err end
      end
      looks = looks + 1
      local left = math.max(started + opts.timeout - client:_now(), SHORTEST_LOOK)
      local seen, err = look(math.min(left, client.timeout or LONGEST_LOOK))
      if seen ~= nil then
        trouble = nil
        return seen
      end
      if not err.retryable or err.never_reached then return nil, err end
      trouble = err
    end
  end
end

--- The task executions in an answer that can be told from one another.
local function tasks_of(execution)
  local given, tasks = execution.executedTasks, {}
  for _, task in ipairs(type(given) == "table" and given or {}) do
    if type(task) == "table" and type(task.id) == "string" then tasks[#tasks + 1] = task end
  end
  return tasks
end

--- What `on_change` goes by: the statuses, in one text.
local function statuses(execution)
  local parts = { tostring(execution.status) }
  for _, task in ipairs(tasks_of(execution)) do
    parts[#parts + 1] = ("%s=%s"):format(tostring(task.id), tostring(task.status))
  end
  return table.concat(parts, "\n")
end

--- Cancels an execution that took too long; not for long, since the time is up. Gives the execution when it turns out
--- to have ended meanwhile.
local function cancel(client, id, err)
  local path, patience = "/workflows/executions/" .. id, { timeout = LONGEST_CANCEL }
  local reason = ("given up after %.0f s of waiting"):format(err.elapsed)
  local cancelled, cancel_err = client:_call("POST", path .. "/cancel", { reason = reason }, patience)
  if cancelled then
    err.execution = cancelled
    err.message = err.message .. "; cancelled"
    return nil, err
  end
  local now = client:_call("GET", path, nil, patience)
  if now and ENDED[now.status] then return now end
  err.message = err.message .. "; cancelling it failed: " .. tostring(cancel_err)
  return nil, err
end

--- A function that gives the execution at each look, up to the one at which it has ended (second result true).
local function follow(executions, id, opts)
  local last
  local client = executions.client
  local patient = opts.patient or false
  local next_look = wait.poller(client, function(timeout)
    return client:_call("GET", "/workflows/executions/" .. id, nil, { timeout = timeout, patient = patient })
  end, opts)
  return function()
    local execution, err = next_look()
    if err then
      err.execution = last
      if not err.waited then return nil, err end
      err.message = ("execution %s is %s, %s"):format(id, last and tostring(last.status) or "not known", err.message)
      if opts.cancel then execution, err = cancel(client, id, err) end
      if not execution then return nil, err end
    end
    last = execution
    return execution, ENDED[execution.status] == true
  end
end

--- See `executions:wait`.
function wait.wait(executions, id, opts)
  local next_look = follow(executions, id, opts)
  local before
  while true do
    local execution, ended = next_look()
    if not execution then return nil, ended end
    local now = statuses(execution)
    if opts.on_change and now ~= before then opts.on_change(execution) end
    if ended then return execution end
    before = now
  end
end

--- The events that lead from how a task was seen before to how it is now.
local function task_events(add, before, task)
  local again = before and before.startTime and task.startTime and before.startTime ~= task.startTime
  if before and before.status == task.status and not again then return end
  local kind = TASK_EVENTS[task.status] or "task_changed"
  local was_told = before and before.startTime and not again
  if kind ~= "task_started" and task.startTime and task.endTime and not was_told then
    add("task_started", task.startTime, task) -- it began and ended between two looks
  end
  local time = task.endTime
  if kind == "task_started" then time = task.startTime end
  add(kind, time, task, kind ~= "task_started" and task.reasonForIncompletion or nil)
end

--- What happened between two looks, in the order in which it happened.
local function changes(seen, execution, ended)
  local events = {}
  local function add(kind, time, task, reason)
    time = type(time) == "number" and time or nil
    events[#events + 1] = {
      type = kind, time = time, task = task, reason = reason, execution = execution,
      rank = kind == "execution_ended" and math.huge or kind == "execution_started" and 0 or time or 2 ^ 53,
      order = #events,
    }
  end
  if not seen.started and (execution.startTime or ended) then
    seen.started = true
    add("execution_started", execution.startTime)
  end
  for _, task in ipairs(tasks_of(execution)) do
    task_events(add, seen.tasks[task.id], task)
    seen.tasks[task.id] = { status = task.status, startTime = task.startTime }
  end
  if ended then add("execution_ended", execution.endTime, nil, execution.reasonForIncompletion) end
  table.sort(events, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    return a.order < b.order
  end)
  for _, event in ipairs(events) do event.rank, event.order = nil, nil end
  return events
end

--- See `executions:watch`.
function wait.watch(executions, id, opts)
  local next_look = follow(executions, id, opts)
  local seen, events, at, over = { started = false, tasks = {} }, {}, 0, false
  return function()
    while at >= #events do
      if over then return nil end
      local execution, ended = next_look()
      if not execution then error(ended, 0) end
      events, at, over = changes(seen, execution, ended), 0, ended
    end
    at = at + 1
    return events[at]
  end
end

return wait
