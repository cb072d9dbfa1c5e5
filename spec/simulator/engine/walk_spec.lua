-- SPDX-License-Identifier: Apache-2.0
-- How the engine walks the task graph: CDF.md section 6, on a clock moved by hand.

local core = require "cdfworkflow.core"
local support = require "engine_world"

local task, gives, fails, fails_first = support.task, support.gives, support.fails, support.fails_first
local world_with, statuses, tasks_of, START = support.with, support.statuses, support.tasks_of, support.START

describe("simulator.engine.walk", function()
  describe("dependencies", function()
    it("start tasks when all they depend on have ended, and no sooner", function()
      local world = world_with { a = gives(1, 1), b = gives(2, 3), c = gives(3, 1), d = gives(4, 1) }
      local execution = world:run {
        task("d", { after = { "b", "c" } }), task("c", { after = { "a" } }), task "b", task "a",
      }
      local shown = tasks_of(world, execution)
      assert.equal(START, shown.a.startTime)
      assert.equal(START, shown.b.startTime)
      assert.equal(START + 1000, shown.c.startTime)
      assert.equal(START + 3000, shown.d.startTime)
      assert.equal(START + 4000, execution.endTime)
      assert.equal("COMPLETED", execution.status)
    end)

    it("run branches at the same time", function()
      local functions, definitions = {}, {}
      for index = 1, 20 do
        functions["t" .. index] = gives(index, 10)
        definitions[index] = task("t" .. index)
      end
      local world = world_with(functions)
      local execution = world:run(definitions)
      assert.equal(START + 10000, execution.endTime)
    end)

    it("list tasks in the order in which they were scheduled, and only those", function()
      local world = world_with { a = gives(1, 1), b = gives(1, 1) }
      local execution = world:start { task("b", { after = { "a" } }), task "a" }
      world:advance()
      assert.same({ a = "IN_PROGRESS" }, statuses(world, execution))
      world:advance(2)
      local order = {}
      for index, shown in ipairs(world.engine:detail(execution).executedTasks) do order[index] = shown.externalId end
      assert.same({ "a", "b" }, order)
    end)
  end)

  describe("references", function()
    it("carry input and outputs from task to task, with their types", function()
      local given
      local world = world_with {
        fetch = function(data) return { ok = true, response = { rows = { { id = data.day .. "-1" } }, n = 2 } } end,
        store = function(data)
          given = data
          return { ok = true }
        end,
      }
      local execution = world:run({
        task("fetch", { data = { day = "${workflow.input.day}" } }),
        task("store", { after = { "fetch" }, data = {
          rows = "${fetch.output.response.rows}", text = "n is ${fetch.output.response.n}",
          whole = "${workflow.input}", asked = "${fetch.input.function.data.day}",
        } }),
      }, { input = { day = "monday" } })
      assert.same({
        rows = { { id = "monday-1" } }, text = "n is 2", whole = { day = "monday" }, asked = "monday",
      }, given)
      assert.same(given, tasks_of(world, execution).store.input["function"].data)
    end)

    it("resolve a function's external id and its whole data", function()
      local given
      local world = world_with { chosen = function(data)
        given = data
        return { ok = true }
      end }
      world:run({ task("t", { calls = "${workflow.input.name}", data = "${workflow.input.data}" }) },
        { input = { name = "chosen", data = { a = { 1, 2 } } } })
      assert.same({ a = { 1, 2 } }, given)
    end)

    it("show as they were written while the task waits", function()
      local world = world_with({ a = gives(1, 10), b = gives(1) }, { limits = { concurrent_tasks = 1 } })
      local execution = world:start { task "a", task("b", { data = { x = "${workflow.input.x}" } }) }
      world:advance()
      assert.equal("${workflow.input.x}", tasks_of(world, execution).b.input["function"].data.x)
    end)

    it("that lead nowhere fail the task with a reason, without further attempts", function()
      local world = world_with { a = gives(1) }
      local execution = world:run { task("a", { data = { x = "${workflow.input.day}" } }) }
      local shown = tasks_of(world, execution).a
      assert.equal("FAILED_WITH_TERMINAL_ERROR", shown.status)
      assert.equal("Reference ${workflow.input.day} cannot be resolved: it has no such member",
        shown.reasonForIncompletion)
      assert.equal("FAILED", execution.status)
      assert.equal("Task a failed", execution.reasonForIncompletion)
      assert.same({}, world.calls)
    end)

    it("reach no task that has not completed", function()
      local world = world_with { slow = gives(1, 10), quick = gives(2) }
      local execution = world:run { task "slow", task("quick", { data = { x = "${slow.output.response}" } }) }
      assert.equal("Reference ${slow.output.response} cannot be resolved: that task has not completed",
        tasks_of(world, execution).quick.reasonForIncompletion)
    end)

    it("let no function change what is stored", function()
      local world = world_with { a = function(data)
        data.list[1] = "changed"
        return { ok = true, response = data }
      end }
      local input = { list = { "kept" } }
      local execution = world:run({ task("a", { data = "${workflow.input}" }) }, { input = input })
      assert.equal("kept", input.list[1])
      assert.equal("kept", tasks_of(world, execution).a.input["function"].data.list[1])
    end)

    it("do not let a function change its answer later", function()
      local response = { n = 1 }
      local world = world_with { a = gives(response) }
      local execution = world:run { task "a" }
      response.n = 2
      assert.equal(1, tasks_of(world, execution).a.output.response.n)
    end)
  end)

  describe("retries", function()
    it("repeat a failed task up to three times when nothing else is said", function()
      local world = world_with { a = fails("broken", 1) }
      local execution = world:run { task "a" }
      assert.equal(4, #world.calls)
      assert.equal("FAILED", execution.status)
      assert.equal("Task a failed", execution.reasonForIncompletion)
      local shown = tasks_of(world, execution).a
      assert.equal("FAILED", shown.status)
      assert.equal("broken", shown.reasonForIncompletion)
      assert.same({ callId = 4, functionId = 7, response = core.null }, shown.output)
      assert.equal(START + 3000, shown.startTime)
      assert.equal(START + 4000, execution.endTime)
    end)

    for _, retries in ipairs { 0, 1, 5 } do
      it("are as many as the task says: " .. retries, function()
        local world = world_with { a = fails "broken" }
        world:run { task("a", { retries = retries }) }
        assert.equal(retries + 1, #world.calls)
      end)
    end

    it("end with the first success, and leave one entry for the task", function()
      local attempts = {}
      local world = world_with { a = function(_, context)
        attempts[#attempts + 1] = context.attempt
        return { ok = #attempts == 3, response = "done", error = "not yet" }
      end }
      local execution = world:run { task "a" }
      assert.same({ 1, 2, 3 }, attempts)
      assert.equal("COMPLETED", execution.status)
      assert.equal(1, #world.engine:detail(execution).executedTasks)
      assert.is_nil(tasks_of(world, execution).a.reasonForIncompletion)
    end)

    local function earlier_of(execution, id)
      for _, entry in ipairs(execution.executedTasks) do
        if entry.externalId == id then return entry.earlier end
      end
    end

    it("that have failed are kept with their times and errors, and not shown by the API", function()
      local world = world_with { a = fails_first(2, 5) }
      local execution = world:run { task "a" }
      assert.same({
        { status = "FAILED", startTime = START, endTime = START + 5000, reason = "failure 1" },
        { status = "FAILED", startTime = START + 5000, endTime = START + 10000, reason = "failure 2" },
      }, earlier_of(execution, "a"))
      assert.is_nil(tasks_of(world, execution).a.earlier)
    end)

    it("that have failed are kept once, also where the next waits for a place", function()
      local world = world_with({ a = fails_first(1, 5), b = gives(1, 5), c = gives(1, 5) },
        { limits = { concurrent_tasks = 1 } })
      local execution = world:run { task "a", task "b", task "c" }
      assert.equal(1, #earlier_of(execution, "a"))
      assert.equal("failure 1", earlier_of(execution, "a")[1].reason)
      assert.equal("COMPLETED", execution.status)
    end)

    it("of an earlier try of the execution are kept too, but not that of a task that had not begun", function()
      local world = world_with({ a = fails_first(1, 5), b = gives(1, 60), c = gives(1, 1) },
        { limits = { concurrent_tasks = 2 } })
      local execution = world:run { task("a", { retries = 0 }), task "b", task "c" }
      assert.same({ a = "FAILED", b = "CANCELED", c = "CANCELED" }, statuses(world, execution))
      world.engine:retry(execution.id)
      world:advance(100)
      assert.equal("failure 1", earlier_of(execution, "a")[1].reason)
      assert.equal("CANCELED", earlier_of(execution, "b")[1].status)
      assert.is_nil(earlier_of(execution, "c"))
    end)

    it("pass a function that does not exist through the attempts too", function()
      local world = world_with {}
      local execution = world:run { task("a", { retries = 2 }) }
      assert.equal(3, #world.calls)
      assert.same({}, tasks_of(world, execution).a.output)
      assert.equal("There is no a", tasks_of(world, execution).a.reasonForIncompletion)
    end)

    it("take a world function that raises as a failure", function()
      local world = world_with { a = function() error("boom", 0) end }
      local execution = world:run { task("a", { retries = 0 }) }
      assert.equal("boom", tasks_of(world, execution).a.reasonForIncompletion)
    end)
  end)

  describe("timeout", function()
    it("ends the task as TIMED_OUT, with no further attempt, and the workflow as FAILED", function()
      local world = world_with { a = gives(1, 100) }
      local execution = world:run { task("a", { timeout = 60 }) }
      assert.equal(1, #world.calls)
      assert.same({ a = "TIMED_OUT" }, statuses(world, execution))
      assert.equal("FAILED", execution.status)
      assert.equal("Task a timed out", execution.reasonForIncompletion)
      assert.equal(START + 60000, execution.endTime)
      assert.equal(START + 60000, tasks_of(world, execution).a.endTime)
    end)

    it("is an hour when the task does not say", function()
      local world = world_with { a = gives(1, 3601), b = gives(1, 3599.9) }
      local execution = world:run { task "a", task "b" }
      assert.same({ a = "TIMED_OUT", b = "COMPLETED" }, statuses(world, execution))
      assert.equal(START + 3600 * 1000, execution.endTime)
    end)

    it("counts for each attempt", function()
      local world = world_with { a = fails_first(2, 50) }
      local execution = world:run { task("a", { timeout = 60 }) }
      assert.equal("COMPLETED", execution.status)
      assert.equal(START + 150000, execution.endTime)
    end)

    it("uses the attempts with skipTask, then COMPLETED_WITH_ERRORS", function()
      local world = world_with { a = gives(1, math.huge), b = gives(2) }
      local execution = world:run {
        task("a", { timeout = 60, retries = 2, onFailure = "skipTask" }), task("b", { after = { "a" } }),
      }
      assert.equal(4, #world.calls)
      assert.same({ a = "COMPLETED_WITH_ERRORS", b = "COMPLETED" }, statuses(world, execution))
      assert.equal("Task timed out", tasks_of(world, execution).a.reasonForIncompletion)
      assert.equal(START + 180000, execution.endTime)
      assert.equal("COMPLETED", execution.status)
    end)
  end)

  describe("onFailure", function()
    it("abortWorkflow cancels what is in progress and starts nothing more", function()
      local world = world_with { bad = fails("no", 1), slow = gives(1, 10), later = gives(1), quick = gives(1) }
      local execution = world:run {
        task("bad", { retries = 0 }), task "slow", task "quick", task("later", { after = { "slow" } }),
      }
      assert.equal("FAILED", execution.status)
      assert.same({ bad = "FAILED", slow = "CANCELED", quick = "COMPLETED" }, statuses(world, execution))
      assert.equal(START + 1000, execution.endTime)
      assert.equal(START + 1000, tasks_of(world, execution).slow.endTime)
      assert.is_nil(world.engine:next_due())
    end)

    it("skipTask goes on after the last attempt", function()
      local world = world_with { bad = fails "no", later = gives(1) }
      local execution = world:run {
        task("bad", { retries = 1, onFailure = "skipTask" }), task("later", { after = { "bad" } }),
      }
      assert.same({ "bad", "bad", "later" }, world.calls)
      assert.same({ bad = "COMPLETED_WITH_ERRORS", later = "COMPLETED" }, statuses(world, execution))
      assert.equal("no", tasks_of(world, execution).bad.reasonForIncompletion)
      assert.equal("COMPLETED", execution.status)
      assert.is_nil(execution.reasonForIncompletion)
    end)
  end)

  describe("asynchronous function tasks", function()
    local function started(options, functions)
      options = options or {}
      options.async = true
      local data
      local world = world_with(functions or { wait = function(given)
        data = given
        return { ok = true, response = "asked", function_id = 5, duration = 1 }
      end, after = gives(1) })
      local execution = world:start { task("wait", options), task("after", { after = { "wait" } }) }
      world:advance(2)
      return world, execution, tasks_of(world, execution).wait, data
    end

    it("stay IN_PROGRESS after their function has ended, and learn their task id", function()
      local world, execution, wait, data = started { data = { a = 1 } }
      assert.equal("IN_PROGRESS", wait.status)
      assert.is_true(wait.input.asyncComplete)
      assert.same({ a = 1 }, wait.input["function"].data)
      assert.same({ a = 1, cogniteOrchestrationTaskId = wait.id }, data)
      assert.equal("RUNNING", execution.status)
      assert.same({ callId = 1, functionId = 5, response = "asked" }, wait.output)
      assert.same({ "wait" }, world.calls)
    end)

    it("accept asyncComplete in the definition as well", function()
      local world = world_with { wait = gives(1) }
      local execution = world:start { task("wait", {
        parameters = { ["function"] = { externalId = "wait" }, asyncComplete = true },
      }) }
      world:advance(1)
      assert.same({ wait = "IN_PROGRESS" }, statuses(world, execution))
    end)

    it("complete by an update, whose output is merged", function()
      local world, execution, wait = started()
      local updated = assert(world.engine:update_task(wait.id, "COMPLETED", { approvedBy = "x", response = "new" }))
      assert.equal("COMPLETED", updated.status)
      assert.same({ callId = 1, functionId = 5, response = "new", approvedBy = "x" }, updated.output)
      assert.equal(START + 2000, updated.endTime)
      assert.is_nil(updated.attempts)
      world:advance()
      assert.equal("COMPLETED", execution.status)
      assert.same({ "wait", "after" }, world.calls)
    end)

    it("take an update while their function still runs", function()
      local world, execution = started(nil, { wait = gives("late", 100), after = gives(1) })
      local id = tasks_of(world, execution).wait.id
      assert.same({ callId = 1, functionId = 7, a = 1 }, world.engine:update_task(id, "COMPLETED", { a = 1 }).output)
      world:advance()
      assert.equal("COMPLETED", execution.status)
      assert.is_nil(world.engine:next_due())
    end)

    it("may be completed by the function itself", function()
      local world
      world = world_with { wait = function(data)
        assert(world.engine:update_task(data.cogniteOrchestrationTaskId, "COMPLETED", { own = true }))
        return { ok = true, response = "asked", function_id = 5 }
      end }
      local execution = world:run { task("wait", { async = true }) }
      assert.equal("COMPLETED", execution.status)
      assert.same({ callId = 1, functionId = 5, response = "asked", own = true },
        tasks_of(world, execution).wait.output)
    end)

    it("use the remaining attempts after FAILED", function()
      local world, execution, wait = started { retries = 1 }
      assert.equal("FAILED", world.engine:update_task(wait.id, "FAILED").status)
      world:advance(2)
      wait = tasks_of(world, execution).wait
      assert.equal("IN_PROGRESS", wait.status)
      assert.is_nil(wait.reasonForIncompletion)
      assert.same({ "wait", "wait" }, world.calls)
      assert.equal("FAILED", world.engine:update_task(wait.id, "FAILED", { why = "no" }).status)
      world:advance()
      wait = tasks_of(world, execution).wait
      assert.equal("FAILED", wait.status)
      assert.equal("no", wait.output.why)
      assert.equal("Task was reported as FAILED", wait.reasonForIncompletion)
      assert.equal("FAILED", execution.status)
    end)

    it("use none after FAILED_WITH_TERMINAL_ERROR", function()
      local world, execution, wait = started { retries = 3 }
      assert.equal("FAILED_WITH_TERMINAL_ERROR",
        world.engine:update_task(wait.id, "FAILED_WITH_TERMINAL_ERROR").status)
      world:advance()
      assert.same({ "wait" }, world.calls)
      assert.equal("FAILED", execution.status)
      assert.equal("Task wait failed", execution.reasonForIncompletion)
    end)

    it("end in COMPLETED_WITH_ERRORS with skipTask", function()
      local world, execution, wait = started { onFailure = "skipTask" }
      world.engine:update_task(wait.id, "FAILED_WITH_TERMINAL_ERROR")
      world:advance()
      assert.same({ wait = "COMPLETED_WITH_ERRORS", after = "COMPLETED" }, statuses(world, execution))
      assert.equal("COMPLETED", execution.status)
    end)

    it("time out when nobody reports", function()
      local world, execution = started { timeout = 600 }
      world:advance(600)
      assert.same({ wait = "TIMED_OUT" }, statuses(world, execution))
      assert.equal(START + 600000, execution.endTime)
    end)

    it("fail when their function fails", function()
      local world = world_with { wait = fails "no" }
      local execution = world:run { task("wait", { async = true, retries = 0 }) }
      assert.same({ wait = "FAILED" }, statuses(world, execution))
    end)

    it("are not changed by updates that do not fit", function()
      local world, _, wait = started()
      local function refused(...)
        local shown, why = world.engine:update_task(...)
        assert.is_nil(shown)
        return why
      end
      assert.equal("unknown", refused("00000000-0000-4000-8000-999999999999", "COMPLETED"))
      assert.equal("invalid_status", refused(wait.id, "IN_PROGRESS"))
      assert.equal("invalid_status", refused(wait.id, nil))
      assert(world.engine:update_task(wait.id, "COMPLETED"))
      assert.equal("not_in_progress", refused(wait.id, "COMPLETED"))
      world:advance()
      assert.equal("not_in_progress", refused(wait.id, "COMPLETED"))
    end)

    it("alone can be updated: a synchronous task cannot", function()
      local world = world_with { a = gives(1, 10) }
      local execution = world:start { task "a" }
      world:advance(1)
      local id = tasks_of(world, execution).a.id
      assert.same({ nil, "not_in_progress" }, { world.engine:update_task(id, "COMPLETED") })
    end)

    it("fail when the merged output is over the limit", function()
      local world, execution, wait = started()
      local shown = world.engine:update_task(wait.id, "COMPLETED", { big = ("x"):rep(200 * 1024) })
      assert.equal("FAILED_WITH_TERMINAL_ERROR", shown.status)
      assert.truthy(shown.reasonForIncompletion:find("over the limit of 204800", 1, true))
      assert.equal("FAILED", execution.status)
    end)
  end)

  describe("concurrent tasks", function()
    it("beyond the project's limit stay SCHEDULED, across executions, in order", function()
      local world = world_with({ a = gives(1, 10) }, { limits = { concurrent_tasks = 2 } })
      local all = {}
      for index = 1, 5 do all[index] = world:start { task "a" } end
      world:advance()
      assert.same({ a = "IN_PROGRESS" }, statuses(world, all[2]))
      assert.same({ a = "SCHEDULED" }, statuses(world, all[3]))
      assert.is_nil(tasks_of(world, all[3]).a.startTime)
      world:advance(30)
      for index, execution in ipairs(all) do
        assert.equal(START + math.floor((index - 1) / 2) * 10000, tasks_of(world, execution).a.startTime)
      end
    end)

    it("do not count containers, which would wait for themselves", function()
      local world = world_with({ a = gives(1, 1) }, { limits = { concurrent_tasks = 1 } })
      local execution = world:run { task("sub", {
        type = "subworkflow", parameters = { subworkflow = { tasks = { task "a", task("b", { calls = "a" }) } } },
      }) }
      assert.equal("COMPLETED", execution.status)
      assert.equal(START + 2000, execution.endTime)
    end)

    it("give places on when the execution that waits for them is cancelled", function()
      local world = world_with({ a = gives(1, 10), b = gives(2, 10) }, { limits = { concurrent_tasks = 1 } })
      local first = world:start { task "a", task("a2", { calls = "a" }) }
      local second = world:start { task "b" }
      world:advance(1)
      assert.same({ a = "IN_PROGRESS", a2 = "SCHEDULED" }, statuses(world, first))
      world.engine:cancel(first.id)
      assert.equal(world.time, world.engine:next_due())
      world:advance()
      assert.same({ b = "IN_PROGRESS" }, statuses(world, second))
    end)

    it("let a retried task wait for its turn too", function()
      local world = world_with({ bad = fails_first(1, 1), a = gives(1, 10) }, { limits = { concurrent_tasks = 1 } })
      local execution = world:run { task "bad", task "a" }
      assert.equal("COMPLETED", execution.status)
      assert.equal(START + 12000, execution.endTime)
    end)
  end)
end)
