-- SPDX-License-Identifier: Apache-2.0

local exchange = require "sim_exchange"

describe("simulator.schedules", function()
  local x, id, seen

  before_each(function()
    seen = {}
    x = exchange.new {
      functions = {
        f = function(data, context)
          seen[#seen + 1] = { a = data.a, time = context.scheduledTime, schedule = context.scheduleId }
          data.a = "changed"
        end,
        g = function() end,
      },
    }
    id = x:call("POST", "/functions/byids", { items = { { externalId = "f" } } }).items[1].id
  end)

  local function create(more)
    local item = { name = "nightly", functionId = id, cronExpression = "0 12 * * *", nonce = x:nonce() }
    for name, value in pairs(more or {}) do
      item[name] = value
    end
    return x:try("POST", "/functions/schedules", { items = { item } })
  end

  local function names(filter, limit)
    local found = {}
    local answer = x:call("POST", "/functions/schedules/list", { filter = filter, limit = limit })
    for _, item in ipairs(answer.items) do
      found[#found + 1] = item.name
    end
    return table.concat(found, " ")
  end

  it("are made with a nonce, and shown with the cron expression in words", function()
    local status, answer = create { description = "daily", data = { a = 1 } }
    assert.equal(201, status)
    local made = answer.items[1]
    assert.same({ "nightly", id, "0 12 * * *", "At 12:00 PM", "daily", x.sim:now() },
      { made.name, made.functionId, made.cronExpression, made.when, made.description, made.createdTime })
    assert.same({ id = made.id, data = { a = 1 } },
      x:call("GET", ("/functions/schedules/%.0f/input_data"):format(made.id)))
    for expression, words in pairs {
      ["* * * * *"] = "Every minute", ["*/5 * * * *"] = "Every 5 minutes", ["5 0 * * *"] = "At 12:05 AM",
      ["0 23 * * *"] = "At 11:00 PM", ["0 0 1 * *"] = "At times of 0 0 1 * *",
    } do
      local _, other = create { cronExpression = expression }
      assert.equal(words, other.items[1].when)
    end
  end)

  it("call the function at their times, with their data, and go on after its session's first hour", function()
    local _, answer = create { cronExpression = "30 * * * *", data = { a = { 1 } } }
    local made, start = answer.items[1], x.sim:now()
    x.sim:advance(29 * 60)
    assert.equal(0, #seen)
    x.sim:advance(2 * 3600 + 60)
    assert.equal(3, #seen)
    for hour, call in ipairs(seen) do
      assert.equal(start + (hour - 1) * 3600000 + 1800000, call.time)
      assert.same({ 1 }, call.a)
      assert.equal(made.id, call.schedule)
    end
    x.sim:advance(1)
    x.token = x:sign_in("svc-acme", "s3cr3t")
    local calls = x:call("POST", ("/functions/%.0f/calls/list"):format(id), { filter = { scheduleId = made.id } }).items
    assert.equal(3, #calls)
    assert.same({ "Completed", seen[3].time, seen[3].time },
      { calls[1].status, calls[1].scheduledTime, calls[1].startTime })
  end)

  it("make their call out of turn when they are told to, and keep their time", function()
    local _, answer = create { cronExpression = "30 * * * *", data = { a = 7 } }
    local made, start = answer.items[1], x.sim:now()
    x.sim:advance(60)
    x.sim:fire_schedule(made.id)
    x.sim:advance(0)
    assert.same({ { a = 7, time = start + 60000, schedule = made.id } }, seen)
    x.sim:advance(29 * 60)
    assert.equal(start + 1800000, seen[2].time)
    assert.has_error(function() x.sim:fire_schedule(1) end, "there is no schedule 1")
  end)

  it("make calls that fail when their session is revoked", function()
    local _, answer = create { cronExpression = "* * * * *" }
    x:call("POST", "/sessions/revoke", { items = { { id = answer.items[1].sessionId } } })
    x.sim:advance(60)
    assert.equal(0, #seen)
    local call = x:call("POST", ("/functions/%.0f/calls/list"):format(id), {}).items[1]
    assert.equal("Failed", call.status)
    assert.equal("Session is no longer valid", call.error.message)
  end)

  it("are refused for what is wrong with them, and then do not spend the nonce", function()
    local nonce = x:nonce()
    local status, answer = x:try("POST", "/functions/schedules", {
      items = { { name = "n", functionExternalId = "f", cronExpression = "* * * * *", nonce = nonce } },
    })
    assert.equal(400, status)
    assert.truthy(answer.error.message:find("When a session is used functionId is needed", 1, true))
    status, answer = create { functionId = 5, nonce = nonce }
    assert.equal(400, status)
    assert.equal(5, answer.error.missing[1].id)
    status, answer = create { cronExpression = "61 * * * *", nonce = nonce }
    assert.equal(400, status)
    assert.truthy(answer.error.message:find "^Invalid cron expression")
    assert.equal(201, (create { nonce = nonce }))
    assert.equal(400, (create { nonce = nonce }))
  end)

  it("are read by GET, too", function()
    local _, answer = create { name = "nightly" }
    local made = answer.items[1]
    assert.same(made, x:call("GET", ("/functions/schedules/%.0f"):format(made.id)))
    assert.equal(404, (x:try("GET", "/functions/schedules/5")))
  end)

  it("number 100 at most for one function", function()
    for _ = 1, 100 do
      assert.equal(201, (create()))
    end
    local status, answer = create()
    assert.equal(400, status)
    assert.equal("At most 100 schedules for one function", answer.error.message)
  end)

  it("are listed with filters", function()
    local other = x:call("POST", "/functions/byids", { items = { { externalId = "g" } } }).items[1].id
    create { name = "a" }
    x.sim:advance(5)
    create { name = "b", functionId = other, cronExpression = "* * * * *" }
    assert.equal("a b", (names()))
    assert.equal("a", (names(nil, 1)))
    assert.equal("a", (names { functionId = id }))
    assert.equal("b", (names { functionExternalId = "g" }))
    assert.equal("", (names { functionExternalId = "nope" }))
    assert.equal("b", (names { cronExpression = "* * * * *" }))
    assert.equal("a", (names { name = "a" }))
    assert.equal("b", (names { createdTime = { min = x.sim:now() } }))
    assert.equal(400, (x:try("POST", "/functions/schedules/list",
      { filter = { functionId = id, functionExternalId = "f" } })))
    assert.equal(2, #x:call("GET", "/functions/schedules").items)
  end)

  it("are retrieved and deleted by id, with their session", function()
    local _, answer = create()
    local made = answer.items[1]
    local found = x:call("POST", "/functions/schedules/byids", { items = { { id = made.id }, { id = 5 } },
      ignoreUnknownIds = true }).items
    assert.same(made, found[1])
    assert.equal(1, #found)
    local status, refused = x:try("POST", "/functions/schedules/byids", { items = { { id = made.id }, { id = 5 } } })
    assert.equal(400, status)
    assert.equal(5, refused.error.missing[1].id)
    x:call("POST", "/functions/schedules/delete", { items = { { id = made.id } } })
    assert.equal(400, (x:try("POST", "/functions/schedules/delete", { items = { { id = made.id } } })))
    assert.equal(404, (x:try("GET", ("/functions/schedules/%.0f/input_data"):format(made.id))))
    local session = x:call("POST", "/sessions/byids", { items = { { id = made.sessionId } } }).items[1]
    assert.equal("CANCELLED", session.status)
    x.sim:advance(24 * 3600)
    assert.equal(0, #seen)
  end)

  it("go with their function", function()
    create()
    x:call("POST", "/functions/delete", { items = { { id = id } } })
    assert.equal("", (names()))
    x.sim:advance(24 * 3600)
    assert.equal(0, #seen)
  end)

  it("have no data when they were made without", function()
    local _, answer = create()
    local made = answer.items[1]
    assert.same({ id = made.id }, x:call("GET", ("/functions/schedules/%.0f/input_data"):format(made.id)))
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
