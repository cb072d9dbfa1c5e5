-- SPDX-License-Identifier: Apache-2.0
-- All executions by pages, filtered; and that a page looks at no more than it says.

local newest = require "cdfworkflow.simulator.serve.page.newest"
local support = require "page_world"

local call = support.call
local START = 1767225600 -- 2026-01-01T00:00:00Z

local world, path

-- Ids of the executions that a page lists, in order, by the name that they were started under.
local function listed(html, names)
  local found = {}
  for id in html:gmatch('<tr id="e%-([^"]+)">') do found[#found + 1] = names[id] or id end
  return found
end

local function next_page(html)
  local href = html:match('href="([^"]*)">Next page »')
  return href and href:gsub("&amp;", "&") or nil
end

before_each(function()
  world = support.new { functions = {
    quick = function() return {} end, slow = function() return {}, 3600 end, bad = function() error("broken", 0) end,
    endless = function() error(("x"):rep(5000), 0) end,
  } }
  world:define("good", { call("a", "quick") })
  world:define("bad", { call("a", "bad", { retries = 0 }) })
  world:define("endless", { call("a", "endless", { retries = 0 }) })
  world:define("long", { call("a", "slow") })
  world:define("half", { call("a", "bad", { retries = 0, onFailure = "skipTask" }) })
  path = world:path "executions"
end)

describe("the list of executions", function()
  it("goes on by pages, whatever is started meanwhile", function()
    local names = {}
    for i = 1, 60 do
      names[world:start("good").id] = i
      world.sim:advance(1)
    end
    local first = world:get(path)
    world:start "good"
    local second = world:get(next_page(first))
    local third = world:get(next_page(second))
    local all = {}
    for _, html in ipairs { first, second, third } do
      for _, name in ipairs(listed(html, names)) do all[#all + 1] = name end
    end
    assert.equal(60, #all)
    for i, name in ipairs(all) do assert.equal(61 - i, name) end
    assert.is_nil(next_page(third))
    assert.is_nil(first:find("First page", 1, true))
    assert.matches('href="' .. path .. '">« First page', third, 1, true)
  end)

  it("tells the reasons", function()
    world:start "bad"
    world.sim:advance(1)
    assert.matches('<div class="reason">Task a failed: broken</div>', world:get(path), 1, true)
  end)

  it("tells the beginning of a reason that is very long", function()
    world:start "endless"
    world.sim:advance(1)
    local reason = world:get(path):match '<div class="reason">(.-)</div>'
    assert.matches("^Task a failed: x+…$", reason)
    assert.is_true(#reason < 320)
  end)

  describe("is filtered by", function()
    local names

    before_each(function()
      names = {}
      for _, workflow in ipairs { "good", "bad", "long", "half" } do
        names[world:start(workflow).id] = workflow
        world.sim:advance(60)
      end
    end)

    local function filtered(query)
      return listed(world:get(path .. "?" .. query), names)
    end

    it("workflow", function()
      assert.same({ "bad" }, filtered "workflow=bad")
      assert.same({}, filtered "workflow=none")
      assert.same({ "half", "long", "bad", "good" }, filtered "workflow=&status=&from=&to=")
    end)

    it("workflow, whose name is typed where there are very many", function()
      assert.matches('<select id="f-workflow"', world:get(path), 1, true)
      assert.matches('<input id="f-workflow" name="workflow" value="&lt;gone&gt;"', world:get(path
        .. "?workflow=%3Cgone%3E"), 1, true)
      for i = 1, 97 do world:api("/workflows", { items = { { externalId = "w" .. i } } }) end
      assert.matches('<input id="f-workflow"', world:get(path), 1, true)
    end)

    it("status, as the page tells it", function()
      assert.same({ "good" }, filtered "status=COMPLETED")
      assert.same({ "half" }, filtered "status=COMPLETED_WITH_ERRORS")
      assert.same({ "bad" }, filtered "status=FAILED")
      assert.same({ "long" }, filtered "status=RUNNING")
      assert.same({}, filtered "status=FAILED&workflow=good")
    end)

    it("time, whole minutes in UTC", function()
      assert.equal(START + 240, world.sim:now() / 1000)
      assert.same({ "half", "long" }, filtered "from=2026-01-01T00%3A02")
      assert.same({ "long", "bad" }, filtered "from=2026-01-01T00%3A01&to=2026-01-01T00%3A02")
      assert.same({ "good" }, filtered "to=2026-01-01T00%3A00")
      assert.same({}, filtered "from=2027-01-01T00%3A00")
      assert.same({}, filtered "to=2025-12-31T23%3A59")
    end)

    it("nothing that cannot be read, and says so beside the field", function()
      for _, text in ipairs { "yesterday", "2026-13-01T00:00", "2026-02-30T00:00", "2026-01-01T24:00" } do
        local html = world:get(path .. "?from=" .. text)
        assert.matches('<p id="n-from" class="problem">Write a time like 2026-01-31T08:30.</p>', html, 1, true)
        assert.matches('value="' .. text .. '"', html, 1, true)
      end
    end)

    it("all of it on the next pages too", function()
      for _ = 1, 30 do world:start "good" end
      local html = world:get(path .. "?workflow=good&status=&from=2026-01-01T00%3A00")
      assert.matches("workflow=good&from=2026%-01%-01T00%%3A00&before=%d+", next_page(html))
      assert.matches('<option value="good" selected>good</option>', html, 1, true)
      assert.equal(6, #listed(world:get(next_page(html)), names))
    end)
  end)

  describe("where nothing fits", function()
    local looks = newest.MOST_LOOKS

    before_each(function() newest.MOST_LOOKS = 10 end)
    after_each(function() newest.MOST_LOOKS = looks end)

    it("looks at a limited number, says so, and goes on from there", function()
      local first = world:start "bad"
      world.sim:advance(1)
      for _ = 1, 25 do world:start "good" end
      local html = world:get(path .. "?status=FAILED")
      assert.matches("None of them fits.", html, 1, true)
      assert.matches("<span>Looked at 10 executions, back to 2026-01-01 00:00:01.</span>", html, 1, true)
      html = world:get(next_page(world:get(next_page(html))))
      assert.same({ first.id }, listed(html, {}))
      assert.is_nil(next_page(html))
    end)
  end)
end)

describe("the count of a workflow's executions", function()
  local workflow_list = require "cdfworkflow.simulator.serve.page.workflow_list"

  it("reads each execution once", function()
    local project, reads = world.sim.projects["my-project"], 0
    for _ = 1, 5 do world:start "good" end
    world:start "bad"
    assert.same({ good = 5, bad = 1 }, workflow_list.counts(project))
    local stored = project.engine_state.executions
    project.engine_state.executions = setmetatable({}, { __index = function(_, id)
      reads = reads + 1
      return stored[id]
    end })
    assert.same({ good = 5, bad = 1 }, workflow_list.counts(project))
    assert.equal(0, reads)
    project.engine_state.executions = stored
    world:start "good"
    assert.same({ good = 6, bad = 1 }, workflow_list.counts(project))
  end)
end)
