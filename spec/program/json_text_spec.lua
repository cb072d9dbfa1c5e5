-- SPDX-License-Identifier: Apache-2.0
local core = require "cdfworkflow.core"
local json_text = require "cdfworkflow.program.json_text"

local function of(text, indented) return json_text(core.decode(text), indented) end

describe("json_text", function()
  it("writes members in the order of their names, whatever their order was", function()
    local names = {}
    for i = 1, 40 do names[i] = ('"name%02d":%d'):format(i, i) end
    local text = "{" .. table.concat(names, ",") .. "}"
    for i = 1, 40 do
      local j = (i * 7) % 40 + 1
      names[i], names[j] = names[j], names[i]
    end
    assert.equal(text, of("{" .. table.concat(names, ",") .. "}"))
  end)

  it("indents objects and lists where asked, and keeps empty ones together", function()
    assert.equal('{\n  "a": [\n    1,\n    {\n      "b": true\n    }\n  ],\n  "c": null\n}',
      of('{"c":null,"a":[1,{"b":true}]}', true))
    assert.equal('{\n  "a": [],\n  "b": {}\n}', of('{"b":{},"a":[]}', true))
    assert.equal("[]", of("[]", true))
    assert.equal('{"a":[1,[],{"b":{}}]}', of '{"a": [1, [], {"b": {}}]}')
  end)

  it("changes nothing in strings and numbers", function()
    for _, text in ipairs { '"{[,:]}"', '"a\\"b\\\\"', '"\\\\"', '"å: {"', "-1.5", "1000000", "true", "null" } do
      assert.equal(text, of(text, true))
      assert.equal('{\n  "k": ' .. text .. "\n}", of('{"k":' .. text .. "}", true))
    end
  end)

  it("passes JSON text on that was not read", function()
    assert.equal('{"data":{ "z": 1.10, "a": [] }}', json_text { data = core.raw_json '{ "z": 1.10, "a": [] }' })
  end)

  it("changes nothing in the meaning", function()
    local file = assert(io.open("spec/contract/golden/076-versions-upsert-graph.json", "rb"))
    local text = file:read "*a"
    file:close()
    assert.same(core.decode(text), core.decode(of(text, true)))
    assert.same(core.decode(text), core.decode(of(text)))
  end)
end)
