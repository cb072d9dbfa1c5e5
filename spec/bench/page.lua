-- SPDX-License-Identifier: Apache-2.0
-- How long the embedded CDF takes to make its pages, with few executions in it and with many: it must not grow with
-- them. COUNTS may be given in the environment ("100 100000" unless it is).

local core = require "cdfworkflow.core"
local executions = require "cdfworkflow.simulator.api.executions"
local page = require "cdfworkflow.simulator.serve.page"
local sessions = require "cdfworkflow.simulator.api.sessions"
local simulator = require "cdfworkflow.simulator"
local versions = require "cdfworkflow.simulator.api.versions"

local unpack = table.unpack or unpack -- luacheck: compat

local TURNS, TASKS = 20, 3
local ROWS = {
  { "first page", "/" },
  { "executions, newest", "/ui/p/executions" },
  { "executions, far back", "/ui/p/executions?before={middle}" },
  { "executions of a rare workflow", "/ui/p/executions?workflow=rare" },
  { "executions of a status that none has", "/ui/p/executions?status=TIMED_OUT" },
  { "executions of a time", "/ui/p/executions?from=2026-01-01T00%3A00&to=2026-01-01T00%3A01" },
  { "one execution", "/ui/p/executions/{id}" },
  { "a workflow", "/ui/p/workflows/often" },
  { "a function with its calls", "/ui/p/functions/{fn}" },
  { "sessions", "/ui/p/sessions" },
}

local function new_sim()
  local sim = simulator.new { project = "p", functions = { quick = function() return { rows = 120 } end } }
  sim.log = nil
  return sim
end

local function definition()
  local tasks = {}
  for i = 1, TASKS do
    tasks[i] = { externalId = "task-" .. i, type = "function", retries = 0,
      parameters = { ["function"] = { externalId = "quick" } } }
  end
  return { tasks = tasks }
end

local function post(sim, path, item)
  local response = sim:answer({
    method = "POST", path = "/api/v1/projects/p" .. path, headers = {}, body = core.encode { items = { item } },
  }, sim.directory.order[1])
  assert(response.status < 300, response.body)
  return core.decode(response.body).items[1]
end

local function define(sim, workflow)
  post(sim, "/workflows/versions", { workflowExternalId = workflow, version = "1", workflowDefinition = definition() })
end

-- All in one session, since it is the pages that are measured; one of the first is of another workflow than the rest.
local function fill(sim, count)
  local project = sim.projects.p
  define(sim, "often")
  define(sim, "rare")
  local session = sessions.open(project, post(sim, "/sessions", { tokenExchange = true }).nonce)
  sessions.bind(project, session, "trigger")
  for i = 1, count do
    executions.start(project, versions.get(project, i == 2 and "rare" or "often", "1"), { session = session.id })
    sim:advance(1)
  end
end

local function target(sim, path, count)
  local project = sim.projects.p
  local names = {
    middle = ("%d"):format(math.floor(count / 2)), id = project.state.execution_order[count],
    fn = next(project.state.functions),
  }
  return (path:gsub("{(%a+)}", names))
end

-- The quickest of some turns, in milliseconds; the first look at a workflow counts its executions, once.
local function measure(shown, path)
  local least, size = math.huge, 0
  for _ = 1, TURNS do
    local begun = os.clock()
    local response = shown:answer { method = "GET", path = path, headers = { host = "localhost" } }
    least, size = math.min(least, os.clock() - begun), #response.body
    assert(response.status == 200, path)
  end
  return least * 1000, size
end

local results, counts = {}, {}

for word in (os.getenv "COUNTS" or "100 100000"):gmatch "%d+" do counts[#counts + 1] = tonumber(word) end
for n, count in ipairs(counts) do
  local sim = new_sim()
  fill(sim, count)
  local shown = page.new { sim = sim, host = "localhost", token = "t" }
  results[n] = {}
  for i, row in ipairs(ROWS) do results[n][i] = { measure(shown, target(sim, row[2], count)) } end
end

print(("\n%-44s"):format "a page of the embedded CDF, ms of CPU; executions:"
  .. (("%12d"):rep(#counts)):format(unpack(counts)) .. "     KiB")
for i, row in ipairs(ROWS) do
  local cells, size = {}, 0
  for n = 1, #counts do cells[n], size = ("%12.2f"):format(results[n][i][1]), results[n][i][2] end
  print(("  %-49s%s%8.0f"):format(row[1], table.concat(cells), size / 1024))
end
