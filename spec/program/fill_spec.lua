-- SPDX-License-Identifier: Apache-2.0
local fill = require "cdfworkflow.program.fill"

describe("fill", function()
  local function filled(text, value) return (fill(text, { n = value, ["a.b-c"] = "%1" })) end

  it("puts values in place of their names, however these are spaced", function()
    assert.equal("x: north y north", filled("x: {{ n }} y {{n}}", "north"))
    assert.equal("x: %1", filled("x: {{ a.b-c }}", ""))
  end)

  it("puts what YAML would take for a number, or for a key, in quotes where it is a value of its own", function()
    for text, expected in pairs {
      ["v: {{ n }}"] = 'v: "7"', ["v: '{{ n }}'"] = 'v: "7"', ['v: "{{n}}"'] = 'v: "7"',
      ["- {{ n }} # x"] = '- "7" # x',
      ["[{{n}}, {{n}}]"] = '["7", "7"]', ['{"v":{{n}}}'] = '{"v":"7"}', ["v:\n  - {{n}}\r\n"] = 'v:\n  - "7"\r\n',
      ["{{ n }}"] = '"7"',
    } do
      assert.equal(expected, filled(text, "7"), text)
    end
    assert.equal('v: "007"', filled("v: {{ n }}", "007"))
    assert.equal('v: "a:"', filled("v: {{ n }}", "a:"))
    assert.equal("v: 1.5", filled("v: {{ n }}", "1.5"))
  end)

  it("puts nothing in quotes that is a part of a text", function()
    for text, expected in pairs {
      ["v: v{{ n }}"] = "v: v7", ["v: {{ n }}_x"] = "v: 7_x", ["v: at {{ n }}"] = "v: at 7",
      ["v: {{ n }} of us"] = "v: 7 of us",
      ['v: "{{n}} x"'] = 'v: "7 x"', ["v: 'x {{n}}'"] = "v: 'x 7'", ["v: a-{{n}}"] = "v: a-7",
      ["http://h:{{n}}/"] = "http://h:7/",
    } do
      assert.equal(expected, filled(text, "7"), text)
    end
  end)

  it("puts a number where one is meant", function()
    for text, expected in pairs {
      ["retries: {{ n }}"] = "retries: 7", ['"timeout": {{n}},'] = '"timeout": 7,',
      ["  batchSize:   {{ n }}"] = "  batchSize:   7",
      ["retries: '{{ n }}'"] = "retries: '7'",
    } do
      assert.equal(expected, filled(text, "7"), text)
    end
  end)

  it("names what is left, each once, also where a value asks for more", function()
    assert.same({ "b", "c" }, select(2, fill("{{ b }} {{ a }} {{b}}", { a = "{{ c }}" })))
    assert.same({}, select(2, fill("{{ a }}", { a = "x" })))
  end)

  it("lets names stand for themselves where that is enough", function()
    assert.equal("v: name", (fill("v: {{ name }}", {}, true)))
  end)
end)
