-- SPDX-License-Identifier: Apache-2.0
-- YAML as PyYAML, which the CDF Toolkit uses, reads it: into what JSON would have been.

local core = require "cdfworkflow.core"
local yaml = require "cdfworkflow.program.yaml"

local function json_of(text, texts)
  local value, message = yaml.decode(text, texts)
  assert.is_nil(message)
  return value
end

describe("yaml.decode", function()
  it("keeps lists and objects apart, empty ones too", function()
    local value = json_of "list: []\nobject: {}\nfull: [1, two]\n"
    assert.is_true(core.is_array(value.list))
    assert.is_false(core.is_array(value.object))
    assert.same({ 1, "two" }, { value.full[1], value.full[2] })
    assert.equal("[]", core.encode(value.list))
    assert.equal("{}", core.encode(value.object))
  end)

  it("gives plain words the type that PyYAML gives them", function()
    for text, expected in pairs {
      ["yes"] = true, ["No"] = false, ["on"] = true, ["true"] = true, ["y"] = "y",
      ["12"] = 12, ["-3"] = -3, ["1_000"] = 1000, ["017"] = 15, ["08"] = "08", ["0x1f"] = 31, ["1:30"] = 90,
      ["1.5"] = 1.5, ["1e5"] = "1e5", ["1.5e+3"] = 1500, ["2026-11-24"] = "2026-11-24", ["5 4 * * *"] = "5 4 * * *",
      ['"12"'] = "12", ["'yes'"] = "yes", ["!!str 12"] = "12",
    } do
      local value = json_of("v: " .. text).v
      assert.equal(expected, value, text)
    end
    for _, text in ipairs { "~", "null", "" } do assert.equal(core.null, json_of("v: " .. text).v) end
  end)

  it("takes members as they are written where they are text, in the outer mapping or the outer list's", function()
    local texts = { version = true, externalId = true }
    for _, text in ipairs { "1", "1.10", "007", "0x1f", "1_2", "1:30", "-3" } do
      assert.equal(text, json_of("version: " .. text, texts).version)
      assert.equal(text, json_of("- a: 1\n- externalId: " .. text, texts)[2].externalId)
    end
    local value = json_of(
      "version: &v 7\nother: *v\ndata:\n  version: 7\n  list: [{version: 8}]\nexternalId: 9\n", texts)
    assert.same({ "7", 7, 7, 8, "9" },
      { value.version, value.other, value.data.version, value.data.list[1].version, value.externalId })
    assert.equal(true, json_of("version: yes", texts).version)
    assert.equal(core.null, json_of("version:", texts).version)
  end)

  it("knows anchors, merged mappings and texts of several lines", function()
    local value = json_of "base: &b {a: 1, c: 2}\nmore:\n  <<: *b\n  a: 3\nagain: *b\ntext: |\n  one\n  two\n"
    assert.same({ a = 3, c = 2 }, value.more)
    assert.equal(2, value.again.c)
    assert.equal("one\ntwo\n", value.text)
  end)

  it("says what is wrong, with line and column", function()
    local function wrong(text, words)
      local value, message = yaml.decode(text)
      assert.is_nil(value)
      assert.equal(words, message)
    end
    wrong("a: 1\nb: [1,\n", "not YAML: did not find expected node content at line 3, column 1")
    wrong("a: *nobody", "not YAML: nothing is called *nobody at line 1, column 4")
    wrong("a: !env NAME", "not YAML: the tag !env has no meaning here at line 1, column 4")
    wrong("---\na: 1\n---\nb: 2\n", "not YAML: there is more than one document at line 3, column 1")
    wrong("{a: 1}: 2", "not YAML: a key must be plain text at line 1, column 1")
    wrong("<<: 3", "not YAML: << takes a mapping at line 1, column 5")
  end)

  it("names what is missing to read it", function()
    package.loaded["lyaml.implicit"], package.preload["lyaml.implicit"] = nil, function() error "not here" end
    local value, message = yaml.decode "a: 1"
    package.preload["lyaml.implicit"] = nil
    assert.is_nil(value)
    assert.equal("lyaml is needed to read YAML: install the rock `lyaml`, or Debian's lua-yaml", message)
  end)
end)
