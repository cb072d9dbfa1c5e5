-- SPDX-License-Identifier: Apache-2.0
-- Triggers and schedules of functions on the page: paused, resumed, run now, fed with data.

local support = require "page_world"

local call = support.call

local world, called

local function trigger(external_id, rule, more)
  local item = { externalId = external_id, triggerRule = rule, workflowExternalId = "w", workflowVersion = "1",
    authentication = { nonce = world:nonce() } }
  for name, value in pairs(more or {}) do item[name] = value end
  world:api("/workflows/triggers", { items = { item } })
  return world:path("triggers", external_id)
end

local CRON = { triggerType = "schedule", cronExpression = "0 6 * * *", timezone = "Europe/Oslo" }
local DATA = { triggerType = "dataModeling", dataModelingQuery = { with = { a = { nodes = {} } }, select = { a = {} } },
  batchSize = 100, batchTimeout = 60 }

local function executions()
  return world:api("/workflows/executions/list", {}).items
end

before_each(function()
  called = {}
  world = support.new { functions = { quick = function(data)
    called[#called + 1] = data
    return { got = data }
  end } }
  world:define("w", { call("a", "quick") })
end)

describe("a schedule trigger on the page", function()
  it("is paused and goes on by its buttons", function()
    local path = trigger("daily", CRON)
    assert.matches("2026-01-01 05:00:00", world:get(path), 1, true)
    local html = world:act(path, { deed = "pause" })
    assert.matches("The trigger is paused.", html, 1, true)
    assert.matches('<span class="status warn">paused</span>', html, 1, true)
    world.sim:advance(86400)
    assert.equal(0, #executions())
    html = world:act(path, { deed = "resume" })
    assert.matches("The trigger goes on.", html, 1, true)
    world.sim:advance(86400)
    assert.equal(1, #executions())
    assert.matches('<span class="status done">on</span>', world:get(world:path "schedules"), 1, true)
  end)

  it("runs now by its button, out of its turn", function()
    local path = trigger("daily", CRON, { input = { plant = "north" } })
    local html = world:act(path, { deed = "fire" })
    local execution = executions()[1]
    assert.matches("A run was started: " .. execution.id .. ".", html, 1, true)
    assert.matches('href="/ui/my-project/executions/' .. execution.id .. '"', html, 1, true)
    assert.same({ plant = "north", version = "1" }, world:execution(execution.id).input)
    assert.matches("<dt>Next (UTC)</dt><dd>2026-01-01 05:00:00</dd>", html, 1, true)
  end)

  it("shows no secret in what it tells", function()
    local fn = world:api("/functions/byids", { items = { { externalId = "quick" } } }).items[1]
    local schedule = world:api("/functions/schedules", { items = { { name = "password: canary", functionId = fn.id,
      cronExpression = "0 * * * *", nonce = world:nonce() } } }).items[1]
    local html = world:act(world:path("schedules", ("%.0f"):format(schedule.id)), { deed = "fire" })
    assert.matches("The function was called for password: …", html, 1, true)
  end)

  it("says why no run was started", function()
    local path = trigger("daily", CRON)
    world:api("/workflows/versions/delete", { items = { { workflowExternalId = "w", version = "1" } } })
    assert.matches('<div class="notice bad" role="status">No run was started: Workflow version not found.</div>',
      world:act(path, { deed = "fire" }), 1, true)
  end)
end)

describe("a data trigger on the page", function()
  it("is given data", function()
    local path = trigger("data", DATA)
    assert.matches("Let data come", world:get(path), 1, true)
    local html = world:act(path, { deed = "fire", items = '[{"externalId": "sensor-7"}]' })
    assert.matches("A run was started: ", html, 1, true)
    assert.same({ { externalId = "sensor-7" } }, world:execution(executions()[1].id).input.items)
  end)

  it("keeps what comes while it is paused", function()
    local path = trigger("data", DATA)
    world:act(path, { deed = "pause" })
    local html = world:act(path, { deed = "fire", items = "[1, 2]" })
    assert.matches("data is paused: the items are kept until it is resumed.", html, 1, true)
    assert.matches("<dt>Waiting items</dt><dd>2</dd>", html, 1, true)
    world:act(path, { deed = "resume" })
    assert.equal(1, #executions())
  end)

  it("takes no nonsense", function()
    local path = trigger("data", DATA)
    for text, message in pairs { [""] = "At least one item is needed.", ["[]"] = "At least one item is needed.",
      ["{}"] = "A list is needed here", ["[1"] = "This is not JSON" } do
      local response = world:send(path, { deed = "fire", items = text })
      assert.equal(422, response.status)
      assert.matches(message, response.body, 1, true)
    end
    assert.equal(0, #executions())
    assert.equal(404, world:send(path, { deed = "delete" }).status)
  end)
end)

describe("a schedule of a function on the page", function()
  it("runs now by its button, out of its turn", function()
    local fn = world:api("/functions/byids", { items = { { externalId = "quick" } } }).items[1]
    local schedule = world:api("/functions/schedules", { items = { { name = "hourly <x>", cronExpression = "0 * * * *",
      functionId = fn.id, data = { plant = "north" }, nonce = world:nonce() } } }).items[1]
    local path = world:path("schedules", ("%.0f"):format(schedule.id))
    local html = world:act(path, { deed = "fire" })
    assert.matches("The function was called for hourly &lt;x&gt;.", html, 1, true)
    assert.same({ { plant = "north" } }, called)
    assert.matches("<dt>Next (UTC)</dt><dd>2026-01-01 01:00:00</dd>", html, 1, true)
    world.sim:advance(60)
    assert.matches('<span class="status done">completed</span>', world:get(path), 1, true)
    world.sim:advance(3600)
    assert.equal(2, #called)
  end)
end)
