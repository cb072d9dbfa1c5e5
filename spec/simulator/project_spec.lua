-- SPDX-License-Identifier: Apache-2.0

local exchange = require "sim_exchange"

-- The world that the engine sees, tried through workflow tasks of each kind.
describe("simulator.project", function()
  local x

  local function run(tasks, given)
    x:version("w", "1", tasks)
    local execution = x:run("w", "1", given)
    return x:call("GET", "/workflows/executions/" .. execution.id), execution.id
  end

  local function reason(tasks, options)
    x = exchange.new(options)
    for _, task in ipairs(tasks) do
      task.retries = 0
    end
    return run(tasks).executedTasks[1].reasonForIncompletion
  end

  local function cdf(path, more)
    local request = { resourcePath = path, method = "GET" }
    for name, value in pairs(more or {}) do
      request[name] = value
    end
    return { externalId = "c", type = "cdf", parameters = { cdfRequest = request } }
  end

  it("calls functions that are Ready, and says why when it cannot", function()
    assert.truthy(reason({ exchange.task("a", "nope") }):find "nope")
    x = exchange.new { functions = { f = function() end } }
    local file = x:call("POST", "/files", { name = "z" })
    x.sim:handle { method = "PUT", path = file.uploadUrl, headers = {}, body = "zip" }
    x:call("POST", "/functions", { items = { { name = "f", externalId = "f", fileId = file.id } } })
    local detail = run { exchange.task("a", "f", { retries = 0 }) }
    assert.truthy(detail.executedTasks[1].reasonForIncompletion:find "not ready")
    x.sim:advance(5)
    assert.equal("COMPLETED", run({ exchange.task("a", "f", { retries = 0 }) }).status)
  end)

  it("ends function tasks of an execution whose session is revoked", function()
    x = exchange.new { functions = { f = function()
      return nil, 10
    end } }
    x:version("w", "1", { exchange.task("a", "f"), exchange.task("b", "f", {
      retries = 0, dependsOn = { { externalId = "a" } },
    }) })
    local nonce, session = x:nonce()
    local execution = x:call("POST", "/workflows/w/versions/1/run", { authentication = { nonce = nonce } })
    x:call("POST", "/sessions/revoke", { items = { { id = session } } })
    x.sim:advance(20)
    local detail = x:call("GET", "/workflows/executions/" .. execution.id)
    assert.equal("FAILED", detail.status)
    assert.equal("Session is no longer valid", detail.executedTasks[2].reasonForIncompletion)
  end)

  it("runs transformations and simulations by Lua functions that tell how long they take", function()
    local seen = {}
    x = exchange.new {
      transformations = { tr = function(parameters, context)
        seen.tr = { parameters.externalId, context.taskExternalId }
        return 30
      end },
      simulations = { routine = function(parameters)
        seen.routine = parameters.inputs[1].value
      end },
    }
    x:version("w", "1", {
      { externalId = "t", type = "transformation", parameters = { transformation = { externalId = "tr" } } },
      {
        externalId = "s", type = "simulation", dependsOn = { { externalId = "t" } },
        parameters = { simulation = {
          routineExternalId = "routine", inputs = { { referenceId = "CWT", value = "${workflow.input.v}" } },
        } },
      },
    })
    local execution = x:run("w", "1", { input = { v = 11 } })
    x.sim:advance(29)
    assert.equal("IN_PROGRESS", x:call("GET", "/workflows/executions/" .. execution.id).executedTasks[1].status)
    x.sim:advance(1)
    local detail = x:call("GET", "/workflows/executions/" .. execution.id)
    assert.equal("COMPLETED", detail.status)
    assert.same({ tr = { "tr", "t" }, routine = 11 }, seen)
    assert.is_number(detail.executedTasks[1].output.jobId)
    assert.is_string(detail.executedTasks[2].output.statusMessage)
  end)

  it("fails transformations and simulations that are unknown or raise", function()
    local transformation = { externalId = "t", type = "transformation",
      parameters = { transformation = { externalId = "tr" } } }
    local simulation = { externalId = "s", type = "simulation",
      parameters = { simulation = { routineExternalId = "routine" } } }
    local function raise()
      error("boom", 0)
    end
    assert.equal("Transformation not found: tr", reason { transformation })
    assert.equal("Simulator routine not found: routine", reason { simulation })
    assert.equal("boom", reason({ transformation }, { transformations = { tr = raise } }))
    assert.equal("boom", reason({ simulation }, { simulations = { routine = raise } }))
  end)

  describe("cdf tasks", function()
    it("really request the project's own API", function()
      x = exchange.new()
      local detail = run { cdf("/workflows", { queryParameters = { limit = "${workflow.input.limit}" } }) }
      assert.equal("FAILED", detail.status)
      detail = run({ cdf("/workflows", { queryParameters = { limit = "${workflow.input.limit}" } }) },
        { input = { limit = 1 } })
      assert.equal("COMPLETED", detail.status)
      assert.same({ "w", 200 }, {
        detail.executedTasks[1].output.response.items[1].externalId, detail.executedTasks[1].output.statusCode,
      })
      detail = run { cdf("workflows", { method = "POST", body = { items = { { externalId = "made/here" } } } }) }
      assert.equal("COMPLETED", detail.status)
      assert.equal("made/here", x:call("GET", "/workflows/made%2Fhere").externalId)
    end)

    it("fail with the status of the answer", function()
      x = exchange.new()
      local task = cdf "/workflows/nope"
      task.retries = 0
      local detail = run { task }
      assert.same({ "FAILED", 404 }, { detail.status, detail.executedTasks[1].output.statusCode })
      assert.equal("Workflow not found.", detail.executedTasks[1].output.response.error.message)
    end)

    it("have the rights of the execution's session and no more", function()
      x = exchange.new {
        principals = { { client_id = "low", client_secret = "l", capabilities = {
          workflowOrchestrationAcl = { "READ" },
        } } },
      }
      local task = cdf "/sessions"
      task.retries = 0
      x:version("w", "1", { task })
      local nonce = x:nonce { clientId = "low", clientSecret = "l" }
      local execution = x:call("POST", "/workflows/w/versions/1/run", { authentication = { nonce = nonce } })
      assert.equal(403, x:call("GET", "/workflows/executions/" .. execution.id).executedTasks[1].output.statusCode)
    end)

    it("run a workflow of their own, with a session that a function gave them", function()
      x = exchange.new()
      x:version("inner", "1", {})
      local task = cdf("/workflows/inner/versions/1/run", {
        method = "POST", body = { authentication = { nonce = "${workflow.input.nonce}" } },
      })
      local detail = run({ task }, { input = { nonce = x:nonce() } })
      assert.equal(202, detail.executedTasks[1].output.statusCode)
      local inner = detail.executedTasks[1].output.response.id
      assert.equal("COMPLETED", x:call("GET", "/workflows/executions/" .. inner).status)
    end)
  end)

  it("finds the versions that sub-workflows point to", function()
    x = exchange.new { functions = { f = function() end } }
    x:version("other", "2", { exchange.task("i", "f") })
    local detail = run { {
      externalId = "s", type = "subworkflow",
      parameters = { subworkflow = { workflowExternalId = "other", version = "2" } },
    } }
    assert.equal("COMPLETED", detail.status)
    assert.equal("s", detail.executedTasks[2].parentTaskExternalId)
  end)

  it("keeps to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
