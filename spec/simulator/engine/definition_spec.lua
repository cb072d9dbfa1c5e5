-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local graph = require "cdfworkflow.simulator.engine.definition"
local refusal = require "cdfworkflow.simulator.lib.refusal"

local function task(id, ...)
  local dependencies = core.array({})
  for _, name in ipairs { ... } do
    dependencies[#dependencies + 1] = { externalId = name }
  end
  return {
    externalId = id,
    type = "function",
    parameters = { ["function"] = { externalId = "f" } },
    dependsOn = #dependencies > 0 and dependencies or nil,
  }
end

local function subworkflow(id, tasks)
  return { externalId = id, type = "subworkflow", parameters = { subworkflow = { tasks = tasks } } }
end

local function problem(tasks, most)
  local ok, thrown = pcall(graph.check, { tasks = tasks }, most or 200)
  if ok then
    return nil
  end
  assert(refusal.is(thrown), tostring(thrown))
  assert.equal(400, thrown.status)
  return thrown.message
end

describe("simulator.graph", function()
  describe("check", function()
    it("takes graphs that have no ring", function()
      assert.is_nil(problem {})
      assert.is_nil(problem { task("d", "b", "c"), task("b", "a"), task("c", "a"), task("a") })
      assert.is_nil(problem { subworkflow("s", { task("x"), task("y", "x") }), task("z", "s") })
    end)

    it("refuses rings, of one task too", function()
      assert.truthy(problem({ task("a", "a") }):find "ring")
      assert.truthy(problem({ task("a", "c"), task("b", "a"), task("c", "b") }):find "ring")
      assert.truthy(problem({ subworkflow("s", { task("x", "y"), task("y", "x") }) }):find "ring")
    end)

    it("refuses unknown dependencies and ids that are there twice", function()
      assert.truthy(problem({ task("a", "b") }):find "a depends on b")
      assert.truthy(problem({ task("a"), task("a") }):find "a is not unique")
      assert.truthy(problem({ task("a"), subworkflow("s", { task("x", "a") }) }):find "x depends on a")
    end)

    it("refuses dynamic and subworkflow tasks inside a subworkflow", function()
      local dynamic = { externalId = "d", type = "dynamic", parameters = { dynamic = { tasks = "${a.output}" } } }
      assert.truthy(problem({ subworkflow("s", { dynamic }) }):find "dynamic task d")
      assert.truthy(problem({ subworkflow("s", { subworkflow("t", {}) }) }):find "subworkflow task t")
      assert.is_nil(problem { dynamic })
    end)

    it("counts the tasks of inline sub-workflows", function()
      assert.is_nil(problem({ task("a"), subworkflow("s", { task("x") }) }, 3))
      assert.truthy(problem({ task("a"), subworkflow("s", { task("x"), task("y") }) }, 3):find "more than 3 tasks")
    end)
  end)

  describe("complete", function()
    it("fills in what CDF fills in", function()
      local definition = graph.complete {
        tasks = {
          task("a"),
          { externalId = "t", type = "transformation", parameters = { transformation = { externalId = "x" } } },
          { externalId = "c", type = "cdf", parameters = { cdfRequest = { resourcePath = "/x", method = "GET" } } },
          subworkflow("s", { task("i") }),
        },
      }
      local a, t, c, s = definition.tasks[1], definition.tasks[2], definition.tasks[3], definition.tasks[4]
      assert.same({ 3, 3600, "abortWorkflow", {} }, { a.retries, a.timeout, a.onFailure, a.dependsOn })
      assert.is_true(core.is_array(a.dependsOn))
      assert.is_false(a.parameters.isAsyncComplete)
      assert.equal("fail", t.parameters.transformation.concurrencyPolicy)
      assert.is_false(t.parameters.transformation.useTransformationCredentials)
      assert.equal(10000, c.parameters.cdfRequest.requestTimeoutInMillis)
      assert.equal(3, s.parameters.subworkflow.tasks[1].retries)
    end)

    it("leaves what was given, and the given table itself, alone", function()
      local given = { description = "d", tasks = { task("a") } }
      given.tasks[1].retries, given.tasks[1].timeout, given.tasks[1].onFailure = 0, 60, "skipTask"
      local definition = graph.complete(given)
      assert.same({ 0, 60, "skipTask" }, {
        definition.tasks[1].retries, definition.tasks[1].timeout, definition.tasks[1].onFailure,
      })
      assert.equal("d", definition.description)
      assert.is_nil(given.hash)
      assert.is_nil(given.tasks[1].dependsOn)
    end)

    it("makes a hash of 40 upper-case digits that changes with the definition only", function()
      local hash = graph.complete({ tasks = { task("a") } }).hash
      assert.truthy(hash:find("^[0-9A-F]+$"))
      assert.equal(40, #hash)
      assert.equal(hash, graph.complete({ tasks = { task("a") } }).hash)
      assert.are_not.equal(hash, graph.complete({ tasks = { task("b") } }).hash)
    end)
  end)
end)
