-- SPDX-License-Identifier: Apache-2.0
-- The form that starts a run: what it offers, what it refuses and how, what it starts.

local support = require "page_world"

local call, unbalanced = support.call, support.unbalanced

local world, path

before_each(function()
  world = support.new { functions = { quick = function(data) return { got = data } end } }
  world:define("w", { call("a", "quick") }, "1")
  world:define("w", { call("a", "quick"), call("b", "quick") }, "2")
  path = world:path("workflows", "w", "run")
end)

local function executions()
  return world:api("/workflows/executions/list", {}).items
end

-- The form as it comes back, and nothing was started.
local function refused(form)
  local response = world:send(path, form)
  assert.equal(422, response.status, response.body)
  assert.equal(0, #executions())
  assert.is_nil(unbalanced(response.body))
  return response.body
end

describe("the form that starts a run", function()
  it("offers the versions, the newest first, or the one that was asked for", function()
    local html = world:get(path)
    assert.is_true(html:find('<option value="2">', 1, true) < html:find('<option value="1">', 1, true))
    assert.matches('<option value="1" selected>', world:get(path .. "?version=1"), 1, true)
  end)

  it("starts a run with input and metadata", function()
    local html, location = world:act(path, { version = "2", input = '{\r\n "plant": "north", "n": [1, {}] }',
      metadata = "team=forecast\r\nnote=a=b" })
    local execution = executions()[1]
    assert.equal("/ui/my-project/executions/" .. execution.id, (location:gsub("%?.*", "")))
    assert.matches("The run was started.", html, 1, true)
    assert.equal("2", execution.version)
    assert.same({ team = "forecast", note = "a=b" }, execution.metadata)
    assert.same({ plant = "north", n = { 1, {} } }, world:execution(execution.id).input)
  end)

  it("starts one without either, whose tasks begin at once", function()
    world:act(path, { version = "1", input = "", metadata = "" })
    local execution = world:execution(executions()[1].id)
    assert.is_nil(execution.input)
    assert.same({}, execution.metadata)
    assert.equal(1, #execution.executedTasks)
  end)

  it("says what is wrong beside the field, and keeps what was typed", function()
    local html = refused { version = "1", input = '{\n  "plant": north\n}', metadata = "team=<x>" }
    assert.matches('aria-invalid="true">\n{\n  &quot;plant&quot;: north\n}</textarea><p id="n-input" class="problem">'
      .. "This is not JSON: unexpected character in line 2, column 12.</p>", html, 1, true)
    assert.matches(">\nteam=&lt;x&gt;</textarea>", html, 1, true)
    assert.matches('<option value="1" selected>', html, 1, true)
    html = refused { version = "1", input = "[1]", metadata = "no pair" }
    assert.matches("An object is needed here", html, 1, true)
    assert.matches('<p id="n-metadata" class="problem">Line 1 is not of the form KEY=VALUE.</p>', html, 1, true)
  end)

  it("shows no secret again, and says so", function()
    local html = refused { version = "1", input = '{"apiKey": "canary", "plant": "north" ',
      metadata = "token=canary2\nx" }
    assert.is_nil(html:find("canary", 1, true))
    assert.matches("{&quot;apiKey&quot;: …, &quot;plant&quot;: &quot;north&quot; </textarea>", html, 1, true)
    assert.matches("type the value of apiKey once more.", html, 1, true)
    assert.matches("\ntoken=…\nx</textarea>", html, 1, true)
    -- What took its place is not started as a value.
    refused { version = "1", input = '{"apiKey": …, "plant": "north"}', metadata = "" }
    assert.matches("Type the value of token once more.", refused { version = "1", metadata = "token=…" }, 1, true)
  end)

  it("tells what CDF refuses", function()
    local html = refused { version = "3" }
    assert.matches('<p class="problem" role="alert">The run was not started: Workflow version not found.</p>', html, 1,
      true)
    html = refused { version = "1", input = '{"x": "' .. ("y"):rep(110000) .. '"}' }
    assert.matches("The run was not started: Input data is too large", html, 1, true)
    refused { input = "{}" }
  end)

  it("is hit by no fault, and is not in the log: those are for the programs under test", function()
    world.sim:fault { status = 503, match = { operation = "run" } }
    world:act(path, { version = "1" })
    assert.equal(1, #executions())
    assert.equal(1, #world.sim:list_faults())
    assert.same({}, world.sim.log)
  end)

  it("is not there for a workflow without a version", function()
    world:api("/workflows", { items = { { externalId = "empty" } } })
    assert.equal(404, world:ask(world:path("workflows", "empty", "run")).status)
    assert.is_nil(world:get(world:path("workflows", "empty")):find("Start a run", 1, true))
  end)
end)
