-- SPDX-License-Identifier: Apache-2.0
-- The page as a whole: where pages are, what every one of them has, what none of them shows, and how an action is
-- answered.

local support = require "page_world"

local call, unbalanced = support.call, support.unbalanced
local CANARY = "canary-51c0"

local world

local function functions()
  return {
    quick = function() return { rows = 120 } end,
    slow = function() return { done = true }, 30 end,
    ask = function(_, context)
      context.log("login with password=" .. CANARY)
      return { token = CANARY, plant = "north" }
    end,
    bad = function() error("no access, apiKey: " .. CANARY, 0) end,
  }
end

-- A world in which each kind of page has something to show; gives their paths.
local function full_world()
  world = support.new { client_secret = CANARY, functions = functions() }
  world:define("w", { call("a", "ask"), call("b", "bad", { onFailure = "skipTask", retries = 1 }) })
  local execution = world:start("w", { clientSecret = CANARY, list = { { nonce = CANARY } }, plant = "north" },
    { ["api-key"] = CANARY, team = "x" })
  world:api("/workflows/triggers", { items = { { externalId = "daily", workflowExternalId = "w", workflowVersion = "1",
    triggerRule = { triggerType = "schedule", cronExpression = "0 0 * * *" }, input = { password = CANARY },
    metadata = { token = CANARY }, authentication = { nonce = world:nonce() } } } })
  local fn = world:api("/functions/byids", { items = { { externalId = "ask" } } }).items[1]
  local schedule = world:api("/functions/schedules", { items = { { name = "hourly", cronExpression = "0 * * * *",
    functionId = fn.id, data = { secret = CANARY }, nonce = world:nonce() } } }).items[1]
  world.sim:advance(3700)
  world.sim:fault { status = 503, headers = { authorization = CANARY } }
  local id = function(number) return ("%.0f"):format(number) end
  return {
    "/", "/ui/controls", world:path "executions", world:path("executions", execution.id),
    world:path("executions", execution.id, "tasks", world:execution(execution.id).executedTasks[1].id),
    world:path("executions", execution.id, "tasks", world:execution(execution.id).executedTasks[2].id),
    world:path "workflows", world:path("workflows", "w"), world:path("workflows", "w", "versions", "1"),
    world:path("workflows", "w", "run"), world:path "schedules", world:path("triggers", "daily"),
    world:path("schedules", id(schedule.id)), world:path "functions", world:path("functions", id(fn.id)),
    world:path "sessions", world:path("sessions", id(schedule.sessionId)),
  }
end

