-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

local ID = "7b7cfb20-e38c-4ff6-928a-56a50cf4fa5d"

describe("client.workflows.tasks", function()
  it("reports an outcome with and without output", function()
    local client = fake.new { { status = "COMPLETED" }, { status = "FAILED" } }
    assert.same({ status = "COMPLETED" }, client.workflows.tasks:update(ID, "COMPLETED"))
    assert.same({
      method = "POST", path = "/workflows/tasks/" .. ID .. "/update", body = { status = "COMPLETED" }, opts = {},
    }, client.asked[1])
    client.workflows.tasks:update(ID, "FAILED", {})
    assert.same({ status = "FAILED", output = {} }, client.asked[2].body)
  end)

  it("takes a task execution for its id", function()
    local client = fake.new { {} }
    assert(client.workflows.tasks:update({ id = ID, externalId = "t" }, "COMPLETED"))
    assert.equal("/workflows/tasks/" .. ID .. "/update", client.asked[1].path)
  end)

  it("refuses what CDF would refuse", function()
    local client = fake.new()
    assert.equal("task_id", select(2, client.workflows.tasks:update("t1", "COMPLETED")).field)
    local _, err = client.workflows.tasks:update(ID, "completed")
    assert.same({ "invalid", "status" }, { err.kind, err.field })
    assert.error_matches(function() client.workflows.tasks:update(ID, "FAILED", "why") end, "output: expected a table")
    assert.error_matches(function() client.workflows.tasks:update(ID) end, "status: expected a string, got nil")
    assert.same({}, client.asked)
  end)
end)
