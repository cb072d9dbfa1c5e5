-- SPDX-License-Identifier: Apache-2.0
-- Reading an execution of 200 tasks (200 kB), from `retrieve` to its table, against lua-cjson alone.

local measure = require "bench.measure"

local LUAS = { "5.4", "luajit", "5.1" }
local TURNS = tonumber(os.getenv "TURNS") or 40

return function(add)
  local commands, figures = {}, {}
  for i, lua in ipairs(LUAS) do commands[i] = measure.on(lua, "read.lua") end
  for i, least in ipairs(measure.least(TURNS, commands)) do
    figures[i] = { LUAS[i], least[1] / least[2] }
    print(("reading an execution of 200 tasks on %s: %.0f us, lua-cjson %.0f us"):format(LUAS[i], least[1] * 1e6,
      least[2] * 1e6))
  end
  add("reading an execution of 200 tasks ÷ lua-cjson alone", figures, 1.5)
end
