-- SPDX-License-Identifier: Apache-2.0
-- What the API shows of stored records: CDF's members and no other.

local core = require "cdfworkflow.core"
local views = require "cdfworkflow.simulator.engine.views"

local RECORD = {
  id = "e", workflowExternalId = "w", version = "1", status = "FAILED", engineExecutionId = "n", createdTime = 1,
  startTime = 2, endTime = 3, reasonForIncompletion = "Task t failed", metadata = { a = "b" },
  workflowDefinition = { hash = "0", tasks = {} }, input = { x = 1 },
  session = 5, order = 6, due = 7, deadline = 8, queued = true, begun = true, taskCount = 9,
  maxConcurrentExecutions = 10,
  executedTasks = { {
    id = "i", externalId = "t", status = "FAILED", taskType = "function", input = {}, output = { a = 1 },
    parentTaskExternalId = "p", startTime = 2, endTime = 3, reasonForIncompletion = "no",
    parent = 1, index = 2, position = 3, attempts = 4, granted = 5, order = 6, due = 7, call = {}, expanded = true,
    children = {},
  } },
}

local SUMMARY = {
  id = "e", workflowExternalId = "w", version = "1", status = "FAILED", engineExecutionId = "n", createdTime = 1,
  startTime = 2, endTime = 3, reasonForIncompletion = "Task t failed", metadata = { a = "b" },
}

local TASK = {
  id = "i", externalId = "t", status = "FAILED", taskType = "function", input = {}, output = { a = 1 },
  parentTaskExternalId = "p", startTime = 2, endTime = 3, reasonForIncompletion = "no",
}

describe("simulator.engine_views", function()
  it("shows an execution", function()
    assert.same(SUMMARY, views.summary(RECORD))
  end)

  it("shows a task", function()
    assert.same(TASK, views.task(RECORD.executedTasks[1]))
  end)

  it("shows an execution with its definition, tasks and input", function()
    local expected = { workflowDefinition = RECORD.workflowDefinition, input = { x = 1 }, executedTasks = { TASK } }
    for key, value in pairs(SUMMARY) do expected[key] = value end
    assert.same(expected, views.detail(RECORD))
  end)

  it("shows no tasks as an empty array", function()
    assert.equal("[]", core.encode(views.detail({ executedTasks = {} }).executedTasks))
  end)
end)
