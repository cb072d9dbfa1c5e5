-- SPDX-License-Identifier: Apache-2.0
-- The tables of what methods take: mistakes first, then what CDF would refuse; defaults, and where things go. That the
-- public methods go by theirs is in mistakes_spec.lua.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"

--- A function that takes one argument of the kind and gives what it got; its name is "f".
local function taking(kind, members)
  local argument = { "value", kind, required = true }
  for name, value in pairs(members or {}) do argument[name] = value end
  return method.fn("f", { argument }, function(value) return value end)
end

local function complaint(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

describe("options.check", function()
  it("gives back the table of known options, or an empty one for nil", function()
    local opts = { input = {}, timeout = 3 }
    assert.equal(opts, options.check(opts, { "input", "timeout" }, "f"))
    assert.same({}, options.check(nil, { "input" }, "f"))
  end)

  it("refuses keys that are no names, and anything but a table", function()
    assert.matches("f: unknown option [1]", complaint(options.check, { "input" }, { "input" }, "f"), 1, true)
    assert.matches("f: expected a table of options, got string", complaint(options.check, "x", { "x" }, "f"), 1, true)
  end)
end)

describe("a table of options", function()
  local kind = options.of {
    { "limit", check.limit, default = 25 },
    { { "name", check.string, to = "filter" }, { "age", check.number, to = "filter" } },
    { "ignore_unknown_ids", check.boolean, to = "query", as = "ignoreUnknownIds" },
  }
  local f = method.fn("f", { { "opts", kind } }, function(opts) return opts end)

  it("fills in, sorts by where things go, and leaves the given one alone", function()
    assert.same({ limit = 25 }, f())
    local given = { name = "a", age = 3, ignore_unknown_ids = false }
    assert.same({ limit = 25, filter = { name = "a", age = 3 }, query = { ignoreUnknownIds = false } }, f(given))
    assert.same({ name = "a", age = 3, ignore_unknown_ids = false }, given)
  end)

  it("names the option that was probably meant, and the same one of several each time", function()
    assert.matches('f: unknown option "limt"; did you mean "limit"?', complaint(f, { limt = 1 }), 1, true)
    assert.matches('unknown option "verbose"$', complaint(f, { verbose = 1 }))
    assert.matches("unknown option [1]", complaint(f, { "limit" }), 1, true)
    assert.matches('unknown option "aa\\nbb"', complaint(f, { zz = 1, ["aa\nbb"] = 1, yy = 1 }), 1, true)
  end)

  it("names the option of a wrong type, and shows nothing of it that may be secret", function()
    assert.matches("f: name: expected a string, got a table", complaint(f, { name = {} }), 1, true)
    assert.matches("f: opts: expected a table of options, got a string", complaint(f, "secret"), 1, true)
    assert.matches("f: age: expected a number, got a string", complaint(f, { age = "secret" }), 1, true)
  end)

  it("tells a mistake before what CDF would refuse", function()
    assert.matches("name: expected a string", complaint(f, { limit = 0, name = 7 }), 1, true)
    local _, err = f { limit = 0 }
    assert.same({ "invalid", "limit", 1 }, { err.kind, err.field, err.limit })
  end)

  it("may have a rule of its own", function()
    local either = taking(options.needed({ { "a", check.any }, { "b", check.any } }, function(given)
      if (given.a == nil) == (given.b == nil) then return "give either a or b" end
    end))
    assert.same({ a = 1 }, either { a = 1 })
    assert.matches("f: give either a or b", complaint(either, {}), 1, true)
    assert.matches("f: value: expected a table of options, got nil", complaint(either), 1, true)
  end)
end)

describe("a resource", function()
  local f = taking(options.resource({
    { "name", check.text(3), required = true },
    { "rule", options.resource { { "size", check.number }, { "note", check.text(2) } } },
  }, { "createdTime" }))

  it("passes what it does not know, without what was read only", function()
    local given = { name = "a", later = 1, createdTime = 5, rule = { later = 2 } }
    assert.same({ name = "a", later = 1, rule = { later = 2 } }, f(given))
    assert.equal(5, given.createdTime)
  end)

  it("names its members by their paths", function()
    assert.matches("f: name: expected a string, got nil", complaint(f, {}), 1, true)
    local message = complaint(f, { name = "a", rule = { size = "" } })
    assert.matches("f: rule.size: expected a number, got a string", message, 1, true)
    local _, err = f { name = "a", rule = { note = "abc" } }
    assert.same({ "rule.note", 2, "rule.note is longer than 2 characters" }, { err.field, err.limit, err.message })
  end)

  it("can be taken in part", function()
    assert.same({ id = 1 }, taking(options.part { { "id", check.number } }) { id = 1, name = "x" })
  end)
end)

describe("a list", function()
  it("names the item that is wrong", function()
    local f = taking(options.list(check.text(2)))
    assert.matches("f: value[2]: expected a string, got a number", complaint(f, { "a", 7 }), 1, true)
    assert.equal("value[3]", select(2, f { "a", "b", "abc" }).field)
    assert.matches("f: value: expected a list, got a table", complaint(f, { a = "b" }), 1, true)
  end)

  it("stays one in JSON when it is empty", function()
    assert.equal("[]", core.encode(taking(options.list(check.any)) {}))
  end)

  it("may be a single value", function()
    local f = taking(options.one_or_list(options.item("id", check.id "a thing")))
    assert.same({ { id = 7 }, single = true }, f(7))
    assert.same({ { id = 7 } }, f { 7 })
    assert.same({ { id = 7 }, single = true }, f { id = 7, name = "x" })
    assert.equal("value", select(2, f(0)).field)
    assert.equal("value[2]", select(2, f { 1, 0 }).field)
    assert.matches("f: value[1]: expected a thing", complaint(f, { "x" }), 1, true)
  end)
end)

describe("options that are passed on", function()
  it("are checked for mistakes only", function()
    local f = method.fn("f", { { "opts", options.passed { { "size", check.text(1), required = true, to = "x" } } } },
      function(opts) return opts end)
    assert.same({}, f())
    assert.same({ size = "large" }, f { size = "large" })
    assert.matches("f: size: expected a string", complaint(f, { size = 1 }), 1, true)
  end)
end)
