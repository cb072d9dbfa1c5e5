-- SPDX-License-Identifier: Apache-2.0
-- The timeline of a run: where bars begin and end, in percent of the run.

local timeline = require "cdfworkflow.simulator.serve.page.timeline"

local function run(till, ...)
  return { startTime = 0, endTime = till, executedTasks = { ... } }
end

local function task(id, from, till, more)
  local entry = { id = id, externalId = id, status = till and "COMPLETED" or "IN_PROGRESS", startTime = from,
    endTime = till }
  for name, value in pairs(more or {}) do entry[name] = value end
  return entry
end

-- Bars as { class, x, width }, in order.
local function bars(html)
  local found = {}
  for class, x, width in html:gmatch('<rect class="([^"]*)" x="([%d.]+)%%" width="([%d.]+)%%"') do
    found[#found + 1] = { class, tonumber(x), tonumber(width) }
  end
  return found
end

describe("a timeline", function()
  it("has a bar for each task, as long as it took", function()
    local html = timeline.draw(run(10000, task("a", 0, 2500), task("b", 2500, 10000)), 99999)
    assert.same({ { "done", 0, 25 }, { "done", 25, 75 } }, bars(html))
    assert.matches('<a class="label" href="#t-a">a</a>', html, 1, true)
    assert.matches("<title>completed, 2.5 s</title>", html, 1, true)
  end)

  it("goes on to now while the run does", function()
    local execution = run(nil, task("a", 0, 2000), task("b", 2000))
    assert.same({ { "done", 0, 50 }, { "live", 50, 50 } }, bars(timeline.draw(execution, 4000)))
  end)

  it("has a bar for each attempt", function()
    local earlier = { { status = "FAILED", startTime = 0, endTime = 2000, reason = "x" } }
    local html = timeline.draw(run(4000, task("a", 2000, 4000, { earlier = earlier })), 0)
    assert.same({ { "bad past", 0, 50 }, { "done", 50, 50 } }, bars(html))
  end)

  it("shows what took no time, and stays within its width", function()
    local drawn = bars(timeline.draw(run(10000, task("a", 0, 0), task("b", 10000, 10000)), 0))
    assert.same({ { "done", 0, 0.5 }, { "done", 99.5, 0.5 } }, drawn)
    assert.same({ { "done", 0, 0.5 } }, bars(timeline.draw(run(0, task("a", 0, 0)), 0)))
  end)

  it("has no lane for what has not begun", function()
    local html = timeline.draw(run(10000, task("a", 0, 10000), { id = "b", externalId = "b", status = "CANCELED" }), 0)
    assert.is_nil(html:find("#t-b", 1, true))
    assert.equal("", timeline.draw(run(10000, { id = "b", externalId = "b", status = "CANCELED" }), 0))
    assert.equal("", timeline.draw({ executedTasks = {} }, 0))
  end)

  it("has a scale that can be read, however long the run", function()
    for ms, words in pairs { [900] = "0.2 s", [9000] = "2 s", [100000] = "30 s", [600000] = "2 min", [86400000] = "6 h",
      [864000000] = "2 d", [864000000000] = "2000 d" } do
      local html = timeline.draw(run(ms, task("a", 0, ms)), 0)
      local _, count = html:gsub("<text ", "")
      assert.is_true(count >= 3 and count <= 6, ms .. " has " .. count)
      assert.matches(">" .. words .. "</text>", html, 1, true)
    end
  end)
end)
