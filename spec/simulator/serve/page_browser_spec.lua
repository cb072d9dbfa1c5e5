-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The page in a real browser: a run is started, watched and cancelled by clicking; what is open, typed or focused
-- survives the page's refreshing itself; everything works without JavaScript; the browser finds nothing to complain of.

local browser = require "browser"
local core = require "cdfworkflow.core"
local server = require "server"

local PLANT = [[
local function task(id, name, need)
  return { externalId = id, type = "function", dependsOn = need and { { externalId = need } } or nil,
    parameters = { ["function"] = { externalId = name, data = { plant = "${workflow.input.plant}" } } } }
end
return {
  functions = {
    quick = function(data) return { rows = 120, plant = data.plant }, 0.5 end,
    slow = function() return { done = true }, 600 end,
    split = function() return { tasks = { task("part", "slow") } }, 1 end,
  },
  versions = {
    { workflowExternalId = "forecast", version = "1", workflowDefinition = { tasks = {
      task("read", "quick"), task("work", "slow", "read"), task("report", "quick", "work") } } },
    { workflowExternalId = "forecast", version = "2", workflowDefinition = { tasks = {
      task("read", "quick"), task("work", "slow", "read") } } },
    { workflowExternalId = "parts", version = "1", workflowDefinition = { tasks = { task("split", "split"),
      { externalId = "fan", type = "dynamic", dependsOn = { { externalId = "split" } },
        parameters = { dynamic = { tasks = "${split.output.response.tasks}" } } } } } },
    { workflowExternalId = "approval", version = "1", workflowDefinition = { tasks = { { externalId = "ask",
      type = "function", parameters = { ["function"] = { externalId = "quick" }, isAsyncComplete = true } } } } },
    { workflowExternalId = ("W"):rep(255), version = "1", workflowDefinition = { tasks = {
      task(("W"):rep(255), "slow"), task("</title><script>pwned = true</script>", "slow") } } },
  },
}]]

local file, sim, chromium

local function api(path, body)
  local command = ("curl -sS --noproxy '*' --max-time 10 -H 'Authorization: Bearer fixed' "
    .. "-H 'Content-Type: application/json' %s '%s/api/v1/projects/my-project%s'"):format(
    body and "-d '" .. assert(core.encode(body)) .. "'" or "", sim.url, path)
  local pipe = assert(io.popen(command))
  local answer = pipe:read "*a"
  pipe:close()
  return assert(core.decode(answer))
end

local function start_run(workflow)
  local nonce = api("/sessions", { items = { { tokenExchange = true } } }).items[1].nonce
  return api(("/workflows/%s/versions/1/run"):format(workflow or "forecast"),
    { authentication = { nonce = nonce }, input = { plant = "north" } })
end

setup(function()
  file = os.tmpname()
  local out = assert(io.open(file, "w"))
  out:write(PLANT)
  out:close()
  sim = server.start { "--token", "fixed", "--load", file }
  chromium = browser.start()
end)

teardown(function()
  chromium:stop()
  sim:stop()
  os.remove(file)
end)

-- The way to the form, and a run started from it.
local function start_by_clicking()
  chromium:go { url = sim.url .. "/" }
  chromium:click { role = "link", name = "Workflows" }
  chromium:click { role = "link", name = "forecast" }
  chromium:click { role = "link", name = "Start a run" }
  assert.equal("2", chromium:value { label = "Version" })
  chromium:choose { label = "Version", value = "1" }
  chromium:type { label = "Input (JSON)", value = '{ "plant": north }' }
  chromium:type { label = "Metadata", value = "team=forecast" }
  chromium:click { role = "button", name = "Start" }
  chromium:see { text = "This is not JSON: unexpected character at character 12." }
  assert.equal('{ "plant": north }', chromium:value { label = "Input (JSON)" })
  assert.equal("team=forecast", chromium:value { label = "Metadata" })
  assert.equal("1", chromium:value { label = "Version" })
  chromium:type { label = "Input (JSON)", value = '{ "plant": "north" }' }
  chromium:click { role = "button", name = "Start" }
  chromium:see { text = "The run was started." }
end

-- The run whose page the browser shows, as the API knows it.
local function shown_run()
  return api("/workflows/executions/" .. chromium:url():match "/executions/([%x-]+)")
end

