-- SPDX-License-Identifier: Apache-2.0
-- Functions, their calls, and sessions on the page.

local support = require "page_world"

local world, path

before_each(function()
  world = support.new { functions = {
    talk = function(_, context)
      context.log("hello", "<b>")
      return { rows = 120 }, 5
    end,
    bad = function() error("broken", 0) end,
  } }
  local fn = world:api("/functions/byids", { items = { { externalId = "talk" } } }).items[1]
  path = world:path("functions", ("%.0f"):format(fn.id))
end)

local function make_calls(name, count)
  local fn = world:api("/functions/byids", { items = { { externalId = name } } }).items[1]
  for _ = 1, count do
    world:api("/functions/" .. ("%.0f"):format(fn.id) .. "/call", { nonce = world:nonce() })
    world.sim:advance(6)
  end
end

describe("a function on the page", function()
  it("shows its calls with what they answered and logged", function()
    make_calls("talk", 1)
    local html = world:get(path)
    assert.matches("a Lua function", html, 1, true)
    assert.matches("&quot;rows&quot;: 120", html, 1, true)
    assert.matches("2026-01-01 00:00:00  hello\t&lt;b&gt;", html, 1, true)
    assert.matches('<td class="time" data-label="Took"><div>5 s</div></td>', html, 1, true)
  end)

  it("shows what a call that goes on has not answered yet", function()
    local fn = world:api("/functions/byids", { items = { { externalId = "talk" } } }).items[1]
    world:api("/functions/" .. ("%.0f"):format(fn.id) .. "/call", { nonce = world:nonce() })
    world.sim:advance(1)
    local html = world:get(path)
    assert.matches('<span class="status live">running</span>', html, 1, true)
    assert.is_nil(html:find("rows", 1, true))
  end)

  it("tells errors, and shows its calls by pages, no other function's among them", function()
    make_calls("talk", 26)
    make_calls("bad", 2)
    local _, first = world:get(path):gsub('<tr id="c%-', "")
    assert.equal(25, first)
    local older = world:get(path):match('href="([^"]*)">Next page')
    local _, second = world:get(older):gsub('<tr id="c%-', "")
    assert.equal(1, second)
    local bad = world:api("/functions/byids", { items = { { externalId = "bad" } } }).items[1]
    local html = world:get(world:path("functions", ("%.0f"):format(bad.id)))
    assert.matches('<div class="reason">broken</div>', html, 1, true)
    assert.matches('<span class="status bad">failed</span>', html, 1, true)
  end)

  it("is listed with what answers for it", function()
    world.sim.handlers.bad = nil
    local html = world:get(world:path "functions")
    assert.matches("a Lua function", html, 1, true)
    assert.matches("nothing: calls fail", html, 1, true)
  end)
end)

describe("sessions on the page", function()
  it("are listed by pages, without their nonces", function()
    local nonces = {}
    for i = 1, 30 do nonces[i] = world:nonce() end
    local html = world:get(world:path "sessions")
    local older = world:get(html:match('href="([^"]*)">Next page'))
    local _, first = html:gsub('data%-label="Session"', "")
    local _, second = older:gsub('data%-label="Session"', "")
    assert.same({ 25, 5 }, { first, second })
    for _, nonce in ipairs(nonces) do assert.is_nil((html .. older):find(nonce, 1, true)) end
    assert.matches("token exchange", html, 1, true)
  end)

  it("lead to the trigger that holds them", function()
    world:define("w", { support.call("a", "talk") })
    world:api("/workflows/triggers", { items = { { externalId = "daily", workflowExternalId = "w",
      workflowVersion = "1", triggerRule = { triggerType = "schedule", cronExpression = "0 6 * * *" },
      authentication = { nonce = world:nonce() } } } })
    local html = world:get(world:get(world:path("triggers", "daily")):match('href="(/ui/my%-project/sessions/%d+)"'))
    assert.matches('<a href="/ui/my-project/triggers/daily">daily</a>', html, 1, true)
    assert.matches("<dt>Held by</dt><dd>trigger</dd>", html, 1, true)
    assert.matches('<span class="status done">active</span>', html, 1, true)
  end)

  it("have run out when their time is over", function()
    world:nonce()
    world.sim:advance(7200)
    assert.matches('<span class="status idle">expired</span>', world:get(world:path "sessions"), 1, true)
  end)
end)
