-- SPDX-License-Identifier: Apache-2.0
local example = require "example"

describe("the example complete_async_task", function()
  it("completes the task that waits for a person, and the workflow goes on", function()
    local sim = example.simulator()
    assert.same({ [[
execution_started  RUNNING
task_started       review
task_completed     review
task_started       publish
task_completed     publish
execution_ended    COMPLETED
]], 0 }, { example.run("complete_async_task", sim) })
    local client = example.client(sim)
    local execution = client.workflows.executions:retrieve(client.workflows.executions:list()[1].id)
    assert.equal("review", execution.executedTasks[1].externalId)
    assert.matches("night shift", require("cdfworkflow.core").encode(execution.executedTasks[1].output))
  end)

  it("says no, and the workflow fails without a further attempt", function()
    local sim = example.simulator()
    local printed, status = example.run("complete_async_task", sim, { "reject" })
    assert.equal(1, status)
    assert.matches("task_failed +review\n", printed)
    assert.matches("execution_ended +FAILED\n$", printed)
    assert.equal(1, select(2, printed:gsub("task_started +review", "")))
    assert.is_nil(printed:find("task_started +publish"))
  end)
end)
