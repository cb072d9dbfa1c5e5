-- SPDX-License-Identifier: Apache-2.0
-- A warm run (session, run: two requests on a kept connection) against plain C with an easy handle, and against the
-- same written by hand with lua-curl and lua-cjson.

local measure = require "bench.measure"
local temp_folder = require "temp_folder"

local LUAS = { "5.4", "luajit", "5.1" }
local TURNS, RUNS = tonumber(os.getenv "TURNS") or 40, 300
local MANY, FEW = 600, 100

--- Instructions of one run, without start and end of the program.
local function instructions_a_run(command)
  return (measure.instructions(command .. " " .. MANY) - measure.instructions(command .. " " .. FEW)) / (MANY - FEW)
end

local function count_instructions(add, url, plain)
  local ours = instructions_a_run(("RUNNER='%%s' spec/bench/on.sh 5.4 spec/bench/run.lua runs %s %s"):format(url,
    measure.TOKEN))
  local theirs = instructions_a_run(("%%s %s %s/api/v1/projects/p %s"):format(plain, url, measure.TOKEN))
  print(("instructions of a warm run: %.0f, plain C %.0f"):format(ours, theirs))
  add("instructions of a warm run ÷ plain C easy", ours / theirs, 1.2)
end

--- → { { Lua, its least ÷ the peer's } }
local function ratios(names, least, first, peer, column)
  local found = {}
  for i, name in ipairs(names) do
    found[i] = { name, least[first + i][column] / (peer(i)[column]) }
  end
  return found
end

local function against_plain_c(add, url, plain)
  local commands = { measure.pinned(("%s %s/api/v1/projects/p %s %d"):format(plain, url, measure.TOKEN, RUNS)) }
  for _, lua in ipairs(LUAS) do
    commands[#commands + 1] = measure.on(lua, ("run.lua runs %s %s %d"):format(url, measure.TOKEN, RUNS))
  end
  local least = measure.least(TURNS, commands)
  local function plain_c() return least[1] end
  print(("CPU of a warm run in plain C: %.1f us"):format(least[1][1] / RUNS * 1e6))
  add("CPU of a warm run ÷ plain C easy", ratios(LUAS, least, 1, plain_c, 1), 1.15)
  add("wall of a warm run ÷ plain C easy", ratios(LUAS, least, 1, plain_c, 2), 1.1)
end

local function against_hand(add, url)
  local names, commands = { "luajit", "5.1" }, {}
  for i, lua in ipairs(names) do
    commands[i] = measure.on(lua, ("run.lua runs %s %s %d"):format(url, measure.TOKEN, RUNS))
    commands[#names + i] = measure.on(lua, ("hand.lua %s %s %d"):format(url, measure.TOKEN, RUNS))
  end
  local least = measure.least(TURNS, commands)
  add("CPU of a warm run ÷ lua-curl and lua-cjson by hand",
    ratios(names, least, 0, function(i) return least[#names + i] end, 1), 1.15)
end

return function(add)
  local folder = temp_folder.new()
  local plain = measure.program(folder, "plain")
  measure.with_cdf(function(url)
    count_instructions(add, url, plain)
    against_plain_c(add, url, plain)
    against_hand(add, url)
  end)
  folder:remove()
end
