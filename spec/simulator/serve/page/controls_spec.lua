-- SPDX-License-Identifier: Apache-2.0
-- The clock and the faults, on the page.

local support = require "page_world"

local PATH = "/ui/controls"

local world

before_each(function()
  world = support.new { functions = { slow = function() return {}, 30 end } }
end)

describe("the clock on the page", function()
  it("is moved, and what is due happens", function()
    world:define("w", { support.call("a", "slow") })
    local execution = world:start "w"
    for text, seconds in pairs { ["90"] = 90, ["90s"] = 90, ["1.5 m"] = 90, ["2h"] = 7200, ["1d"] = 86400 } do
      local before = world.sim:now()
      world:act(PATH, { deed = "advance", seconds = text })
      assert.equal(before + seconds * 1000, world.sim:now())
    end
    assert.equal("COMPLETED", world:execution(execution.id).status)
  end)

  it("is moved from any page, which is come back to", function()
    local path = world:path "workflows"
    local html = world:get(path)
    assert.matches('<input type="hidden" name="back" value="' .. path .. '"><input type="hidden" name="deed" '
      .. 'value="advance"><input type="hidden" name="seconds" value="3600"><button title="Move the simulator&#39;s '
      .. 'clock">+1 h<', html, 1, true)
    local _, location = world:act(PATH, { deed = "advance", seconds = "3600", back = path })
    assert.equal(path .. "?notice=1", location)
  end)

  it("leads to no other place", function()
    for _, back in ipairs { "//evil.example", "https://evil.example", "/\\evil.example", "/x\r\nset-cookie: a=b", "",
      "/ui/../x y", "/ui/x?y" } do
      local response = world:send(PATH, { deed = "advance", seconds = "1", back = back })
      assert.matches("^/ui/controls%?notice=%d+$", response.headers.location)
    end
  end)

  it("is not moved by nonsense, which is said beside the field", function()
    local before = world.sim:now()
    for text, message in pairs { ["soon"] = "Write a number with s, m, h or d behind it", [""] = "Write a number",
      ["-1"] = "Write a number", ["32d"] = "31 days at most", ["1w"] = "Write a number" } do
      local response = world:send(PATH, { deed = "advance", seconds = text })
      assert.equal(422, response.status)
      assert.matches('<p id="n-seconds" class="problem">' .. message, response.body, 1, true)
      assert.matches('value="' .. text .. '"', response.body, 1, true)
    end
    assert.equal(before, world.sim:now())
  end)
end)

describe("faults on the page", function()
  it("are ordered in the words of the command line, and shown", function()
    local html = world:act(PATH, { deed = "order", fault = "run:503x2" })
    assert.matches("The fault was ordered.", html, 1, true)
    assert.matches('<td data-label="Where"><div>run</div></td><td data-label="What"><div>'
      .. "<code>{ &quot;status&quot;: 503 }</code></div></td>", html, 1, true)
    local ordered = world.sim:list_faults()
    assert.equal(1, #ordered)
    assert.equal(503, ordered[1].fault.status)
    assert.equal(2, ordered[1].left)
  end)

  it("may hit more often, or later, than anybody counts", function()
    local html = world:act(PATH, { deed = "order", fault = "run:503x99999999999999999999" })
    assert.matches('data-label="Hits"><div>100000000000000000000</div>', html, 1, true)
    world.sim:fault { status = 503, match = { times = math.huge } }
    assert.matches('data-label="Hits"><div>all</div>', world:get(PATH), 1, true)
  end)

  it("that are none are said to be, beside the field", function()
    for text, message in pairs { ["rnu:503"] = "did you mean &quot;run&quot;?", [""] = "WHERE:WHAT",
      ["run:x"] = "nothing that a fault can do" } do
      local response = world:send(PATH, { deed = "order", fault = text })
      assert.equal(422, response.status)
      assert.matches('<p id="n-fault" class="problem">the fault &quot;', response.body, 1, true)
      assert.matches(message, response.body, 1, true)
    end
    assert.same({}, world.sim:list_faults())
  end)

  it("are cleared one by one, or all", function()
    for _, text in ipairs { "run:503", "token:drop-after@3", "any:delay=2" } do
      world:act(PATH, { deed = "order", fault = text })
    end
    local html = world:get(PATH)
    assert.matches("any request", html, 1, true)
    local id = ("%d"):format(world.sim:list_faults()[2].id)
    html = world:act(PATH, { deed = "clear", id = id })
    assert.matches("The fault was cleared.", html, 1, true)
    assert.equal(2, #world.sim:list_faults())
    assert.is_nil(html:find("drop", 1, true) and html:find("&quot;drop&quot;: &quot;after&quot;", 1, true))
    html = world:act(PATH, { deed = "clear" })
    assert.matches("2 faults were cleared.", html, 1, true)
    assert.matches("No fault waits for a request.", html, 1, true)
    assert.matches('<div class="notice warn" role="status">0 faults were cleared.</div>',
      world:act(PATH, { deed = "clear", id = id }), 1, true)
  end)
end)
