-- SPDX-License-Identifier: Apache-2.0
local core = require "cdfworkflow.core"
local pretty = require "cdfworkflow.program.pretty"

describe("pretty", function()
  it("indents objects and lists, and keeps empty ones together", function()
    assert.equal('{\n  "a": [\n    1,\n    {\n      "b": true\n    }\n  ]\n}', pretty '{"a":[1,{"b":true}]}')
    assert.equal('{\n  "a": [],\n  "b": {}\n}', pretty '{"a":[],"b":{}}')
    assert.equal("[]", pretty "[]")
    assert.equal("-1.5e+10", pretty "-1.5e+10")
  end)

  it("leaves strings alone, whatever is in them", function()
    for _, text in ipairs { '"{[,:]}"', '"a\\"b\\\\"', '"\\\\"', '"\\u0022,"', '"å: {"' } do
      assert.equal(text, pretty(text))
      assert.equal('{\n  "k": ' .. text .. "\n}", pretty('{"k":' .. text .. "}"))
    end
  end)

  it("changes nothing in the meaning", function()
    local file = assert(io.open("spec/contract/golden/076-versions-upsert-graph.json", "rb"))
    local text = core.encode(core.decode(file:read "*a"))
    file:close()
    assert.same(core.decode(text), core.decode(pretty(text)))
  end)
end)
