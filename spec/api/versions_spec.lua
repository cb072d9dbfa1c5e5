-- SPDX-License-Identifier: Apache-2.0
local core = require "cdfworkflow.core"
local fake = require "fake_client"

local function version(tasks)
  return { workflowExternalId = "daily-etl", version = "1", workflowDefinition = { tasks = tasks } }
end

local function sent_tasks(tasks)
  local client = fake.new { { items = { { version = "1" } } } }
  assert(client.workflows.versions:upsert(version(tasks)))
  return client.asked[1].body.items[1].workflowDefinition.tasks
end

describe("client.workflows.versions", function()
  it("upserts a version as it is, without what CDF adds", function()
    local client = fake.new { { items = { { version = "1" } } } }
    local read = {
      workflowExternalId = "daily-etl", version = 3, createdTime = 1, lastUpdatedTime = 2, later = true,
      workflowDefinition = { hash = "AB", description = "d", tasks = { { externalId = "t", type = "brandNew",
        parameters = { brandNew = { x = {} } } } } },
    }
    assert.same({ version = "1" }, client.workflows.versions:upsert(read))
    assert.equal("/workflows/versions", client.asked[1].path)
    assert.same({ items = { {
      workflowExternalId = "daily-etl", version = "3", later = true,
      workflowDefinition = { description = "d", tasks = { { externalId = "t", type = "brandNew",
        parameters = { brandNew = { x = {} } } } } },
    } } }, client.asked[1].body)
    assert.equal("AB", read.workflowDefinition.hash)
  end)

  it("sends empty lists as arrays, and leaves out empty dependsOn and data", function()
    assert.is_true(core.is_array(sent_tasks {}))
    local given = { externalId = "t", type = "function", dependsOn = {}, parameters = {
      ["function"] = { externalId = "f", data = {} } } }
    assert.same({ { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f" } } } },
      sent_tasks { given })
    assert.same({}, given.dependsOn)
    local sub = sent_tasks { { externalId = "s", parameters = { subworkflow = { tasks = {} } } } }
    assert.is_true(core.is_array(sub[1].parameters.subworkflow.tasks))
    local inner = sent_tasks { { externalId = "s", parameters = { subworkflow = { tasks = {
      { externalId = "i", dependsOn = {} } } } } } }
    assert.same({ externalId = "i" }, inner[1].parameters.subworkflow.tasks[1])
    local simulation = sent_tasks { { parameters = { simulation = { routineExternalId = "r", inputs = {} } } } }
    assert.is_true(core.is_array(simulation[1].parameters.simulation.inputs))
    local dynamic = sent_tasks { { parameters = { dynamic = { tasks = "${a.output.response}" } } } }
    assert.equal("${a.output.response}", dynamic[1].parameters.dynamic.tasks)
  end)

  it("refuses bad ids before anything is sent", function()
    local client = fake.new()
    local bad = version {}
    bad.workflowExternalId = " w"
    assert.equal("invalid", select(2, client.workflows.versions:upsert(bad)).kind)
    bad = version {}
    bad.version = ""
    assert.equal("invalid", select(2, client.workflows.versions:upsert(bad)).kind)
    bad = version {}
    bad.workflowDefinition.description = ("x"):rep(501)
    assert.equal(500, select(2, client.workflows.versions:upsert(bad)).limit)
    assert.equal("invalid", select(2, client.workflows.versions:retrieve("w", "..")).kind)
    assert.equal("invalid", select(2, client.workflows.versions:retrieve("", "1")).kind)
    assert.equal("invalid",
      select(2, client.workflows.versions:delete { { workflowExternalId = "w", version = " " } }).kind)
    assert.error_matches(function() client.workflows.versions:upsert "1" end, "version: expected a table, got a str")
    assert.error_matches(function() client.workflows.versions:upsert { workflowDefinition = {} } end,
      "workflowExternalId: expected a string or a whole number, got nil")
    assert.error_matches(function() client.workflows.versions:delete { "1" } end, "versions%[1%]: expected a table")
    assert.error_matches(function() client.workflows.versions:upsert { version = "1" } end,
      "workflowExternalId: expected a string or a whole number, got nil")
    assert.error_matches(function()
      client.workflows.versions:upsert { workflowExternalId = "w", version = 1, workflowDefinition = {} }
    end, "client.workflows.versions:upsert: workflowDefinition.tasks: expected a list, got nil")
    assert.same({}, client.asked)
  end)

  it("retrieves by two encoded segments", function()
    local client = fake.new { { version = "1" } }
    assert.same({ version = "1" }, client.workflows.versions:retrieve("a/b", "v 1"))
    assert.equal("/workflows/a%2Fb/versions/v%201", client.asked[1].path)
  end)

  it("lists with a filter that is an array also when it is empty", function()
    local client = fake.new { { items = {} }, { items = {} }, { items = { { id = 1 } } } }
    assert.same({}, client.workflows.versions:list())
    assert.is_true(core.is_array(client.asked[1].body.filter.workflowFilters))
    assert.equal(25, client.asked[1].body.limit)
    client.workflows.versions:list { workflowFilters = { { externalId = "a", version = "1" } }, limit = math.huge }
    assert.same({ filter = { workflowFilters = { { externalId = "a", version = "1" } } }, limit = 1000 },
      client.asked[2].body)
    for found in client.workflows.versions:each { workflowFilters = { { externalId = "a" } } } do
      assert.same({ id = 1 }, found)
    end
    assert.equal("POST", client.asked[3].method)
    assert.equal("/workflows/versions/list", client.asked[3].path)
    for _, method in ipairs { "list", "each" } do
      assert.error_matches(function() client.workflows.versions[method](client.workflows.versions,
        { workflowFilters = "a" }) end, "workflowFilters: expected a list, got a string")
      assert.error_matches(function() client.workflows.versions[method](client.workflows.versions,
        { workflowFilter = {} }) end, 'did you mean "workflowFilters"')
    end
    assert.equal("invalid", select(2, client.workflows.versions:list { limit = 0 }).kind)
    assert.equal("invalid", select(2, pcall(client.workflows.versions.each, client.workflows.versions,
      { limit = 0 })).kind)
  end)

  it("deletes more than 100 in requests of 100", function()
    local many = {}
    for i = 1, 101 do many[i] = { workflowExternalId = "w", version = tostring(i) } end
    local client = fake.new { {}, {} }
    assert.is_true(client.workflows.versions:delete(many))
    assert.equal(100, #client.asked[1].body.items)
    assert.same({ items = { { workflowExternalId = "w", version = "101" } } }, client.asked[2].body)
  end)

  it("deletes pairs", function()
    local client = fake.new { {}, {} }
    assert.is_true(client.workflows.versions:delete({ { workflowExternalId = "a", version = 1, extra = 1 } },
      { ignore_unknown_ids = true }))
    assert.same({ items = { { workflowExternalId = "a", version = "1" } } }, client.asked[1].body)
    assert.same({ query = { ignoreUnknownIds = true }, result = "gone" }, client.asked[1].opts)
    assert.error_matches(function() client.workflows.versions:delete { workflowExternalId = "a", version = "1" } end,
      "expected a list")
  end)
end)
