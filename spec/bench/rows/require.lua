-- SPDX-License-Identifier: Apache-2.0
-- The CPU of `require "cdfworkflow"`, in a process of its own each time.

local measure = require "bench.measure"

local LUAS = { "5.4", "luajit", "5.1" }
local TURNS = tonumber(os.getenv "TURNS") or 40

return function(add)
  local commands, figures = {}, {}
  for i, lua in ipairs(LUAS) do commands[i] = measure.on(lua, "run.lua require") end
  for i, least in ipairs(measure.least(TURNS, commands)) do figures[i] = { LUAS[i], least[1] * 1e3 } end
  add('CPU of require "cdfworkflow"', figures, 5, "ms")
end
