-- SPDX-License-Identifier: Apache-2.0
-- Draws a task graph as SVG: columns by depth, and within a column the order that keeps edges short. A long edge gets a
-- place of its own in each column that it passes, so that it does not run through boxes.

local lettering = require "cdfworkflow.simulator.serve.lettering"
local markup = require "cdfworkflow.simulator.serve.markup"

local drawing = {}

local WIDTH, COLUMN = 206, 258
local SWEEPS = 3
local SMALLEST = 0.7 -- how far a wide graph may shrink before it has to be scrolled

-- Where many tasks stand above one another, each gets one line instead of three.
local ROOMY = { height = 62, row = 86, thin = 24 } -- `thin` is the place that a passing edge takes
local DENSE = { height = 32, row = 40, thin = 14 }
local MOST_ROOMY = 6
local TITLE, SMALL = 14, 12 -- the sizes of letters, as the page's style has them
local LEFT, RIGHT, BETWEEN = 27, 10, 8 -- what a box leaves free beside its words

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
  return { task = task, before = {}, after = {} }
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

local function count_tasks(column)
  local count = 0
  for _, place in ipairs(column) do count = count + (place.task and 1 or 0) end
  return count
end

local function choose_style(columns)
  for _, column in ipairs(columns) do
    if count_tasks(column) > MOST_ROOMY then return DENSE end
  end
  return ROOMY
end

local function height_of(column, style)
  local tasks = count_tasks(column)
  return tasks * style.row + (#column - tasks) * style.thin
end

-- Gives every place its left edge and middle line; returns the height of the whole.
local function position(columns, style)
  local tallest = 0
  for _, column in ipairs(columns) do tallest = math.max(tallest, height_of(column, style)) end
  for d, column in ipairs(columns) do
    local y = (tallest - height_of(column, style)) / 2
    for _, place in ipairs(column) do
      local height = place.task and style.row or style.thin
      place.x, place.y = (d - 1) * COLUMN + 4, y + height / 2
      y = y + height
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

local LINES = [[
<text x="{tx}" y="{y_title}">{title}</text><text class="sub" x="{tx}" y="{y_sub}">{sub}</text>
<text class="word" x="{tx}" y="{y_word}">{word}</text>]]
local LINE = [[
<text x="{tx}" y="{y_title}">{title}</text><text class="sub took" x="{right}" y="{y_title}">{short}</text>]]

local function draw_words(place, style, top)
  local task, dense, room = place.task, style == DENSE, WIDTH - LEFT - RIGHT
  local taken = dense and lettering.width(task.short) * SMALL + BETWEEN or 0
  return markup.fill(dense and LINE or LINES, {
    title = lettering.fit(task.title, (room - taken) / TITLE), sub = lettering.fit(task.sub, room / SMALL),
    word = task.word, short = task.short, tx = place.x + LEFT, right = place.x + WIDTH - RIGHT,
    y_title = top + (dense and 21 or 22), y_sub = top + 38, y_word = top + 54,
  })
end

local function draw_box(place, style)
  local task, x, y = place.task, place.x, place.y - style.height / 2
  local box = markup.fill([[<g class="{tone}"><title>{name}</title>
<rect class="box" x="{x}" y="{y}" width="{w}" height="{h}" rx="9"/>
<rect class="tint" x="{x}" y="{y}" width="{w}" height="{h}" rx="9"/><circle class="dot" cx="{cx}" cy="{cy}" r="4.5"/>
{!words}</g>]], {
    tone = task.tone, name = task.word ~= "" and task.id .. ": " .. task.word or task.id,
    words = draw_words(place, style, y),
    x = x, y = y, w = WIDTH, h = style.height, cx = x + 15, cy = y + (style == DENSE and 16 or 17),
  })
  return task.href and markup.fill('<a href="{href}">{!box}</a>', { href = task.href, box = box }) or box
end

-- As wide as there is room, between what can be read and its own size: the empty picture above the graph, which does
-- not shrink, says how narrow the frame around both may get.
local FRAME = [[
<div class="fit"><svg width="{least}" height="0" aria-hidden="true"></svg>
<svg class="drawn" role="group" aria-label="Task graph" width="{width}" height="{height}"
viewBox="0 0 {width} {height}">
{!edges}
{!boxes}
</svg></div>]]

--- Draws tasks and what they need.
---@param tasks { id: string, needs: string[], title: string, sub: string, word: string, short: string, tone: string,
---  href: string? }[] `tone` is a class of the page's style; `short` stands in for `sub` and `word` where there is
---  little room; `href` is where the box leads
---@return string html
function drawing.draw(tasks)
  local columns = arrange(tasks)
  untangle(columns)
  local style = choose_style(columns)
  local height = position(columns, style)
  local edges, boxes = {}, {}
  for _, column in ipairs(columns) do
    for _, place in ipairs(column) do
      for _, to in ipairs(place.after) do edges[#edges + 1] = draw_edge(place, to) end
      if place.task then boxes[#boxes + 1] = draw_box(place, style) end
    end
  end
  local width = math.max(#columns * COLUMN - (COLUMN - WIDTH) + 8, 8)
  return markup.fill(FRAME, {
    width = width, height = ("%d"):format(height), least = ("%d"):format(math.floor(width * SMALLEST)),
    edges = table.concat(edges, "\n"), boxes = table.concat(boxes, "\n"),
  })
end

return drawing
