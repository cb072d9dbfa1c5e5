-- SPDX-License-Identifier: Apache-2.0
-- The page to look at, made from a real simulator: what it shows while things happen, and what it never shows.

local core = require "cdfworkflow.core"
local page = require "cdfworkflow.simulator.serve.page"
local simulator = require "cdfworkflow.simulator"

local CANARY = "canary-51c0"

local sim

local function api(path, body)
  local response = sim:answer({
    method = body and "POST" or "GET", path = "/api/v1/projects/my-project" .. path,
    headers = { ["content-type"] = "application/json" }, body = body and assert(core.encode(body)),
  }, sim.directory.order[1])
  assert(response.status < 300, response.body)
  return core.decode(response.body)
end

local function call(id, name, more)
  local task = { externalId = id, type = "function", parameters = { ["function"] = { externalId = name } } }
  for key, value in pairs(more or {}) do task[key] = value end
  return task
end

local function define(workflow, tasks)
  api("/workflows/versions", { items = { { workflowExternalId = workflow, version = "1",
    workflowDefinition = { tasks = tasks } } } })
end

local function start(workflow, input)
  local session = api("/sessions", { items = { { tokenExchange = true } } })
  return api("/workflows/" .. workflow .. "/versions/1/run",
    { authentication = { nonce = session.items[1].nonce }, input = input })
end

local function view(execution)
  return assert(page.render(sim, "/ui/my-project/executions/" .. execution.id))
end

