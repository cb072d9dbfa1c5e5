-- SPDX-License-Identifier: Apache-2.0
-- options.check: unknown keys are named, with the nearest known one, and blamed on the user's line.

local options = require "cdfworkflow.options"

local allowed = { "input", "metadata", "client_credentials", "timeout" }

--- Stands for a public function of the library; busted's caller is the user.
local function run(opts)
  opts = options.check(opts, allowed, "client:run")
  return opts
end

local function complaint(opts)
  local ok, message = pcall(function() run(opts) end)
  assert.is_false(ok)
  return message
end

describe("options.check", function()
  it("gives back the table of known options", function()
    local opts = { input = {}, timeout = 3 }
    assert.equal(opts, run(opts))
  end)

  it("gives an empty table for nil", function()
    assert.same({}, run(nil))
  end)

  it("names the option that was probably meant", function()
    for given, meant in pairs {
      inptu = "input", Input = "input", clientCredentials = "client_credentials", inputs = "input",
      timeuot = "timeout", meta = "metadata", time_out = "timeout",
    } do
      local expected = ('client:run: unknown option "%s"; did you mean "%s"?'):format(given, meant)
      assert.truthy(complaint({ [given] = 1 }):find(expected, 1, true), complaint({ [given] = 1 }))
    end
  end)

  it("does not guess when nothing is near", function()
    assert.truthy(complaint({ verbose = 1 }):find('unknown option "verbose"$'))
  end)

  it("refuses keys that are no names, and anything but a table", function()
    assert.truthy(complaint({ "input" }):find("unknown option [1]", 1, true))
    assert.truthy(complaint("input"):find("expected a table of options, got string", 1, true))
  end)

  it("names the same one of several unknown options each time, on one line", function()
    assert.truthy(complaint({ zz = 1, ["aa\nbb"] = 1, yy = 1 }):find('unknown option "aa\\nbb"', 1, true))
  end)

  it("blames the line that called the public function", function()
    local line = debug.getinfo(1, "l").currentline
    local _, message = pcall(function()
      run { inptu = 1 }
    end)
    assert.truthy(message:find(("options_spec.lua:%d:"):format(line + 2), 1, true), message)
  end)

  it("blames whom it is told to", function()
    local function helper(opts) options.check(opts, allowed, "client:run", 3) end
    local function public(opts) helper(opts); return true end
    local line = debug.getinfo(1, "l").currentline
    local _, message = pcall(function()
      public { inptu = 1 }
    end)
    assert.truthy(message:find(("options_spec.lua:%d:"):format(line + 2), 1, true), message)
  end)
end)

describe("options.check_members", function()
  it("speaks of members, and refuses nil", function()
    local function check(t) options.check_members(t, { "externalId" }, "cdf.task.fn"); return t end
    local _, unknown = pcall(function() check { external_id = "a" } end)
    assert.truthy(unknown:find('cdf.task.fn: unknown member "external_id"; did you mean "externalId"?', 1, true))
    local _, none = pcall(function() check(nil) end)
    assert.truthy(none:find("cdf.task.fn: expected a table of members, got nil", 1, true))
  end)
end)

describe("options.nearest", function()
  it("prefers the nearest of several", function()
    assert.equal("retries", options.nearest("retrys", { "retry_after", "retries", "entries" }))
    assert.equal("dependsOn", options.nearest("depends_on", { "dependsOn2", "dependsOn", "depends" }))
    assert.equal("one", options.nearest("onne", { "one", "onde" }))
    assert.equal("method", options.nearest("met", { "body", "method" }))
  end)

  it("finds nothing for what is no text, empty or very long", function()
    assert.is_nil(options.nearest(7, allowed))
    assert.is_nil(options.nearest("", allowed))
    assert.is_nil(options.nearest("___", { "--" }))
    assert.is_nil(options.nearest("in", allowed))
    assert.is_nil(options.nearest(("input"):rep(100), allowed))
  end)
end)

describe("options.hint", function()
  it("is empty when nothing is near", function()
    assert.equal("", options.hint("verbose", allowed))
    assert.equal('; did you mean "input"?', options.hint("imput", allowed))
  end)
end)
