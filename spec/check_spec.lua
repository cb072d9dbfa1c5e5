-- SPDX-License-Identifier: Apache-2.0
-- The kinds of value: what is a mistake, what CDF would refuse, and what the methods get.

local check = require "cdfworkflow.check"
local cdf = require "cdfworkflow"

--- What CDF would refuse, as field and limit.
local function refused(kind, value)
  assert.is_true(kind.accepts(value))
  local taken, err = kind.use(value, "x")
  assert.is_nil(taken)
  assert.equal("invalid", err.kind)
  assert.matches("^x", err.message)
  return { err.field, err.limit }
end

describe("a name", function()
  local UUID = "059edaa4-a17a-4102-910e-2c3591500cce"

  it("of an execution is a UUID, or an execution that bears it", function()
    for _, good in ipairs { UUID, UUID:upper() } do
      assert.equal(good, check.execution.use(good, "x"))
      assert.equal(good, check.execution.use({ id = good, status = "RUNNING" }, "x"))
    end
    for _, bad in ipairs { "", "not-a-uuid", "a b/c", UUID:sub(1, 35), UUID .. "X",
      "059edaa4a17a-4102-910e-2c3591500cce-", "059edaa4-a17a-4102-910e-2c3591500ccg", UUID:sub(1, 35) .. "\n" } do
      assert.same({ "x", 36 }, refused(check.execution, bad))
      assert.same({ "x", 36 }, refused(check.execution, { id = bad }))
    end
    for _, wrong in ipairs { 7, true, {}, { id = 7 }, print } do assert.is_false(check.execution.accepts(wrong)) end
    assert.is_false(check.execution.accepts(nil))
  end)

  it("of a resource with a number is one that a double holds exactly", function()
    local kind = check.id "a session"
    assert.equal(9007199254740991, kind.use(9007199254740991, "x"))
    assert.equal(5, kind.use({ id = 5 }, "x"))
    assert.equal(5, kind.use({ via = "function", resource = { id = 5 } }, "x"))
    for _, bad in ipairs { 0, -1, 1.5, 2 ^ 53, math.huge, 0 / 0 } do
      assert.same({ "x", 9007199254740991 }, refused(kind, bad))
    end
    for _, wrong in ipairs { "5", true, {}, { id = "5" } } do assert.is_false(kind.accepts(wrong)) end
    assert.equal("9007199254740991", check.digits(9007199254740991))
    assert.equal("123", check.digits(123.0))
  end)

  it("of a workflow or a version is text or a whole number", function()
    assert.equal("v%201%2F%CE%B2", check.segment.use("v 1/β", "x"))
    assert.same({ "3", "3" }, { check.segment.use(3, "x"), check.identifier.use(3, "x") })
    assert.equal("v 1", check.identifier.use("v 1", "x"))
    for bad, limit in pairs {
      [("x"):rep(256)] = 255, [""] = "is empty", [" x"] = "begins or ends with white space",
      ["a\255"] = "is not valid UTF-8", [".."] = "is '.' or '..', which cannot stand in a URL's path",
    } do
      assert.same({ "x", limit }, refused(check.segment, bad))
      assert.same({ "x", limit }, refused(check.identifier, bad))
    end
    for _, wrong in ipairs { 1.5, 2 ^ 60 + 0.0, true, {} } do assert.is_false(check.name.accepts(wrong)) end
  end)

  it("of a trigger is its external id, the trigger, or a schedule that is one", function()
    local schedule = { via = "trigger", name = "a/b", resource = { externalId = "a/b" } }
    for _, given in ipairs { "a/b", { externalId = "a/b" }, schedule } do
      assert.equal("a/b", check.trigger.use(given, "x"))
      assert.equal("a%2Fb", check.trigger_segment.use(given, "x"))
    end
    assert.is_false(check.trigger.accepts {})
    local by_function = { via = "function", name = "nightly", resource = { id = 7, name = "nightly" } }
    local done, err = check.trigger.use(by_function, "trigger")
    assert.is_nil(done)
    assert.same({ "invalid", "trigger", 'via = "trigger"' }, { err.kind, err.field, err.limit })
    assert.matches("the schedule nightly is a function on a schedule and no trigger: CDF cannot pause it", err.message)
  end)

  it("of a function is its external id or its id", function()
    assert.same({ externalId = "f" }, check.function_name.use("f", "x"))
    assert.same({ id = 7 }, check.function_name.use(7, "x"))
    assert.same({ "x", 1 }, refused(check.function_name, ""))
    assert.same({ "x", 255 }, refused(check.function_name, ("x"):rep(256)))
    assert.same({ "x", 9007199254740991 }, refused(check.function_name, 0))
  end)
end)

