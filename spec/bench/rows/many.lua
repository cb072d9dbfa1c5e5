-- SPDX-License-Identifier: Apache-2.0
-- Many runs at the same time over HTTP/1.1, against plain C with libcurl multi that sends the same headers: 100 in
-- flight; how the CPU of a run grows to 9,000 in flight; what memory it takes, and what stays of it.

local measure = require "bench.measure"
local temp_folder = require "temp_folder"

local TURNS = tonumber(os.getenv "TURNS") or 25
local CROWD = 9000

local function show(name, runs, ours, theirs)
  print(("%s: %.0f us of CPU a run, %.2f s; plain C %.0f us, %.2f s"):format(name, ours.cpu / runs * 1e6, ours.wall,
    theirs.cpu / runs * 1e6, theirs.wall))
end

local function at_once(plain, runs, concurrency, turns, delay, server)
  local ours, theirs = measure.many {
    way = "many", plain = plain, runs = runs, concurrency = concurrency, connections = concurrency, delay = delay,
    turns = turns, server = server,
  }
  show(("%d runs, %d in flight"):format(runs, concurrency), runs, ours, theirs)
  return ours, theirs
end

local function in_a_crowd(add, plain)
  local few, few_of_c = at_once(plain, CROWD, 100, 2, 0.005)
  local all, all_of_c = at_once(plain, CROWD, CROWD, 1, 2, { workers = 4, reuseport = true })
  add(("growth of the CPU a run from 100 to %d in flight ÷ growth of plain C"):format(CROWD),
    (all.cpu / few.cpu) / (all_of_c.cpu / few_of_c.cpu), 1)
  print(("memory of a run in flight in plain C: %.1f kB"):format((all_of_c.peak - few_of_c.peak) / (CROWD - 100)))
  add("memory of a run in flight", (all.peak - few.peak) / (CROWD - 100), 32, "kB")
end

return function(add)
  local folder = temp_folder.new()
  local plain = measure.program(folder, "many")
  local base = at_once(plain, 1000, 1, 1, 0)
  local ours, theirs = at_once(plain, 1000, 100, TURNS, 0.05)
  add("1,000 runs, 100 in flight: CPU ÷ plain C multi", ours.cpu / theirs.cpu, 1.3)
  in_a_crowd(add, plain)
  -- Connections are kept for the next runs, and what malloc has for them; so what a run in flight may take may stay.
  local thousand, thousand_of_c = at_once(plain, 1000, 1000, 3, 0.5)
  print(("what stays in memory after 1,000 runs in flight in plain C: %.1f MB"):format(thousand_of_c.peak / 1024))
  add("what stays in memory after 1,000 runs in flight", (thousand.stays - base.stays) / 1024, 32, "MB")
  local gathered, gathered_in_c = measure.many {
    way = "gather", plain = plain, runs = 10000, concurrency = 100, connections = 100, delay = 0.005, turns = 2,
  }
  add("gather of 10,000 runs: CPU ÷ plain C multi", gathered.cpu / gathered_in_c.cpu, 1.5)
  folder:remove()
end
