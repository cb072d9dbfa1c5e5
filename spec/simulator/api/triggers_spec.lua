-- SPDX-License-Identifier: Apache-2.0

local exchange = require "sim_exchange"

local DATA = {
  triggerType = "dataModeling", batchSize = 100, batchTimeout = 60,
  dataModelingQuery = { with = { t = { nodes = {} } }, select = { t = {} } },
}
local STREAM = { triggerType = "recordStream", streamExternalId = "my-stream", batchSize = 2, batchTimeout = 10 }

local function schedule(expression, timezone)
  return { triggerType = "schedule", cronExpression = expression, timezone = timezone }
end

describe("simulator.triggers", function()
  local x, seen

  before_each(function()
    seen = {}
    x = exchange.new {
      tokens = { "fixed" },
      functions = {
        f = function(data)
          seen[#seen + 1] = data.input
        end,
      },
    }
    x.token = "fixed"
    x:version("w", "1", {
      exchange.task("a", "f", {
        parameters = { ["function"] = { externalId = "f", data = { input = "${workflow.input}" } } },
      }),
    })
  end)

  local function upsert(rule, more)
    local item = {
      externalId = "nightly", triggerRule = rule, workflowExternalId = "w", workflowVersion = "1",
      authentication = { nonce = more and more.nonce or (x:nonce()) },
    }
    for name, value in pairs(more or {}) do
      item[name] = name ~= "nonce" and value or nil
    end
    return x:try("POST", "/workflows/triggers", { items = { item } })
  end

  local function history(query)
    return x:call("GET", "/workflows/triggers/nightly/history" .. (query or ""))
  end

  it("are stored with what CDF adds, and replaced by a second upsert", function()
    local status, answer = upsert(schedule "0 0 * * *")
    assert.equal(200, status)
    assert.same({
      externalId = "nightly", triggerRule = schedule("0 0 * * *", "UTC"), metadata = {}, workflowExternalId = "w",
      workflowVersion = "1", createdTime = x.sim:now(), lastUpdatedTime = x.sim:now(), isPaused = false,
    }, answer.items[1])
    x.sim:advance(1)
    status, answer = upsert(schedule("5 0 * * *", "Europe/Oslo"), { input = { k = 1 }, metadata = { a = "b" } })
    assert.equal(200, status)
    local stored = answer.items[1]
    assert.equal(1000, stored.lastUpdatedTime - stored.createdTime)
    assert.same({ { k = 1 }, { a = "b" }, "Europe/Oslo" },
      { stored.input, stored.metadata, stored.triggerRule.timezone })
    assert.same({ stored }, { x:call("GET", "/workflows/triggers").items[1] })
  end)

  it("let go of their old session when they are replaced", function()
    local first_nonce, first = x:nonce()
    local second_nonce, second = x:nonce()
    upsert(schedule "0 0 * * *", { nonce = first_nonce })
    upsert(schedule "0 0 * * *", { nonce = second_nonce })
    local found = x:call("POST", "/sessions/byids", { items = { { id = first }, { id = second } } }).items
    assert.same({ "CANCELLED", "ACTIVE" }, { found[1].status, found[2].status })
  end)

  it("take all three kinds of rule", function()
    for _, rule in ipairs { schedule "* * * * *", DATA, STREAM } do
      local status, answer = upsert(rule)
      assert.equal(200, status)
      assert.equal(rule.triggerType, answer.items[1].triggerRule.triggerType)
    end
  end)

  it("take the batches that are published", function()
    for status, figures in pairs {
      [200] = { { 1, 10 }, { 50, 30 }, { 1000, 86400 } },
      [400] = { { 0, 60 }, { 1001, 60 }, { 100, 9 }, { 100, 86401 } },
    } do
      for _, figure in ipairs(figures) do
        local rule = { batchSize = figure[1], batchTimeout = figure[2] }
        for name, value in pairs(DATA) do rule[name] = rule[name] or value end
        assert.equal(status, (upsert(rule)))
      end
    end
  end)

  it("are refused for what is wrong with them, and then do not spend the nonce", function()
    local nonce = x:nonce()
    local status, answer = upsert(schedule "nonsense", { nonce = nonce })
    assert.equal(400, status)
    assert.truthy(answer.error.message:find "^Invalid cron expression")
    assert.equal(400, (upsert(schedule("* * * * *", "Middle/Earth"), { nonce = nonce })))
    assert.equal(404, (upsert(schedule "* * * * *", { nonce = nonce, workflowVersion = "2" })))
    assert.equal(400, (upsert({ triggerType = "moon" }, { nonce = nonce })))
    status, answer = upsert(STREAM, { nonce = (x:nonce { tokenExchange = true }) })
    assert.equal(403, status)
    assert.equal("The session must be of kind CLIENT_CREDENTIALS", answer.error.message)
    assert.equal(200, (upsert(schedule "* * * * *", { nonce = nonce })))
    assert.equal(400, (upsert(schedule "* * * * *", { nonce = nonce })))
  end)

  it("number 200 at most", function()
    for number = 1, 200 do
      assert.equal(200, (upsert(schedule "0 0 1 1 *", { externalId = "t" .. number })))
    end
    local status, answer = upsert(schedule "* * * * *")
    assert.equal(400, status)
    assert.equal("At most 200 triggers", answer.error.message)
    assert.equal(200, (upsert(schedule "0 0 1 1 *", { externalId = "t7" })))
  end)

  it("start executions at their times, in their time zone, with input, version and metadata", function()
    upsert(schedule("30 6 * * *", "Europe/Oslo"), { input = { k = 1 }, metadata = { a = "b" } })
    x.sim:advance(2 * 24 * 3600)
    assert.same({ { k = 1, version = "1" }, { k = 1, version = "1" } }, seen)
    local runs = history().items
    assert.equal(2, #runs)
    assert.same({ "success", "nightly", "w", "1" },
      { runs[1].status, runs[1].externalId, runs[1].workflowExternalId, runs[1].workflowVersion })
    assert.equal(1767225600000 + (24 + 5.5) * 3600000, runs[1].fireTime)
    local execution = x:call("GET", "/workflows/executions/" .. runs[1].workflowExecutionId)
    assert.same({ "COMPLETED", runs[1].fireTime }, { execution.status, execution.createdTime })
    assert.same({ a = "b" }, execution.metadata)
  end)

  it("leave the user's own member `version` alone", function()
    upsert(schedule "0 * * * *", { input = { version = "mine" } })
    x.sim:advance(3600)
    assert.same({ { version = "mine" } }, seen)
  end)

  it("write failures into their history: no version, no session", function()
    local nonce, session = x:nonce()
    upsert(schedule "0 * * * *", { nonce = nonce })
    x.sim:advance(3600)
    x:call("POST", "/workflows/versions/delete", { items = { { workflowExternalId = "w", version = "1" } } })
    x.sim:advance(3600)
    x:version("w", "1", {})
    x:call("POST", "/sessions/revoke", { items = { { id = session } } })
    x.sim:advance(3600)
    local runs = history().items
    assert.same({ "failed", "Session is no longer valid" }, { runs[1].status, runs[1].reasonForFailure })
    assert.same({ "failed", "Workflow version not found." }, { runs[2].status, runs[2].reasonForFailure })
    assert.equal("success", runs[3].status)
    assert.is_nil(runs[1].workflowExecutionId)
  end)

  it("page through their history, newest first", function()
    upsert(schedule "0 * * * *")
    x.sim:advance(5 * 3600)
    local page = history "?limit=2"
    assert.equal(2, #page.items)
    assert.is_true(page.items[1].fireTime > page.items[2].fireTime)
    page = history("?limit=3&cursor=" .. page.nextCursor)
    assert.equal(3, #page.items)
    assert.is_nil(page.nextCursor)
    assert.equal(404, (x:try("GET", "/workflows/triggers/nope/history")))
  end)

  it("do not fire while paused, nor catch up afterwards", function()
    upsert(schedule "0 * * * *")
    for _ = 1, 2 do
      assert.same({}, x:call("POST", "/workflows/triggers/nightly/pause"))
    end
    assert.is_true(x:call("GET", "/workflows/triggers").items[1].isPaused)
    x.sim:advance(5 * 3600)
    assert.equal(0, #seen)
    for _ = 1, 2 do
      assert.same({}, x:call("POST", "/workflows/triggers/nightly/resume"))
    end
    x.sim:advance(3600)
    assert.equal(1, #seen)
    assert.is_false(x:call("GET", "/workflows/triggers").items[1].isPaused)
  end)

  it("stay paused through an upsert", function()
    upsert(schedule "0 * * * *")
    x:call("POST", "/workflows/triggers/nightly/pause")
    local _, answer = upsert(schedule "* * * * *")
    assert.is_true(answer.items[1].isPaused)
    x.sim:advance(3600)
    assert.equal(0, #seen)
  end)

  it("fire on data in batches, and keep what comes while they are paused", function()
    upsert(STREAM)
    x.sim:fire_trigger("nightly", { { n = 1 }, { n = 2 }, { n = 3 } })
    x.sim:advance(0)
    assert.same({ { version = "1", items = { { n = 1 }, { n = 2 } } }, { version = "1", items = { { n = 3 } } } }, seen)
    x:call("POST", "/workflows/triggers/nightly/pause")
    x.sim:fire_trigger("nightly", { { n = 4 } })
    x.sim:fire_trigger("nightly", { { n = 5 } })
    x.sim:advance(60)
    assert.equal(2, #seen)
    x:call("POST", "/workflows/triggers/nightly/resume")
    x.sim:advance(0)
    assert.same({ { n = 4 }, { n = 5 } }, seen[3].items)
    assert.equal(3, #history().items)
  end)

  it("can be fired out of turn, and say when they cannot", function()
    upsert(schedule "0 0 1 1 *")
    x.sim:fire_trigger "nightly"
    x.sim:advance(0)
    assert.equal(1, #seen)
    assert.has_error(function()
      x.sim:fire_trigger("nightly", { {} })
    end)
    assert.has_error(function()
      x.sim:fire_trigger "nope"
    end)
    upsert(DATA)
    assert.has_error(function()
      x.sim:fire_trigger "nightly"
    end)
  end)

  it("are listed by name, of a workflow and a version, page by page", function()
    x:version("v", "2", {})
    upsert(schedule "0 0 1 1 *", { externalId = "b", workflowExternalId = "v", workflowVersion = "2" })
    upsert(schedule "0 0 1 1 *", { externalId = "c/æ 1" })
    upsert(schedule "0 0 1 1 *", { externalId = "a" })
    local page = x:call("GET", "/workflows/triggers?limit=2")
    assert.same({ "a", "b" }, { page.items[1].externalId, page.items[2].externalId })
    page = x:call("GET", "/workflows/triggers?limit=2&cursor=" .. page.nextCursor)
    assert.equal("c/æ 1", page.items[1].externalId)
    assert.equal("b", x:call("GET", "/workflows/triggers?workflowExternalId=v&workflowVersion=2").items[1].externalId)
    assert.equal(0, #x:call("GET", "/workflows/triggers?workflowExternalId=v&workflowVersion=1").items)
    assert.same({}, x:call("POST", "/workflows/triggers/c%2F%C3%A6%201/pause"))
  end)

  it("are deleted with their session and history", function()
    local nonce, session = x:nonce()
    upsert(schedule "0 * * * *", { nonce = nonce })
    x.sim:advance(3600)
    assert.same({}, x:call("POST", "/workflows/triggers/delete", { items = { { externalId = "nightly" } } }))
    assert.equal("CANCELLED", x:call("POST", "/sessions/byids", { items = { { id = session } } }).items[1].status)
    x.sim:advance(3600)
    assert.equal(1, #seen)
    for _, case in ipairs {
      { "POST", "/workflows/triggers/delete", { items = { { externalId = "nightly" } } } },
      { "POST", "/workflows/triggers/nightly/pause" }, { "POST", "/workflows/triggers/nightly/resume" },
    } do
      local status, answer = x:try(case[1], case[2], case[3])
      assert.equal(404, status)
      assert.equal("Trigger not found.", answer.error.message)
    end
    upsert(schedule "0 * * * *")
    assert.equal(0, #history().items)
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