describe("a run in a browser #timed", function()
  it("is started, watched and cancelled by clicking", function()
    chromium:look {}
    start_by_clicking()
    assert.same({ plant = "north" }, shown_run().input)
    assert.same({ team = "forecast" }, shown_run().metadata)
    chromium:see { css = 'svg g.live text:has-text("read")' }
    chromium:click { css = "#input summary" }
    chromium:see { text = '"plant": "north"' }
    -- Nobody loads the page again: the first task ends, the next begins, and the input stays open.
    chromium:see { css = 'svg g.done text:has-text("read")' }
    chromium:see { css = 'svg g.live text:has-text("work")' }
    chromium:see { css = "#input[open] pre" }
    chromium:see { css = ".timeline .lane rect.done" }
    chromium:click { role = "button", name = "Cancel" }
    chromium:see { text = "The run was cancelled." }
    chromium:see { css = ".facts .status.stop" }
    chromium:see { css = 'svg g.idle text:has-text("not run")' }
    assert.equal("TERMINATED", shown_run().status)
    local complaints = chromium:complaints() -- of the input that was refused, and nothing else
    assert.equal(1, #complaints)
    assert.matches("422", complaints[1], 1, true)
  end)

  it("is started, retried and cancelled without JavaScript", function()
    chromium:look { javaScriptEnabled = false }
    start_by_clicking()
    chromium:click { role = "button", name = "Cancel" }
    chromium:click { role = "button", name = "Retry" }
    chromium:see { text = "The run goes on" }
    assert.equal("RUNNING", shown_run().status)
    chromium:click { role = "link", name = "Look again" }
    chromium:see { css = ".facts .status.live" }
    chromium:click { role = "button", name = "+1 h" }
    chromium:see { text = "The clock was moved by 1 h." }
    chromium:see { css = ".facts .status.done" }
    assert.equal("COMPLETED", shown_run().status)
  end)

  it("has boxes that lead to their tasks", function()
    local run = start_run()
    sim:advance(5)
    chromium:look {}
    chromium:go { url = sim.url .. "/ui/my-project/executions/" .. run.id }
    chromium:click { css = 'svg a text:has-text("work")' }
    local task = api("/workflows/executions/" .. run.id).executedTasks[2]
    assert.equal("#t-" .. task.id, chromium:url():match("#.*$"))
    assert.matches("work", chromium:read { css = "tr:target" }, 1, true)
    chromium:click { css = "tr:target a" }
    chromium:see { css = "h1 >> text=work" }
  end)
end)

describe("a page that refreshes itself #timed", function()
  it("leaves alone what is typed and focused, and shows what is new", function()
    chromium:look {}
    chromium:go { url = sim.url .. "/ui/my-project/executions?workflow=forecast" }
    chromium:type { label = "Created from (UTC)", value = "2026-01-01T08:30" }
    chromium:choose { label = "Status", value = "FAILED" }
    chromium:evaluate { script = "document.querySelector('#f-from').focus()" }
    local run = start_run()
    chromium:see { css = "#e-" .. run.id .. " .status.live" }
    assert.equal("2026-01-01T08:30", chromium:value { label = "Created from (UTC)" })
    assert.equal("FAILED", chromium:value { label = "Status" })
    start_run()
    chromium:see { css = "tbody tr:nth-child(2)#e-" .. run.id } -- the newer one stands above it
    assert.equal("f-from", chromium:evaluate { script = "document.activeElement.id" })
  end)

  it("leaves alone what is typed of a task's outcome, until that is reported", function()
    local run = start_run "approval"
    local task
    repeat task = api("/workflows/executions/" .. run.id).executedTasks[1] until task and task.status == "IN_PROGRESS"
    chromium:look {}
    chromium:go { url = sim.url .. "/ui/my-project/executions/" .. run.id .. "/tasks/" .. task.id }
    chromium:type { label = "Output (JSON)", value = '{ "answer": "y' }
    chromium:choose { label = "Status", value = "FAILED" }
    chromium:miss { css = "time >> text=" .. chromium:read { css = "time" } } -- the page has refreshed itself
    assert.equal('{ "answer": "y', chromium:value { label = "Output (JSON)" })
    assert.equal("FAILED", chromium:value { label = "Status" })
    chromium:choose { label = "Status", value = "COMPLETED" }
    chromium:type { label = "Output (JSON)", value = '{ "answer": "yes" }' }
    chromium:click { role = "button", name = "Report" }
    chromium:see { text = "The task ask was reported as completed." }
    assert.equal("yes", shown_run().executedTasks[1].output.answer)
  end)

  it("keeps open what has moved, and focused what is left", function()
    local run = start_run "parts"
    chromium:look {}
    chromium:go { url = sim.url .. "/ui/my-project/executions/" .. run.id }
    chromium:click { css = "tr:has-text('split') summary" }
    chromium:see { css = "h2 >> text=Tasks of fan" } -- appeared above the open one
    chromium:see { css = "tr:has-text('split') details[open] pre" }

    local second = start_run "parts"
    chromium:go { url = sim.url .. "/ui/my-project/executions?status=RUNNING&workflow=parts" }
    chromium:evaluate { script = ("document.querySelector('#e-%s a').focus()"):format(run.id) }
    api(("/workflows/executions/%s/cancel"):format(second.id), { reason = "x" })
    chromium:miss { css = "#e-" .. second.id } -- it stood above
    assert.matches(run.id, chromium:evaluate { script = "document.activeElement.href || ''" }, 1, true)
  end)
end)

describe("a form in a browser #timed", function()
  it("is not taken from another page", function()
    local run = start_run()
    local action = sim.url .. "/ui/my-project/executions/" .. run.id
    chromium:look {}
    chromium:go { url = "data:text/html,<form method=post action='" .. action
      .. "'><input name=deed value=cancel><button>Win</button></form>" }
    chromium:click { role = "button", name = "Win" }
    chromium:see { text = "This form was sent by another page." }
    assert.equal("RUNNING", api("/workflows/executions/" .. run.id).status)
  end)

  it("pauses and runs a trigger, orders and clears a fault, on a narrow screen too", function()
    chromium:look { width = 400 }
    local nonce = api("/sessions", { items = { { tokenExchange = true } } }).items[1].nonce
    api("/workflows/triggers", { items = { { externalId = "daily", workflowExternalId = "forecast",
      workflowVersion = "1", triggerRule = { triggerType = "schedule", cronExpression = "0 6 * * *" },
      authentication = { nonce = nonce } } } })
    chromium:go { url = sim.url .. "/" }
    chromium:click { role = "link", name = "Schedules" }
    chromium:click { role = "link", name = "daily" }
    chromium:click { role = "button", name = "Pause" }
    chromium:see { css = ".status.warn >> text=paused" }
    chromium:click { role = "button", name = "Run now" }
    chromium:see { text = "A run was started" }
    chromium:click { role = "link", name = "Clock and faults" }
    chromium:type { label = "Order a fault", value = "run:503" }
    chromium:click { role = "button", name = "Order" }
    chromium:see { text = "The fault was ordered." }
    chromium:click { role = "button", name = "Clear" }
    chromium:see { text = "The fault was cleared." }
    assert.is_false(chromium:evaluate { script = "document.documentElement.scrollWidth > innerWidth" })
    assert.same({}, chromium:complaints())
  end)
end)

describe("a page on a narrow screen #timed", function()
  -- Words that reach out of the box that they stand in.
  local OUTSIDE = [=[ [...document.querySelectorAll("svg g")].flatMap((g) => {
    const right = g.querySelector(".box").getBoundingClientRect().right;
    return [...g.querySelectorAll("text")].filter((text) => text.getBoundingClientRect().right > right);
  }).length ]=]

  it("fits, whatever the names, which do nothing", function()
    chromium:look { width = 400 }
    local name = ("W"):rep(255)
    local run, base = start_run(name), "/ui/my-project/"
    for _, path in ipairs {
      "/", base .. "executions", base .. "executions/" .. run.id, base .. "workflows", base .. "workflows/" .. name,
      base .. "workflows/" .. name .. "/versions/1", base .. "workflows/" .. name .. "/run", base .. "functions",
      base .. "sessions", "/ui/controls",
    } do
      assert.equal(200, chromium:go { url = sim.url .. path })
      assert.is_false(chromium:evaluate { script = "document.documentElement.scrollWidth > innerWidth" }, path)
      assert.equal(0, chromium:evaluate { script = OUTSIDE }, path)
      assert.equal("undefined", chromium:evaluate { script = "typeof pwned" })
    end
    assert.same({}, chromium:complaints())
  end)
end)

describe("a simulator that has ended #timed", function()
  it("leaves a page that says so, with what it showed last", function()
    chromium:look {}
    chromium:go { url = sim.url .. "/" }
    sim:stop()
    chromium:see { text = "The simulator does not answer" }
    chromium:see { text = "forecast" }
  end)
end)
