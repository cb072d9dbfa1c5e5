-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"

describe("simulator.workflows", function()
  local x

  before_each(function()
    x = exchange.new()
  end)

  local function upsert(item)
    return x:call("POST", "/workflows", { items = { item } }).items[1]
  end

  it("are made and read back, whatever their names hold", function()
    local start = x.sim:now()
    for _, case in ipairs {
      { "daily-etl", "daily-etl" }, { "vær/målinger 1 ☃", "v%C3%A6r%2Fm%C3%A5linger%201%20%E2%98%83" },
      { "a?b#c&d=e+f%g", "a%3Fb%23c%26d%3De%2Bf%25g" }, { "..", ".." },
    } do
      local made = upsert {
        externalId = case[1], description = "tab\there", dataSetId = 4503599627370496, maxConcurrentExecutions = 3,
      }
      assert.same({
        externalId = case[1], description = "tab\there", dataSetId = 4503599627370496, maxConcurrentExecutions = 3,
        createdTime = start, lastUpdatedTime = start,
      }, made)
      assert.same(made, x:call("GET", "/workflows/" .. case[2]))
    end
  end)

  it("are replaced as a whole by a second upsert", function()
    upsert { externalId = "w", description = "first", maxConcurrentExecutions = 1 }
    x.sim:advance(1.5)
    local again = upsert { externalId = "w" }
    assert.is_nil(again.description)
    assert.is_nil(again.maxConcurrentExecutions)
    assert.equal(1500, again.lastUpdatedTime - again.createdTime)
    assert.equal(1, #x:call("GET", "/workflows").items)
  end)

  it("are refused where the contract or the limits refuse them", function()
    for _, item in ipairs {
      {}, { externalId = "" }, { externalId = " w" }, { externalId = "w\0" }, { externalId = ("w"):rep(256) },
      { externalId = "w", maxConcurrentExecutions = 0 }, { externalId = "w", maxConcurrentExecutions = 10001 },
      { externalId = "w", unknown = 1 }, { externalId = "w", description = core.null },
    } do
      local status, answer = x:try("POST", "/workflows", { items = { item } })
      assert.equal(400, status, core.encode(item))
      assert.equal(400, answer.error.code)
    end
    assert.equal(400, (x:try("POST", "/workflows", { items = { { externalId = "a" }, { externalId = "b" } } })))
    assert.equal(0, #x:call("GET", "/workflows").items)
  end)

  it("take a limit above the project's own, and none", function()
    assert.equal(10000, upsert({ externalId = "w", maxConcurrentExecutions = 10000 }).maxConcurrentExecutions)
    assert.is_nil(upsert({ externalId = "w", maxConcurrentExecutions = core.null }).maxConcurrentExecutions)
  end)

  it("number 1000 at most", function()
    for number = 1, 1000 do
      x.sim:answer({
        method = "POST", path = x.root .. "/workflows", headers = {},
        body = core.encode { items = { { externalId = "w" .. number } } },
      }, x.sim.directory.order[1])
    end
    local status, answer = x:try("POST", "/workflows", { items = { { externalId = "one-more" } } })
    assert.equal(400, status)
    assert.equal("The number of workflows is at its limit", answer.error.message)
    assert.equal("w7", upsert({ externalId = "w7" }).externalId)
  end)

  it("are listed in order of creation, page by page", function()
    for _, name in ipairs { "c", "a", "b" } do
      upsert { externalId = name }
    end
    local page = x:call("GET", "/workflows?limit=2")
    assert.same({ "c", "a" }, { page.items[1].externalId, page.items[2].externalId })
    page = x:call("GET", "/workflows?limit=2&cursor=" .. page.nextCursor)
    assert.equal("b", page.items[1].externalId)
    assert.is_nil(page.nextCursor)
    for _, query in ipairs { "limit=0", "limit=1001", "limit=x", "limit=1.5", "cursor=x", "cursor=" } do
      assert.equal(400, (x:try("GET", "/workflows?" .. query)), query)
    end
  end)

  it("are not there when they are not", function()
    local status, answer = x:try("GET", "/workflows/nope")
    assert.equal(404, status)
    assert.equal("Workflow not found.", answer.error.message)
    assert.equal(400, (x:try("GET", "/workflows/%20nope")))
    assert.equal(400, (x:try("GET", "/workflows/%FF")))
  end)

  describe("deletion", function()
    local function delete(query, ...)
      local items = {}
      for position, name in ipairs { ... } do
        items[position] = { externalId = name }
      end
      return x:try("POST", "/workflows/delete" .. query, { items = items })
    end

    it("takes the versions along", function()
      x:version("w", "1", {})
      local status, answer = delete("", "w")
      assert.equal(200, status)
      assert.same({}, answer)
      assert.equal(404, (x:try("GET", "/workflows/w/versions/1")))
      assert.equal(0, #x:call("POST", "/workflows/versions/list", {}).items)
    end)

    it("passes over unknown ids unless told not to, and then deletes nothing", function()
      upsert { externalId = "w" }
      assert.equal(200, (delete("", "nope")))
      assert.equal(200, (delete("?ignoreUnknownIds=true", "nope")))
      local status, answer = delete("?ignoreUnknownIds=false", "w", "nope")
      assert.equal(404, status)
      assert.equal("The following workflows were not found: [nope].", answer.error.message)
      assert.equal(200, (x:try("GET", "/workflows/w")))
      assert.equal(400, (delete("?ignoreUnknownIds=maybe", "w")))
    end)

    it("is refused while executions run", function()
      x.sim:function_handler("slow", function()
        return nil, 60
      end)
      x:version("w", "1", { exchange.task("a", "slow") })
      x:run("w", "1")
      upsert { externalId = "idle" }
      local status, answer = delete("", "idle", "w")
      assert.equal(400, status)
      assert.truthy(answer.error.message:find("Some of the specified workflows have running executions", 1, true))
      assert.equal(200, (x:try("GET", "/workflows/idle")))
      x.sim:advance(60)
      assert.equal(200, (delete("", "idle", "w")))
    end)
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
