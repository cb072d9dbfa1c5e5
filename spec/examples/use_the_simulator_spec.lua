-- SPDX-License-Identifier: Apache-2.0
-- The embedded CDF in one's own specs: three lines make it, no socket is opened, and time passes when the spec says so.
-- What is tested stands in `start_report`, a program that starts a workflow and says what became of it, and in
-- `start_order`, one that must never start two.

local cdf = require "cdfworkflow"
local simulator = require "cdfworkflow.simulator"

local function start_report(client, site)
  local execution, err = client:run("report", "1", { input = { site = site }, timeout = 30 })
  if not execution then return "not started: " .. err.kind end
  execution, err = client:wait(execution, { timeout = 3600 })
  if not execution then return "given up: " .. err.kind end
  return execution.status:lower(), execution.executedTasks[1].output.response
end

local function start_order(client, order)
  local execution, err = client:run("report", "1", { request_id = order, timeout = 120 })
  return execution and execution.id, err and err.kind
end

describe("a program", function()
  local sim, client, answer

  before_each(function()
    answer = function(data) return { title = "Report of " .. data.site }, 90 end -- and it takes 90 seconds
    sim = simulator.new { project = "demo", tokens = { "test-token" } }
    client = assert(cdf.client {
      project = "demo", base_url = "http://localhost", transport = sim:transport(),
      credentials = assert(cdf.credentials { token = "test-token" }),
    })
    sim:function_handler("fn-report", function(data) return answer(data) end)
    assert(client.workflows:upsert { externalId = "report" })
    assert(client.workflows.versions:upsert {
      workflowExternalId = "report", version = "1",
      workflowDefinition = cdf.definition { tasks = {
        cdf.task.fn { externalId = "write", functionExternalId = "fn-report", data = "${workflow.input}", retries = 0 },
      } },
    })
  end)

  it("gives the report", function()
    local before = sim:now()
    local status, report = start_report(client, "north")
    assert.equal("completed", status)
    assert.equal("Report of north", report.title)
    assert.is_true(sim:now() - before >= 90000) -- of the simulator's time, not of yours
  end)

  it("says that the function failed", function()
    answer = function() error "no sensors" end
    assert.equal("failed", (start_report(client, "north")))
  end)

  it("does not mind that CDF is busy for a moment", function()
    sim:fault { match = { operation = "run", times = 2 }, status = 503 }
    assert.equal("completed", (start_report(client, "north")))
  end)

  it("does not start a second run when an answer is lost", function()
    sim:fault { match = { operation = "run" }, drop = "after" }
    assert.equal("not started: ambiguous", (start_report(client, "north")))
    assert.equal(1, #client.workflows.executions:list { limit = 10 })
  end)

  describe("that starts each order exactly once", function()
    local function started()
      return client.workflows.executions:list { limit = 10 }
    end

    for name, fault in pairs {
      ["an answer is lost"] = { drop = "after" },
      ["the request is lost"] = { drop = "before" },
      ["a balancer answers after CDF has begun"] = { status = 502, foreign = "after" },
    } do
      it("does so when " .. name, function()
        fault.match = { operation = "run" }
        sim:fault(fault)
        local before = sim:now()
        local id = start_order(client, "order-4711")
        assert.equal(started()[1].id, id)
        assert.equal(1, #started())
        assert.is_true(sim:now() - before < 30000) -- of the simulator's time
      end)
    end

    it("does so when the list is behind", function()
      sim:fault { match = { operation = "run" }, drop = "after" }
      sim:fault { match = { times = math.huge }, behind = 5 }
      local id = start_order(client, "order-4711")
      sim:clear_faults()
      assert.equal(1, #started())
      assert.equal(started()[1].id, id)
    end)
  end)
end)
