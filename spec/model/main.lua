-- SPDX-License-Identifier: Apache-2.0
-- `make model`: explores scenarios and prints figures, or replays one line. See run.sh.

local core = require "cdfworkflow.core"
local explorer = require "model.explorer"
local scenarios = require "model.scenarios"

local REPLAYS = 100 -- delays are spread by chance, so a world is not quite the same each time
local SHOWN = 4 -- lines for each kind of violation, those with the fewest faults

local main = {}

--- Replays one line and tells what happens, in the first world in which something is wrong if there is one.
function main.replay(line)
  local name, plan, choices = explorer.read(line)
  local scenario = scenarios.get(name)
  local wrong, shown, outcome, blamed = 0, nil, nil, nil
  for _ = 1, REPLAYS do
    local w, ended, found = explorer.run(scenario, plan, choices)
    if found[1] then wrong = wrong + 1 end
    if not shown or found[1] and not blamed[1] then shown, outcome, blamed = w, ended, found end
  end
  print(line)
  print(shown:story())
  print(("ended after %.1f s: %s"):format(outcome.ended - outcome.began,
    outcome.raised or outcome.err and outcome.err.kind .. ": " .. tostring(outcome.err)
    or core.encode(outcome.result)))
  for _, text in ipairs(blamed) do print("WRONG: " .. text) end
  print(("wrong in %d of %d worlds"):format(wrong, REPLAYS))
  return wrong == 0
end

--- "a session in use was revoked", without the figures that differ from world to world.
local function sort_of(text) return (text:gsub("%d+%.?%d*", "N")) end

--- Adds one more of its sort; of many, those with the fewest faults are kept.
local function note(violations, text, line)
  local found = violations[sort_of(text)] or { count = 0 }
  violations[sort_of(text)] = found
  found.count = found.count + 1
  local faults = select(2, line:gsub(" ", ""))
  local i = #found + 1
  while i > 1 and found[i - 1].faults > faults do i = i - 1 end
  if i > SHOWN then return end
  table.insert(found, i, { faults = faults, text = line .. "   (" .. text .. ")" })
  found[SHOWN + 1] = nil
end

local function report(violations)
  local sorts = {}
  for sort in pairs(violations) do sorts[#sorts + 1] = sort end
  table.sort(sorts)
  for _, sort in ipairs(sorts) do
    local found = violations[sort]
    print(("  %d × %s"):format(found.count, sort))
    for _, one in ipairs(found) do print("      " .. one.text) end
  end
end

--- Explores one scenario, prints its figures, and what is wrong.
function main.explore(name, options)
  local violations = {}
  options.found = function(line, blamed)
    for _, text in ipairs(blamed) do note(violations, text, line) end
  end
  local began = os.clock()
  local figures = explorer.explore(scenarios.get(name), options)
  print(("%-18s %9d %10d %9d %9d %9d %9d %7.1f %7.0f  %s"):format(name, figures.sequences, figures.requests,
    figures.starts, figures.known, figures.ambiguous, figures.refused, figures.worst, os.clock() - began,
    figures.violations == 0 and "ok" or figures.violations .. " WRONG"))
  report(violations)
  io.stdout:flush()
  return figures.violations == 0
end

local mode = arg[1]
if mode == "replay" then
  os.exit(main.replay(arg[2]) and 0 or 1)
elseif mode == "explore" then
  os.exit(main.explore(arg[2], { depth = tonumber(arg[3]), alphabet = arg[4], reach = tonumber(arg[5]) }) and 0 or 1)
elseif mode == "scenarios" then
  for _, scenario in ipairs(scenarios.list) do print(scenario.name) end
end
