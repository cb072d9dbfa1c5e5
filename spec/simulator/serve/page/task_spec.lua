-- SPDX-License-Identifier: Apache-2.0
-- One task on the page: every attempt, its data, and the outcome of an asynchronous one.

local support = require "page_world"

local call = support.call

local world

before_each(function()
  world = support.new { functions = {
    ask = function() return { asked = true } end,
    bad = function() error("broken", 0) end,
    endless = function() error(("x"):rep(5000), 0) end,
  } }
  world:define("w", { call("wait", "ask", { parameters = { ["function"] = { externalId = "ask" },
    isAsyncComplete = true } }) })
  world:define("v", { call("a", "bad", { retries = 1 }) })
end)

local function begun(workflow)
  local execution = world:start(workflow)
  world.sim:advance(1)
  local task = world:execution(execution.id).executedTasks[1]
  return execution, task, world:path("executions", execution.id, "tasks", task.id)
end

describe("a task on the page", function()
  it("has a row for every attempt, with its error", function()
    local _, task, path = begun "v"
    local html = world:get(path)
    assert.matches("<code>" .. task.id .. "</code>", html, 1, true)
    local _, rows = html:gsub('<td data%-label="Reason"><div><div class="reason">broken</div></div></td>', "")
    assert.equal(2, rows)
    assert.is_nil(html:find("Report the outcome", 1, true))
  end)

  it("shows reasons whole, once, and refreshes itself while it is under way", function()
    world:define("x", { call("a", "endless", { retries = 0 }) })
    local _, _, path = begun "x"
    local html = world:get(path)
    assert.equal(1, select(2, html:gsub(("x"):rep(5000), "")))
    assert.matches(("x"):rep(200) .. "…", html, 1, true)
    assert.matches('<body data-refresh="">', html, 1, true)
    local _, _, live = begun "w"
    assert.matches('<body data-refresh="1">', world:get(live), 1, true)
    assert.matches('<body data-refresh="">', world:send(live, { status = "COMPLETED", output = "no" }).body, 1, true)
  end)

  it("shows its data whole", function()
    local _, _, path = begun "w"
    local html = world:get(path)
    assert.matches("&quot;asyncComplete&quot;: true", html, 1, true)
    assert.matches("&quot;asked&quot;: true", html, 1, true)
  end)
end)

describe("an asynchronous task", function()
  it("is reported as completed, with its output", function()
    local execution, _, path = begun "w"
    assert.matches("Report the outcome", world:get(path), 1, true)
    local html, location = world:act(path, { status = "COMPLETED", output = '{"answer": "yes"}' })
    assert.matches("^" .. world:path("executions", execution.id):gsub("%-", "%%-") .. "%?", location)
    assert.matches("The task wait was reported as completed.", html, 1, true)
    local ended = world:execution(execution.id)
    assert.equal("COMPLETED", ended.status)
    assert.equal("yes", ended.executedTasks[1].output.answer)
    assert.is_nil(world:get(path):find("Report the outcome", 1, true))
  end)

  it("is reported as failed", function()
    local execution, _, path = begun "w"
    world:act(path, { status = "FAILED_WITH_TERMINAL_ERROR", output = "" })
    assert.equal("FAILED", world:execution(execution.id).status)
  end)

  it("is left alone when what was typed is wrong", function()
    local execution, _, path = begun "w"
    local response = world:send(path, { status = "FAILED", output = '{"password": "canary", 7' })
    assert.equal(422, response.status)
    assert.matches("This is not JSON: unexpected token at character 24. What looks like a secret", response.body, 1,
      true)
    assert.matches("{&quot;password&quot;: …, 7</textarea>", response.body, 1, true)
    assert.matches('<option value="FAILED" selected>', response.body, 1, true)
    assert.is_nil(response.body:find("canary", 1, true))
    response = world:send(path, { status = "SKIPPED" })
    assert.equal(422, response.status)
    assert.matches("The outcome was not taken: ", response.body, 1, true)
    assert.equal("IN_PROGRESS", world:execution(execution.id).executedTasks[1].status)
  end)

  it("that is over takes no outcome", function()
    local _, _, path = begun "w"
    world:act(path, { status = "COMPLETED" })
    assert.matches("The outcome was not taken: Task is not in progress", world:act(path, { status = "FAILED" }), 1,
      true)
  end)
end)
