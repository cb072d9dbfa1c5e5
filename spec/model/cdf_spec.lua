-- SPDX-License-Identifier: Apache-2.0
-- The model of CDF against CDF.md, rule by rule.

local core = require "cdfworkflow.core"
local model = require "model.cdf"

local WALL = (model.EPOCH - model.START) * 1000

local cdf, choices

before_each(function()
  choices = {}
  cdf = model.new { choose = function(_, name) return choices[name] or model.CHOICES[name][1] end }
  cdf.tokens.t = true
end)

--- Asks at that time; gives the status, and the body as a table.
local function ask(now, method, path, body)
  local headers = { Authorization = "Bearer t" }
  local request = { method = method, url = model.PROJECT .. path, body = body, headers = headers }
  local response = cdf:answer(model.kind(request), request, now)
  return response.status, core.decode(response.body)
end

local function session(now)
  local _, body = ask(now, "POST", "/sessions", "{}")
  return body.items[1].nonce, body.items[1].id
end

local function run(now, nonce, id)
  return ask(now, "POST", "/workflows/w/versions/1/run",
    ('{"authentication":{"nonce":"%s"},"metadata":{"cdfworkflow.requestId":"%s"}}'):format(nonce, id or "r"))
end

local function listed(now, from)
  local _, page = ask(now, "POST", "/workflows/executions/list",
    ('{"filter":{"workflowFilters":[{"externalId":"w","version":"1"}],"createdTimeStart":%.0f}}'):format(from or 0))
  return #page.items
end

describe("a nonce", function()
  it("binds once", function()
    local nonce = session(1000)
    assert.equal(202, (run(1001, nonce)))
    assert.equal(400, (run(1002, nonce)))
    assert.equal(1, #cdf.starts)
    assert.equal(400, (run(1003, "another")))
  end)

  it("lives for 60 s, is dead after 70 s, and between them it may be either", function()
    for _, case in ipairs { { 60, "dies", 202 }, { 65, "lives", 202 }, { 65, "dies", 400 }, { 70.1, "lives", 400 } } do
      choices.nonce = case[2]
      assert.equal(case[3], (run(1000 + case[1], (session(1000)))), case[1] .. " s, " .. case[2])
    end
  end)

  it("may outlive its session's revocation, whose end is then in use", function()
    for _, case in ipairs { { "in an hour", 202 }, { "at once", 400 } } do
      choices.revoked = case[1]
      local nonce, id = session(1000)
      ask(1001, "POST", "/sessions/revoke", ('{"items":[{"id":%d}]}'):format(id))
      assert.equal(case[2], (run(1002, nonce)))
    end
  end)
end)

describe("executions", function()
  it("are listed at once or up to 10 s late, within the times asked for", function()
    run(1000, (session(1000)))
    assert.equal(1, listed(1001))
    choices.listed = "late"
    assert.equal(0, listed(1009.9))
    assert.equal(1, listed(1010))
    assert.equal(1, listed(1010, 1000 * 1000 + WALL))
    assert.equal(0, listed(1010, 1000 * 1000 + WALL + 1))
  end)

  it("run again after a retry, under the same id with other times, and only where they had ended", function()
    local _, execution = run(1000, (session(1000)))
    local path = "/workflows/executions/" .. execution.id
    local function retry(now) return ask(now, "POST", path .. "/retry", ('{"authentication":{"nonce":"%s"}}')
      :format((session(now)))) end
    assert.equal(400, (retry(1001)))
    cdf.by_id[execution.id].status, cdf.by_id[execution.id].ended = "FAILED", 1005
    local _, before = ask(1006, "GET", path)
    assert.equal("FAILED", before.status)
    assert.equal(202, (retry(1007)))
    choices.again = "fails soon"
    local _, after = ask(1010, "GET", path)
    assert.equal("FAILED", after.status)
    assert.equal(before.id, after.id)
    assert.equal(before.createdTime, after.createdTime)
    assert.is_true(after.startTime > before.startTime and after.endTime > before.endTime)
  end)
end)

describe("a trigger", function()
  it("is replaced by another upsert, and each binds a session", function()
    for i, cron in ipairs { "0 6 * * *", "0 7 * * *" } do
      local body = ('{"items":[{"externalId":"t","triggerRule":{"triggerType":"schedule","cronExpression":"%s"},'
        .. '"authentication":{"nonce":"%s"}}]}'):format(cron, (session(1000)))
      assert.equal(200, (ask(1000 + i, "POST", "/workflows/triggers", body)))
      assert.equal(400, (ask(1000 + i, "POST", "/workflows/triggers", body)))
      local _, page = ask(1005, "GET", "/workflows/triggers?limit=1000")
      assert.equal(cron, page.items[1].triggerRule.cronExpression)
      assert.equal(1, #page.items)
    end
  end)
end)

describe("a function schedule", function()
  it("is one of several of that name until it is deleted, once", function()
    for _ = 1, 2 do
      local body = ('{"items":[{"name":"n","cronExpression":"0 6 * * *","functionId":7,"nonce":"%s","data":{"a":[]}}]}')
        :format((session(1000)))
      assert.equal(201, (ask(1000, "POST", "/functions/schedules", body)))
    end
    local _, page = ask(1000, "POST", "/functions/schedules/list", '{"filter":{"name":"n"}}')
    assert.equal(2, #page.items)
    local delete = ('{"items":[{"id":%d}]}'):format(page.items[1].id)
    assert.equal(200, (ask(1000, "POST", "/functions/schedules/delete", delete)))
    assert.equal(400, (ask(1000, "POST", "/functions/schedules/delete", delete)))
    assert.equal(200, (ask(1000, "GET", "/functions/schedules/2/input_data")))
    assert.equal(404, (ask(1000, "GET", "/functions/schedules/1/input_data")))
    assert.equal(200, (ask(1000, "POST", "/functions/schedules/byids", '{"items":[{"id":2}]}')))
    assert.equal(400, (ask(1000, "POST", "/functions/schedules/byids", '{"items":[{"id":1}]}')))
  end)
end)

describe("a request", function()
  it("without a token that is good gets 401 and does nothing", function()
    local nonce = session(1000)
    cdf:deny()
    assert.equal(401, (run(1001, nonce)))
    assert.equal(0, #cdf.starts)
  end)

  it("that the model does not know raises", function()
    assert.has_error(function() model.kind { method = "PUT", url = model.PROJECT .. "/x" } end,
      "the model of CDF knows no PUT " .. model.PROJECT .. "/x")
  end)
end)
