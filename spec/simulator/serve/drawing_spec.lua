-- SPDX-License-Identifier: Apache-2.0
-- The drawn task graph: where boxes stand, that edges join the right ones, and that nothing overlaps.

local drawing = require "cdfworkflow.simulator.serve.drawing"

local function task(id, ...)
  return { id = id, needs = { ... }, title = id, sub = "function", word = "waiting", short = "soon", tone = "idle" }
end

-- Boxes by id, with their left edge and top; edges as { x1, y1, x2, y2 }.
local function read(svg)
  local boxes, edges = {}, {}
  for id, x, y in svg:gmatch('<title>([^:]*): [^<]*</title>%s*<rect class="box" x="([%d.]+)" y="([%d.]+)"') do
    boxes[id] = { x = tonumber(x), y = tonumber(y) }
  end
  for x1, y1, x2, y2, tail in svg:gmatch('d="M(%S+) (%S+) C%S+ %S+ %S+ %S+ (%S+) ([%d.]+)(%s*H?[%d.]*)"') do
    edges[#edges + 1] = { x1 = tonumber(x1), y1 = tonumber(y1), x2 = tonumber(x2), y2 = tonumber(y2), tail = tail }
  end
  return boxes, edges
end

local function draw(...)
  return read(drawing.draw { ... })
end

describe("a drawn graph", function()
  it("stands in columns by depth, the longest way counting", function()
    local boxes = draw(task("d", "a", "c"), task("a"), task("b", "a"), task("c", "b"), task("e"))
    assert.equal(boxes.a.x, boxes.e.x)
    assert.is_true(boxes.a.x < boxes.b.x and boxes.b.x < boxes.c.x and boxes.c.x < boxes.d.x)
    assert.not_equal(boxes.a.y, boxes.e.y)
  end)

  it("joins each task with what it needs", function()
    local boxes, edges = draw(task("a"), task("b", "a"))
    assert.same({
      { x1 = boxes.a.x + 206, y1 = boxes.a.y + 31, x2 = boxes.b.x, y2 = boxes.b.y + 31, tail = "" },
    }, edges)
  end)

  it("leads a long edge past the columns between, through no box", function()
    local boxes, edges = draw(task("a"), task("b", "a"), task("c", "b"), task("d", "c", "a"))
    assert.equal(6, #edges) -- three short ones, and the long one in three parts
    local through = 0
    for _, edge in ipairs(edges) do
      for _, box in pairs(boxes) do
        local passes = edge.tail ~= "" and edge.x2 == box.x and edge.y2 > box.y and edge.y2 < box.y + 62
        through = through + (passes and 1 or 0)
      end
    end
    assert.equal(0, through)
  end)

  it("has no two boxes in one place, and no crossing that can be avoided", function()
    local boxes, edges = draw(task("a"), task("b"), task("x", "b"), task("y", "a"))
    assert.is_true((boxes.a.y < boxes.b.y) == (boxes.y.y < boxes.x.y))
    assert.equal(2, #edges)
  end)

  it("shows each task's status and name, escaped and cut", function()
    local odd = task("<b>")
    odd.title, odd.word, odd.tone = "a <very> long name for a single task", "failed", "bad"
    local svg = drawing.draw { odd }
    assert.matches('<g class="bad"><title>&lt;b&gt;: failed</title>', svg, 1, true)
    assert.matches(">a &lt;very&gt; long nam…<", svg, 1, true)
    assert.matches(">failed</text>", svg, 1, true)
  end)

  it("has no name that runs out of its box, or into what stands beside it", function()
    local tasks = { task "first" }
    for i = 1, 8 do tasks[i + 1] = task("t" .. i, "first") end
    for _, made in ipairs(tasks) do made.title, made.short = ("W"):rep(255), "12 min 30 s" end
    local svg = drawing.draw(tasks)
    assert.matches(">WWWW…</text>", svg, 1, true)
    assert.matches(">WWWWWWWWWW…</text>", drawing.draw { tasks[1] }, 1, true)
  end)

  it("leads from a box to where it is told to", function()
    assert.matches('<svg class="drawn" role="group" aria-label="Task graph"', drawing.draw { task "a" }, 1, true)
    local led = task "a"
    led.href = "#t-<1>"
    assert.matches('<a href="#t-&lt;1&gt;"><g class="idle"><title>a: waiting</title>', drawing.draw { led }, 1, true)
    assert.is_nil(drawing.draw({ task "a" }):find("<a ", 1, true))
  end)

  it("gives each task one line where many stand above one another", function()
    local tasks = { task "first" }
    for i = 1, 30 do tasks[i + 1] = task("t" .. i, "first") end
    local html = drawing.draw(tasks)
    assert.matches('<text class="sub took" x="[%d.]+" y="[%d.]+">soon</text>', html)
    assert.is_nil(html:find(">waiting</text>", 1, true))
    local boxes = read(html)
    for i = 1, 29 do assert.is_true(boxes["t" .. i + 1].y - boxes["t" .. i].y >= 36) end
    assert.is_true(tonumber(html:match('class="drawn".- height="(%d+)"')) < 1300)
  end)

  it("may be shrunk, and scrolled before it cannot be read", function()
    local html = drawing.draw { task "a", task("b", "a"), task("c", "b") }
    local width = tonumber(html:match('class="drawn".- width="(%d+)"'))
    assert.equal(3 * 258 - 52 + 8, width)
    assert.matches('<div class="fit"><svg width="' .. math.floor(width * 0.7) .. '" height="0"', html, 1, true)
  end)

  it("copes with no task, an unknown need, and a ring", function()
    assert.matches("^<div class=\"fit\">.*</div>$", drawing.draw {})
    local boxes, edges = draw(task("a", "nobody"))
    assert.truthy(boxes.a)
    assert.equal(0, #edges)
    boxes = draw(task("a", "b"), task("b", "a"))
    assert.truthy(boxes.a and boxes.b)
  end)

  it("takes two hundred tasks in no time", function()
    local tasks, begun = {}, os.clock()
    for i = 1, 200 do
      tasks[i] = task("t" .. i, i > 10 and "t" .. (i - 10) or nil, i > 17 and "t" .. (i - 17) or nil)
    end
    local boxes = read(drawing.draw(tasks))
    local count = 0
    for _ in pairs(boxes) do count = count + 1 end
    assert.equal(200, count)
    assert.is_true(os.clock() - begun < 1)
  end)
end)
