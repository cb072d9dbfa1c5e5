-- SPDX-License-Identifier: Apache-2.0
local suggest = require "cdfworkflow.suggest"

local allowed = { "input", "metadata", "client_credentials", "timeout" }

describe("suggest.nearest", function()
  it("finds the word that was probably meant", function()
    for given, meant in pairs {
      inptu = "input", Input = "input", clientCredentials = "client_credentials", inputs = "input",
      timeuot = "timeout", meta = "metadata", time_out = "timeout",
    } do
      assert.equal(meant, suggest.nearest(given, allowed))
    end
  end)

  it("prefers the nearest of several", function()
    assert.equal("retries", suggest.nearest("retrys", { "retry_after", "retries", "entries" }))
    assert.equal("dependsOn", suggest.nearest("depends_on", { "dependsOn2", "dependsOn", "depends" }))
    assert.equal("one", suggest.nearest("onne", { "one", "onde" }))
    assert.equal("method", suggest.nearest("met", { "body", "method" }))
  end)

  it("finds nothing for what is no text, empty or very long", function()
    assert.is_nil(suggest.nearest(7, allowed))
    assert.is_nil(suggest.nearest("", allowed))
    assert.is_nil(suggest.nearest("___", { "--" }))
    assert.is_nil(suggest.nearest("in", allowed))
    assert.is_nil(suggest.nearest(("input"):rep(100), allowed))
  end)
end)

describe("suggest.hint", function()
  it("is empty when nothing is near", function()
    assert.equal("", suggest.hint("verbose", allowed))
    assert.equal('; did you mean "input"?', suggest.hint("imput", allowed))
  end)
end)

describe("suggest.unknown", function()
  it("gives them in the same order each time", function()
    assert.same({ 1, "a", "b" }, suggest.unknown({ b = 1, input = 1, a = 1, 1 }, allowed))
  end)
end)
