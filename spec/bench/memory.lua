-- SPDX-License-Identifier: Apache-2.0
-- What 10,000 runs leave behind in the process and in Lua's heap, and the size of the module, given by its path.

local measure = require "bench.measure"

local RUNS = 10000

measure.with_cdf(function(url)
  local process, heap = measure.run(("$LUA spec/bench/run.lua memory %s %s %d"):format(url, measure.TOKEN, RUNS))
    :match "(%S+) (%S+)"
  print(("growth over %d runs: the process %d KiB, Lua's heap %.1f KiB"):format(RUNS, process, heap))
end)
local file = assert(io.open(arg[1], "rb"))
print(("core.so: %.0f KiB"):format(file:seek "end" / 1024))
file:close()
