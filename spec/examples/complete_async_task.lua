-- SPDX-License-Identifier: Apache-2.0
-- Runs a workflow that waits for a person: its task `review` stays in progress after its function has returned, until
-- somebody tells CDF how it ended. Here that is this program: `complete_async_task.lua reject` says no, anything else
-- yes. It needs the environment and the functions of run_and_wait.lua.

local cdf = require "cdfworkflow"
local task = cdf.task

local client = assert(cdf.from_env())

assert(client.workflows:upsert { externalId = "cdfworkflow-review", description = "Of the Lua library cdfworkflow" })
assert(client.workflows.versions:upsert {
  workflowExternalId = "cdfworkflow-review", version = "1",
  workflowDefinition = cdf.definition { tasks = {
    -- A function gets the id of its task in `cogniteOrchestrationTaskId`, to hand it to whoever will complete it.
    task.fn {
      externalId = "review", functionExternalId = "fn-read-sensors", isAsyncComplete = true,
      data = { sensors = { "pressure" } },
    },
    task.fn {
      externalId = "publish", functionExternalId = "fn-read-sensors", dependsOn = { "review" },
      data = { sensors = { "temperature" } },
    },
  } },
})

--- What a person's answer becomes. FAILED would use the attempts that are left; this outcome does not.
local function answer(task_id)
  if arg[1] == "reject" then
    return client.workflows.tasks:update(task_id, "FAILED_WITH_TERMINAL_ERROR", { reason = "41.7 bar cannot be" })
  end
  return client.workflows.tasks:update(task_id, "COMPLETED", { reviewer = "night shift" })
end

local execution = assert(client:run("cdfworkflow-review", "1"))
for event in client.workflows.executions:watch(execution, { interval = 0.2 }) do
  execution = event.execution
  local run = event.task
  print(("%-18s %s"):format(event.type, run and run.externalId or execution.status))
  if event.type == "task_started" and run.externalId == "review" and run.status == "IN_PROGRESS" then
    assert(answer(run.id))
  end
end

client:close()
os.exit(execution.status == "COMPLETED" and 0 or 1)
