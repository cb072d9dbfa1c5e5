-- SPDX-License-Identifier: Apache-2.0
-- What the Makefile's flags are worth: instructions of a warm run as it builds, against builds with other flags.

local measure = require "bench.measure"

local MANY, FEW = 600, 100

local function instructions_a_run(url, build)
  local function count(runs)
    return measure.instructions(("BUILD=%s RUNNER='%%s' spec/bench/on.sh 5.4 spec/bench/run.lua runs %s %s %d"):format(
      build, url, measure.TOKEN, runs))
  end
  return (count(MANY) - count(FEW)) / (MANY - FEW)
end

return function(add)
  measure.with_cdf(function(url)
    local ours, others = instructions_a_run(url, os.getenv "BUILD" or "build"), {}
    for i, flags in ipairs { "-O2", "-O3 -flto" } do
      local build = "build/bench/" .. i
      measure.run(("make -s build LUAS=5.4 BUILD=%s CFLAGS='%s' >/dev/null"):format(build, flags))
      local theirs = instructions_a_run(url, build)
      print(("instructions of a warm run built with %s: %.0f"):format(flags, theirs))
      others[i] = { flags, ours / theirs }
    end
    add("instructions of a warm run as the Makefile builds ÷ built with", others, 1.02)
  end)
end
