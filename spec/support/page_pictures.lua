-- SPDX-License-Identifier: Apache-2.0
-- What page_screenshot.sh shoots: a simulator in which each kind of page has something to show. `arg[1]` is the folder.

local browser = require "browser"
local core = require "cdfworkflow.core"
local server = require "server"

local out = arg[1]

-- Loaded into the simulator: a graph with all kinds of ends, a broken one, a wide and a deep one of 32 tasks, and one
-- that waits for a person.
local PLANT = [[
local function task(id, kind, needs, parameters, more)
  local list = require("cdfworkflow.core").array {}
  for i, need in ipairs(needs) do list[i] = { externalId = need } end
  local made = { externalId = id, type = kind, dependsOn = list, parameters = parameters }
  for key, value in pairs(more or {}) do made[key] = value end
  return made
end
local function call(name)
  return { ["function"] = { externalId = name, data = { plant = "${workflow.input.plant}" } } }
end
local SOFT = { onFailure = "skipTask", retries = 1 }

local wide, all, deep = { task("prepare", "function", {}, call "read") }, {}, {}
for i = 1, 30 do
  all[i] = "machine-" .. i
  wide[i + 1] = task(all[i], "function", { "prepare" }, call(i % 7 == 0 and "refuse" or "part-" .. i % 5), SOFT)
end
wide[32] = task("report", "function", all, call "read")
for i = 1, 32 do
  local needs = { i > 4 and "step-" .. i - 4 or nil }
  if i > 7 and i % 3 == 0 then needs[2] = "step-" .. i - 7 end
  deep[i] = task("step-" .. i, "function", needs, call("part-" .. i % 5))
end

local functions = {
  read = function() return { rows = 120 }, 1.2 end,
  forecast = function() return { kilowatts = 812 }, 40 end,
  refuse = function() error("sensor 7 is offline", 0) end,
  ask = function(_, context)
    context.log("asked the operator")
    return { asked = true }, 1
  end,
  split = function()
    local tasks = {}
    for i = 1, 3 do tasks[i] = task("machine-" .. i, "function", i > 1 and { "machine-1" } or {}, call "forecast") end
    return { tasks = tasks }, 2
  end,
}
for i = 0, 4 do functions["part-" .. i] = function() return { part = i }, 3 + i * 4 end end

local function version(workflow, tasks, name)
  return { workflowExternalId = workflow, version = name or "1", workflowDefinition = { tasks = tasks } }
end
return {
  functions = functions,
  transformations = { join = function() return 5 end },
  workflows = { { externalId = "energy-forecast", description = "The load of each plant for the next day" } },
  versions = {
    version("energy-forecast", {
      task("read-sensors", "function", {}, call "read"), task("read-weather", "function", {}, call "read"),
      task("check-quality", "function", { "read-sensors" }, call "refuse", SOFT),
      task("join", "transformation", { "read-sensors", "read-weather" }, { transformation = { externalId = "join" } }),
      task("split", "function", { "join" }, call "split"),
      task("machines", "dynamic", { "split" }, { dynamic = { tasks = "${split.output.response.tasks}" } }),
      task("report", "function", { "machines", "check-quality", "read-weather" }, call "read"),
    }, "3"),
    version("broken", { task("only", "function", {}, call "refuse", { retries = 2 }),
      task("after", "function", { "only" }, call "read"), task("last", "function", { "after" }, call "read") }),
    version("wide", wide), version("deep", deep),
    version("a-name-as-long-as-they-are-in-the-field_and-all-in-one-piece", {
      task("read", "function", {}, call "read") }),
    version("approval", {
      task("ask", "function", {}, { ["function"] = { externalId = "ask" }, isAsyncComplete = true }),
      task("go", "function", { "ask" }, call "read") }, "2026-11-01"),
  },
}]]

local loaded, sim, chromium

local function api(path, body)
  local curl = assert(io.popen(("curl -sf --noproxy '*' -H 'Authorization: Bearer fixed' -H 'Content-Type: "
    .. "application/json' %s %s/api/v1/projects/my-project%s"):format(body and "-d '" .. core.encode(body) .. "'" or "",
    sim.url, path)))
  local answer = curl:read "*a"
  curl:close()
  return assert(core.decode(answer))
end

local function nonce()
  return api("/sessions", { items = { { tokenExchange = true } } }).items[1].nonce
end

