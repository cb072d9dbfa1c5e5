-- SPDX-License-Identifier: Apache-2.0
-- The one place for what is invented is only one while nothing is refused past it.

local refusals = require "cdfworkflow.simulator.lib.refusals"

local function sources()
  local new_transport = require("cdfworkflow.simulator.transport").new
  local folder = debug.getinfo(new_transport, "S").source:match("^@(.*)transport%.lua$")
  local listing = assert(io.popen("find '" .. folder .. "' -name '*.lua'"))
  local texts = {}
  for path in listing:lines() do
    local file = assert(io.open(path))
    texts[#texts + 1] = { path = path, text = file:read("*a") }
    file:close()
  end
  listing:close()
  assert(#texts > 20)
  return texts
end

describe("simulator.refusals", function()
  it("have a status, a text, and how much of both is CDF's own", function()
    for name, kind in pairs(refusals) do
      assert.is_true(kind[1] >= 400 and kind[1] <= 500, name)
      assert.is_true(#kind[2] > 4, name)
      assert.truthy(({ both = 1, status = 1, none = 1 })[kind.evidence], name)
    end
    assert.equal("both", refusals.still_running.evidence)
    assert.equal("status", refusals.unauthorized.evidence)
    assert.equal("none", refusals.nonce.evidence)
  end)

  it("are the only ones: no room has a status or a text of its own", function()
    local used = {}
    for _, source in ipairs(sources()) do
      for call in source.text:gmatch("refuse(%b())") do
        assert.is_nil(call:find("^%(%d"), source.path .. ": " .. call)
        assert.is_nil(call:find('^%("'), source.path .. ": " .. call)
      end
      for name in source.text:gmatch("refusals%.([%l_]+)") do used[name] = true end
      for name in source.text:gmatch('refusals%["(%l+)"%]') do used[name] = true end
    end
    for name in pairs(refusals) do assert.is_true(used[name], name .. " is refused nowhere") end
  end)
end)
