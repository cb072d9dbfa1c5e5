-- SPDX-License-Identifier: Apache-2.0
local columns = require "cdfworkflow.definition.columns"

describe("columns", function()
  it("counts what a terminal shows", function()
    assert.equal(5, columns.of "plain")
    assert.equal(3, columns.of "å→é")
    assert.equal(4, columns.of "温度")
    assert.equal(2, columns.of "🔥")
    assert.equal(1, columns.of "e\204\129") -- e and a combining accent
    assert.equal(0, columns.of "")
  end)

  it("fits text between characters, and never half of a wide one", function()
    assert.equal("pl", columns.fit("plain", 2))
    assert.equal("plain", columns.fit("plain", 9))
    assert.equal("å→", columns.fit("å→é", 2))
    assert.equal("温", columns.fit("温度", 3))
    assert.equal("e\204\129", columns.fit("e\204\129x", 1))
    assert.equal("", columns.fit("x", 0))
  end)
end)
