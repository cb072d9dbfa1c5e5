-- SPDX-License-Identifier: Apache-2.0
-- References in task parameters: whole values keep their type, embedded ones become text (CDF.md section 6).

local core = require "cdfworkflow.core"
local references = require "cdfworkflow.simulator.engine.references"

local VALUES = {
  ["workflow.input"] = {
    day = "2026-01-01", limit = 10, ratio = 1.5, yes = true, no = false, nothing = core.null,
    list = { "a", "b", { deep = "c" } }, empty = core.array {}, object = { b = 1, a = { 2, "x" } },
    ["1"] = "member one", ["odd key"] = "odd", text = "${workflow.input.day}",
  },
  ["fetch.output"] = { response = { rows = { { id = 1 }, { id = 2 } } } },
  ["fetch.input"] = { ["function"] = { data = { a = 1 } } },
  ["a.b.output"] = { c = "dotted" },
  ["a.output.x.output"] = { c = "dotted too" },
}

local function source(name, member)
  if name == "later" then return nil, "that task has not completed" end
  return VALUES[name .. "." .. member]
end

local function resolve(value) return references.resolve(value, source) end

describe("simulator.references", function()
  it("leaves data without references as it is, in a copy", function()
    local value = { a = { 1, "x", core.null }, b = true, c = core.array {} }
    local result = resolve(value)
    assert.same(value, result)
    assert.not_equal(value.a, result.a)
    assert.is_true(core.is_array(result.c))
  end)

  for _, case in ipairs {
    { "${workflow.input.day}", "2026-01-01" },
    { "${workflow.input.limit}", 10 },
    { "${workflow.input.ratio}", 1.5 },
    { "${workflow.input.yes}", true },
    { "${workflow.input.no}", false },
    { "${workflow.input.nothing}", core.null },
    { "${workflow.input.object}", { b = 1, a = { 2, "x" } } },
    { "${workflow.input.list}", { "a", "b", { deep = "c" } } },
    { "${workflow.input}", VALUES["workflow.input"] },
    { "${fetch.output}", VALUES["fetch.output"] },
    { "${fetch.output.response.rows[1].id}", 2 },
    { "${fetch.output.response.rows.0.id}", 1 },
    { "${fetch.input.function.data.a}", 1 },
    { "${workflow.input['odd key']}", "odd" },
    { '${workflow.input["odd key"]}', "odd" },
    { "${workflow.input.1}", "member one" },
    { "${workflow.input.list[2].deep}", "c" },
    { "${a.b.output.c}", "dotted" },
    { "${a.output.x.output.c}", "dotted too" },
  } do
    it("keeps the type of the whole value " .. case[1], function()
      local result, reason = resolve { value = case[1] }
      assert.is_nil(reason)
      assert.same(case[2], result.value)
    end)
  end

  it("keeps an empty array an array", function()
    assert.is_true(core.is_array(resolve("${workflow.input.empty}")))
  end)

  for _, case in ipairs {
    { "on ${workflow.input.day}!", "on 2026-01-01!" },
    { "${workflow.input.day}/${workflow.input.limit}", "2026-01-01/10" },
    { "n=${workflow.input.limit} ", "n=10 " },
    { " ${workflow.input.ratio}", " 1.5" },
    { "${workflow.input.yes}${workflow.input.no}", "truefalse" },
    { "<${workflow.input.nothing}>", "<null>" },
    { "x${workflow.input.object}", 'x{"a":[2,"x"],"b":1}' },
    { "x${workflow.input.empty}", "x[]" },
    { "100% ${workflow.input.day}", "100% 2026-01-01" },
  } do
    it("splices " .. case[1], function()
      assert.equal(case[2], resolve(case[1]))
    end)
  end

  it("resolves at any depth, in arrays and objects", function()
    assert.same({ a = { { b = 10 }, "10." } }, resolve { a = { { b = "${workflow.input.limit}" },
      "${workflow.input.limit}." } })
  end)

  it("does not look through what it has put in", function()
    assert.equal("${workflow.input.day}", resolve("${workflow.input.text}"))
    assert.equal("-${workflow.input.day}", resolve("-${workflow.input.text}"))
  end)

  it("gives copies, so that a change does not reach the source", function()
    local result = resolve { value = "${workflow.input.list}" }
    result.value[3].deep = "changed"
    assert.equal("c", VALUES["workflow.input"].list[3].deep)
  end)

  for _, case in ipairs {
    { "${missing.output}", "there is no such task" },
    { "${fetch.output.nothing}", "it has no such member" },
    { "${fetch.output.response.rows[2]}", "it has no such member" },
    { "${fetch.output.response.rows[0].id.deeper}", "it has no such member" },
    { "${fetch.output[}", "it has no such member" },
    { "${workflow.input.day.x}", "it has no such member" },
    { "${later.output.x}", "that task has not completed" },
    { "text ${later.output.x} text", "that task has not completed" },
    { "${workflow.metadata}", "there is no such task" },
    { "${workflow.inputs}", "there is no such task" },
    { "${}", "there is no such task" },
    { "${HOME}", "there is no such task" },
  } do
    it("names the reference that leads nowhere: " .. case[1], function()
      local result, reason = resolve { deep = { case[1] } }
      assert.is_nil(result)
      assert.equal("Reference " .. case[1]:match "%${.-}" .. " cannot be resolved: " .. case[2], reason)
    end)
  end

  it("names the same one of several problems whatever the order of members", function()
    local value = {}
    for _, key in ipairs { "z", "q", "m", "a", "k" } do value[key] = "${" .. key .. ".output}" end
    local _, reason = resolve(value)
    assert.equal("Reference ${a.output} cannot be resolved: there is no such task", reason)
  end)

  it("leaves an unfinished reference as text", function()
    assert.equal("${workflow.input", resolve("${workflow.input"))
  end)
end)
