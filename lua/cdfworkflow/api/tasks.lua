-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.tasks: the outcome of tasks that complete asynchronously.

local check = require "cdfworkflow.check"

---@class cdfworkflow.Tasks
local Tasks = {}
Tasks.__index = Tasks

local OUTCOMES = { COMPLETED = true, FAILED = true, FAILED_WITH_TERMINAL_ERROR = true }

--- Tells CDF how a function task ended whose definition says `isAsyncComplete = true`; until then the task stays
--- IN_PROGRESS. A function finds its task's id in the member `cogniteOrchestrationTaskId` of its data.
---@param task_id string a UUID
---@param status "COMPLETED"|"FAILED"|"FAILED_WITH_TERMINAL_ERROR" FAILED uses the attempts that are left, the last
---  does not
---@param output? table|userdata merged into the task's own output
---@return cdfworkflow.TaskExecution|nil task, table? err
function Tasks:update(task_id, status, output)
  check.type(status, "string", "status")
  check.object(output, "output")
  local uuid, err = check.uuid("task_id", task_id)
  if not uuid then return nil, err end
  if not OUTCOMES[status] then
    return check.invalid("status",
      ("status must be COMPLETED, FAILED or FAILED_WITH_TERMINAL_ERROR, got %q"):format(status))
  end
  return self.client:_call("POST", "/workflows/tasks/" .. uuid .. "/update", { status = status, output = output })
end

return Tasks
