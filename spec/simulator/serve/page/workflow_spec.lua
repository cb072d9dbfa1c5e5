-- SPDX-License-Identifier: Apache-2.0
-- Workflows and their versions on the page.

local support = require "page_world"

local call = support.call

local world

before_each(function()
  world = support.new { functions = { quick = function() return {} end } }
end)

describe("the list of workflows", function()
  it("goes on by pages, in the order of the names", function()
    for i = 1, 60 do world:api("/workflows", { items = { { externalId = ("w%02d"):format(i) } } }) end
    local html = world:get(world:path "workflows")
    assert.matches(">w50</a>", html, 1, true)
    assert.is_nil(html:find(">w51</a>", 1, true))
    html = world:get(html:match('href="([^"]*)">Next page'))
    assert.matches(">w51</a>", html, 1, true)
    assert.matches(">w60</a>", html, 1, true)
    assert.is_nil(html:find("Next page", 1, true))
  end)
end)

describe("a workflow on the page", function()
  it("shows its versions, its triggers and its latest executions, and those only", function()
    world:api("/workflows",
      { items = { { externalId = "w", description = "for a day", maxConcurrentExecutions = 3 } } })
    world:define("w", { call("a", "quick") }, "1")
    world:define("w", { call("a", "quick"), call("b", "quick") }, "2")
    world:define("other", { call("a", "quick") })
    for _, name in ipairs { "w", "other" } do
      world:api("/workflows/triggers", { items = { { externalId = "daily-" .. name, workflowExternalId = name,
        workflowVersion = "1", triggerRule = { triggerType = "schedule", cronExpression = "0 6 * * *" },
        authentication = { nonce = world:nonce() } } } })
    end
    local own, foreign = world:start "w", world:start "other"
    local html = world:get(world:path("workflows", "w"))
    assert.matches("for a day", html, 1, true)
    assert.matches("<dt>At most at the same time</dt><dd>3</dd>", html, 1, true)
    assert.is_true(html:find("/versions/2", 1, true) < html:find('/versions/1"', 1, true))
    assert.matches("daily-w<", html, 1, true)
    assert.matches("0 6 * * * UTC", html, 1, true)
    assert.matches("2026-01-01 06:00:00", html, 1, true)
    assert.matches(own.id, html, 1, true)
    assert.is_nil(html:find("daily-other", 1, true))
    assert.is_nil(html:find(foreign.id, 1, true))
  end)

  it("leads to all its executions", function()
    world:define("w & v", { call("a", "quick") })
    for _ = 1, 11 do world:start "w & v" end
    local html = world:get(world:path("workflows", "w & v"))
    assert.matches('href="/ui/my-project/executions?workflow=w%20%26%20v">All executions »', html, 1, true)
  end)
end)

describe("a version on the page", function()
  it("shows its graph and its tasks", function()
    world:define("w", { call("a", "quick", { retries = 5, timeout = 90 }),
      call("b", "quick", { dependsOn = { { externalId = "a" } }, onFailure = "skipTask" }) })
    local html = world:get(world:path("workflows", "w", "versions", "1"))
    assert.matches('<a href="#d-a"><g class="idle"><title>a</title>', html, 1, true) -- which leads to its row
    assert.matches('<tr id="d-a">', html, 1, true)
    assert.matches('<td class="number" data-label="Retries"><div>5</div></td>'
      .. '<td class="number" data-label="Timeout"><div>1 min 30 s</div></td>', html, 1, true)
    assert.matches("skipTask", html, 1, true)
    assert.matches('<td data-label="After"><div>a</div></td>', html, 1, true)
    assert.matches('href="/ui/my-project/workflows/w/run?version=1"', html, 1, true)
  end)
end)
