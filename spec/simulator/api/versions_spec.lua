-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"

local task = exchange.task

describe("simulator.versions", function()
  local x

  before_each(function()
    x = exchange.new()
  end)

  it("are stored with defaults and hash, and make their workflow", function()
    local made = x:version("w/1", "v 2", { task("a", "f"), task("b", "g", { dependsOn = { { externalId = "a" } } }) })
    assert.equal(40, #made.workflowDefinition.hash)
    assert.same({
      externalId = "a", type = "function",
      parameters = { ["function"] = { externalId = "f" }, isAsyncComplete = false },
      retries = 3, timeout = 3600, onFailure = "abortWorkflow", dependsOn = {},
    }, made.workflowDefinition.tasks[1])
    assert.same(made, x:call("GET", "/workflows/w%2F1/versions/v%202"))
    assert.equal("w/1", x:call("GET", "/workflows/w%2F1").externalId)
  end)

  it("take members that nobody knows, and nulls where CDF has them", function()
    local simulation = {
      externalId = "s", type = "simulation", parameters = { simulation = {
        routineExternalId = "r", runTime = core.null,
        inputs = { { referenceId = "i", value = 1, unit = core.null } },
      } },
    }
    local made = x:call("POST", "/workflows/versions", { items = { {
      workflowExternalId = "w", version = "1",
      workflowDefinition = {
        input = { site = "north" }, hash = "old", tasks = { task("a", "f", { odd = 1 }), simulation },
      },
    } } }).items[1].workflowDefinition
    assert.same({ { site = "north" }, 1, core.null, core.null }, {
      made.input, made.tasks[1].odd, made.tasks[2].parameters.simulation.runTime,
      made.tasks[2].parameters.simulation.inputs[1].unit,
    })
    assert.equal(40, #made.hash)
  end)

  it("take function apps and mappings, and look at them", function()
    local function status(type, own)
      return (x:try("POST", "/workflows/versions", { items = { { workflowExternalId = "w", version = "1",
        workflowDefinition = { tasks = { { externalId = "t", type = type, parameters = { [type] = own } } } } } } }))
    end
    local parameters = {}
    for number = 1, 11 do
      parameters["p" .. number] = ""
    end
    for _, own in ipairs {
      { externalId = "a", path = "/" }, { externalId = "a", path = "", method = "GET", body = { 1 },
        parameters = { site = "x" } },
    } do
      assert.equal(200, status("functionApp", own))
    end
    for _, own in ipairs {
      { path = "/" }, { externalId = "a" }, { externalId = "a", path = ("p"):rep(256) },
      { externalId = "a", path = "/", parameters = { n = 1 } },
      { externalId = "a", path = "/", parameters = parameters },
    } do
      assert.equal(400, status("functionApp", own))
    end
    assert.equal(200, status("jsonMapping", { expression = "input.a", inputs = { "input" }, input = { a = 1 } }))
    assert.equal(400, status("jsonMapping", { input = { a = 1 } }))
    assert.equal(400, status("jsonMapping", { expression = "x", inputs = "input" }))
  end)

  it("are overwritten by a second upsert, and leave the workflow as it is", function()
    x:call("POST", "/workflows", { items = { { externalId = "w", description = "kept" } } })
    local first = x:version("w", "1", { task("a", "f") })
    x.sim:advance(2)
    local second = x:version("w", "1", { task("b", "f") })
    assert.equal(first.createdTime, second.createdTime)
    assert.equal(first.lastUpdatedTime + 2000, second.lastUpdatedTime)
    assert.are_not.equal(first.workflowDefinition.hash, second.workflowDefinition.hash)
    assert.equal("kept", x:call("GET", "/workflows/w").description)
  end)

  it("are refused when the graph is broken or too large", function()
    local many = {}
    for position = 1, 201 do
      many[position] = task("t" .. position, "f")
    end
    for _, tasks in ipairs {
      { task("a", "f", { dependsOn = { { externalId = "a" } } }) }, many, { task("workflow", "f") },
      { task("__a", "f") },
      { { externalId = "s", type = "subworkflow", parameters = { subworkflow = { tasks = { task("__a", "f") } } } } },
    } do
      local status, answer = x:try("POST", "/workflows/versions", {
        items = { { workflowExternalId = "w", version = "1", workflowDefinition = { tasks = tasks } } },
      })
      assert.equal(400, status)
      assert.truthy(answer.error.message:find "^Invalid workflow definition: ")
    end
    assert.equal(404, (x:try("GET", "/workflows/w")))
  end)

  it("are listed with filters, page by page", function()
    for _, pair in ipairs { { "a", "1" }, { "a", "2" }, { "b", "1" }, { "b", "2" } } do
      x:version(pair[1], pair[2], {})
    end
    local function list(filters, more)
      local body = { filter = filters and { workflowFilters = core.array(filters) } or nil }
      for name, value in pairs(more or {}) do
        body[name] = value
      end
      local found, answer = {}, x:call("POST", "/workflows/versions/list", body)
      for _, item in ipairs(answer.items) do
        found[#found + 1] = item.workflowExternalId .. item.version
      end
      return table.concat(found, " "), answer.nextCursor
    end
    assert.equal("a1 a2 b1 b2", (list()))
    assert.equal("a1 a2 b1 b2", (list {}))
    assert.equal("a1 a2", (list { { externalId = "a" } }))
    assert.equal("a2 b1", (list { { externalId = "b", version = "1" }, { externalId = "a", version = "2" } }))
    assert.equal("", (list { { externalId = "c" } }))
    local names, cursor = list({ { externalId = "a" }, { externalId = "b" } }, { limit = 3 })
    assert.equal("a1 a2 b1", names)
    names, cursor = list({ { externalId = "a" }, { externalId = "b" } }, { limit = 3, cursor = cursor })
    assert.equal("b2", names)
    assert.is_nil(cursor)
  end)

  it("are not there when they are not", function()
    x:version("w", "1", {})
    local status, answer = x:try("GET", "/workflows/w/versions/2")
    assert.equal(404, status)
    assert.equal("Workflow version not found.", answer.error.message)
  end)

  it("are deleted by pairs, unknown ones passed over unless told not to", function()
    x:version("w", "1", {})
    x:version("w", "2", {})
    local function delete(query, ...)
      local items = {}
      for position, version in ipairs { ... } do
        items[position] = { workflowExternalId = version == "x" and "nope" or "w", version = version }
      end
      return x:try("POST", "/workflows/versions/delete" .. query, { items = items })
    end
    local status, answer = delete("?ignoreUnknownIds=false", "1", "9", "x")
    assert.equal(404, status)
    assert.equal("The following workflow versions were not found: [(w, 9), (nope, x)].", answer.error.message)
    assert.equal(200, (x:try("GET", "/workflows/w/versions/1")))
    assert.equal(200, (delete("", "1", "9", "x")))
    assert.equal(404, (x:try("GET", "/workflows/w/versions/1")))
    assert.equal(200, (x:try("GET", "/workflows/w/versions/2")))
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
