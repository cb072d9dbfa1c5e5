-- SPDX-License-Identifier: Apache-2.0
-- Tasks that bring further tasks: dynamic ones and subworkflows. CDF.md section 6, on a clock moved by hand.

local core = require "cdfworkflow.core"
local support = require "engine_world"

local task, gives, fails = support.task, support.gives, support.fails
local world_with, statuses, tasks_of, START = support.with, support.statuses, support.tasks_of, support.START

describe("simulator.engine.walk", function()
  describe("dynamic tasks", function()
    local function fan_out(list, options)
      options = options or {}
      options.type = "dynamic"
      options.after = { "make" }
      options.parameters = { dynamic = { tasks = "${make.output.response.tasks}" } }
      local functions = { make = gives { tasks = list }, d = gives("d", 1), e = gives("e", 2), after = gives(1) }
      functions.bad = fails("no", 1)
      functions.echo = function(data) return { ok = true, response = data.x } end
      local world = world_with(functions)
      local execution = world:start { task "make", task("fan", options), task("after", { after = { "fan" } }) }
      return world, execution
    end

    it("make tasks at run time, in the same flat list, and wait for them", function()
      local world, execution = fan_out { task("d1", { calls = "d" }), task("e1", { calls = "e" }) }
      world:advance(1)
      local shown = tasks_of(world, execution)
      assert.equal("IN_PROGRESS", shown.fan.status)
      assert.equal("fan", shown.d1.parentTaskExternalId)
      assert.is_nil(shown.fan.parentTaskExternalId)
      assert.equal("COMPLETED", shown.d1.status)
      assert.equal("IN_PROGRESS", shown.e1.status)
      assert.equal("d1", shown.fan.input.dynamic.tasks[1].externalId)
      assert.is_nil(shown.after)
      world:advance(1)
      shown = tasks_of(world, execution)
      assert.equal("COMPLETED", shown.fan.status)
      assert.same({}, shown.fan.output)
      assert.equal(START + 2000, shown.fan.endTime)
      assert.equal("COMPLETED", shown.after.status)
      assert.equal("COMPLETED", execution.status)
    end)

    it("obey dependencies and resolve references inside, each when it starts", function()
      local world, execution = fan_out {
        task("second", { calls = "echo", after = { "first" }, data = { x = "${first.output.response}!" } }),
        task("first", { calls = "echo", data = { x = "${workflow.input.x}" } }),
        task("third", { calls = "echo", data = { x = "${make.output.callId}" } }),
      }
      execution.input = { x = "hello" }
      world:advance(5)
      local shown = tasks_of(world, execution)
      assert.equal("hello!", shown.second.output.response)
      assert.equal(1, shown.third.output.response)
      assert.equal("${workflow.input.x}", shown.fan.input.dynamic.tasks[2].parameters["function"].data.x)
    end)

    it("with no tasks complete at once", function()
      local world, execution = fan_out(core.array {})
      world:advance()
      assert.equal("COMPLETED", execution.status)
      assert.equal("[]", core.encode(tasks_of(world, execution).fan.input.dynamic.tasks))
    end)

    it("fail as a whole when one of theirs fails, and cancel the others", function()
      local world, execution = fan_out {
        task("bad", { retries = 1 }), task("e1", { calls = "e" }), task("never", { after = { "e1" } }),
      }
      world:advance(10)
      assert.same({ make = "COMPLETED", fan = "FAILED", bad = "FAILED", e1 = "CANCELED" }, statuses(world, execution))
      assert.equal("Task bad failed", tasks_of(world, execution).fan.reasonForIncompletion)
      assert.equal("Task fan failed", execution.reasonForIncompletion)
      assert.equal("FAILED", execution.status)
      assert.is_nil(world.engine:next_due())
    end)

    it("are not tried again as a whole: their tasks have had their attempts", function()
      local world = fan_out({ task("bad", { retries = 0 }) }, { retries = 5 })
      world:advance(20)
      assert.same({ "make", "bad" }, world.calls)
    end)

    it("let the workflow go on with skipTask", function()
      local world, execution = fan_out({ task("bad", { retries = 0 }), task("e1", { calls = "e" }) },
        { onFailure = "skipTask" })
      world.functions.after = gives(1, 5)
      world:advance(4)
      assert.equal("CANCELED", tasks_of(world, execution).e1.status)
      world:advance(6)
      assert.same({
        make = "COMPLETED", fan = "COMPLETED_WITH_ERRORS", bad = "FAILED", e1 = "CANCELED", after = "COMPLETED",
      }, statuses(world, execution))
      assert.equal("COMPLETED", execution.status)
    end)

    it("complete although one of theirs was skipped", function()
      local world, execution = fan_out { task("bad", { retries = 0, onFailure = "skipTask" }), task "d" }
      world:advance(10)
      assert.same({
        make = "COMPLETED", fan = "COMPLETED", bad = "COMPLETED_WITH_ERRORS", d = "COMPLETED", after = "COMPLETED",
      }, statuses(world, execution))
    end)

    it("time out with what is inside", function()
      local world, execution = fan_out({ task("slow", { calls = "e" }) }, { timeout = 1 })
      world:advance(10)
      assert.same({ make = "COMPLETED", fan = "TIMED_OUT", slow = "CANCELED" }, statuses(world, execution))
      assert.equal("Task fan timed out", execution.reasonForIncompletion)
    end)

    it("treat null members of a made task as left out", function()
      local made = task("bad", {})
      made.retries, made.timeout, made.onFailure, made.dependsOn = core.null, core.null, core.null, core.null
      local world = fan_out { made }
      world:advance(10)
      assert.same({ "make", "bad", "bad", "bad", "bad" }, world.calls)
    end)

    it("give their tasks the defaults that a definition has", function()
      local world, execution = fan_out { { externalId = "t", type = "transformation", retries = 1,
        parameters = { transformation = { externalId = "tr" } } } }
      world:advance(1)
      local given = tasks_of(world, execution).fan.input.dynamic.tasks[1]
      assert.same({ 1, 3600, "abortWorkflow", "fail" }, {
        given.retries, given.timeout, given.onFailure, given.parameters.transformation.concurrencyPolicy,
      })
      assert.equal("fail", tasks_of(world, execution).t.input.transformation.concurrencyPolicy)
    end)

    for name, case in pairs {
      ["text"] = { "no array", "Parameter dynamic.tasks is not an array" },
      ["an object"] = { { a = 1 }, "Parameter dynamic.tasks is not an array" },
      ["an array of numbers"] = { { 1 }, "Bad task list: task 1 is not an object" },
      ["a task without a name"] = { { { type = "function", parameters = {} } },
        "Bad task list: task 1 has no externalId" },
      ["two tasks of one name"] = { { task "d", task "d" }, "Bad task list: task d is there twice" },
      ["an unknown dependency"] = { { task("d", { after = { "x" } }) },
        "Bad task list: task d depends on x, which is not there" },
      ["a ring"] = { { task("d", { after = { "e" } }), task("e", { after = { "d" } }) },
        "Bad task list: task d waits for itself" },
      ["a dynamic task"] = { { task("d", { type = "dynamic", parameters = { dynamic = {} } }) },
        "Bad task list: task d is a dynamic task, which a dynamic task must not hold" },
      ["a subworkflow task"] = { { task("d", { type = "subworkflow", parameters = { subworkflow = {} } }) },
        "Bad task list: task d is a subworkflow task, which a dynamic task must not hold" },
      ["a task without what its type needs"] = { { task("d", { type = "cdf", parameters = {} }) },
        "Bad task list: task d has no cdfRequest among its parameters" },
    } do
      it("refuse " .. name .. ", and keep it out of their input, which clients read as tasks", function()
        local world, execution = fan_out(case[1])
        world:advance(5)
        local fan = tasks_of(world, execution).fan
        assert.equal("FAILED_WITH_TERMINAL_ERROR", fan.status)
        assert.equal(case[2], fan.reasonForIncompletion)
        assert.equal("${make.output.response.tasks}", fan.input.dynamic.tasks)
        assert.equal("FAILED", execution.status)
      end)
    end

    it("count towards the limit of 200 tasks", function()
      local function made(count)
        local list = {}
        for index = 1, count do list[index] = task("d" .. index, { calls = "d" }) end
        return list
      end
      local world, execution = fan_out(made(197)) -- with make, fan and after: 200
      world:advance(60)
      assert.equal("COMPLETED", execution.status)
      world, execution = fan_out(made(198))
      world:advance(60)
      assert.equal("FAILED", execution.status)
      assert.equal("An execution may have 200 tasks at most", tasks_of(world, execution).fan.reasonForIncompletion)
      assert.same({ "make" }, world.calls)
    end)
  end)

  describe("subworkflow tasks", function()
    local function sub(parameters, options)
      options = options or {}
      options.type, options.parameters = "subworkflow", { subworkflow = parameters }
      return task("sub", options)
    end

    it("run their tasks inline, with references outward", function()
      local world = world_with {
        first = gives("one", 1), inner = function(data) return { ok = true, response = data, duration = 1 } end,
        last = gives(1),
      }
      local execution = world:run({
        task "first",
        sub({ tasks = {
          task("s2", { calls = "inner", after = { "s1" }, data = { from = "${s1.output.response.x}" } }),
          task("s1", { calls = "inner", data = { x = "${first.output.response}", y = "${workflow.input.y}" } }),
        } }, { after = { "first" } }),
        task("last", { after = { "sub" } }),
      }, { input = { y = 5 } })
      local shown = tasks_of(world, execution)
      assert.equal("COMPLETED", execution.status)
      assert.same({ from = "one" }, shown.s2.output.response)
      assert.same({ x = "one", y = 5 }, shown.s1.output.response)
      assert.equal("sub", shown.s1.parentTaskExternalId)
      assert.same({}, shown.sub.output)
      assert.equal(START + 1000, shown.sub.startTime)
      assert.equal(START + 3000, shown.sub.endTime)
      assert.equal("${s1.output.response.x}",
        shown.sub.input.subworkflow.tasks[1].parameters["function"].data.from)
    end)

    it("run another workflow's version by reference", function()
      local world = world_with({ inner = gives "in" }, { versions = {
        ["other/2"] = { workflowDefinition = { hash = "1", tasks = { task("o1", { calls = "inner" }) } } },
      } })
      local execution = world:run { sub { workflowExternalId = "other", version = "2" } }
      local shown = tasks_of(world, execution)
      assert.equal("COMPLETED", execution.status)
      assert.same({ workflowExternalId = "other", version = "2" }, shown.sub.input.subworkflow)
      assert.equal("in", shown.o1.output.response)
      assert.equal("sub", shown.o1.parentTaskExternalId)
    end)

    it("resolve references in the name of the version", function()
      local world = world_with({ inner = gives "in" }, { versions = {
        ["other/2"] = { workflowDefinition = { tasks = { task("o1", { calls = "inner" }) } } },
      } })
      local execution = world:run({ sub { workflowExternalId = "${workflow.input.w}", version = "2" } },
        { input = { w = "other" } })
      assert.equal("COMPLETED", execution.status)
    end)

    it("fail with a reason when that version does not exist", function()
      local world = world_with {}
      local execution = world:run { sub { workflowExternalId = "other", version = "2" } }
      assert.equal("There is no version 2 of workflow other",
        tasks_of(world, execution).sub.reasonForIncompletion)
    end)

    it("refuse dynamic and subworkflow tasks inside, also by reference", function()
      local inner = { task("d", { type = "dynamic", parameters = { dynamic = { tasks = {} } } }) }
      local world = world_with({}, { versions = { ["other/2"] = { workflowDefinition = { tasks = inner } } } })
      for _, parameters in ipairs { { tasks = inner }, { workflowExternalId = "other", version = "2" } } do
        local execution = world:run { sub(parameters) }
        assert.equal("Bad task list: task d is a dynamic task, which a subworkflow task must not hold",
          tasks_of(world, execution).sub.reasonForIncompletion)
      end
    end)

    it("pass the failure of a task on", function()
      local world = world_with { bad = fails "no" }
      local execution = world:run { sub { tasks = { task("bad", { retries = 0 }) } } }
      assert.same({ sub = "FAILED", bad = "FAILED" }, statuses(world, execution))
      assert.equal("Task sub failed", execution.reasonForIncompletion)
    end)
  end)
end)
