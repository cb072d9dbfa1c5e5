-- SPDX-License-Identifier: Apache-2.0
-- What a stored execution means to a reader: its status in words, why it went wrong, how far it is, what its tasks did
-- and which of them never will.

local parts = require "cdfworkflow.simulator.serve.page.parts"
local task_graph = require "cdfworkflow.simulator.engine.graph"
local task_types = require "cdfworkflow.simulator.engine.task_types"

local reading = {}

local FAILURES = { FAILED = true, FAILED_WITH_TERMINAL_ERROR = true, TIMED_OUT = true }

---@param execution table the stored record
---@return integer # tasks that failed and were left out
function reading.errors(execution)
  local count = 0
  for _, entry in ipairs(execution.executedTasks) do
    if entry.status == "COMPLETED_WITH_ERRORS" then count = count + 1 end
  end
  return count
end

--- A completed run whose optional tasks failed is not shown as one that went well.
---@param execution table
---@return string # a status
function reading.status(execution)
  if execution.queued then return "QUEUED" end
  if execution.status == "COMPLETED" and reading.errors(execution) > 0 then return "COMPLETED_WITH_ERRORS" end
  return execution.status
end

--- Whether an execution is shown with a status; asks its tasks only where they could make the difference.
---@param execution table
---@param status string as reading.status tells it
---@return boolean
function reading.has_status(execution, status)
  local stored = (status == "QUEUED" and "RUNNING") or (status == "COMPLETED_WITH_ERRORS" and "COMPLETED") or status
  return execution.status == stored and reading.status(execution) == status
end

---@param execution table
---@return string html
function reading.badge(execution)
  return parts.badge(reading.status(execution))
end

-- The task that says why: one that failed itself, not one that held it.
local function culprit(execution)
  local ended_well = execution.status == "COMPLETED"
  for _, entry in ipairs(execution.executedTasks) do
    local fits = FAILURES[entry.status] or ended_well and entry.status == "COMPLETED_WITH_ERRORS"
    if fits and entry.reasonForIncompletion and not task_types.is_container(entry.taskType) then return entry end
  end
end

--- Why an execution did not go well, in a line: its own reason, and that of the task that is to blame.
---@param execution table
---@return string|nil
function reading.why(execution)
  local own, entry = execution.reasonForIncompletion, nil
  if execution.status ~= "RUNNING" then entry = culprit(execution) end
  if not entry then return own end
  local reason = tostring(entry.reasonForIncompletion)
  if own and own:find("Task " .. entry.externalId .. " ", 1, true) == 1 then return own .. ": " .. reason end
  local theirs = entry.externalId .. ": " .. reason
  return own and own .. " · " .. theirs or theirs
end

---@param execution table
---@return integer done, integer all of the tasks in the version's own definition
function reading.progress(execution)
  local done = 0
  for _, entry in ipairs(execution.executedTasks) do
    if not entry.parent and task_graph.DONE[entry.status] then done = done + 1 end
  end
  return done, #(execution.workflowDefinition.tasks or {})
end

---@param execution table
---@param parent integer|nil the position of the task that made them; nil for those of the definition
---@return table<string, table> # stored tasks by external id
function reading.tasks_of(execution, parent)
  local entries = {}
  for _, entry in ipairs(execution.executedTasks) do
    if entry.parent == parent then entries[entry.externalId] = entry end
  end
  return entries
end

--- The status of a task that has not begun: it waits, or, where what it belongs to is over, it will not run.
---@param owner table the execution, or the stored task that made it
---@return "WAITING"|"NOT_RUN"
function reading.not_begun(owner)
  return owner.endTime and "NOT_RUN" or "WAITING"
end

--- Every attempt at a task, the earlier ones first; the last is the task as it is now, once it has begun.
---@param entry table
---@return { status: string, startTime: integer, endTime: integer?, reason: string? }[]
function reading.attempts(entry)
  local list = {}
  for _, attempt in ipairs(entry.earlier or {}) do list[#list + 1] = attempt end
  if entry.startTime then
    list[#list + 1] = {
      status = entry.status, startTime = entry.startTime, endTime = entry.endTime, reason = entry.reasonForIncompletion,
    }
  end
  return list
end

---@param entry table
---@return string # its external id, with that of the task that made it before it
function reading.task_name(entry)
  return (entry.parentTaskExternalId and entry.parentTaskExternalId .. " › " or "") .. entry.externalId
end

return reading
