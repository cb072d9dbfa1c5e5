-- SPDX-License-Identifier: Apache-2.0
-- The bench's Lua side. `run.lua require`: CPU seconds of the require. `run.lua runs URL TOKEN N`: CPU and wall seconds
-- of N runs on a kept connection. `run.lua memory URL TOKEN N`: KiB that N runs add to the process and to Lua's heap.

local clock = os.clock

local function resident()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read "*l":match "^%d+ (%d+)"
  file:close()
  return tonumber(pages) * 4
end

if arg[1] == "require" then
  local cpu = clock()
  require "cdfworkflow"
  print(("%.6f"):format(clock() - cpu))
  return
end

local cdf = require "cdfworkflow"
local now = require("cdfworkflow.core").now
local client = assert(cdf.client {
  project = "p",
  base_url = arg[2],
  credentials = cdf.credentials { token = arg[3] },
})
local options = { input = { a = 1, b = 2 } }

local function runs(count)
  for _ = 1, count do
    local execution = assert(client:run("foo", "1", options))
    assert(execution.status == "RUNNING")
  end
end

if arg[1] == "memory" then
  runs(2000)
  collectgarbage()
  collectgarbage()
  local before, lua_before = resident(), collectgarbage "count"
  runs(tonumber(arg[4]))
  collectgarbage()
  collectgarbage()
  print(("%d %.1f"):format(resident() - before, collectgarbage "count" - lua_before))
else
  runs(1)
  local cpu, wall = clock(), now()
  runs(tonumber(arg[4]))
  print(("%.6f %.6f"):format(clock() - cpu, now() - wall))
end
