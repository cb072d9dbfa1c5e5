-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local canonical = require "cdfworkflow.simulator.lib.canonical"

describe("simulator.canonical", function()
  it("gives one text for equal values, whatever the order of members", function()
    local a = core.decode '{"b":[1,2,{"d":null,"c":"x"}],"a":{}}'
    local b = core.decode '{"a":{},"b":[1,2,{"c":"x","d":null}]}'
    assert.equal(canonical.text(a), canonical.text(b))
  end)

  it("tells apart what differs", function()
    local texts, seen = {
      "{}", "[]", '{"a":1}', '{"a":"1"}', '{"a":[1]}', '{"a":[1,2]}', '{"a":[2,1]}', '{"b":1}', '{"a":true}',
      '{"a":null}', '{"a":"}"}',
    }, {}
    for _, text in ipairs(texts) do
      local form = canonical.text(core.decode(text))
      assert.is_nil(seen[form], text)
      seen[form] = true
    end
  end)

  it("hashes to upper-case hexadecimal digits, the same on every Lua", function()
    assert.equal("C10A3B3A6AE28579", canonical.hash("workflow", 16))
    assert.truthy(canonical.hash("x", 40):find "^[0-9A-F]+$")
    assert.equal(40, #canonical.hash(("x"):rep(10000), 40))
    assert.are_not.equal(canonical.hash("ab", 40), canonical.hash("ba", 40))
  end)
end)