describe("the page", function()
  before_each(function() world = support.new { functions = functions() } end)

  it("is there for an empty simulator", function()
    local html = world:get "/"
    assert.matches("<h1>my-project</h1>", html, 1, true)
    assert.matches("No execution yet.", html, 1, true)
    assert.matches("No workflow yet.", html, 1, true)
    assert.is_nil(unbalanced(html))
  end)

  it("lists workflows and the latest executions, newest first", function()
    world:define("one", { call("a", "quick") })
    world:define("two", { call("a", "slow"), call("b", "quick") })
    local first = world:start "one"
    world.sim:advance(5)
    local second = world:start "two"
    world.sim:advance(7)
    local html = world:get "/?x=1"
    assert.is_true(html:find("/executions/" .. second.id, 1, true) < html:find("/executions/" .. first.id, 1, true))
    assert.matches('<span class="status done">completed</span>', html, 1, true)
    assert.matches('<span class="status live">running</span>', html, 1, true)
    assert.matches("1 of 2", html, 1, true)
    assert.matches(">7 s<", html, 1, true)
    assert.matches('>one</a></div></td><td data-label="Description"><div></div></td>'
      .. '<td class="number" data-label="Versions"><div>1</div></td>', html, 1, true)
  end)

  it("shows every project that there is", function()
    world = support.new { projects = { "north", "south" } }
    local html = world:get "/"
    assert.matches("<h1>north</h1>", html, 1, true)
    assert.matches("<h1>south</h1>", html, 1, true)
    assert.matches('<span class="project">south</span>', world:get "/ui/south/workflows", 1, true)
  end)

  it("is good HTML everywhere, and leads nowhere that is not there", function()
    for _, path in ipairs(full_world()) do
      local html = world:get(path)
      assert.is_nil(unbalanced(html), path)
      for href in html:gmatch('href="(/[^"]*)"') do
        assert.equal(200, world:ask((href:gsub("&amp;", "&"))).status, path .. " leads to " .. href)
      end
    end
  end)

  it("has each id once", function()
    for _, path in ipairs(full_world()) do
      local known = {}
      for id in world:get(path):gmatch(' id="([^"]*)"') do
        assert.is_nil(known[id], path .. " has twice " .. id)
        known[id] = true
      end
    end
  end)

  it("shows no secret on any page", function()
    local shown = 0
    for _, path in ipairs(full_world()) do
      local html = world:get(path)
      assert.is_nil(html:find(CANARY, 1, true), path)
      shown = shown + (html:find("…", 1, true) and 1 or 0)
    end
    assert.is_true(shown >= 6) -- where one was, it shows that there was one
    assert.matches("no access, apiKey: …", world:get "/", 1, true)
  end)

  it("has no script but its own file, no style in elements, and asks for nothing from elsewhere", function()
    for _, path in ipairs(full_world()) do
      local html = world:get(path):gsub('<script src="/ui/refresh.js" defer></script>', "")
      for _, word in ipairs { "<script", "<style", " style=", "http:", "https:", " onclick", "javascript:" } do
        assert.is_nil(html:find(word, 1, true), path .. " has " .. word)
      end
    end
  end)

  it("serves its style and its script as files", function()
    local style, script = world:ask "/ui/style.css", world:ask "/ui/refresh.js"
    assert.equal("text/css; charset=utf-8", style.headers["content-type"])
    assert.matches("prefers-color-scheme: dark", style.body, 1, true)
    assert.equal("text/javascript; charset=utf-8", script.headers["content-type"])
    assert.matches('"use strict";', script.body, 1, true)
  end)

  it("lets no other page show, frame or script it", function()
    for _, path in ipairs { "/", "/ui/nothing/here" } do
      local headers = world:ask(path).headers
      local policy = headers["content-security-policy"]
      for _, rule in ipairs { "default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'",
        "form-action 'self'", "base-uri 'none'" } do
        assert.matches(rule, policy, 1, true)
      end
      assert.is_nil(policy:find("unsafe", 1, true))
      assert.equal("DENY", headers["x-frame-options"])
      assert.equal("nosniff", headers["x-content-type-options"])
      assert.equal("no-store", headers["cache-control"])
    end
  end)

  it("refreshes itself where there is something to watch", function()
    local paths = full_world()
    for _, position in ipairs { 1, 2 } do -- the first page, the faults that wait
      assert.matches('<body data-refresh="1">', world:get(paths[position]), 1, true)
    end
    for _, position in ipairs { 5, 10 } do -- a task that is over, the start of a run
      assert.matches('<body data-refresh="">', world:get(paths[position]), 1, true)
    end
    local answer = world:send("/ui/controls", { deed = "order", fault = "no" }) -- what is wrong stays to be read
    assert.matches('<body data-refresh="">', answer.body, 1, true)
    for _, path in ipairs(paths) do assert.is_nil(world:get(path):find("http-equiv", 1, true), path) end
  end)

  it("marks where one is, on the pages below a list too", function()
    full_world()
    local here = '<a href="%s" aria-current="%s">'
    for path, expected in pairs {
      [world:path "executions"] = here:format(world:path "executions", "page"),
      [world:path("workflows", "w")] = here:format(world:path "workflows", "true"),
      [world:path("triggers", "daily")] = here:format(world:path "schedules", "true"),
      ["/ui/controls"] = here:format("/ui/controls", "page"),
    } do
      local html = world:get(path)
      assert.matches(expected, html, 1, true)
      assert.equal(1, select(2, html:gsub("aria%-current", "")))
    end
  end)

  it("says that there is nothing", function()
    for _, path in ipairs { "/ui", "/ui/", "/ui/x/executions", "/ui/my-project", "/ui/my-project/executions/no",
      "/ui/my-project/executions/no/tasks/no", "/ui/my-project/workflows/no", "/ui/my-project/workflows/no/versions/1",
      "/ui/my-project/workflows/no/run", "/ui/my-project/triggers/no", "/ui/my-project/schedules/1",
      "/ui/my-project/functions/1", "/ui/my-project/sessions/1", "/ui/my-project/sessions/x",
      "/ui/my-project/executions/00000000-0000-4000-8000-000000000000" } do
      local response = world:ask(path)
      assert.equal(404, response.status, path)
      assert.matches("There is nothing here.", response.body, 1, true)
      assert.is_nil(unbalanced(response.body))
    end
  end)

  it("is for reading by its paths only", function()
    local page = require "cdfworkflow.simulator.serve.page"
    for path, wanted in pairs { ["/"] = true, ["/?x"] = true, ["/ui/x"] = true, ["/ui"] = false, ["/uixyz"] = false,
      ["/api/v1/projects/x"] = false } do
      assert.equal(wanted, page.is_for { method = "GET", path = path }, path)
    end
    assert.is_false(page.is_for { method = "POST", path = "/" })
    assert.is_true(page.is_for { method = "POST", path = "/ui/controls" })
  end)

  it("takes nothing where there is no form", function()
    local response = world:send("/ui/my-project/executions", { deed = "cancel" })
    assert.equal(405, response.status)
    assert.equal("GET", response.headers.allow)
  end)

  it("is found under names with any characters", function()
    world = support.new { project = "a b/ö", functions = functions() }
    local id = "x & <y> 'z' \"/?#%é"
    world:define(id, { call("<t>", "quick", { name = "<b>" }) })
    world:api("/workflows", { items = { { externalId = id, description = "<script>alert(1)</script>" } } })
    local execution = world:start(id, { ["<i>"] = "<u>" })
    world.sim:advance(1)
    for _, path in ipairs { "/", world:path("workflows", id), world:path("workflows", id, "versions", "1"),
      world:path("executions", execution.id), world:path("workflows", id, "run"), world:path "workflows" } do
      local html = world:get(path)
      for _, tag in ipairs { "<script>alert", "<y>", "<t>", "<b>", "<i>", "<u>" } do
        assert.is_nil(html:find(tag, 1, true), path .. " has " .. tag)
      end
      assert.is_nil(unbalanced(html))
    end
    assert.matches("x &amp; &lt;y&gt; &#39;z&#39; &quot;/?#%é", world:get "/", 1, true)
    assert.matches("<h1>x &amp; ", world:get(world:get("/"):match('href="(/ui/[^"]+/executions/%x[^"]+)"')), 1, true)
  end)

  it("is not shown under a name that leads here by somebody else's doing", function()
    for _, host in ipairs { "rebound.example", "rebound.example:8080", "127.0.0.1.rebound.example" } do
      for _, path in ipairs { "/", "/ui/controls", "/ui/style.css" } do
        local response = world:ask(path, { host = host })
        assert.equal(403, response.status)
        assert.matches("To see it under another name", response.body, 1, true)
        assert.is_nil(response.body:find("my-project", 1, true))
      end
    end
    assert.equal(200, world:ask("/", { host = "[::1]:8080" }).status)
  end)
end)