local function run(workflow, version)
  local started = api(("/workflows/%s/versions/%s/run"):format(workflow, version or "1"),
    { authentication = { nonce = nonce() }, input = { plant = "north" }, metadata = { team = "forecast" } })
  return "executions/" .. started.id, started.id
end

local function first_task(id)
  return ("executions/%s/tasks/%s"):format(id, api("/workflows/executions/" .. id).executedTasks[1].id)
end

local function add_schedules()
  local function trigger(external_id, rule)
    api("/workflows/triggers", { items = { { externalId = external_id, triggerRule = rule, input = { plant = "south" },
      workflowExternalId = "energy-forecast", workflowVersion = "3", authentication = { nonce = nonce() } } } })
  end
  trigger("nightly", { triggerType = "schedule", cronExpression = "0 2 * * *", timezone = "Europe/Oslo" })
  trigger("on-data", { triggerType = "dataModeling", batchSize = 100, batchTimeout = 60,
    dataModelingQuery = { with = { a = { nodes = { limit = 1 } } }, select = { a = { limit = 1 } } } })
  local fn = api("/functions/byids", { items = { { externalId = "ask" } } }).items[1]
  local schedule = api("/functions/schedules", { items = { { name = "each hour", cronExpression = "0 * * * *",
    functionId = fn.id, data = { plant = "south" }, nonce = nonce() } } }).items[1]
  return ("%.0f"):format(schedule.id), ("%.0f"):format(fn.id), ("%.0f"):format(schedule.sessionId)
end

-- Makes things happen; gives the pages, each a name and a path.
local function pages()
  local schedule, fn, session = add_schedules()
  run("energy-forecast", "3")
  sim:advance(120)
  local broken, broken_id = run "broken"
  local wide = run "wide"
  sim:advance(60)
  local deep = run "deep"
  run "a-name-as-long-as-they-are-in-the-field_and-all-in-one-piece"
  sim:advance(3600)
  local _, approval_id = run("approval", "2026-11-01")
  local live = run("energy-forecast", "3")
  sim:advance(32)
  sim:fault { status = 503, match = { operation = "run", times = 2 } }
  sim:fault { drop = "after", match = { operation = "token", nth = 3 } }
  return {
    { "first", "" }, { "executions", "executions" }, { "execution-live", live }, { "execution-failed", broken },
    { "execution-wide", wide }, { "execution-deep", deep }, { "task-failed", first_task(broken_id) },
    { "task-asynchronous", first_task(approval_id) }, { "workflows", "workflows" },
    { "workflow", "workflows/energy-forecast" }, { "version", "workflows/energy-forecast/versions/3" },
    { "start", "workflows/energy-forecast/run" }, { "schedules", "schedules" }, { "trigger", "triggers/nightly" },
    { "trigger-data", "triggers/on-data" }, { "schedule", "schedules/" .. schedule }, { "functions", "functions" },
    { "function", "functions/" .. fn }, { "sessions", "sessions" }, { "session", "sessions/" .. session },
    { "controls", "/ui/controls" },
  }
end

local function shoot(name, path, look)
  local url = sim.url .. (path == "" and "/" or path:find "^/" and path or "/ui/my-project/" .. path)
  assert(chromium:go { url = url } == 200, url)
  local picture = ("%s/%s-%d-%s.png"):format(out, name, look.width, look.colorScheme)
  chromium:shoot { path = picture }
  local is_wide = chromium:evaluate { script = "document.documentElement.scrollWidth > innerWidth" }
  assert(not is_wide, picture .. " is too wide")
  print(picture)
end

local function shoot_all()
  local list = pages()
  for _, width in ipairs { 1200, 400 } do
    for _, scheme in ipairs { "light", "dark" } do
      local look = { width = width, colorScheme = scheme }
      chromium:look(look)
      for _, page in ipairs(list) do shoot(page[1], page[2], look) end
      local complaints = chromium:complaints()
      assert(#complaints == 0, complaints[1])
    end
  end
end

os.execute("mkdir -p '" .. out .. "'")
loaded = os.tmpname()
local file = assert(io.open(loaded, "w"))
file:write(PLANT)
file:close()
sim = server.start { "--token", "fixed", "--clock", "manual", "--load", loaded }
chromium = browser.start()
local ok, message = xpcall(shoot_all, debug.traceback)
chromium:stop()
sim:stop()
os.remove(loaded)
if not ok then error(message, 0) end
