-- SPDX-License-Identifier: Apache-2.0
-- Draws a task graph as SVG: columns by depth, and within a column the order that keeps edges short. A long edge gets a
-- place of its own in each column that it passes, so that it does not run through boxes.

local markup = require "cdfworkflow.simulator.serve.markup"

local drawing = {}

local WIDTH, HEIGHT = 206, 62
local COLUMN, ROW = 258, 86
local THIN = 24 -- height of the place that a passing edge takes
local SWEEPS = 3
local MOST_TITLE = 20
local SMALLEST = 0.7 -- how far a wide graph may shrink before it has to be scrolled

local function by_id(tasks)
  local found = {}
  for _, task in ipairs(tasks) do found[task.id] = task end
  return found
end

-- The longest way from a task without needs. Where the graph has a ring, which CDF refuses, the way stops there.
local function depth_of(task, known, depths)
  if depths[task.id] then return depths[task.id] end
  depths[task.id] = 1
  local depth = 1
  for _, need in ipairs(task.needs) do
    if known[need] then depth = math.max(depth, depth_of(known[need], known, depths) + 1) end
  end
  depths[task.id] = depth
  return depth
end

local function add(columns, depth, place)
  for d = #columns + 1, depth do columns[d] = {} end
  table.insert(columns[depth], place)
  place.depth = depth
  return place
end

local function connect(from, to)
  table.insert(to.before, from)
  table.insert(from.after, to)
end

local function new_place(task)
  return { task = task, before = {}, after = {}, height = task and ROW or THIN }
end

-- Places in columns: one for each task, and one for each column that an edge passes.
local function arrange(tasks)
  local known, depths, columns, places = by_id(tasks), {}, {}, {}
  for _, task in ipairs(tasks) do
    places[task.id] = add(columns, depth_of(task, known, depths), new_place(task))
  end
  for _, task in ipairs(tasks) do
    for _, need in ipairs(task.needs) do
      local from, to = places[need], places[task.id]
      for depth = from and from.depth + 1 or to.depth, to.depth - 1 do
        local passing = add(columns, depth, new_place(nil))
        connect(from, passing)
        from = passing
      end
      if from then connect(from, to) end
    end
  end
  return columns
end

local function number(column)
  for i, place in ipairs(column) do place.rank = i end
end

local function sort_by_neighbours(column, side)
  for _, place in ipairs(column) do
    local sum, neighbours = 0, place[side]
    for _, neighbour in ipairs(neighbours) do sum = sum + neighbour.rank end
    place.weight = #neighbours > 0 and sum / #neighbours or place.rank
  end
  table.sort(column, function(a, b)
    if a.weight ~= b.weight then return a.weight < b.weight end
    return a.rank < b.rank
  end)
  number(column)
end

local function untangle(columns)
  for _, column in ipairs(columns) do number(column) end
  for _ = 1, SWEEPS do
    for d = 2, #columns do sort_by_neighbours(columns[d], "before") end
    for d = #columns - 1, 1, -1 do sort_by_neighbours(columns[d], "after") end
  end
end

local function height_of(column)
  local height = 0
  for _, place in ipairs(column) do height = height + place.height end
  return height
end

-- Gives every place its left edge and middle line; returns the height of the whole.
local function position(columns)
  local tallest = 0
  for _, column in ipairs(columns) do tallest = math.max(tallest, height_of(column)) end
  for d, column in ipairs(columns) do
    local y = (tallest - height_of(column)) / 2
    for _, place in ipairs(column) do
      place.x, place.y = (d - 1) * COLUMN + 4, y + place.height / 2
      y = y + place.height
    end
  end
  return tallest
end

-- Across a column in which the edge only passes, it goes straight.
local function draw_edge(from, to)
  local x1, x2 = from.x + WIDTH, to.x
  local middle = (x1 + x2) / 2
  local tail = to.task and "" or (" H%d"):format(to.x + WIDTH)
  return ('<path class="edge" d="M%d %.1f C%d %.1f %d %.1f %d %.1f%s"/>')
    :format(x1, from.y, middle, from.y, middle, to.y, x2, to.y, tail)
end

local function draw_box(place)
  local task, x, y = place.task, place.x, place.y - HEIGHT / 2
  return markup.fill([[<g class="{tone}"><title>{id}: {word}</title>
<rect class="box" x="{x}" y="{y}" width="{w}" height="{h}" rx="9"/>
<rect class="tint" x="{x}" y="{y}" width="{w}" height="{h}" rx="9"/><circle class="dot" cx="{cx}" cy="{cy}" r="4.5"/>
<text x="{tx}" y="{y_title}">{title}</text><text class="sub" x="{tx}" y="{y_sub}">{sub}</text>
<text class="word" x="{tx}" y="{y_word}">{word}</text></g>]], {
    tone = task.tone, id = task.id, word = task.word, title = markup.cut(task.title, MOST_TITLE), sub = task.sub,
    x = x, y = y, w = WIDTH, h = HEIGHT, cx = x + 15, cy = y + 17, tx = x + 27,
    y_title = y + 22, y_sub = y + 38, y_word = y + 54,
  })
end

---Draws tasks and what they need.
---@param tasks { id: string, needs: string[], title: string, sub: string, word: string, tone: string }[] `tone` is a
---  class of the page's style
---@return string svg
function drawing.draw(tasks)
  local columns = arrange(tasks)
  untangle(columns)
  local height = position(columns)
  local edges, boxes = {}, {}
  for _, column in ipairs(columns) do
    for _, place in ipairs(column) do
      for _, to in ipairs(place.after) do edges[#edges + 1] = draw_edge(place, to) end
      if place.task then boxes[#boxes + 1] = draw_box(place) end
    end
  end
  local width = math.max(#columns * COLUMN - (COLUMN - WIDTH) + 8, 8)
  return ('<svg role="img" aria-label="Task graph" width="%d" height="%d" viewBox="0 0 %d %d" style="min-width:%dpx">'
    .. "\n%s\n%s\n</svg>"):format(width, height, width, height, math.floor(width * SMALLEST),
    table.concat(edges, "\n"), table.concat(boxes, "\n"))
end

return drawing
