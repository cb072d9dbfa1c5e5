-- SPDX-License-Identifier: Apache-2.0
-- One execution on the page: graph, timeline, tasks with their attempts, what will not run; cancelling and retrying it.

local support = require "page_world"

local call, unbalanced = support.call, support.unbalanced

local world

-- A function that fails so many times and then succeeds.
local function fails_first(times)
  local count = 0
  return function()
    count = count + 1
    if count <= times then error("failure " .. count, 0) end
    return { count = count }, 2
  end
end

before_each(function()
  world = support.new { functions = {
    quick = function() return { rows = 120 } end,
    slow = function() return { done = true }, 30 end,
    bad = function() error("no <such> sensor", 0) end,
    shaky = fails_first(2),
    list = function() return { tasks = { call("part-1", "quick"), call("part-2", "slow") } } end,
  } }
end)

local function after(...)
  local needs = {}
  for i, id in ipairs { ... } do needs[i] = { externalId = id } end
  return { dependsOn = needs }
end

describe("an execution on the page", function()
  it("is shown with its graph, live", function()
    world:define("w", { call("read", "quick"), call("work", "slow", after "read"),
      call("last", "quick", after "work") })
    local execution = world:start("w", { plant = "north" }, { team = "forecast" })
    world.sim:advance(10)
    local html = world:view(execution)
    assert.matches('<body data-refresh="1">', html, 1, true)
    assert.matches('<g class="done"><title>read: completed</title>', html, 1, true)
    assert.matches('<g class="live"><title>work: in progress</title>', html, 1, true)
    assert.matches('<g class="idle"><title>last: waiting</title>', html, 1, true)
    assert.matches("&quot;plant&quot;: &quot;north&quot;", html, 1, true)
    assert.matches("&quot;rows&quot;: 120", html, 1, true)
    assert.matches("<code>team</code> = forecast", html, 1, true)
    assert.matches("1 of 3 done", html, 1, true)
    assert.is_nil(unbalanced(html))
    world.sim:advance(30)
    html = world:view(execution)
    assert.matches('<body data-refresh="">', html, 1, true)
    assert.matches('<g class="done"><title>last: completed</title>', html, 1, true)
    assert.matches(">30 s<", html, 1, true)
  end)

  it("leads from each box that has begun to its task", function()
    world:define("w", { call("a", "slow"), call("b", "quick", after "a") })
    local execution = world:start "w"
    world.sim:advance(1)
    local html, id = world:view(execution), world:execution(execution.id).executedTasks[1].id
    assert.matches('<a href="#t-' .. id .. '"><g class="live"><title>a:', html, 1, true)
    assert.matches('<tr id="t-' .. id .. '">', html, 1, true)
    assert.matches('<code class="id">' .. id .. "</code>", html, 1, true)
    assert.matches('href="' .. world:path("executions", execution.id, "tasks", id) .. '"', html, 1, true)
    assert.is_nil(html:find('<a href="#[^"]*"><g class="idle"'))
  end)

  it("says why it failed, and what will not run", function()
    world:define("w", { call("a", "bad", { retries = 0 }), call("b", "quick", after "a") })
    local execution = world:start "w"
    world.sim:advance(5)
    local html = world:view(execution)
    assert.matches('<span class="status bad">failed</span><div class="reason">Task a failed: no &lt;such&gt; sensor'
      .. "</div>", html, 1, true)
    assert.matches('<g class="bad"><title>a: failed', html, 1, true)
    assert.matches('<g class="idle"><title>b: not run</title>', html, 1, true)
    assert.is_nil(html:find("waiting", 1, true))
  end)

  it("does not look as if all were well when optional tasks have failed", function()
    world:define("w", { call("a", "bad", { retries = 0, onFailure = "skipTask" }), call("b", "quick", after "a") })
    local execution = world:start "w"
    world.sim:advance(5)
    assert.equal("COMPLETED", world:execution(execution.id).status)
    for _, html in ipairs { world:view(execution), world:get "/" } do
      assert.matches('<span class="status warn">completed with errors</span>', html, 1, true)
      assert.matches("a: no &lt;such&gt; sensor", html, 1, true)
      assert.is_nil(html:find('<span class="status done">completed</span></dd>', 1, true))
    end
    assert.matches('<progress class="warn" value="2" max="2">', world:get "/", 1, true)
  end)

  it("tells every attempt with its error", function()
    world:define("w", { call("a", "shaky", { retries = 3 }),
      call("b", "bad", { retries = 0, onFailure = "skipTask" }) })
    local execution = world:start "w"
    world.sim:advance(10)
    local html = world:view(execution)
    assert.matches('<div class="reason">attempt 1: failure 1</div><div class="reason">attempt 2: failure 2</div>',
      html, 1, true)
    assert.is_nil(html:find("attempt 3", 1, true))
    assert.matches('<div class="reason">no &lt;such&gt; sensor</div>', html, 1, true)
    assert.matches('<td class="number" data-label="Attempts"><div>3</div></td>', html, 1, true)
  end)

  it("draws the tasks that a task has made by themselves, and those that it will not make up for", function()
    local failing = { call("part-1", "bad", { retries = 0 }), call("part-2", "quick", after "part-1") }
    world.sim:function_handler("failing", function() return { tasks = failing } end)
    local function fan(make)
      return { call("make", make), { externalId = "fan", type = "dynamic", dependsOn = { { externalId = "make" } },
        parameters = { dynamic = { tasks = "${make.output.response.tasks}" } } } }
    end
    world:define("w", fan "list")
    world:define("v", fan "failing")
    local execution, broken = world:start "w", world:start "v"
    world.sim:advance(2)
    local html = world:view(execution)
    assert.matches("<h2>Tasks of fan</h2>", html, 1, true)
    assert.matches('<g class="done"><title>part-1: completed</title>', html, 1, true)
    assert.matches('<g class="live"><title>part-2: in progress</title>', html, 1, true)
    assert.matches("fan › part-1", html, 1, true)
    html = world:view(broken)
    assert.matches("<title>part-2: not run</title>", html, 1, true)
    assert.matches("Task fan failed · part-1: no", html, 1, true) -- the culprit, not what held it
  end)

  it("is drawn whatever a function has made of its tasks", function()
    local core = require "cdfworkflow.core"
    world.sim:function_handler("odd", function()
      return { tasks = { call("part-1", "quick", { dependsOn = core.null, name = core.null, retries = core.null }) } }
    end)
    world:define("w", { call("make", "odd"), { externalId = "fan", type = "dynamic", dependsOn = {
      { externalId = "make" } }, parameters = { dynamic = { tasks = "${make.output.response.tasks}" } } } })
    local execution = world:start "w"
    world.sim:advance(60)
    assert.matches("<title>part-1: completed</title>", world:view(execution), 1, true)
  end)

  it("is marked while it is queued", function()
    world:api("/workflows", { items = { { externalId = "w", maxConcurrentExecutions = 1 } } })
    world:define("w", { call("a", "slow") })
    world:start "w"
    local waiting = world:start "w"
    world.sim:advance(1)
    local html = world:view(waiting)
    assert.matches('<span class="status idle">queued</span>', html, 1, true)
    assert.is_nil(html:find("Timeline", 1, true))
  end)

  it("shows its own input whole, and says where other data is cut", function()
    world:define("w", { call("a", "quick", { parameters = { ["function"] = { externalId = "quick",
      data = "${workflow.input}" } } }) })
    local execution = world:start("w", { long = ("y"):rep(3000) })
    local html = world:view(execution)
    assert.equal(1, select(2, html:gsub(("y"):rep(3000), "")))
    world.sim:advance(1)
    html = world:view(execution)
    assert.equal(1, select(2, html:gsub(("y"):rep(3000), "")))
    assert.matches("…</pre><p class=\"hint\">The first 2,000 characters.</p>", html, 1, true)
  end)

  it("is cut short where a task says very much", function()
    world.sim:function_handler("talk", function() return { text = ("x"):rep(50000) } end)
    world:define("w", { call("a", "talk") })
    local execution = world:start "w"
    world.sim:advance(1)
    local html = world:view(execution)
    assert.is_true(#html < 30000)
    assert.matches("x…</pre>", html, 1, true)
    local id = world:execution(execution.id).executedTasks[1].id
    assert.matches(("x"):rep(50000), world:get(world:path("executions", execution.id, "tasks", id)), 1, true)
  end)
end)

describe("a run", function()
  local execution, path

  before_each(function()
    world:define("w", { call("a", "slow"), call("b", "quick", after "a") })
    execution = world:start("w")
    path = world:path("executions", execution.id)
    world.sim:advance(1)
  end)

  it("is cancelled by its button", function()
    assert.matches('<input type="hidden" name="deed" value="cancel"><button class="bad">Cancel</button>',
      world:get(path), 1, true)
    local html = world:act(path, { deed = "cancel" })
    assert.matches('<div class="notice done" role="status">The run was cancelled.</div>', html, 1, true)
    assert.matches('<span class="status stop">terminated</span>', html, 1, true)
    assert.is_nil(html:find(">Cancel<", 1, true))
    local ended = world:execution(execution.id)
    assert.equal("TERMINATED", ended.status)
    assert.equal("Cancelled on the page", ended.reasonForIncompletion)
  end)

  it("that is over is not cancelled, and the page says so", function()
    world.sim:advance(60)
    local html = world:act(path, { deed = "cancel" })
    assert.matches('<div class="notice bad" role="status">The run was not cancelled: Execution is not running</div>',
      html, 1, true)
  end)

  it("is retried by its button, with a session of its own", function()
    world:act(path, { deed = "cancel" })
    local html = world:act(path, { deed = "retry" })
    assert.matches("The run goes on with the tasks that had not succeeded.", html, 1, true)
    assert.matches('<span class="status live">running</span>', html, 1, true)
    world.sim:advance(60)
    assert.equal("COMPLETED", world:execution(execution.id).status)
    assert.is_nil(world:get(path):find(">Retry<", 1, true))
    html = world:act(path, { deed = "retry" })
    assert.matches("The run was not retried: Only failed", html, 1, true)
  end)

  it("is acted on by nobody who is not allowed to", function()
    world = support.new { principals = { { client_id = "reader", client_secret = "s",
      capabilities = { workflowOrchestrationAcl = { "READ" } } } } }
    local stored = world.sim.projects["my-project"]
    local id = stored.engine:start { workflowExternalId = "w", version = "1", definition = { tasks = {} } }.id
    stored.state.execution_order[1] = id
    local html = world:act(world:path("executions", id), { deed = "cancel" })
    assert.matches("Missing capability workflowOrchestrationAcl:WRITE", html, 1, true)
  end)
end)
