-- SPDX-License-Identifier: Apache-2.0
local cdf = require "cdfworkflow"
local fake = require "fake_client"

local STORED = { externalId = "daily-etl", createdTime = 1, lastUpdatedTime = 2, later = "kept" }

describe("client.workflows", function()
  it("upserts a workflow as it is, without what CDF adds", function()
    local client = fake.new { { items = { STORED } } }
    local workflow = { externalId = "daily-etl", maxConcurrentExecutions = 3, later = { 1 }, createdTime = 1,
      lastUpdatedTime = 1 }
    assert.equal(STORED, client.workflows:upsert(workflow))
    assert.same({
      method = "POST", path = "/workflows", opts = {},
      body = { items = { { externalId = "daily-etl", maxConcurrentExecutions = 3, later = { 1 } } } },
    }, client.asked[1])
    assert.equal(1, workflow.createdTime)
  end)

  it("refuses a bad external id and a long description before anything is sent", function()
    local client = fake.new()
    for _, bad in ipairs { "", " x", "..", ("x"):rep(256) } do
      local stored, err = client.workflows:upsert { externalId = bad }
      assert.is_nil(stored)
      assert.equal("invalid", err.kind)
    end
    local stored, err = client.workflows:upsert { externalId = "w", description = ("x"):rep(501) }
    assert.is_nil(stored)
    assert.same({ "invalid", "description", 500 }, { err.kind, err.field, err.limit })
    assert.same({}, client.asked)
    assert.error_matches(function() client.workflows:upsert "w" end, "workflow: expected a table, got a string")
  end)

  it("takes the executions at a time that CDF has published, and null for as many as the project allows", function()
    for _, fine in ipairs { 1, 10000, cdf.null } do
      local client = fake.new { { items = { STORED } } }
      assert(client.workflows:upsert { externalId = "w", maxConcurrentExecutions = fine })
      assert.equal(fine, client.asked[1].body.items[1].maxConcurrentExecutions)
    end
    local client = fake.new()
    for bad, limit in pairs { [0] = 1, [10001] = 10000, [1.5] = 10000, [-math.huge] = 1 } do
      local stored, err = client.workflows:upsert { externalId = "w", maxConcurrentExecutions = bad }
      assert.is_nil(stored)
      assert.same({ "invalid", "maxConcurrentExecutions", limit }, { err.kind, err.field, err.limit })
      assert.matches("^maxConcurrentExecutions must be a whole number from 1 to 10000, or null, got ", err.message)
    end
    assert.same({}, client.asked)
    assert.error_matches(function() client.workflows:upsert { externalId = "w", maxConcurrentExecutions = "3" } end,
      "maxConcurrentExecutions: expected a number, or cdf.null, got")
  end)

  it("retrieves by one encoded path segment, and hands on CDF's error", function()
    local client = fake.new { STORED, fake.error { kind = "api", status = 404 } }
    assert.equal(STORED, client.workflows:retrieve "vær/målinger 1")
    assert.equal("/workflows/v%C3%A6r%2Fm%C3%A5linger%201", client.asked[1].path)
    assert.equal("GET", client.asked[1].method)
    assert.is_nil(client.asked[1].body)
    local found, err = client.workflows:retrieve "nope"
    assert.is_nil(found)
    assert.same({ "api", 404 }, { err.kind, err.status })
    assert.equal("invalid", select(2, client.workflows:retrieve "..").kind)
    assert.equal(2, #client.asked)
  end)

  it("lists 25 unless told, and iterates over all", function()
    local client = fake.new { { items = { STORED } }, { items = {}, nextCursor = "n" }, { items = { STORED } } }
    assert.same({ STORED }, client.workflows:list())
    assert.same({ method = "GET", path = "/workflows", opts = { query = { limit = 25 } } }, client.asked[1])
    local count = 0
    for workflow in client.workflows:each() do
      assert.equal(STORED, workflow)
      count = count + 1
    end
    assert.equal(1, count)
    assert.same({ limit = 1000, cursor = "n" }, client.asked[3].opts.query)
  end)

  it("refuses a limit of zero, and raises in each", function()
    local client = fake.new()
    local found, err = client.workflows:list { limit = 0 }
    assert.is_nil(found)
    assert.same({ "invalid", "limit" }, { err.kind, err.field })
    local ok, raised = pcall(client.workflows.each, client.workflows, { limit = 0 })
    assert.is_false(ok)
    assert.equal("invalid", raised.kind)
    assert.error_matches(function() client.workflows:list { limt = 1 } end, 'did you mean "limit"')
  end)

  it("deletes one, several, and more than 100 in requests of 100", function()
    local many = {}
    for i = 0, 149 do many[#many + 1] = "w" .. i end
    local client = fake.new { {}, {}, {}, {} }
    assert.is_true(client.workflows:delete "daily-etl")
    assert.is_true(client.workflows:delete({ "a", "b c" }, { ignore_unknown_ids = true }))
    assert.is_true(client.workflows:delete(many))
    assert.same({ query = { ignoreUnknownIds = false }, result = "gone" }, client.asked[1].opts)
    assert.same({ items = { { externalId = "daily-etl" } } }, client.asked[1].body)
    assert.same({ query = { ignoreUnknownIds = true }, result = "gone" }, client.asked[2].opts)
    assert.same({ items = { { externalId = "a" }, { externalId = "b c" } } }, client.asked[2].body)
    assert.equal(100, #client.asked[3].body.items)
    assert.equal(50, #client.asked[4].body.items)
    assert.equal("w149", client.asked[4].body.items[50].externalId)
  end)

  it("does not take a workflow for a list of external ids", function()
    local client = fake.new()
    assert.error_matches(function() client.workflows:delete { externalId = "a" } end, "or a list of these, got a table")
    assert.equal("invalid", select(2, client.workflows:delete { "a", "" }).kind)
    assert.same({}, client.asked)
  end)
end)
