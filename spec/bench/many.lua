-- SPDX-License-Identifier: Apache-2.0
-- Many runs at the same time, as a plain script makes them, the peer of many.c. `many.lua many|gather URL TOKEN CA_FILE
-- RUNS CONCURRENCY CONNECTIONS` → "cpu wall peak stays": seconds, and KiB that the process has grown by at most, and
-- when all runs are over. `gather` starts them all at the same time, so that most wait for a connection.

local cdf = require "cdfworkflow"
local now = require("cdfworkflow.core").now
local unpack = table.unpack or unpack -- luacheck: ignore

--- KiB of this process.
local function memory(name)
  for line in io.lines "/proc/self/status" do
    local value = line:match("^" .. name .. ":%s*(%d+)")
    if value then return tonumber(value) end
  end
end

local way, count, concurrency, connections = arg[1], tonumber(arg[5]), tonumber(arg[6]), tonumber(arg[7])
local client = assert(cdf.client {
  project = "p", base_url = arg[2]:match "^(.*)/api/v1/projects/p$", ca_file = arg[4] ~= "" and arg[4] or nil,
  credentials = assert(cdf.credentials { token = arg[3] }), max_connections = connections, timeout = 600,
})

local function many()
  local list = {}
  for i = 1, count do list[i] = { "w", "1", { input = { a = 1, b = 2 } } } end
  return client.workflows.executions:run_many(list, { concurrency = concurrency })
end

local function gather()
  local functions = {}
  for i = 1, count do
    functions[i] = function() return client:run("w", "1", { input = { a = 1, b = 2 } }) end
  end
  return cdf.gather(unpack(functions))
end

local before = memory "VmRSS"
local cpu, wall = os.clock(), now()
local results, errors = (way == "gather" and gather or many)()
cpu, wall = os.clock() - cpu, now() - wall
local peak = memory "VmHWM"
local i, err = next(errors)
if i then error(tostring(err)) end
assert(#results == count)
results, errors = nil, nil -- luacheck: ignore 311
collectgarbage()
collectgarbage()
print(("%.4f %.4f %d %d"):format(cpu, wall, peak - before, math.max(memory "VmRSS" - before, 0)))
