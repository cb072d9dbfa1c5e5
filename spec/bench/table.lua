-- SPDX-License-Identifier: Apache-2.0
-- The table at the end of `make bench`: what was measured, its aim, and whether it is met. `table.lua [GROUP …]` takes
-- the groups from rows/, all of them unless told. A group is a file that returns `function(add)`; it calls
-- `add(what, measured, aim, unit)` for each row, where `measured` is a number, or a list of `{ of what, number }` that
-- must all meet the aim. Lower is better in all of them. Peers are measured in turns with what is held against them
-- (measure.lua); trust ratios, not times.

local measure = require "bench.measure"

local function groups()
  if arg[1] then return arg end
  local found = {}
  for path in measure.run("ls spec/bench/rows"):gmatch "(%S+)%.lua" do found[#found + 1] = path end
  return found
end

local function figure(value) return (value < 10 and "%.2f" or value < 100 and "%.1f" or "%.0f"):format(value) end

--- Several figures in one row: the worst of them decides.
local function in_words(measured)
  if type(measured) == "number" then return figure(measured), measured end
  local parts, worst = {}, -math.huge
  for i, one in ipairs(measured) do
    parts[i] = ("%s %s"):format(one[1], figure(one[2]))
    worst = math.max(worst, one[2])
  end
  return table.concat(parts, ", "), worst
end

local rows = {}

local function add(what, measured, aim, unit)
  local words, worst = in_words(measured)
  unit = unit and " " .. unit or ""
  rows[#rows + 1] = { what, words .. unit, "≤ " .. figure(aim) .. unit, worst <= aim and "met" or "missed" }
end

local function width(text) return #text:gsub("[\128-\191]", "") end

local function print_table()
  local widths = { 0, 0, 0 }
  for _, row in ipairs(rows) do
    for column = 1, 3 do widths[column] = math.max(widths[column], width(row[column])) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for column = 1, 3 do cells[column] = row[column] .. (" "):rep(widths[column] - width(row[column])) end
    print(table.concat(cells, " | ") .. " | " .. row[4])
  end
end

local troubles = {}
for _, group in ipairs(groups()) do
  io.stderr:write("measuring ", group, "\n")
  local ok, err = xpcall(dofile(("spec/bench/rows/%s.lua"):format(group)), debug.traceback, add)
  if not ok then troubles[#troubles + 1] = ("%s was not measured: %s"):format(group, err) end
end
print_table()
if troubles[1] then error(table.concat(troubles, "\n"), 0) end
