-- SPDX-License-Identifier: Apache-2.0
-- What differs between what somebody wrote and what CDF has; CDF's own defaults and additions do not (CDF.md 16.10).

local core = require "cdfworkflow.core"
local difference = require "cdfworkflow.definition.difference"

local function task(id, more)
  local result = { externalId = id, type = "function", parameters = { ["function"] = { externalId = "fn" } } }
  for name, value in pairs(more or {}) do result[name] = value end
  return result
end

local function version(...)
  return { workflowExternalId = "w", version = "1", workflowDefinition = { tasks = { ... } } }
end

--- The version as CDF gives it back: with everything that it fills in.
local function stored(...)
  local result = version(...)
  result.createdTime, result.lastUpdatedTime, result.workflowDefinition.hash = 1, 2, "AB12"
  for _, one in ipairs(result.workflowDefinition.tasks) do
    one.retries, one.timeout = one.retries or 3, one.timeout or 3600
    one.onFailure, one.dependsOn = one.onFailure or "abortWorkflow", one.dependsOn or core.array {}
    one.parameters.isAsyncComplete = one.parameters.isAsyncComplete or false
  end
  return result
end

local function paths(was, will)
  local list = {}
  for i, change in ipairs(difference.between(was, will)) do list[i] = change.path end
  return list
end

describe("difference.between", function()
  it("finds none in what CDF fills in or adds, nor in null for nothing", function()
    assert.same({}, paths(stored(task "a"), version(task "a")))
    assert.same({}, paths(stored(task "a"), version(task("a", { retries = core.null, name = core.null }))))
    local with_data = task "a"
    with_data.parameters["function"].data = {}
    assert.same({}, paths(stored(task "a"), version(with_data)))
    local transformation = { externalId = "t", type = "transformation",
      parameters = { transformation = { externalId = "x" } } }
    local filled = { externalId = "t", type = "transformation", parameters = { transformation = {
      externalId = "x", concurrencyPolicy = "fail", useTransformationCredentials = false } } }
    assert.same({}, paths(version(filled), version(transformation)))
  end)

  it("finds none in an order that says nothing", function()
    local one = version(task "a", task "b", task("c", { dependsOn = { { externalId = "a" }, { externalId = "b" } } }))
    local other = version(task("c", { dependsOn = { { externalId = "b" }, { externalId = "a" } } }), task "b", task "a")
    assert.same({}, paths(one, other))
  end)

  it("names each member that differs, by the ids of tasks", function()
    local changes = difference.between(stored(task "a", task "b"), version(task("a", { retries = 5 }), task "c"))
    local seen = {}
    for _, change in ipairs(changes) do seen[change.path] = { change.was, change.will } end
    assert.same({ 3, 5 }, seen["workflowDefinition.tasks[a].retries"])
    assert.equal("b", seen["workflowDefinition.tasks[b]"][1].externalId)
    assert.is_nil(seen["workflowDefinition.tasks[b]"][2])
    assert.equal("c", seen["workflowDefinition.tasks[c]"][2].externalId)
    assert.equal(3, #changes)
  end)

  it("looks into the tasks of subworkflows, and into lists", function()
    local function outer(...)
      return version { externalId = "s", type = "subworkflow", parameters = { subworkflow = { tasks = { ... } } } }
    end
    assert.same({}, paths(outer(stored(task "a").workflowDefinition.tasks[1]), outer(task "a")))
    assert.same({ "workflowDefinition.tasks[s].parameters.subworkflow.tasks[a].timeout" },
      paths(outer(task "a"), outer(task("a", { timeout = 100 }))))
    local function with(values)
      local one = task "a"
      one.parameters["function"].data = { values = values }
      return version(one)
    end
    assert.same({ "workflowDefinition.tasks[a].parameters.function.data.values[2]" },
      paths(with { 1, 2, 3 }, with { 1, 5, 3 }))
  end)

  it("of triggers: UTC is the default, empty input says nothing, credentials and the Toolkit's mark do not", function()
    local rule = { triggerType = "schedule", cronExpression = "0 6 * * *", timezone = "UTC" }
    local cdf = { externalId = "t", triggerRule = rule, workflowExternalId = "w", workflowVersion = "1",
      createdTime = 1, lastUpdatedTime = 1, isPaused = true, metadata = { ["cognite-toolkit-auth-hash"] = "ab" } }
    local file = { externalId = "t", triggerRule = { triggerType = "schedule", cronExpression = "0 6 * * *" },
      workflowExternalId = "w", workflowVersion = 1, input = {}, authentication = { clientId = "x" } }
    assert.same({}, paths(cdf, file))
    file.triggerRule.cronExpression = "0 7 * * *"
    assert.same({ "triggerRule.cronExpression" }, paths(cdf, file))
  end)

  it("of workflows: no description is an empty one", function()
    assert.same({}, paths({ externalId = "w", description = "", maxConcurrentExecutions = core.null },
      { externalId = "w" }))
    assert.same({ "maxConcurrentExecutions" }, paths({ externalId = "w" },
      { externalId = "w", maxConcurrentExecutions = 3 }))
  end)

  it("changes neither of the two", function()
    local was, will = stored(task "a"), version(task "a")
    local before = core.encode(will)
    difference.between(was, will)
    assert.equal(before, core.encode(will))
    assert.equal("AB12", was.workflowDefinition.hash)
  end)
end)
