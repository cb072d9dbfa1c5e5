-- SPDX-License-Identifier: Apache-2.0
-- 1,000 runs of a plain script against a CDF that takes 50 ms an answer. `many.lua MANY` prints one table, MANY being
-- the program built from many.c; `many.lua runs URL TOKEN CA_FILE RUNS CONCURRENCY CONNECTIONS` → "cpu wall", s.

if arg[1] == "runs" then
  local cdf = require "cdfworkflow"
  local now = require("cdfworkflow.core").now
  local count, concurrency, connections = tonumber(arg[5]), tonumber(arg[6]), tonumber(arg[7])
  local client = assert(cdf.client {
    project = "p", base_url = arg[2]:match "^(.*)/api/v1/projects/p$", ca_file = arg[4] ~= "" and arg[4] or nil,
    credentials = assert(cdf.credentials { token = arg[3] }), max_connections = connections,
  })
  local list = {}
  for i = 1, count do list[i] = { "w", "1", { input = { a = 1, b = 2 } } } end
  local cpu, wall = os.clock(), now()
  local _, errors = client.workflows.executions:run_many(list, { concurrency = concurrency })
  print(("%.4f %.4f"):format(os.clock() - cpu, now() - wall))
  local i, err = next(errors)
  if i then error(tostring(err)) end
  return
end

local slow_cdf = require "slow_cdf"

local RUNS, DELAY, TURNS = 1000, 0.05, 5

--- The quickest of some turns: what is slower is another process's doing. → cpu, wall
local function best(command)
  local cpu, wall = math.huge, math.huge
  for _ = 1, TURNS do
    local program = assert(io.popen(command))
    local a, b = program:read("*a"):match "(%S+) (%S+)"
    assert(program:close())
    cpu, wall = math.min(cpu, tonumber(a)), math.min(wall, tonumber(b))
  end
  return cpu, wall
end

local function measure(name, slow, concurrency, connections)
  local arguments = ("%s/api/v1/projects/p %s '%s' %d %d %d"):format(slow.url, ("t"):rep(1000), slow.ca_file or "",
    RUNS, concurrency, connections)
  local c_cpu, c_wall = best(("%s %s"):format(arg[1], arguments))
  local cpu, wall = best(("%s %s runs %s"):format(arg[-1], arg[0], arguments))
  local limit = 2 * DELAY * RUNS / concurrency
  print(("%-44s %7.2f %7.2f %7.2f %9.2f %9.3f %9.3f %9.2f"):format(name, limit, c_wall, wall, wall / limit, c_cpu, cpu,
    cpu / c_cpu))
end

print(("\n%d runs of a plain script, %d ms an answer; s"):format(RUNS, DELAY * 1000))
print(("%-44s %7s %7s %7s %9s %9s %9s %9s"):format("", "limit", "C wall", "wall", "to limit", "C CPU", "CPU", "ratio"))
for _, way in ipairs {
  { "HTTP/1.1, 100 connections", {}, 100 },
  { "one HTTP/2 connection, 100 streams", { tls = true, streams = 100 }, 1 },
} do
  way[2].delay = DELAY
  local slow = slow_cdf.start(way[2])
  local ok, err = pcall(measure, way[1], slow, 100, way[3])
  slow:stop()
  if not ok then error(err, 0) end
end