-- Elements that are open at the end, or closed without being open: none in good HTML.
local function unbalanced(html)
  local open, void = {}, { meta = true, ["!doctype"] = true }
  for closing, name, rest in html:gsub("<style>.-</style>", ""):gmatch("<(/?)([%a!][%w]*)([^>]*)>") do
    if closing == "/" then
      if table.remove(open) ~= name then return "</" .. name .. ">" end
    elseif not void[name] and rest:sub(-1) ~= "/" then
      open[#open + 1] = name
    end
  end
  return open[1]
end

describe("the page", function()
  before_each(function()
    sim = simulator.new {
      client_secret = CANARY,
      functions = {
        quick = function() return { rows = 120 } end,
        slow = function() return { done = true }, 30 end,
        bad = function() error("no <such> sensor", 0) end,
        list = function() return { tasks = { call("part-1", "quick"), call("part-2", "slow") } } end,
      },
    }
  end)

  it("is there for an empty simulator", function()
    local html = page.render(sim, "/")
    assert.matches("my%-project", html)
    assert.matches("No execution yet", html, 1, true)
    assert.matches("No workflow yet", html, 1, true)
    assert.matches('<meta http-equiv="refresh" content="3">', html, 1, true)
    assert.is_nil(unbalanced(html))
  end)

  it("lists workflows and the latest executions, newest first", function()
    define("one", { call("a", "quick") })
    define("two", { call("a", "slow"), call("b", "quick") })
    local first = start "one"
    sim:advance(5)
    local second = start "two"
    sim:advance(7)
    local html = page.render(sim, "/?x=1")
    local at = html:find("/executions/" .. first.id, 1, true)
    assert.is_true(html:find("/executions/" .. second.id, 1, true) < at)
    assert.matches('<span class="status done">completed</span>', html, 1, true)
    assert.matches('<span class="status live">running</span>', html, 1, true)
    assert.matches("1 of 2", html, 1, true)
    assert.matches(">7.0 s<", html, 1, true)
    assert.matches("<td>one</td><td></td><td class=\"number\">1</td><td class=\"number\">1</td><td class=\"number\">0",
      html, 1, true)
    assert.is_nil(unbalanced(html))
  end)

  it("shows no more than the latest fifty", function()
    define("one", { call("a", "quick") })
    for _ = 1, 53 do start "one" end
    local _, count = page.render(sim, "/"):gsub('<a href="/ui/', "")
    assert.equal(50, count)
  end)

  it("shows one execution with its graph, live", function()
    define("w", { call("read", "quick"), call("work", "slow", { dependsOn = { { externalId = "read" } } }),
      call("last", "quick", { dependsOn = { { externalId = "work" } } }) })
    local execution = start("w", { plant = "north" })
    sim:advance(10)
    local html = view(execution)
    assert.matches('<meta http-equiv="refresh" content="2">', html, 1, true)
    assert.matches('<g class="done"><title>read: completed</title>', html, 1, true)
    assert.matches('<g class="live"><title>work: in progress</title>', html, 1, true)
    assert.matches('<g class="idle"><title>last: waiting</title>', html, 1, true)
    assert.matches("&quot;plant&quot;: &quot;north&quot;", html, 1, true)
    assert.matches("&quot;rows&quot;: 120", html, 1, true)
    assert.is_nil(unbalanced(html))
    sim:advance(30)
    html = view(execution)
    assert.is_nil(html:find("refresh", 1, true))
    assert.matches('<g class="done"><title>last: completed</title>', html, 1, true)
    assert.matches(">30 s<", html, 1, true)
  end)

  it("shows why something failed, and what was left undone", function()
    define("w", { call("a", "bad", { retries = 0 }), call("b", "quick", { dependsOn = { { externalId = "a" } } }) })
    local execution = start "w"
    sim:advance(5)
    local html = view(execution)
    assert.matches('<span class="status bad">failed</span>', html, 1, true)
    assert.matches('<g class="bad"><title>a: failed', html, 1, true)
    assert.matches("no &lt;such&gt; sensor", html, 1, true)
  end)

  it("draws the tasks that a task has made by themselves", function()
    define("w", { call("make", "list"), { externalId = "fan", type = "dynamic", dependsOn = { { externalId = "make" } },
      parameters = { dynamic = { tasks = "${make.output.response.tasks}" } } } })
    local execution = start "w"
    sim:advance(2)
    local html = view(execution)
    assert.matches("<h2>Tasks of fan</h2>", html, 1, true)
    assert.matches('<g class="done"><title>part-1: completed</title>', html, 1, true)
    assert.matches('<g class="live"><title>part-2: in progress</title>', html, 1, true)
    assert.matches("fan › part-1", html, 1, true)
  end)

  it("marks a queued execution", function()
    api("/workflows", { items = { { externalId = "w", maxConcurrentExecutions = 1 } } })
    define("w", { call("a", "slow") })
    start "w"
    local waiting = start "w"
    sim:advance(1)
    assert.matches('<span class="status idle">queued</span>', view(waiting), 1, true)
  end)

  it("is found under names with any characters", function()
    sim = simulator.new { project = "a b/ö", functions = { quick = function() return {} end } }
    local id = "x & <y> 'z' \"/?#%é"
    local body = assert(core.encode { items = { { externalId = id, description = "<script>alert(1)</script>" } } })
    sim:answer({ method = "POST", path = "/api/v1/projects/a%20b%2F%C3%B6/workflows",
      headers = { ["content-type"] = "application/json" }, body = body }, sim.directory.order[1])
    local html = page.render(sim, "/")
    assert.is_nil(html:find("<script>", 1, true))
    assert.is_nil(html:find("<y>", 1, true))
    assert.matches("x &amp; &lt;y&gt; &#39;z&#39; &quot;/?#%é", html, 1, true)
    assert.is_nil(unbalanced(html))
  end)

  it("leads from the list to the execution, whatever the names", function()
    sim = simulator.new { projects = { "a b/ö" }, functions = { quick = function() return {} end } }
    local stored = sim.projects["a b/ö"]
    stored.state.execution_order[1] = stored.engine:start { workflowExternalId = "w", version = "1",
      definition = { tasks = { call("a", "quick") } } }.id
    local href = page.render(sim, "/"):match('href="(/ui/[^"]+)"')
    assert.matches("^/ui/a%%20b%%2F%%C3%%B6/executions/%x", href)
    assert.matches("<h1>w 1</h1>", page.render(sim, href), 1, true)
  end)

  it("shows no secret", function()
    local data = { plant = "north", ["client-secret"] = CANARY, nested = { { apiKey = CANARY, password = CANARY } } }
    define("w", { call("a", "quick", { parameters = { ["function"] = { externalId = "quick", data = data } } }) })
    local execution = start("w", { clientSecret = CANARY, list = { { nonce = CANARY, access_token = CANARY } } })
    sim:advance(1)
    local html = view(execution) .. page.render(sim, "/")
    assert.matches("&quot;clientSecret&quot;: &quot;…&quot;", html, 1, true)
    assert.matches("&quot;plant&quot;: &quot;north&quot;", html, 1, true)
    assert.is_nil(html:find(CANARY, 1, true))
  end)

  it("is not there for other paths", function()
    for _, path in ipairs { "/ui/", "/ui/x/executions/y", "/ui/my-project/executions/", "/ui/my-project", "/x",
      "/ui/my-project/executions/00000000-0000-4000-8000-000000000000" } do
      assert.is_nil(page.render(sim, path))
    end
    assert.matches("Not found", page.missing(sim), 1, true)
    assert.is_nil(unbalanced(page.missing(sim)))
  end)

  it("has no script and asks for nothing from elsewhere", function()
    define("w", { call("a", "quick") })
    local execution = start "w"
    for _, html in ipairs { page.render(sim, "/"), view(execution), page.missing(sim) } do
      assert.is_nil(html:find("<script", 1, true))
      assert.is_nil(html:find("https?://"))
      assert.is_nil(html:find(" src=", 1, true))
    end
  end)
end)
