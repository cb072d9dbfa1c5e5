-- SPDX-License-Identifier: Apache-2.0
-- What an attempt of each task type does and gives: the tables of CDF.md section 6.

local core = require "cdfworkflow.core"
local tasks = require "cdfworkflow.simulator.engine.tasks"
local support = require "engine_world"

local task, gives, fails = support.task, support.gives, support.fails
local START = support.START

-- The task as shown after an execution of it alone, without retries.
local function outcome_of(world, definition, options)
  definition.retries = definition.retries or 0
  local execution = world:run({ definition }, options)
  return world.engine:detail(execution).executedTasks[1], execution
end

describe("simulator.engine_tasks", function()
  describe("function tasks", function()
    local function shown(fn, parameters)
      local world = support.new { functions = { f = fn } }
      return outcome_of(world, task("t", { parameters = parameters or { ["function"] = { externalId = "f" } } }))
    end

    it("give callId, functionId and response", function()
      local world = support.new { functions = { f = gives({ rows = 3 }) } }
      world.ids = 10
      local t = outcome_of(world, task("t", { calls = "f" }))
      assert.same({ callId = 11, functionId = 7, response = { rows = 3 } }, t.output)
    end)

    it("take the call's id from the world when it has one", function()
      assert.equal(99, shown(function() return { ok = true, call_id = 99, function_id = 7 } end).output.callId)
    end)

    it("give null for no response", function()
      assert.equal(core.null, shown(gives(nil)).output.response)
    end)

    for _, response in ipairs { "text", 4503599627370496, 1.5, false, core.null, { 1, 2 } } do
      it("give back a response of any type: " .. tostring(response), function()
        assert.same(response, shown(gives(response)).output.response)
      end)
    end

    it("keep empty arrays and objects apart", function()
      assert.equal("[]", core.encode(shown(gives(core.array {})).output.response))
      assert.equal("{}", core.encode(shown(gives({})).output.response))
    end)

    it("show the failed call of a function that exists", function()
      local t = shown(fails "broken")
      assert.same({ callId = 1, functionId = 7, response = core.null }, t.output)
      assert.equal("broken", t.reasonForIncompletion)
      assert.equal("Function call failed", shown(function() return { ok = false } end).reasonForIncompletion)
    end)

    it("give an empty object where there is no data", function()
      for _, data in ipairs { false, core.null } do
        local given
        shown(function(got)
          given = got
          return { ok = true }
        end, { ["function"] = { externalId = "f", data = data or nil } })
        assert.same({}, given)
      end
    end)

    it("have no task id in their data unless they are asynchronous", function()
      local given
      shown(function(got)
        given = got
        return { ok = true }
      end, { ["function"] = { externalId = "f", data = { a = 1 } }, isAsyncComplete = false })
      assert.same({ a = 1 }, given)
    end)

    it("refuse data that is no object, and a name that is no text", function()
      assert.equal("The function's data is not an object",
        shown(gives(1), { ["function"] = { externalId = "f", data = 5 } }).reasonForIncompletion)
      assert.equal("The function's externalId is not text",
        shown(gives(1), { ["function"] = { externalId = 5 } }).reasonForIncompletion)
      assert.equal("The function's externalId is not text", shown(gives(1), {}).reasonForIncompletion)
    end)

    it("take nonsense from the world as a failure", function()
      assert.equal("call_function gave no outcome", shown(function() return 5 end).reasonForIncompletion)
      assert.equal("FAILED", shown(function() return 5 end).status)
    end)
  end)

  describe("transformation tasks", function()
    local function transformation(external_id, policy, options)
      options = options or {}
      options.type = "transformation"
      options.parameters = { transformation = {
        externalId = "tr", concurrencyPolicy = policy, useTransformationCredentials = false,
      } }
      options.retries = options.retries or 0
      return task(external_id, options)
    end

    local function world_with(fn)
      return support.new { transformations = { tr = fn }, functions = { wait = gives(1, 5) } }
    end

    it("give jobId, and show their parameters", function()
      local seen
      local world = world_with(function(parameters, context)
        seen = { parameters, context.taskExternalId }
        return { ok = true, duration = 3 }
      end)
      local t = outcome_of(world, transformation("t", "fail"))
      assert.equal("COMPLETED", t.status)
      assert.same({ jobId = 1 }, t.output)
      assert.same({ externalId = "tr", concurrencyPolicy = "fail", useTransformationCredentials = false }, seen[1])
      assert.equal("t", seen[2])
      assert.same({ transformation = seen[1] }, t.input)
      assert.equal(START + 3000, t.endTime)
    end)

    it("have no jobId after a failure", function()
      local t = outcome_of(world_with(fails "no rows"), transformation "t")
      assert.equal("FAILED", t.status)
      assert.same({}, t.output)
      assert.equal("no rows", t.reasonForIncompletion)
    end)

    it("refuse a name that is no text", function()
      local t = outcome_of(world_with(gives()), task("t", { type = "transformation", parameters = {} }))
      assert.equal("The transformation's externalId is not text", t.reasonForIncompletion)
    end)

    -- Two tasks for one transformation of 10 s, the second 5 s later.
    local function twice(policy, fn)
      local world = world_with(fn or gives(nil, 10))
      local execution = world:run {
        transformation("first", "fail", { onFailure = "skipTask" }), task "wait",
        transformation("second", policy, { after = { "wait" } }),
      }
      local shown = support.tasks_of(world, execution)
      local runs = 0
      for _, call in ipairs(world.calls) do runs = runs + (call == "tr" and 1 or 0) end
      return shown.second, runs, shown.first
    end

    for _, policy in ipairs { "fail", false } do
      it("that run already fail a second one with policy " .. tostring(policy or "left out"), function()
        local second, runs = twice(policy or nil)
        assert.equal("FAILED", second.status)
        assert.equal("Transformation tr is running already", second.reasonForIncompletion)
        assert.equal(1, runs)
      end)
    end

    it("are waited for with waitForCurrent, and not run again", function()
      local second, runs, first = twice "waitForCurrent"
      assert.equal("COMPLETED", second.status)
      assert.equal(START + 10000, second.endTime)
      assert.same(first.output, second.output)
      assert.equal(1, runs)
    end)

    it("pass their failure to who waits for them", function()
      local second, runs, first = twice("waitForCurrent", fails("no", 10))
      assert.equal("COMPLETED_WITH_ERRORS", first.status)
      assert.equal("FAILED", second.status)
      assert.equal("no", second.reasonForIncompletion)
      assert.equal(1, runs)
    end)

    it("run again afterwards with restartAfterCurrent", function()
      local second, runs, first = twice "restartAfterCurrent"
      assert.equal("COMPLETED", second.status)
      assert.equal(START + 20000, second.endTime)
      assert.not_equal(first.output.jobId, second.output.jobId)
      assert.equal(2, runs)
    end)

    it("go on after a cancel: the work was handed over", function()
      local world = world_with(gives(nil, 100))
      local execution = world:start { transformation "t" }
      world:advance(1)
      world.engine:cancel(execution.id)
      assert.equal("Transformation tr is running already",
        outcome_of(world, transformation("t", "fail")).reasonForIncompletion)
    end)

    it("that take no time may run twice at the same time", function()
      local world = world_with(gives())
      local execution = world:run { transformation("a", "fail"), transformation("b", "fail") }
      assert.equal("COMPLETED", execution.status)
    end)

    it("may run again when the last run is over", function()
      local world = world_with(gives(nil, 10))
      assert.equal("COMPLETED", outcome_of(world, transformation "t").status)
      assert.equal("COMPLETED", outcome_of(world, transformation "t").status)
    end)
  end)

  describe("simulation tasks", function()
    local parameters = { simulation = {
      routineExternalId = "${workflow.input.routine}", runTime = 1767225600000,
      inputs = { { referenceId = "CWT", value = 11, unit = { name = "F" } } },
    } }

    it("give runId, logId and statusMessage", function()
      local seen
      local world = support.new { simulations = { r = function(simulation)
        seen = simulation
        return { ok = true, duration = 2 }
      end } }
      local t = outcome_of(world, task("t", { type = "simulation", parameters = parameters }),
        { input = { routine = "r" } })
      assert.equal("COMPLETED", t.status)
      assert.same({ runId = 1, logId = 2, statusMessage = "Success" }, t.output)
      assert.equal("r", seen.routineExternalId)
      assert.same(parameters.simulation.inputs, t.input.simulation.inputs)
      assert.equal(START + 2000, t.endTime)
    end)

    it("tell their failure in statusMessage too", function()
      local world = support.new { simulations = { r = fails "diverged" } }
      local t = outcome_of(world, task("t", { type = "simulation", parameters = parameters }),
        { input = { routine = "r" } })
      assert.equal("FAILED", t.status)
      assert.equal("diverged", t.output.statusMessage)
      assert.equal("diverged", t.reasonForIncompletion)
    end)

    it("refuse a name that is no text", function()
      local t = outcome_of(support.new(), task("t", { type = "simulation", parameters = { simulation = {} } }))
      assert.equal("The simulation's routineExternalId is not text", t.reasonForIncompletion)
    end)
  end)

  describe("cdf tasks", function()
    local function request(members)
      local cdf_request = { resourcePath = "/timeseries/list", method = "POST" }
      for key, value in pairs(members or {}) do cdf_request[key] = value end
      return task("t", { type = "cdf", parameters = { cdfRequest = cdf_request } })
    end

    it("request the API with their references resolved, and give response and statusCode", function()
      local world = support.new { respond = function() return 200, { items = core.array {} } end }
      local t, execution = outcome_of(world, request {
        resourcePath = "/${workflow.input.what}/list", queryParameters = { a = "${workflow.input.n}" },
        body = { limit = "${workflow.input.n}" }, requestTimeoutInMillis = 500,
      }, { input = { what = "events", n = 10 } })
      assert.same({ {
        execution = execution.id, method = "POST", path = "/events/list", query = { a = 10 }, body = { limit = 10 },
        timeout_ms = 500,
      } }, world.requests)
      assert.equal("COMPLETED", t.status)
      assert.same({ response = { items = {} }, statusCode = 200 }, t.output)
      assert.equal("[]", core.encode(t.output.response.items))
    end)

    it("wait ten seconds for an answer when nothing else is said, and take null as left out", function()
      local world = support.new()
      outcome_of(world, request { method = "GET", queryParameters = core.null, body = core.null,
        requestTimeoutInMillis = core.null })
      local sent = world.requests[1]
      assert.equal(10000, sent.timeout_ms)
      assert.is_nil(sent.body)
      assert.is_nil(sent.query)
    end)

    it("fail on a status that is no success, with the answer kept", function()
      local world = support.new { respond = function() return 404, { error = { code = 404 } } end }
      local definition = request()
      definition.retries = 2
      local t = outcome_of(world, definition)
      assert.equal("FAILED", t.status)
      assert.same({ response = { error = { code = 404 } }, statusCode = 404 }, t.output)
      assert.equal("Request was answered with status 404", t.reasonForIncompletion)
      assert.equal(3, #world.requests)
    end)

    it("fail when there is no answer", function()
      local t = outcome_of(support.new { respond = function() return nil, "timed out" end }, request())
      assert.equal("Request failed: timed out", t.reasonForIncompletion)
      t = outcome_of(support.new { respond = function() error("boom", 0) end }, request())
      assert.equal("Request failed: boom", t.reasonForIncompletion)
    end)

    it("give null for an answer without a body", function()
      local t = outcome_of(support.new { respond = function() return 204 end }, request { method = "PUT" })
      assert.same({ response = core.null, statusCode = 204 }, t.output)
    end)

    it("know GET, POST and PUT only", function()
      local world = support.new()
      local t = outcome_of(world, request { method = "DELETE" })
      assert.equal("FAILED_WITH_TERMINAL_ERROR", t.status)
      assert.equal("The request's method is not GET, POST or PUT", t.reasonForIncompletion)
      assert.equal("The request's resourcePath is not text",
        outcome_of(world, task("t", { type = "cdf", parameters = {} })).reasonForIncompletion)
      assert.same({}, world.requests)
    end)
  end)

  it("other task types fail with a reason, after one attempt", function()
    local world = support.new()
    local agent = task("t", { type = "agent", parameters = { agent = { a = 1 } }, retries = 3 })
    local t, execution = outcome_of(world, agent)
    assert.equal("agent", t.taskType)
    assert.same({ agent = { a = 1 } }, t.input)
    assert.equal("FAILED_WITH_TERMINAL_ERROR", t.status)
    assert.equal("Task type agent is not known to this simulator", t.reasonForIncompletion)
    assert.equal("FAILED", execution.status)
  end)

  describe("milliseconds", function()
    for _, case in ipairs {
      { 1, 1000 }, { 0.0005, 1 }, { 1.2344, 1234 }, { 0, 0 }, { -5, 0 }, { 0 / 0, 0 }, { "5", 0 },
      { math.huge, 10 * 365 * 24 * 3600 * 1000 }, { 1e300, 10 * 365 * 24 * 3600 * 1000 },
    } do
      it("of " .. tostring(case[1]) .. " are " .. case[2], function()
        assert.equal(case[2], tasks.milliseconds(case[1]))
      end)
    end

    it("of nothing are none", function()
      assert.equal(0, tasks.milliseconds(nil))
    end)
  end)
end)
