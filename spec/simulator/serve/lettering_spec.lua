-- SPDX-License-Identifier: Apache-2.0

local lettering = require "cdfworkflow.simulator.serve.lettering"

describe("a text that has so much room", function()
  it("stays as it is where it fits", function()
    for _, text in ipairs { "", "read-sensors", "읽기-작업", ("i"):rep(28) } do
      assert.equal(text, lettering.fit(text, 12))
    end
  end)

  it("is cut between characters where it does not, however wide they are", function()
    for text, shown in pairs {
      [("W"):rep(255)] = ("W"):rep(10) .. "…", [("漢"):rep(20)] = ("漢"):rep(10) .. "…",
      [("i"):rep(60)] = ("i"):rep(27) .. "…", ["a name with spaces that goes on"] = "a name with space…",
      [("é"):rep(40)] = ("é"):rep(16) .. "…",
    } do
      local cut = lettering.fit(text, 12)
      assert.equal(shown, cut)
      assert.is_true(lettering.width(cut) <= 12.01, text)
    end
  end)

  it("is nothing but the sign of that where there is none", function()
    assert.equal("…", lettering.fit("name", 0.5))
  end)
end)
