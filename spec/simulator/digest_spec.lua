-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local digest = require "cdfworkflow.simulator.digest"

describe("simulator.digest", function()
  it("gives one text for equal values, whatever the order of members", function()
    local a = core.decode '{"b":[1,2,{"d":null,"c":"x"}],"a":{}}'
    local b = core.decode '{"a":{},"b":[1,2,{"c":"x","d":null}]}'
    assert.equal(digest.canonical(a), digest.canonical(b))
  end)

  it("tells apart what differs", function()
    local texts, seen = {
      "{}", "[]", '{"a":1}', '{"a":"1"}', '{"a":[1]}', '{"a":[1,2]}', '{"a":[2,1]}', '{"b":1}', '{"a":true}',
      '{"a":null}', '{"a":"}"}',
    }, {}
    for _, text in ipairs(texts) do
      local canonical = digest.canonical(core.decode(text))
      assert.is_nil(seen[canonical], text)
      seen[canonical] = true
    end
  end)

  it("hashes to upper-case hexadecimal digits, the same on every Lua", function()
    assert.equal("C10A3B3A6AE28579", digest.hash("workflow", 16))
    assert.truthy(digest.hash("x", 40):find "^[0-9A-F]+$")
    assert.equal(40, #digest.hash(("x"):rep(10000), 40))
    assert.are_not.equal(digest.hash("ab", 40), digest.hash("ba", 40))
  end)
end)
