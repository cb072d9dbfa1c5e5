-- SPDX-License-Identifier: Apache-2.0
-- What the engine keeps and reads back, and that the same is done every time.

local support = require "engine_world"

local task, gives, fails = support.task, support.gives, support.fails
local world_with, statuses, tasks_of = support.with, support.statuses, support.tasks_of

describe("simulator.engine", function()
  describe("saved state", function()
    local function graph()
      return {
        task "a", task("wait", { async = true }), task("bad", { retries = 2, onFailure = "skipTask" }),
        task("sub", { type = "subworkflow", after = { "a" }, parameters = { subworkflow = { tasks = {
          task("s1", { calls = "slow" }), task("s2", { calls = "a", after = { "s1" } }),
        } } } }),
        task("fan", { type = "dynamic", after = { "sub" },
          parameters = { dynamic = { tasks = "${workflow.input.tasks}" } } }),
        task("ref", { type = "subworkflow",
          parameters = { subworkflow = { workflowExternalId = "o", version = "1" } } }),
        task("end", { calls = "a", after = { "wait", "bad", "fan", "ref" } }),
      }
    end

    -- The same story with and without a reload after each second must give the same ending.
    local function story(reload, concurrent_tasks)
      local world = world_with({ a = gives(1, 2), wait = gives(1), bad = fails("no", 3), slow = gives(1, 4) }, {
        limits = { concurrent_tasks = concurrent_tasks, concurrent_executions = 2 },
        versions = { ["o/1"] = { workflowDefinition = { tasks = { task("o1", { calls = "slow" }) } } } },
      })
      local ids = {}
      for index = 1, 4 do
        ids[index] = world:start(graph(), {
          input = { tasks = { task("d1", { calls = "slow" }), task("d2", { calls = "a", after = { "d1" } }) } },
          workflowExternalId = index == 4 and "other" or "w", maxConcurrentExecutions = 1,
        }).id
      end
      for second = 1, 110 do
        world:advance(1)
        if reload then world:reload() end
        for _, id in ipairs(ids) do
          local execution = world.state.executions[id]
          local wait = tasks_of(world, execution).wait
          if second % 20 == 0 and wait and wait.status == "IN_PROGRESS" then
            world.engine:update_task(wait.id, "COMPLETED", { second = second })
          end
        end
        if second == 30 then world.engine:cancel(ids[2]) end
        if second == 32 then assert(world.engine:retry(ids[2])) end
      end
      local ends = {}
      for index, id in ipairs(ids) do ends[index] = world.engine:detail(world.state.executions[id]) end
      assert.equal(0, world.engine:running())
      return ends
    end

    it("goes on exactly where it was", function()
      local plain = story(false)
      assert.same(plain, story(true))
      for _, execution in ipairs(plain) do assert.equal("COMPLETED", execution.status) end
    end)

    it("goes on with tasks that wait for a place", function()
      local plain = story(false, 2)
      assert.same(plain, story(true, 2))
      for _, execution in ipairs(plain) do assert.equal("COMPLETED", execution.status) end
    end)

    it("keeps attempts counted", function()
      local world = world_with { bad = fails("no", 1) }
      local execution = world:start { task("bad", { retries = 3 }) }
      for _ = 1, 10 do
        world:advance(1)
        world:reload()
      end
      assert.equal(4, #world.calls)
      assert.equal("FAILED", world.state.executions[execution.id].status)
    end)

    it("wakes waiting tasks whose turn had come when it was saved", function()
      local world = world_with({ a = gives(1, 10) }, { limits = { concurrent_tasks = 1 } })
      local first, second = world:start { task "a" }, world:start { task "a" }
      world:advance(1)
      world.engine:cancel(first.id)
      world:reload()
      world:advance()
      assert.same({ a = "IN_PROGRESS" }, statuses(world, world.state.executions[second.id]))
    end)

    it("refuses task updates of ended executions as before", function()
      local world = world_with { wait = gives(1) }
      local execution = world:start { task("wait", { async = true }) }
      world:advance(1)
      local id = tasks_of(world, execution).wait.id
      world.engine:update_task(id, "COMPLETED")
      world:reload()
      assert.same({ nil, "not_in_progress" }, { world.engine:update_task(id, "COMPLETED") })
    end)
  end)

  describe("determinism", function()
    it("gives the same state twice", function()
      local function state()
        local world = world_with({ a = gives(1, 1), b = fails("no", 1), c = gives(3) })
        for _ = 1, 3 do
          world:start {
            task "a", task("b", { retries = 1, onFailure = "skipTask" }), task("c", { after = { "a", "b" } }),
          }
        end
        world:advance(60)
        return world.state, world.calls
      end
      local one, calls = state()
      local two, more_calls = state()
      assert.same(one, two)
      assert.same(calls, more_calls)
    end)
  end)
end)
