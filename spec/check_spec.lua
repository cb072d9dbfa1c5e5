-- SPDX-License-Identifier: Apache-2.0
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"

describe("check", function()
  it("takes the UUIDs of executions and nothing else", function()
    for _, good in ipairs { "059edaa4-a17a-4102-910e-2c3591500cce", "059EDAA4-A17A-4102-910E-2C3591500CCE" } do
      assert.equal(good, check.uuid("id", good))
    end
    for _, bad in ipairs { "", "not-a-uuid", "a b/c", "059edaa4-a17a-4102-910e-2c3591500cc",
      "059edaa4-a17a-4102-910e-2c3591500cceX", "059edaa4a17a-4102-910e-2c3591500cce-",
      "059edaa4-a17a-4102-910e-2c3591500ccg", "059edaa4-a17a-4102-910e-2c3591500cce\n" } do
      local id, err = check.uuid("id", bad)
      assert.is_nil(id)
      assert.same({ "invalid", "id", 36 }, { err.kind, err.field, err.limit })
    end
    local _, err = check.uuid("id", 7)
    assert.equal("id must be a UUID of 36 characters, got a number", err.message)
  end)

  it("takes ids that a double holds exactly, and writes them without exponent", function()
    assert.equal("9007199254740991", check.id("id", 9007199254740991))
    assert.equal("123", check.id("id", 123.0))
    for _, bad in ipairs { 0, -1, 1.5, 2 ^ 53, math.huge, 0 / 0, "5" } do
      local digits, err = check.id("id", bad)
      assert.is_nil(digits)
      assert.equal("invalid", err.kind)
    end
  end)

  it("counts the characters of a text, not its bytes", function()
    assert.is_true(check.text("reason", ("ø"):rep(500), 500))
    assert.is_true(check.text("reason", nil, 500))
    local ok, err = check.text("reason", ("ø"):rep(501), 500)
    assert.is_nil(ok)
    assert.same({ "invalid", "reason", 500, "reason is longer than 500 characters" },
      { err.kind, err.field, err.limit, err.message })
    assert.equal("invalid", select(2, check.text("reason", 5, 500)).kind)
  end)

  it("blames the line that called the method for a wrong type", function()
    local function method(value)
      check.type(value, "table", "workflow")
      check.optional(value.input, "table", "input")
    end
    local ok, message = pcall(function() method("x") end)
    assert.is_false(ok)
    assert.matches("check_spec.lua:%d+: workflow: expected a table, got a string", message)
    method { input = {} }
    method {}
    ok, message = pcall(function() method { input = 1 } end)
    assert.is_false(ok)
    assert.matches("check_spec.lua:%d+: input: expected a table or nil, got a number", message)
  end)

  it("takes an external id or a version as text or as a whole number", function()
    assert.equal("v%201%2F%CE%B2", check.segment("version", "v 1/β"))
    assert.same({ "3", "3" }, { check.segment("version", 3), check.identifier("version", 3) })
    assert.equal("v 1", check.identifier("version", "v 1"))
    for _, bad in ipairs { "", " x", "..", ("x"):rep(256), "a\255" } do
      assert.equal("invalid", select(2, check.segment("version", bad)).kind)
      assert.equal("invalid", select(2, check.identifier("version", bad)).kind)
    end
    local function method(value)
      local segment, err = check.segment("version", value)
      return segment, err
    end
    local ok, message = pcall(function() method(nil) end)
    assert.is_false(ok)
    assert.matches("check_spec.lua:%d+: version: expected a string, got nil", message)
  end)

  it("tells a list from a single resource", function()
    check.sequence({}, "versions")
    check.sequence({ 1 }, "versions")
    assert.error_matches(function() check.sequence({ version = "1" }, "versions") end, "got a single table")
    assert.error_matches(function() check.sequence("1", "versions") end, "got a string")
  end)

  it("keeps an empty list a list in JSON", function()
    assert.is_true(core.is_array(check.list {}))
    assert.same({ 1 }, check.list { 1 })
    local given = {}
    check.list(given)
    assert.is_false(core.is_array(given))
  end)

  it("knows both of CDF's ways to say that something is not there", function()
    assert.is_true(check.is_missing { status = 404 })
    assert.is_true(check.is_missing { status = 400, missing = { { id = 1 } } })
    assert.is_false(check.is_missing { status = 400 })
  end)

  it("slices in order, and joins what the slices give, or nothing", function()
    local function double(slice)
      local doubled = {}
      for i, value in ipairs(slice) do doubled[i] = 2 * value end
      return doubled
    end
    assert.same({ 2, 4, 6, 8, 10 }, check.slices({ 1, 2, 3, 4, 5 }, 2, double))
    assert.same({}, check.slices({ 1 }, 2, function() return true end))
    assert.is_true(core.is_array(check.slices({}, 2, double)))
  end)

  it("stops slicing at the first error", function()
    local seen = {}
    local result, err = check.slices({ 1, 2, 3, 4, 5 }, 2, function(slice)
      seen[#seen + 1] = #slice
      if #seen == 2 then return nil, "no" end
      return slice
    end)
    assert.is_nil(result)
    assert.equal("no", err)
    assert.same({ 2, 2 }, seen)
  end)

  it("calls an answer without its members a protocol error", function()
    assert.equal("protocol", select(2, check.first("trigger", {})).kind)
    assert.equal("protocol", select(2, check.first("trigger", { items = {} })).kind)
    assert.equal("protocol", select(2, check.items("triggers", { items = "x" })).kind)
  end)
end)
