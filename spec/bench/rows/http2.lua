-- SPDX-License-Identifier: Apache-2.0
-- 1,000 runs at the same time over one HTTP/2 connection, against plain C with libcurl multi that sends the same
-- headers.

local measure = require "bench.measure"
local temp_folder = require "temp_folder"

local TURNS = tonumber(os.getenv "TURNS") or 25

return function(add)
  local folder = temp_folder.new()
  local ours, theirs = measure.many {
    way = "many", plain = measure.program(folder, "many"), runs = 1000, concurrency = 1000, connections = 1,
    delay = 0.05, turns = TURNS, server = { tls = true, streams = 1000 },
  }
  print(("1,000 runs on one HTTP/2 connection: %.0f us of CPU a run, plain C %.0f us"):format(ours.cpu * 1e3,
    theirs.cpu * 1e3))
  add("1,000 runs on one HTTP/2 connection: CPU ÷ plain C multi", ours.cpu / theirs.cpu, 1.3)
  folder:remove()
end
