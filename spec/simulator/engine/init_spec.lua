-- SPDX-License-Identifier: Apache-2.0
-- Executions in the engine of the embedded CDF: CDF.md sections 5 and 14, on a clock moved by hand.

local core = require "cdfworkflow.core"
local contract = require "contract"
local support = require "engine_world"

local task, gives, fails = support.task, support.gives, support.fails
local world_with, statuses, tasks_of, START = support.with, support.statuses, support.tasks_of, support.START

describe("simulator.engine", function()
  describe("an execution", function()
    it("is RUNNING from its start, and COMPLETED when its tasks are", function()
      local world = world_with { a = gives({ rows = 3 }, 2) }
      local execution = world:start({ task "a" }, { metadata = { source = "spec" }, input = { day = "x" } })
      assert.same({
        id = execution.id, engineExecutionId = execution.engineExecutionId, workflowExternalId = "w", version = "1",
        status = "RUNNING", createdTime = START, startTime = START, metadata = { source = "spec" },
      }, world.engine:summary(execution))
      assert.equal(36, #execution.id)
      assert.equal(36, #execution.engineExecutionId)
      assert.equal("[]", core.encode(world.engine:detail(execution).executedTasks))

      world:advance(1)
      local detail = world.engine:detail(execution)
      assert.same({ {
        id = detail.executedTasks[1].id, externalId = "a", status = "IN_PROGRESS", taskType = "function",
        input = { ["function"] = { externalId = "a" }, asyncComplete = false },
        output = detail.executedTasks[1].output, startTime = START,
      } }, detail.executedTasks)
      assert.equal("RUNNING", detail.status)
      assert.same({ day = "x" }, detail.input)
      assert.equal("0", detail.workflowDefinition.hash)

      world:advance(1)
      detail = world.engine:detail(execution)
      assert.equal("COMPLETED", detail.status)
      assert.equal(START + 2000, detail.endTime)
      assert.is_nil(detail.reasonForIncompletion)
      assert.same({
        id = detail.executedTasks[1].id, externalId = "a", status = "COMPLETED", taskType = "function",
        input = { ["function"] = { externalId = "a" }, asyncComplete = false },
        output = { callId = 1, functionId = 7, response = { rows = 3 } },
        startTime = START, endTime = START + 2000,
      }, detail.executedTasks[1])
    end)

    it("without tasks completes at once", function()
      local world = world_with {}
      local execution = world:run {}
      assert.equal("COMPLETED", execution.status)
      assert.equal(START, execution.endTime)
    end)

    it("shows metadata always, input only when given", function()
      local world = world_with {}
      local detail = world.engine:detail(world:run {})
      assert.same({}, detail.metadata)
      assert.is_nil(detail.input)
    end)

    it("does nothing before the clock is moved", function()
      local world = world_with { a = gives(1) }
      local execution = world:start { task "a" }
      assert.same({}, world.calls)
      assert.equal(START, world.engine:next_due())
      world:advance()
      assert.same({ "a" }, world.calls)
      assert.equal("COMPLETED", execution.status)
      assert.is_nil(world.engine:next_due())
    end)

    it("calls on_finished with the ended execution", function()
      local world = world_with { a = gives(1), b = fails "no" }
      local seen = {}
      world.engine.on_finished = function(execution) seen[#seen + 1] = execution.status end
      world:run { task "a" }
      world:run { task("b", { retries = 0 }) }
      assert.same({ "COMPLETED", "FAILED" }, seen)
    end)

    it("keeps the times of its events when the clock was moved far at once", function()
      local world = world_with { a = gives(1, 10), b = gives(2, 20) }
      local execution = world:start { task "a", task("b", { after = { "a" } }) }
      world.time = START + 3600 * 1000
      world.engine:advance(world.time)
      assert.equal(START + 30000, execution.endTime)
    end)

    it("gives functions who calls them", function()
      local seen
      local world = world_with { f = function(_, context)
        seen = context
        return { ok = true }
      end }
      local execution = world:run({ task("t", { calls = "f" }) }, { session = 77 })
      assert.same({
        executionId = execution.id, workflowExternalId = "w", version = "1", session = 77,
        taskId = tasks_of(world, execution).t.id, taskExternalId = "t", attempt = 1, isAsyncComplete = false,
      }, seen)
    end)

    it("takes a definition that is no graph as a failure", function()
      local world = world_with { a = gives(1) }
      local execution = world:run { task("a", { after = { "b" } }), task("b", { after = { "a" } }) }
      assert.equal("FAILED", execution.status)
      assert.equal("Bad workflow definition: task a waits for itself", execution.reasonForIncompletion)
    end)
  end)

  describe("cancel", function()
    it("terminates the execution and cancels running tasks, and what waits", function()
      local world = world_with({ a = gives(1, 10), b = gives(1, 10), quick = gives(1) },
        { limits = { concurrent_tasks = 1 } })
      local execution = world:start { task "quick", task "a", task "b", task("c", { after = { "a" } }) }
      world:advance(5)
      assert.same({ quick = "COMPLETED", a = "IN_PROGRESS", b = "SCHEDULED" }, statuses(world, execution))
      assert.equal(execution, world.engine:cancel(execution.id, "no longer needed"))
      local shown = world.engine:summary(execution)
      assert.equal("TERMINATED", shown.status)
      assert.equal("no longer needed", shown.reasonForIncompletion)
      assert.equal(START + 5000, shown.endTime)
      assert.same({ quick = "COMPLETED", a = "CANCELED", b = "CANCELED" }, statuses(world, execution))
      assert.equal(START + 5000, tasks_of(world, execution).a.endTime)
      world:advance(100)
      assert.same({ "quick", "a" }, world.calls)
      assert.equal(0, world.engine:running())
    end)

    it("needs no reason", function()
      local world = world_with { a = gives(1, 10) }
      local execution = world:start { task "a" }
      assert.is_nil(world.engine:cancel(execution.id).reasonForIncompletion)
    end)

    it("stops a task that was about to be tried again", function()
      local world = world_with { a = gives(1) }
      local execution = world:start { task("a", { async = true }) }
      world:advance(1)
      world.engine:update_task(tasks_of(world, execution).a.id, "FAILED")
      world.engine:cancel(execution.id)
      assert.is_nil(world.engine:next_due())
      assert.same({ a = "FAILED" }, statuses(world, execution))
      assert.same({ "a" }, world.calls)
    end)

    it("cancels tasks inside containers", function()
      local world = world_with { a = gives(1, 10) }
      local execution = world:start { task("sub", {
        type = "subworkflow", parameters = { subworkflow = { tasks = { task "a" } } },
      }) }
      world:advance(1)
      world.engine:cancel(execution.id)
      assert.same({ sub = "CANCELED", a = "CANCELED" }, statuses(world, execution))
    end)

    it("does not hide what is refused", function()
      local world = world_with { a = gives(1) }
      assert.same({ nil, "unknown" }, { world.engine:cancel "x" })
      local execution = world:run { task "a" }
      assert.same({ nil, "not_running" }, { world.engine:cancel(execution.id) })
    end)

    it("may come from the execution's own function", function()
      local world
      world = world_with { a = function(_, context)
        world.engine:cancel(context.executionId, "by itself")
        return { ok = true }
      end }
      local execution = world:run { task "a" }
      assert.equal("TERMINATED", execution.status)
      assert.same({ a = "CANCELED" }, statuses(world, execution))
      assert.is_nil(world.engine:next_due())
    end)
  end)

  describe("the execution's own time limit", function()
    it("ends it as TIMED_OUT, and retry gives it the time anew", function()
      local world = world_with { wait = gives(1) }
      local execution = world:start { task("wait", { async = true, timeout = 86400 * 3 }) }
      world:advance(24 * 3600 - 1)
      assert.equal("RUNNING", execution.status)
      world:advance(1)
      assert.equal("TIMED_OUT", execution.status)
      assert.equal(START + 86400 * 1000, execution.endTime)
      assert.equal("Execution timed out", execution.reasonForIncompletion)
      assert.same({ wait = "CANCELED" }, statuses(world, execution))
      assert(world.engine:retry(execution.id))
      world:advance(3600)
      assert.equal("RUNNING", execution.status)
      world.engine:update_task(tasks_of(world, execution).wait.id, "COMPLETED")
      assert.equal("COMPLETED", execution.status)
    end)
  end)

  describe("concurrent executions", function()
    local function started(execution) return execution.startTime ~= nil end

    it("wait in a queue beyond the workflow's limit, RUNNING without startTime", function()
      local world = world_with { a = gives(1, 10) }
      local all = {}
      for index = 1, 4 do all[index] = world:start({ task "a" }, { maxConcurrentExecutions = 2 }) end
      local other = world:start({ task "a" }, { workflowExternalId = "other" })
      assert.is_true(started(all[1]) and started(all[2]) and started(other))
      assert.is_false(started(all[3]) or started(all[4]))
      assert.equal("RUNNING", world.engine:summary(all[3]).status)
      assert.is_nil(world.engine:summary(all[3]).startTime)
      assert.equal(4, world.engine:running "w")
      assert.equal(1, world.engine:running "other")
      assert.equal(0, world.engine:running "none")
      assert.equal(5, world.engine:running())
      world:advance(5)
      assert.equal("[]", core.encode(world.engine:detail(all[3]).executedTasks))
      world:advance(5)
      assert.equal(START + 10000, all[3].startTime)
      assert.equal(2, world.engine:running "w")
      world:advance(10)
      assert.equal(START + 20000, all[4].endTime)
      assert.equal(0, world.engine:running())
    end)

    it("wait in a queue beyond the project's limit, first come first served", function()
      local world = world_with({ a = gives(1, 10) }, { limits = { concurrent_executions = 3 } })
      local all = {}
      for index = 1, 7 do all[index] = world:start({ task "a" }, { workflowExternalId = "w" .. index }) end
      world:advance(60)
      for index, execution in ipairs(all) do
        assert.equal(START + math.floor((index - 1) / 3) * 10000, execution.startTime)
      end
    end)

    it("can be cancelled in the queue, and retried into it", function()
      local world = world_with { a = gives(1, 10) }
      local first = world:start({ task "a" }, { maxConcurrentExecutions = 1 })
      local second = world:start({ task "a" }, { maxConcurrentExecutions = 1 })
      local third = world:start({ task "a" }, { maxConcurrentExecutions = 1 })
      assert(world.engine:cancel(second.id, "enough"))
      assert.equal("TERMINATED", second.status)
      assert.is_nil(second.queued)
      assert.is_nil(second.startTime)
      assert.equal(2, world.engine:running())
      world:advance(10)
      assert.equal("COMPLETED", first.status)
      assert.equal(START + 10000, third.startTime)
      assert(world.engine:retry(second.id))
      assert.is_nil(second.startTime)
      world:advance(10)
      assert.equal(START + 20000, second.startTime)
      world:advance(10)
      assert.equal("COMPLETED", second.status)
      assert.equal(2 + 1, #world.calls)
    end)

    it("are not timed out while they wait", function()
      local world = world_with({ a = gives(1, 3000) }, { limits = { execution_timeout = 4000 } })
      local all = {}
      for index = 1, 3 do all[index] = world:start({ task "a" }, { maxConcurrentExecutions = 1 }) end
      world:advance(9000)
      assert.equal("COMPLETED", all[3].status)
    end)
  end)

  describe("limits", function()
    it("allow 200 tasks in a definition", function()
      local function many(count)
        local list = {}
        for index = 1, count do list[index] = task("t" .. index, { calls = "a" }) end
        return list
      end
      local world = world_with { a = gives(1) }
      assert.equal("COMPLETED", world:run(many(200)).status)
      local execution = world:run(many(201))
      assert.equal("FAILED", execution.status)
      assert.equal("Bad workflow definition: An execution may have 200 tasks at most",
        execution.reasonForIncompletion)
    end)

    it("hold an output to its size", function()
      local world = world_with { fits = gives(("x"):rep(204700)), big = gives(("x"):rep(204800)) }
      local execution = world:run { task "fits", task("big", { after = { "fits" }, onFailure = "skipTask" }) }
      local shown = tasks_of(world, execution)
      assert.equal("COMPLETED", shown.fits.status)
      assert.equal("COMPLETED_WITH_ERRORS", shown.big.status)
      assert.truthy(shown.big.reasonForIncompletion:find "^Task output of %d+ bytes is over the limit of 204800$")
      assert.same({}, shown.big.output)
      assert.same({ "fits", "big" }, world.calls)
    end)

    it("hold an input to its size", function()
      local world = world_with { half = gives(("x"):rep(150000)), a = gives(1) }
      local execution = world:run { task "half", task("a", {
        after = { "half" }, data = { x = "${half.output.response}", y = "${half.output.response}" },
      }) }
      assert.truthy(tasks_of(world, execution).a.reasonForIncompletion
        :find "^Task input of %d+ bytes is over the limit of 204800$")
      assert.same({ "half" }, world.calls)
    end)

    it("take an output that is not JSON as a failure", function()
      local world = world_with { a = gives(function() end) }
      local execution = world:run { task "a" }
      assert.truthy(tasks_of(world, execution).a.reasonForIncompletion:find "^Task output is not JSON")
    end)
  end)

  describe("calls back into the simulator", function()
    it("do not run events inside events", function()
      local world
      local due, second
      world = world_with { outer = function()
        due = world.engine:next_due()
        second = world:start { task "inner" }
        world.engine:advance(world.time)
        assert.same({ "outer" }, world.calls)
        return { ok = true }
      end, inner = gives(1) }
      local first = world:run { task "outer" }
      assert.is_nil(due)
      assert.equal("COMPLETED", first.status)
      assert.equal("COMPLETED", second.status)
    end)

    it("leave the engine usable after an error in a hook", function()
      local world = world_with { a = gives(1) }
      world.engine.on_finished = function() error "hook" end
      world:start { task "a" }
      assert.error_matches(function() world:advance() end, "hook")
      world.engine.on_finished = nil
      assert.equal("COMPLETED", world:run({ task "a" }).status)
    end)
  end)

  it("shows executions of every task type as the contract has them, in every status", function()
    local world = world_with({ f = gives({ tasks = { task("d1", { calls = "f" }) } }, 1), bad = fails("no", 1) }, {
      transformations = { tr = gives(nil, 1) }, simulations = { r = gives(nil, 1) },
      versions = { ["o/1"] = { workflowDefinition = { tasks = { task("o1", { calls = "f" }) } } } },
    })
    local function sub(external_id, parameters)
      return task(external_id, { type = "subworkflow", parameters = { subworkflow = parameters } })
    end
    local definitions = {
      task("f", { data = { day = "${workflow.input.day}" } }), task("wait", { calls = "f", async = true }),
      task("tr", { type = "transformation", parameters = { transformation = { externalId = "tr" } } }),
      task("cdf", { type = "cdf", parameters = { cdfRequest = { resourcePath = "/x", method = "GET" } } }),
      task("fan", { type = "dynamic", after = { "f" },
        parameters = { dynamic = { tasks = "${f.output.response.tasks}" } } }),
      sub("inline", { tasks = { task("s1", { calls = "f" }) } }),
      sub("reference", { workflowExternalId = "o", version = "1" }),
      task("sim", { type = "simulation", parameters = { simulation = { routineExternalId = "r" } } }),
      task("bad", { retries = 0, onFailure = "skipTask" }),
    }
    local exchanges = {}
    local function see(method, path, body, status)
      exchanges[#exchanges + 1] = {
        method = method, path = "/api/v1/projects/p/workflows/" .. path, status = status or 200,
        response = assert(core.encode(body)),
      }
    end
    local execution = world:start(definitions, { input = { day = "monday" }, metadata = { a = "b" } })
    local path = "executions/" .. execution.id
    see("POST", "w/versions/1/run", world.engine:summary(execution), 202)
    see("GET", path, world.engine:detail(execution))
    for _ = 1, 3 do
      world:advance(1)
      see("GET", path, world.engine:detail(execution))
    end
    see("POST", path .. "/cancel", world.engine:summary(assert(world.engine:cancel(execution.id, "enough"))))
    see("GET", path, world.engine:detail(execution))
    see("POST", path .. "/retry", world.engine:summary(assert(world.engine:retry(execution.id))))
    world:advance(1)
    local id = tasks_of(world, execution).wait.id
    see("POST", "tasks/" .. id .. "/update", assert(world.engine:update_task(id, "COMPLETED", { by = "x" })))
    see("GET", path, world.engine:detail(execution))
    assert.equal("COMPLETED", execution.status)
    local failed = world:run { task("bad", { retries = 0 }) }
    see("GET", path, world.engine:detail(failed))
    see("POST", "executions/list", { items = { world.engine:summary(failed), world.engine:summary(execution) } })
    assert.same({}, contract.violations(exchanges))
  end)

  it("runs 5,000 executions of three tasks in seconds #timed", function()
    local world = world_with { a = gives { n = 1 }, b = gives { n = 2 }, c = gives { n = 3 } }
    local definition = { hash = "0", tasks = {
      task "a", task("b", { after = { "a" }, data = { n = "${a.output.response.n}" } }),
      task("c", { after = { "b" }, data = { n = "${b.output.response.n}" } }),
    } }
    local began = os.clock()
    local last
    for _ = 1, 5000 do
      last = world.engine:start { workflowExternalId = "w", version = "1", definition = definition }
    end
    world:advance()
    local seconds = os.clock() - began
    assert.equal("COMPLETED", last.status)
    assert.equal(15000, #world.calls)
    assert.equal(0, world.engine:running())
    assert.is_nil(world.engine:next_due())
    assert.is_true(seconds < 10, "took " .. seconds .. " s")
  end)

  it("spends no more on an execution when many have finished", function()
    local world = world_with { a = gives(1) }
    local definition = { tasks = { task "a" } }
    local function run(count)
      for _ = 1, count do
        world.engine:start { workflowExternalId = "w", version = "1", definition = definition }
        world:advance()
      end
    end
    local jit = rawget(_G, "jit")
    local function steps(count) -- of the interpreter: they do not depend on how busy the machine is
      local hundreds = 0
      if jit then jit.off() end
      debug.sethook(function() hundreds = hundreds + 1 end, "", 100)
      run(count)
      debug.sethook()
      if jit then jit.on() end
      return hundreds
    end
    run(10)
    local early = steps(50)
    run(1000)
    assert.is_true(early > 0)
    assert.is_true(steps(50) <= early * 1.05)
  end)

  it("starts over a state without anything in it", function()
    local world = support.new()
    assert.same({}, world.state.executions)
    assert.is_nil(world.engine:next_due())
    assert.equal(0, world.engine:running())
  end)
end)
