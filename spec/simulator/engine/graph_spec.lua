-- SPDX-License-Identifier: Apache-2.0
-- Task definitions as a graph: what waits for what, and which definitions are none.

local graph = require "cdfworkflow.simulator.engine.graph"

local function task(external_id, ...)
  local needs = {}
  for index, id in ipairs { ... } do needs[index] = { externalId = id } end
  return { externalId = external_id, type = "function", parameters = {}, dependsOn = needs }
end

local function names(nodes)
  local result = {}
  for index, node in ipairs(nodes) do result[index] = node.definition.externalId end
  return result
end

local function problem_of(definitions, parent)
  local scope, problem = graph.build({}, definitions, parent)
  assert.is_nil(scope)
  return problem
end

describe("simulator.engine_graph", function()
  it("counts what each task waits for", function()
    local scope = graph.build({}, { task("c", "a", "b"), task "a", task("b", "a") })
    assert.equal(3, scope.open)
    assert.equal(2, scope.by_id.c.blockers)
    assert.equal(0, scope.by_id.a.blockers)
    assert.same({ "b" }, names(graph.release(scope.by_id.a)))
    assert.same({ "c" }, names(graph.release(scope.by_id.b)))
    assert.same({}, graph.release(scope.by_id.c))
    assert.equal(0, scope.open)
  end)

  it("takes an empty definition", function()
    assert.equal(0, graph.build({}, {}).open)
  end)

  for name, case in pairs {
    ["no table"] = { { 5 }, "task 1 is not an object" },
    ["no name"] = { { task "a", { type = "function" } }, "task 2 has no externalId" },
    ["no type"] = { { { externalId = "a", parameters = {} } }, "task a has no type" },
    ["no parameters"] = { { { externalId = "a", type = "function" } }, "task a has no parameters" },
    ["one name twice"] = { { task "a", task "a" }, "task a is there twice" },
    ["an unknown dependency"] = { { task("a", "x") }, "task a depends on x, which is not there" },
    ["a dependency that is no object"] = { { { externalId = "a", type = "function", parameters = {},
      dependsOn = { "b" } }, task "b" }, "task a depends on false, which is not there" },
    ["a task that waits for itself"] = { { task("a", "a") }, "task a waits for itself" },
    ["a ring behind a task"] = { { task "a", task("b", "a", "d"), task("c", "b"), task("d", "c") },
      "task b waits for itself" },
  } do
    it("refuses " .. name, function()
      assert.equal(case[2], problem_of(case[1]))
    end)
  end

  it("lets containers stand at the top only", function()
    local dynamic = { externalId = "d", type = "dynamic", parameters = {} }
    local scope = assert(graph.build({}, { dynamic }))
    assert.equal("task d is a dynamic task, which a dynamic task must not hold",
      problem_of({ dynamic }, scope.nodes[1]))
  end)

  it("finds the nearest task of a name", function()
    local outer = graph.build({}, { task "a", task "b" })
    local inner = graph.build({}, { task "b", task "c" }, outer.by_id.a)
    local node = inner.by_id.c
    assert.equal(inner.by_id.b, graph.find(node, "b"))
    assert.equal(outer.by_id.a, graph.find(node, "a"))
    assert.is_nil(graph.find(node, "x"))
    assert.is_nil(graph.find(outer.by_id.b, "c"))
  end)

  it("is built again from a stored execution, with the tasks that were made", function()
    local sub = { externalId = "sub", type = "subworkflow", parameters = {} }
    local inner = { task("y", "x"), task "x" }
    local function entry(id, parent, index, status, more)
      local result = { id = id, externalId = id, parent = parent, index = index, status = status,
        taskType = "function", input = {} }
      for key, value in pairs(more or {}) do result[key] = value end
      return result
    end
    local expanded = { taskType = "subworkflow", expanded = true, input = { subworkflow = { tasks = inner } } }
    local run = { record = {
      workflowDefinition = { tasks = { task "a", task("b", "a"), sub } },
      executedTasks = { entry("a", nil, 1, "COMPLETED"), entry("sub", nil, 3, "IN_PROGRESS", expanded),
        entry("x", 2, 2, "COMPLETED_WITH_ERRORS"), entry("y", 2, 1, "IN_PROGRESS") },
    } }
    assert.is_nil(graph.restore(run))
    assert.equal(2, run.root.open)
    assert.equal(0, run.root.by_id.b.blockers)
    assert.is_nil(run.root.by_id.b.entry)
    local children = run.root.by_id.sub.children
    assert.equal(1, children.open)
    assert.equal(0, children.by_id.y.blockers)
    assert.equal(children.by_id.y, run.tasks.y)

    run.record.executedTasks[2].status = "COMPLETED"
    assert.is_nil(graph.restore(run))
    assert.is_nil(run.root.by_id.sub.children)
    assert.is_nil(run.tasks.y)
  end)

  it("says so when the stored definition is no graph", function()
    assert.equal("task a waits for itself",
      graph.restore { record = { workflowDefinition = { tasks = { task("a", "a") } }, executedTasks = {} } })
  end)
end)
