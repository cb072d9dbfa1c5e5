-- SPDX-License-Identifier: Apache-2.0
-- Executions that are retried: CDF.md section 5, on a clock moved by hand.

local support = require "engine_world"

local task, gives, fails, fails_first = support.task, support.gives, support.fails, support.fails_first
local world_with, statuses, tasks_of, START = support.with, support.statuses, support.tasks_of, support.START

describe("simulator.engine", function()
  describe("retry", function()
    it("restarts what failed and was cancelled, and leaves what succeeded", function()
      local world = world_with { ok = gives(1), bad = fails_first(1, 1), slow = gives(1, 5), later = gives(1) }
      local execution = world:run {
        task "ok", task("bad", { retries = 0 }), task "slow", task("later", { after = { "bad", "slow" } }),
      }
      assert.same({ ok = "COMPLETED", bad = "FAILED", slow = "CANCELED" }, statuses(world, execution))
      local before, ids = world.time, tasks_of(world, execution)
      assert.equal(execution, world.engine:retry(execution.id, "fresh"))
      local shown = world.engine:summary(execution)
      assert.equal("RUNNING", shown.status)
      assert.equal(START, shown.startTime)
      assert.is_nil(shown.endTime)
      assert.is_nil(shown.reasonForIncompletion)
      assert.equal("fresh", execution.session)
      world:advance(60)
      assert.equal("COMPLETED", execution.status)
      assert.equal(before + 5000, execution.endTime)
      assert.same({ ok = "COMPLETED", bad = "COMPLETED", slow = "COMPLETED", later = "COMPLETED" },
        statuses(world, execution))
      assert.same({ "ok", "bad", "slow", "bad", "slow", "later" }, world.calls)
      assert.equal(ids.bad.id, tasks_of(world, execution).bad.id)
      assert.equal(4, #world.engine:detail(execution).executedTasks)
    end)

    it("grants one attempt past the limit each time", function()
      local world = world_with { bad = fails "no" }
      local execution = world:run { task("bad", { retries = 2 }) }
      assert.equal(3, #world.calls)
      for extra = 1, 3 do
        assert(world.engine:retry(execution.id))
        world:advance(60)
        assert.equal("FAILED", execution.status)
        assert.equal(3 + extra, #world.calls)
      end
    end)

    it("adds that attempt to those that a task had left", function()
      local world = world_with { a = fails("no", 10) }
      local execution = world:start { task("a", { retries = 1 }) }
      world:advance(5)
      world.engine:cancel(execution.id) -- in the first of two attempts
      world.engine:retry(execution.id)
      world:advance(60)
      assert.equal("FAILED", execution.status)
      assert.equal(3, #world.calls)
    end)

    it("shows nothing of the last attempt while a task waits for the next", function()
      local world = world_with({ bad = fails "no", slow = gives(1, 10) }, { limits = { concurrent_tasks = 1 } })
      local execution = world:run { task("bad", { retries = 0 }) }
      world:start { task "slow" }
      world:advance(1)
      world.engine:retry(execution.id)
      world:advance(1)
      local shown = tasks_of(world, execution).bad
      assert.equal("SCHEDULED", shown.status)
      assert.is_nil(shown.startTime)
      assert.is_nil(shown.endTime)
      assert.is_nil(shown.reasonForIncompletion)
      assert.same({}, shown.output)
    end)

    it("forgets the call that was under way", function()
      local seconds = 10
      local world = world_with { a = function() return { ok = true, duration = seconds } end }
      local execution = world:start { task("a", { timeout = 60 }) }
      world:advance(5)
      world.engine:cancel(execution.id)
      seconds = 100
      world.engine:retry(execution.id)
      world:advance(60)
      assert.same({ a = "TIMED_OUT" }, statuses(world, execution))
    end)

    it("gives containers their time anew", function()
      local world = world_with { slow = gives(1, 100) }
      local execution = world:run { task("sub", {
        type = "subworkflow", timeout = 60, parameters = { subworkflow = { tasks = { task "slow" } } },
      }) }
      assert.same({ sub = "TIMED_OUT", slow = "CANCELED" }, statuses(world, execution))
      local again = world.time
      world.engine:retry(execution.id)
      world:advance(60)
      assert.same({ sub = "TIMED_OUT", slow = "CANCELED" }, statuses(world, execution))
      assert.equal(again + 60000, execution.endTime)
    end)

    it("counts tasks once", function()
      local world = world_with { a = gives(1), bad = fails_first(1) }
      local definitions = { task("bad", { retries = 0 }) }
      for index = 1, 150 do definitions[index + 1] = task("a" .. index, { calls = "a" }) end
      local execution = world:run(definitions)
      world.engine:retry(execution.id)
      world:advance(60)
      assert.equal("COMPLETED", execution.status)
    end)

    it("leaves skipped tasks", function()
      local world = world_with { skipped = fails "no", bad = fails_first(1) }
      local execution = world:run {
        task("skipped", { retries = 0, onFailure = "skipTask" }), task("bad", { retries = 0, after = { "skipped" } }),
      }
      world.engine:retry(execution.id)
      world:advance(60)
      assert.same({ "skipped", "bad", "bad" }, world.calls)
      assert.equal("COMPLETED", execution.status)
      assert.same({ skipped = "COMPLETED_WITH_ERRORS", bad = "COMPLETED" }, statuses(world, execution))
    end)

    it("takes nested tasks one by one", function()
      local world = world_with { good = gives(1), bad = fails_first(1), last = gives(1) }
      local execution = world:run {
        task("sub", { type = "subworkflow", parameters = { subworkflow = { tasks = {
          task "good", task("bad", { retries = 0, after = { "good" } }), task("last", { after = { "bad" } }),
        } } } }),
        task("after", { calls = "good", after = { "sub" } }),
      }
      assert.same({ sub = "FAILED", good = "COMPLETED", bad = "FAILED" }, statuses(world, execution))
      world.engine:retry(execution.id)
      world:advance(60)
      assert.same({ "good", "bad", "bad", "last", "good" }, world.calls)
      assert.same({ sub = "COMPLETED", good = "COMPLETED", bad = "COMPLETED", last = "COMPLETED", after = "COMPLETED" },
        statuses(world, execution))
      assert.equal(5, #world.engine:detail(execution).executedTasks)
    end)

    it("starts a container again whose tasks could not be made", function()
      local world = world_with({ a = gives(1) })
      local execution = world:run { task("sub", {
        type = "subworkflow", parameters = { subworkflow = { workflowExternalId = "late", version = "1" } },
      }) }
      assert.equal("FAILED", execution.status)
      world.versions["late/1"] = { workflowDefinition = { tasks = { task "a" } } }
      world.engine:retry(execution.id)
      world:advance(60)
      assert.equal("COMPLETED", execution.status)
    end)

    it("takes timed out tasks, timed out and terminated executions", function()
      local slow = true
      local world = world_with { a = function() return { ok = true, duration = slow and 100 or 1 } end }
      local execution = world:run { task("a", { timeout = 60 }) }
      assert.equal("FAILED", execution.status)
      slow = false
      world.engine:retry(execution.id)
      world:advance(2)
      assert.equal("COMPLETED", execution.status)

      execution = world:start { task "a" }
      world.engine:cancel(execution.id)
      assert(world.engine:retry(execution.id))
      world:advance(2)
      assert.equal("COMPLETED", execution.status)
    end)

    it("is refused where nothing has failed", function()
      local world = world_with { a = gives(1, 1) }
      assert.same({ nil, "unknown" }, { world.engine:retry "x" })
      local execution = world:start { task "a" }
      assert.same({ nil, "not_retryable" }, { world.engine:retry(execution.id) })
      world:advance(2)
      assert.same({ nil, "not_retryable" }, { world.engine:retry(execution.id) })
    end)
  end)
end)
