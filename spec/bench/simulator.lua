-- SPDX-License-Identifier: Apache-2.0
-- What the embedded CDF can carry: runs a second through HTTP, with three tasks each; and in process, with 10,000 and
-- with 100,000 executions of three tasks, memory, a look for a run, and the state out and in (pages: page.lua). What is
-- worse than linear shows in the last column, which would be above 10, or above 1 for what does not depend on their
-- number. Takes SIM_RUNS (2000) and SIM_SIZE (100000) from the environment.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local server = require "server"
local simulator = require "cdfworkflow.simulator"

local RUNS = tonumber(os.getenv "SIM_RUNS") or 2000
local SIZE = tonumber(os.getenv "SIM_SIZE") or 100000

local function task(id, after)
  return {
    externalId = id, type = "function", dependsOn = after and core.array { { externalId = after } } or nil,
    parameters = { ["function"] = { externalId = "f", data = { site = "${workflow.input.site}" } } },
  }
end

local VERSION = {
  workflowExternalId = "w", version = "1",
  workflowDefinition = { tasks = core.array { task "a", task("b", "a"), task("c", "b") } },
}

local function credentials()
  return assert(cdf.credentials { token = "bench" })
end

-- In hundredths of a second.
local function processor_time(pid)
  local file = assert(io.open(("/proc/%d/stat"):format(pid)))
  local user, system = file:read("*a"):match("^%d+ %b() %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  file:close()
  return tonumber(user) + tonumber(system)
end

local function through_http()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write "return { functions = { f = function(data) return { site = data.site }, 0.001 end } }"
  file:close()
  local sim = server.start { "--token", "bench", "--load", path }
  os.remove(path)
  local client = assert(cdf.client { project = "my-project", base_url = sim.url, credentials = credentials() })
  assert(client.workflows.versions:upsert(VERSION))
  local list = {}
  for n = 1, RUNS do list[n] = { "w", "1", { input = { site = "site " .. n } } } end
  local began, busy = core.now(), processor_time(sim.pid)
  local executions = client.workflows.executions:run_many(list, { concurrency = 10 })
  local last = assert(client:wait(executions[RUNS], { timeout = 60 }))
  local wall, cpu = core.now() - began, processor_time(sim.pid) - busy
  assert(#executions == RUNS and last.status == "COMPLETED")
  sim:stop()
  print(("%-44s %20.0f a second"):format("runs of three tasks through HTTP", RUNS / wall))
  print(("%-44s %20.2f ms"):format("CPU of the simulator a run", 10 * cpu / RUNS))
end

local function held()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

local function timed(f)
  f()
  local began = os.clock()
  f()
  return (os.clock() - began) * 1000
end

-- Without the collector, whose turns come at any time and take as long as the heap is large.
local function timed_alone(f)
  held()
  collectgarbage "stop"
  local took = timed(f)
  collectgarbage "restart"
  return took
end

local function start(sim, client, count)
  for n = 1, count do
    assert(client:run("w", "1", { input = { site = "site " .. n } }))
    if n % 40 == 0 then sim:advance(1) end
  end
  sim:advance(10)
end

local function measure(sim, client)
  local store = require "cdfworkflow.simulator.serve.store"
  local path = os.tmpname()
  local figures = {
    look = timed_alone(function()
      client.workflows.executions:list { workflowFilters = { { externalId = "w", version = "1" } }, limit = 1000,
        createdTimeStart = sim:now() - 10000 }
    end),
    save = timed(function() assert(store.save(path, sim.state)) end),
    load = timed(function() assert(store.load(path)) end),
  }
  os.remove(path)
  return figures
end

local ROWS = {
  { "memory", "memory for the executions", "KiB" }, { "look", "a look for a run of the last ten seconds", "ms" },
  { "save", "the state saved", "ms" }, { "load", "the state read", "ms" },
}

local function in_process()
  local sim = simulator.new { tokens = { "bench" }, functions = { f = function(data)
    return { site = data.site }, 0.001
  end } }
  sim.log = nil
  local client = assert(cdf.client { project = "my-project", base_url = "http://localhost", transport = sim:transport(),
    credentials = credentials() })
  assert(client.workflows.versions:upsert(VERSION))
  local sizes, columns = { math.floor(SIZE / 10), SIZE }, {}
  start(sim, client, 10)
  local before, made = held(), 10
  for column, size in ipairs(sizes) do
    start(sim, client, size - made)
    made = size
    local memory = held() - before
    columns[column] = measure(sim, client)
    columns[column].memory = memory
  end
  print(("%-44s %14d %14d %8s"):format("executions of three tasks, in process", sizes[1], sizes[2], "ratio"))
  for _, row in ipairs(ROWS) do
    local small, large = columns[1][row[1]], columns[2][row[1]]
    print(("  %-42s %10.0f %3s %10.0f %3s %8.1f"):format(row[2], small, row[3], large, row[3], large / small))
  end
end

through_http()
in_process()
