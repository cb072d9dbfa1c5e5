-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"

describe("simulator.calls", function()
  local x, handler, id

  before_each(function()
    x = exchange.new {
      functions = {
        f = function(data, context)
          return handler(data, context)
        end,
        other = function() end,
      },
    }
    handler = function(data)
      return { got = data }
    end
    id = x:call("POST", "/functions/byids", { items = { { externalId = "f" } } }).items[1].id
  end)

  local function path(rest)
    return ("/functions/%.0f/%s"):format(id, rest)
  end

  local function call(data)
    return x:call("POST", path "call", { nonce = x:nonce(), data = data })
  end

  local function find(call_id)
    x.sim:advance(1)
    return x:call("POST", path "calls/byids", { items = { { id = call_id } } }).items[1]
  end

  local function response_of(call_id)
    return x:call("GET", path(("calls/%.0f/response"):format(call_id)))
  end

  it("run first, and then have their response", function()
    local status, made = x:try("POST", path "call", { nonce = x:nonce(), data = { n = { 1, core.null } } })
    assert.equal(201, status)
    assert.equal("Running", made.status)
    assert.is_nil(made.endTime)
    local found = find(made.id)
    assert.equal("Completed", found.status)
    assert.equal(100, found.endTime - found.startTime)
    assert.same({ got = { n = { 1, core.null } } }, response_of(made.id).response)
  end)

  it("have no response when the function gave none, and data even when none were sent", function()
    local seen
    handler = function(data)
      seen = data
    end
    assert.is_nil(response_of(call().id).response)
    assert.same({}, seen)
  end)

  it("take as long as the function says", function()
    handler = function()
      return "done", 30
    end
    local made = call()
    x.sim:advance(28.9)
    assert.equal("Running", find(made.id).status) -- a second later
    assert.is_nil(response_of(made.id).response)
    local found = find(made.id)
    assert.equal("Completed", found.status)
    assert.equal(30000, found.endTime - found.startTime)
    assert.equal("done", response_of(made.id).response)
  end)

  it("fail when the function raises, and when its response is no JSON", function()
    local problems = { "boom", { "a table" }, false }
    for _, problem in ipairs(problems) do
      handler = function()
        error(problem, 0)
      end
      local found = find(call().id)
      assert.equal("Failed", found.status)
      assert.is_string(found.error.message)
    end
    handler = function()
      error("boom", 0)
    end
    local found = find(call().id)
    assert.equal("boom", found.error.message)
    assert.truthy(found.error.trace:find "traceback")
    handler = function()
      return { f = print }
    end
    assert.truthy(find(call().id).error.message:find "not JSON")
  end)

  it("time out after ten minutes", function()
    handler = function()
      return nil, 601
    end
    local made = call()
    x.sim:advance(600)
    local found = find(made.id)
    assert.equal("Timeout", found.status)
    assert.equal(600000, found.endTime - found.startTime)
  end)

  it("tell the function where it runs, and keep what it logs", function()
    local seen
    handler = function(_, context)
      seen = context
      context.log("started", 1)
      context.log "ø\n"
    end
    local made = call()
    local logs = x:call("GET", path(("calls/%.0f/logs"):format(made.id))).items
    assert.same({ "started\t1", "ø\n" }, { logs[1].message, logs[2].message })
    assert.same({ "acme-dev", id, "f", made.id },
      { seen.project, seen.functionId, seen.functionExternalId, seen.callId })
    handler = function() end
    assert.equal(0, #x:call("GET", path(("calls/%.0f/logs"):format(call().id))).items)
  end)

  it("cannot change what is stored through the tables that the function gets and gives", function()
    local kept = { n = 1 }
    handler = function(data)
      data.changed = true
      return kept
    end
    local data = { a = { 1 } }
    local made = call(data)
    find(made.id)
    kept.n = 2
    assert.same({ n = 1 }, response_of(made.id).response)
  end)

  it("give the function its secrets and variables", function()
    local file = x:call("POST", "/files", { name = "f.zip" })
    x.sim:handle { method = "PUT", path = file.uploadUrl, headers = {}, body = "zip" }
    id = x:call("POST", "/functions", {
      items = { { name = "n", externalId = "f", fileId = file.id, secrets = { key = "s" }, envVars = { A = "b" } } },
    }).items[1].id
    assert.equal(400, (x:try("POST", path "call", { nonce = x:nonce() })))
    x.sim:advance(5)
    local seen
    handler = function(_, context)
      seen = context
    end
    find(call().id)
    assert.same({ { key = "s" }, { A = "b" } }, { seen.secrets, seen.envVars })
  end)

  it("fail where no Lua function stands for the function", function()
    local file = x:call("POST", "/files", { name = "f.zip" })
    x.sim:handle { method = "PUT", path = file.uploadUrl, headers = {}, body = "zip" }
    id = x:call("POST", "/functions", { items = { { name = "lonely", fileId = file.id } } }).items[1].id
    x.sim:advance(5)
    assert.truthy(find(call().id).error.message:find "lonely")
  end)

  it("need a fresh nonce, and a session that is still good when they are made", function()
    local nonce, session = x:nonce()
    local made = x:call("POST", path "call", { nonce = nonce })
    local status, answer = x:try("POST", path "call", { nonce = nonce })
    assert.equal(400, status)
    assert.equal("Failed to bind session using nonce", answer.error.message)
    assert.equal("Completed", find(made.id).status)
    assert.equal("CANCELLED", x:call("POST", "/sessions/byids", { items = { { id = session } } }).items[1].status)
  end)

  it("are read by GET, too", function()
    local made = call { n = 1 }
    assert.equal(made.id, x:call("GET", path "calls?limit=1").items[1].id)
    local shown = x:call("GET", path(("calls/%.0f"):format(made.id)))
    assert.same({ made.id, "Running" }, { shown.id, shown.status })
    assert.equal(404, (x:try("GET", path "calls/5")))
    call()
    local page = x:call("GET", path "calls?limit=1")
    assert.equal(made.id, x:call("GET", path("calls?limit=1&cursor=" .. page.nextCursor)).items[1].id)
  end)

  it("run 250 at once", function()
    handler = function()
      return nil, 60
    end
    for _ = 1, 250 do
      call()
    end
    local status, answer = x:try("POST", path "call", { nonce = x:nonce() })
    assert.equal(429, status)
    assert.equal("Too many running calls", answer.error.message)
    x.sim:advance(60)
    assert.equal("Running", call().status)
  end)

  it("are listed newest first, with filters and pages, calls of workflow tasks among them", function()
    x:version("w", "1", { exchange.task("a", "f") })
    local execution = x:run("w", "1")
    x.sim:advance(1)
    handler = function()
      error "no"
    end
    local second = call()
    x.sim:advance(1)
    local task = x:call("GET", "/workflows/executions/" .. execution.id).executedTasks[1]
    local function ids(body)
      local found, answer = {}, x:call("POST", path "calls/list", body)
      for position, item in ipairs(answer.items) do
        found[position] = item.id
      end
      return found, answer.nextCursor
    end
    assert.same({ second.id, task.output.callId }, (ids {}))
    assert.same({ second.id }, (ids { filter = { status = "Failed" } }))
    assert.same({ task.output.callId }, (ids { filter = { startTime = { max = second.startTime - 1 } } }))
    assert.same({ second.id }, (ids { filter = { endTime = { min = second.startTime } } }))
    assert.same({}, (ids { filter = { scheduleId = 1 } }))
    local _, cursor = ids { limit = 1 }
    assert.same({ task.output.callId }, (ids { limit = 1, cursor = cursor }))
    id = x:call("POST", "/functions/byids", { items = { { externalId = "other" } } }).items[1].id
    assert.same({}, (ids {}))
  end)

  it("are not there when they are not", function()
    assert.equal(404, (x:try("POST", "/functions/5/call", { nonce = "n" })))
    assert.equal(400, (x:try("POST", "/functions/f/call", { nonce = "n" })))
    assert.equal(404, (x:try("GET", path "calls/5/response")))
    assert.equal(404, (x:try("GET", path "calls/5/logs")))
    local status, answer = x:try("POST", path "calls/byids", { items = { { id = 5 } } })
    assert.equal(400, status)
    assert.equal(5, answer.error.missing[1].id)
    assert.equal(0, #x:call("POST", path "calls/byids", { items = { { id = 5 } }, ignoreUnknownIds = true }).items)
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
