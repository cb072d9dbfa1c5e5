-- SPDX-License-Identifier: Apache-2.0
-- What is typed into forms: read, refused in words that say where, and shown again without secrets.

local core = require "cdfworkflow.core"
local forms = require "cdfworkflow.simulator.serve.page.forms"

describe("typed JSON", function()
  it("may be left out", function()
    for _, text in ipairs { "", "  \r\n " } do
      local value, problem = forms.read_json(text, "object")
      assert.is_nil(value)
      assert.is_nil(problem)
    end
    assert.is_nil(forms.read_json(nil, "object"))
  end)

  it("is read as what was asked for", function()
    assert.same({ a = { 1, 2 } }, forms.read_json('{"a": [1, 2]}', "object"))
    assert.same({}, forms.read_json("{}", "object"))
    assert.same(core.array { 1 }, forms.read_json("[1]", "array"))
  end)

  local function refused(text, shape, message)
    local value, problem = forms.read_json(text, shape)
    assert.is_nil(value)
    assert.equal(message, problem)
  end

  it("is refused where it is none, with the place", function()
    refused('{"a": }', "object", "This is not JSON: unexpected token at character 7.")
    refused('{\r\n  "a": 1,\r\n  b: 2\r\n}', "object", "This is not JSON: unexpected character in line 3, column 3.")
    refused("{", "object", "This is not JSON: ends too early at character 2.")
  end)

  it("is refused where it is something else", function()
    for _, text in ipairs { "[]", "[1]", "7", '"x"', "null", "true" } do
      refused(text, "object", 'An object is needed here, such as { "a": 1 }.')
    end
    for _, text in ipairs { "{}", "7", "null", "false" } do
      refused(text, "array", 'A list is needed here, such as [{ "externalId": "a" }].')
    end
  end)
end)

describe("typed pairs", function()
  it("are read line by line", function()
    assert.same({ team = "forecast", note = "a=b c" }, forms.read_pairs(" team = forecast \r\n\r\nnote=a=b c"))
    assert.same({ empty = "" }, forms.read_pairs "empty=")
    assert.is_nil(forms.read_pairs "")
    assert.is_nil(forms.read_pairs(nil))
  end)

  it("are refused with the line", function()
    local function message(text) return (select(2, forms.read_pairs(text))) end
    assert.equal("Line 2 is not of the form KEY=VALUE.", message "a=1\nteam")
    assert.equal("Line 1 is not of the form KEY=VALUE.", message "=x")
    assert.equal("a is there twice.", message "a=1\na=2")
    assert.equal("Type the value of apiKey once more.", message "apiKey=…")
  end)
end)

describe("what was typed", function()
  it("is shown again as it was", function()
    assert.equal('{ "plant": ', forms.echo('{ "plant": ', "json"))
    assert.equal("team=x\nodd", forms.echo("team=x\r\nodd", "pairs"))
    assert.equal("", forms.echo(nil, "json"))
  end)

  it("loses what looks like a secret, and says so", function()
    local text, note = forms.echo('{ "apiKey": "abc", "plant": "north" ', "json")
    assert.equal('{ "apiKey": …, "plant": "north" ', text)
    assert.equal("What looks like a secret is not shown again: type the value of apiKey once more.", note)
    text, note = forms.echo("team=x\nmy api key=abc=d\ntoken=\n", "pairs")
    assert.equal("team=x\nmy api key=…\ntoken=\n", text)
    assert.equal("What looks like a secret is not shown again: type the value of my api key once more.", note)
  end)
end)
