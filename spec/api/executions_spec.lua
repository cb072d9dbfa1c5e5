-- SPDX-License-Identifier: Apache-2.0
local core = require "cdfworkflow.core"
local fake = require "fake_client"

local ID = "059edaa4-a17a-4102-910e-2c3591500cce"

describe("client.workflows.executions", function()
  it("leaves run and retry to the core", function()
    local client = fake.new { { id = ID }, { id = ID }, { id = ID } }
    local opts = { input = { a = 1 } }
    assert.same({ id = ID }, client.workflows.executions:run("foo", "1", opts))
    assert.same({ method = "RUN", workflow_external_id = "foo", version = "1", opts = opts }, client.asked[1])
    client.workflows.executions:trigger("foo", "1")
    assert.equal("RUN", client.asked[2].method)
    client.workflows.executions:retry(ID, { request_id = "r" })
    local path = "/workflows/executions/" .. ID
    assert.same({ method = "POST", path = path .. "/retry", opts = {
      repeats = "run", result = "execution", nonce_in = "authentication", request_id = "r",
      execution = ID,
    } }, client.asked[3])
  end)

  it("puts only UUIDs into paths", function()
    local client = fake.new { { id = ID } }
    local executions = client.workflows.executions
    assert.same({ id = ID }, executions:retrieve(ID))
    assert.same({ method = "GET", path = "/workflows/executions/" .. ID, opts = {} }, client.asked[1])
    for _, bad in ipairs { "not-a-uuid", "a b/c", "../triggers" } do
      assert.equal("invalid", select(2, executions:retrieve(bad)).kind)
      assert.equal("invalid", select(2, executions:cancel(bad)).kind)
      assert.equal("invalid", select(2, executions:wait(bad)).kind)
    end
    assert.equal(1, #client.asked)
  end)

  it("takes an execution wherever its id is, through the client's short forms too", function()
    local ended = { id = ID, status = "COMPLETED", workflowExternalId = "w" }
    local ways = {
      retrieve = function(of, execution) return of:retrieve(execution) end,
      cancel = function(of, execution) return of:cancel(execution, "enough") end,
      retry = function(of, execution) return of:retry(execution, { nonce = "n" }) end,
      wait = function(of, execution) return of:wait(execution, { timeout = 5 }) end,
      watch = function(of, execution) return of:watch(execution, { timeout = 5 })().execution end,
    }
    for name, way in pairs(ways) do
      local client = fake.new { ended, ended, ended, ended }
      for _, of in ipairs { client, client.workflows.executions } do
        for _, execution in ipairs { ID, { id = ID, status = "RUNNING" } } do
          assert.equal(ended, way(of, execution), name)
        end
      end
      for i = 2, 4 do assert.same(client.asked[1], client.asked[i], name) end
      assert.equal(1, client.asked[1].path:find("/workflows/executions/" .. ID, 1, true), name)
    end
  end)

  it("lists without a filter unless there is one", function()
    local client = fake.new { { items = { { id = 1 } } }, { items = {} }, { items = {} } }
    assert.same({ { id = 1 } }, client.workflows.executions:list())
    assert.same({ limit = 25 }, client.asked[1].body)
    local filter = { workflowFilters = { { externalId = "a" } }, createdTimeStart = 0, createdTimeEnd = 9,
      status = { "FAILED" } }
    for _ in client.workflows.executions:each(filter) do error "nothing to see" end
    assert.same({ filter = filter, limit = 1000 }, client.asked[2].body)
    client.workflows.executions:list { status = {} }
    assert.is_true(core.is_array(client.asked[3].body.filter.status))
  end)

  it("checks its options", function()
    local executions = fake.new().workflows.executions
    assert.error_matches(function() executions:list { status = "FAILED" } end, "status: expected a list")
    for _, method in ipairs { "list", "each" } do
      assert.error_matches(function() executions[method](executions, { status = "FAILED" }) end, "status: expected a l")
      assert.error_matches(function() executions[method](executions, { workflowFilters = "a" }) end, "workflowFil")
    end
    assert.equal("invalid", select(2, pcall(executions.each, executions, { limit = 0 })).kind)
    assert.error_matches(function() executions:cancel(ID, 5) end, "reason: expected a string, got a number")
    assert.error_matches(function() executions:list { createdTimeStrat = 0 } end, "did you mean")
    assert.equal("invalid", select(2, executions:list { limit = 0 }).kind)
    assert.error_matches(function() executions:wait(ID, { time_out = 1 }) end, 'did you mean "timeout"')
    local ok, message = pcall(function() executions:wait(ID, { timeout = "1" }) end)
    assert.is_false(ok)
    assert.matches("executions_spec.lua:%d+: .*:wait: timeout: expected a number of seconds", message)
    assert.error_matches(function() executions:wait(ID, { interval = 0 }) end, "interval")
    assert.error_matches(function() executions:wait(ID, { timeout = -1 }) end, "timeout")
    assert.error_matches(function() executions:wait(ID, { on_change = 1 }) end, "on_change: expected a function")
    assert.error_matches(function() executions:watch(ID, { on_change = print }) end, "unknown option")
    assert.error_matches(function() executions:wait(7) end, "execution: expected an execution or its id, got a number")
  end)

  it("cancels with a reason or with an empty object", function()
    local client = fake.new { { status = "TERMINATED" }, { status = "TERMINATED" } }
    assert.same({ status = "TERMINATED" }, client.workflows.executions:cancel(ID, "no longer needed"))
    assert.same({ reason = "no longer needed" }, client.asked[1].body)
    client.workflows.executions:cancel(ID)
    assert.same({}, client.asked[2].body)
    assert.equal("/workflows/executions/" .. ID .. "/cancel", client.asked[2].path)
    local _, err = client.workflows.executions:cancel(ID, ("x"):rep(501))
    assert.same({ "invalid", "reason", 500 }, { err.kind, err.field, err.limit })
    assert.equal(2, #client.asked)
  end)
end)