describe("an action on the page", function()
  before_each(function() world = support.new { functions = functions() } end)

  it("leads on to a page that says what was done", function()
    local response = world:send("/ui/controls", { deed = "advance", seconds = "60" })
    assert.equal(303, response.status)
    assert.equal("/ui/controls?notice=1", response.headers.location)
    assert.matches('<div class="notice done" role="status">The clock was moved by 1 min.</div>',
      world:get(response.headers.location), 1, true)
  end)

  it("tells nothing that an address makes up", function()
    for _, query in ipairs { "?notice=99", "?notice=evil", "?notice=", "?notice=-1" } do
      assert.is_nil(world:get("/" .. query):find('class="notice', 1, true))
    end
  end)

  it("forgets what it told long ago", function()
    for _ = 1, 51 do world:send("/ui/controls", { deed = "advance", seconds = "1" }) end
    assert.is_nil(world:get("/?notice=1"):find('class="notice', 1, true))
    assert.matches("moved by 1 s", world:get "/?notice=51", 1, true)
  end)

  it("is refused, and does nothing, with a form that is not one of the running page", function()
    local before = world.sim:now()
    local form = { deed = "advance", seconds = "60" }
    local function refused(message, given, headers)
      local response = world:send("/ui/controls", given or form, headers)
      assert.equal(403, response.status)
      assert.matches(message, response.body, 1, true)
      assert.equal(before, world.sim:now())
    end
    local function headers(more)
      local all = { host = "localhost:8080", ["content-type"] = "application/x-www-form-urlencoded" }
      for name, value in pairs(more) do all[name] = value end
      return all
    end
    refused("older than the running simulator", { deed = "advance", seconds = "60", token = "of-an-older-server!!" })
    refused("older than the running simulator", { deed = "advance", seconds = "60", token = "" })
    refused("sent by another page", nil, headers { origin = "http://evil.example" })
    refused("sent by another page", nil, headers { origin = "null" })
    refused("sent by another page", nil, headers { origin = "http://localhost:9090" })
    refused("sent by another page", nil, headers { ["sec-fetch-site"] = "cross-site" })
    refused("sent by another page", nil, headers { ["sec-fetch-site"] = "same-site" })
    refused("To see it under another name", nil, headers { host = "rebound.example" })
    refused("not a form", nil, headers { ["content-type"] = "text/plain" })
  end)

  it("is refused when what was sent is huge", function()
    local response = world:send("/ui/controls", { deed = "advance", seconds = ("6"):rep(1024 * 1024) })
    assert.equal(413, response.status)
  end)

  it("is not to be had where more than this machine is listened to, unless that was asked for", function()
    world = support.new { host = "0.0.0.0", functions = functions() }
    world:define("w", { call("a", "slow") })
    local execution = world:start "w"
    for _, path in ipairs { "/", "/ui/controls", world:path("executions", execution.id),
      world:path("workflows", "w") } do
      local html = world:get(path)
      assert.is_nil(html:find('method="post"', 1, true), path)
      assert.is_nil(html:find(support.TOKEN, 1, true), path)
      assert.is_nil(html:find("Start a", 1, true), path)
      assert.matches("This page only shows", html, 1, true)
    end
    assert.equal(404, world:ask(world:path("workflows", "w", "run")).status)
    local response = world:send(world:path("executions", execution.id), { deed = "cancel" })
    assert.equal(403, response.status)
    assert.matches("--page-actions", response.body, 1, true)
    assert.equal("RUNNING", world:execution(execution.id).status)

    world = support.new { host = "0.0.0.0", page_actions = true }
    assert.equal(303, world:send("/ui/controls", { deed = "advance", seconds = "1" }).status)
  end)

  it("is nothing when it is unknown", function()
    assert.equal(404, world:send("/ui/controls", { deed = "explode" }).status)
    assert.equal(404, world:send("/ui/controls", {}).status)
  end)
end)
