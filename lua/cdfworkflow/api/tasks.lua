-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.tasks: the outcome of tasks that complete asynchronously.

local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"

---@class cdfworkflow.Tasks
local Tasks = {}
Tasks.__index = Tasks

local takes = {}

takes.update = {
  { "task_id", check.task, required = true },
  { "status", check.word { "COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR" }, required = true },
  { "output", check.json_object },
}

--- Tells CDF how a function task ended whose definition says `isAsyncComplete = true`; until then the task stays
--- IN_PROGRESS. A function finds its task's id in the member `cogniteOrchestrationTaskId` of its data.
---
---     local execution = assert(client:run("approval", "1"))
---     local task = assert(client:retrieve(execution)).executedTasks[1]
---     assert(client.workflows.tasks:update(task, "COMPLETED", { approved = true }))
---@param task_id string|cdfworkflow.TaskExecution a UUID, or the task execution that bears it
---@param status "COMPLETED"|"FAILED"|"FAILED_WITH_TERMINAL_ERROR" FAILED uses the attempts that are left, the last
---  does not
---@param output? table|userdata merged into the task's own output
---@return cdfworkflow.TaskExecution|nil task
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Tasks:update(task_id, status, output)
  return self.client:_call("POST", "/workflows/tasks/" .. task_id .. "/update", { status = status, output = output })
end

return method.class(Tasks, "client.workflows.tasks", takes)
