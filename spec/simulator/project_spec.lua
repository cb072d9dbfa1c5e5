-- SPDX-License-Identifier: Apache-2.0

local exchange = require "sim_exchange"

-- The world that the engine sees, tried through workflow tasks of each kind.
describe("simulator.project", function()
  local x

  local function run(tasks, given)
    x:version("w", "1", tasks)
    local execution = x:run("w", "1", given)
    x.sim:advance(10)
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
    x:version("early", "1", { exchange.task("a", "f", { retries = 0 }) })
    local early = x:run("early", "1")
    x.sim:advance(5)
    local detail = x:call("GET", "/workflows/executions/" .. early.id)
    assert.truthy(detail.executedTasks[1].reasonForIncompletion:find "not ready")
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
    x.sim:advance(1.1)
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
      x.sim:advance(1)
      assert.equal(403, x:call("GET", "/workflows/executions/" .. execution.id).executedTasks[1].output.statusCode)
    end)

    it("get what the user answers for the rest of CDF's API, in the time that it takes", function()
      local asked
      x = exchange.new { requests = {
        ["POST /timeseries/{id}/data"] = function(request)
          asked = request
          return { id = request.params.id, n = request.body.n }, 201, 4
        end,
        ["GET /slow"] = function() return {}, 200, 20 end,
      } }
      local detail = run { cdf("/timeseries/a%2Fb/data", { method = "POST", body = { n = 7 },
        queryParameters = { limit = "5" } }) }
      local task = detail.executedTasks[1]
      assert.same({ response = { id = "a/b", n = 7 }, statusCode = 201 }, task.output)
      assert.equal(4000, task.endTime - task.startTime)
      assert.same({ "POST", "/timeseries/a%2Fb/data", "5", "acme-dev", "svc-acme" },
        { asked.method, asked.path, asked.query.limit, asked.project, asked.client_id })
      local slow = cdf "/slow"
      slow.retries = 0
      detail = run { slow }
      assert.same({ "FAILED", "Request timed out after 10000 ms" },
        { detail.status, detail.executedTasks[1].reasonForIncompletion })
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

  it("calls Lua functions that stand for function apps and for the expressions of mappings", function()
    local seen = {}
    x = exchange.new {
      function_apps = { app = function(call, context)
        seen.app = { call.path, call.method, call.parameters.site, call.body.n, context.taskExternalId }
        return { rows = { 1, 2 } }, 3
      end },
      mappings = { map = function(mapping, context)
        seen.map = { mapping.expression, mapping.inputs[1], mapping.input.rows[2], context.attempt }
        return { sum = 3 }
      end },
    }
    local detail = run({
      { externalId = "ask", type = "functionApp", parameters = { functionApp = {
        externalId = "app", path = "/rows", method = "POST", parameters = { site = "${workflow.input.site}" },
        body = { n = 2 } } } },
      { externalId = "map", type = "jsonMapping", dependsOn = { { externalId = "ask" } },
        parameters = { jsonMapping = { expression = "input.rows.sum()", inputs = { "input" },
          input = "${ask.output.response}" } } },
    }, { input = { site = "north" } })
    assert.equal("COMPLETED", detail.status)
    assert.same({ app = { "/rows", "POST", "north", 2, "ask" }, map = { "input.rows.sum()", "input", 2, 1 } }, seen)
    local ask, map = detail.executedTasks[1], detail.executedTasks[2]
    assert.same({ statusCode = 200, response = { rows = { 1, 2 } } }, ask.output)
    assert.same({ result = { sum = 3 } }, map.output)
    assert.equal(3000, ask.endTime - ask.startTime)
  end)

  it("fails function apps and mappings that nobody stands for, or that raise", function()
    local app = { externalId = "a", type = "functionApp",
      parameters = { functionApp = { externalId = "app", path = "/" } } }
    local map = { externalId = "m", type = "jsonMapping", parameters = { jsonMapping = { expression = "1" } } }
    local function raise()
      error("boom", 0)
    end
    assert.equal("Function app not found: app", reason { app })
    assert.equal("Lua function for the mapping not found: m", reason { map })
    assert.equal("boom", reason({ app }, { function_apps = { app = raise } }))
    assert.equal("boom", reason({ map }, { mappings = { m = raise } }))
  end)

  describe("time", function()
    local function status(id)
      return x:call("GET", "/workflows/executions/" .. id)
    end

    it("passes in every task, so that a run can be cancelled meanwhile", function()
      x = exchange.new {
        functions = { f = function() end }, transformations = { tr = function() end },
        simulations = { routine = function() end }, function_apps = { app = function() end },
        mappings = { t7 = function() end }, requests = { ["GET /timeseries"] = { items = {} } },
      }
      for index, task in ipairs {
        { type = "function", parameters = { ["function"] = { externalId = "f" } } },
        { type = "function", parameters = { ["function"] = { externalId = "nowhere" } } },
        { type = "transformation", parameters = { transformation = { externalId = "tr" } } },
        { type = "transformation", parameters = { transformation = { externalId = "nowhere" } } },
        { type = "simulation", parameters = { simulation = { routineExternalId = "routine" } } },
        { type = "functionApp", parameters = { functionApp = { externalId = "app", path = "/" } } },
        { type = "jsonMapping", parameters = { jsonMapping = { expression = "1" } } },
        { type = "cdf", parameters = { cdfRequest = { resourcePath = "/timeseries", method = "GET" } } },
        { type = "cdf", parameters = { cdfRequest = { resourcePath = "/nowhere", method = "GET" } } },
        { type = "brandNew", parameters = { brandNew = { externalId = "nowhere" } } },
        { type = "function", parameters = { ["function"] = { externalId = "f", data = "${workflow.input.none}" } } },
        { type = "dynamic", parameters = { dynamic = { tasks = "${workflow.input.none}" } } },
        { type = "subworkflow", parameters = { subworkflow = { workflowExternalId = "w", version = "nowhere" } } },
      } do
        task.externalId, task.retries = "t" .. index, 0
        x:version("w", "1", { task })
        local execution = x:run("w", "1")
        x.sim:advance(0.09)
        local now = status(execution.id)
        assert.same({ "RUNNING", "IN_PROGRESS" }, { now.status, now.executedTasks[1].status }, task.type)
        local ended = x:call("POST", "/workflows/executions/" .. execution.id .. "/cancel", { reason = "test" })
        assert.same({ "TERMINATED", "test" }, { ended.status, ended.reasonForIncompletion })
        assert.equal("CANCELED", status(execution.id).executedTasks[1].status)
      end
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