describe("a value", function()
  it("of text is counted in characters, not in bytes", function()
    local kind = check.text(500, 1)
    assert.equal(("ø"):rep(500), kind.use(("ø"):rep(500), "x"))
    assert.same({ "x", 500 }, refused(kind, ("ø"):rep(501)))
    assert.same({ "x", 1 }, refused(kind, ""))
    assert.equal("", check.text(500).use("", "x"))
    assert.is_false(kind.accepts(5))
  end)

  it("of this library's own has its range and its words", function()
    assert.is_true(check.timeout.accepts(604800))
    for _, wrong in ipairs { 0, -1, 604801, 0 / 0, math.huge, "1" } do assert.is_false(check.timeout.accepts(wrong)) end
    assert.equal("a number of seconds from 0.001 to 604800", check.timeout.word)
    local whole = check.whole(1, math.huge)
    assert.equal("a whole number of at least 1", whole.word)
    for _, wrong in ipairs { 0, 1.5, "1", math.huge } do assert.is_false(whole.accepts(wrong)) end
    local choice = check.choice { "a", "b" }
    assert.same({ true, false, false }, { choice.accepts "a", choice.accepts "c", choice.accepts(nil) })
    assert.equal('"a" or "b"', choice.word)
  end)

  it("of CDF's words is refused, not raised", function()
    local word = check.word { "COMPLETED", "FAILED" }
    assert.equal("FAILED", word.use("FAILED", "x"))
    assert.same({ "x", '"COMPLETED" or "FAILED"' }, refused(word, "failed"))
  end)

  it("of text by text has its figures", function()
    assert.same({ "x", 10 }, refused(check.metadata, { a = "", b = "", c = "", d = "", e = "", f = "", g = "", h = "",
      i = "", j = "", k = "" }))
    assert.same({ "x", 32 }, refused(check.metadata, { [("k"):rep(33)] = "v" }))
    assert.same({ "x.k", 255 }, refused(check.metadata, { k = ("v"):rep(256) }))
    assert.same({ 'x["a b"]', 255 }, refused(check.metadata, { ["a b"] = ("v"):rep(256) }))
    assert.same({ "x.k", "text by text" }, refused(check.metadata, { k = 1 }))
    assert.same({ "x", "text by text" }, refused(check.metadata, { "v" }))
    assert.same({ "x.k", "is not valid UTF-8" }, refused(check.metadata, { k = "\255" }))
    local secrets = check.pairs(30, 15, math.huge, { pattern = "^[a-z]+$", words = "lower-case letters" })
    assert.same({ "x", "lower-case letters" }, refused(secrets, { A = "v" }))
    assert.same({ a = "v" }, secrets.use({ a = "v" }, "x"))
  end)

  it("of JSON can be looked at beforehand", function()
    assert.same({ 1 }, check.json({ 1 }, "x"))
    local _, err = check.json({ a = { 0 / 0 } }, "x")
    assert.same({ "x.a[1]", "NaN cannot be written as JSON" }, { err.field, err.limit })
  end)
end)

describe("credentials", function()
  it("of a session have a client secret", function()
    local pair = assert(cdf.credentials { client_id = "a", client_secret = "b", tenant_id = "t" })
    local token = assert(cdf.credentials { token = "t" })
    local kind = check.client_credentials
    assert.is_true(kind.accepts(pair))
    assert.is_true(kind.accepts { client_id = "a", client_secret = "b" })
    for _, wrong in ipairs { token, { client_id = "a" }, { client_secret = "b" }, "x", io.stdout } do
      assert.is_false(kind.accepts(wrong))
    end
    assert.is_true(check.credentials.accepts(token))
    for _, wrong in ipairs { {}, "t", io.stdout } do assert.is_false(check.credentials.accepts(wrong)) end
  end)
end)
