-- SPDX-License-Identifier: Apache-2.0
-- In Lua 5.5 a variable of a `for` cannot be assigned to; elsewhere it can. Debian 12 has no Lua 5.5 to say so, but 5.4
-- says so of variables that are declared as constants.
-- Runs on: 5.4

local shell = require "shell"

local function constants(names) return (names:gsub("[%w_]+", "%0 <const>")) end

--- The source, with each variable of a `for` declared anew as a constant, on the same line.
local function with_constants(source)
  local function declare(word, names, rest)
    return ("%s%s%s local %s = %s;"):format(word, names, rest, constants(names), names)
  end
  return (source:gsub("^#[^\n]*", "")
    :gsub("(%f[%w_]for%s+)([%w_]+)(%s*=[^\n]-%f[%w_]do%f[^%w_])", declare)
    :gsub("(%f[%w_]for%s+)([%w_][%w_, ]-)(%s+in%s[^\n]-%f[%w_]do%f[^%w_])", declare))
end

describe("for Lua 5.5,", function()
  it("no variable of a `for` is assigned to", function()
    local told = {}
    for path in shell.run("find lua spec -name node_modules -prune -o -name '*.lua' -print"):gmatch "[^\n]+" do
      local file = assert(io.open(path))
      local _, message = load(with_constants(file:read "*a"), "@" .. path)
      file:close()
      told[#told + 1] = message
    end
    assert.equal("", table.concat(told, "\n"))
  end)

  it("that would be noticed", function()
    for _, code in ipairs { "for i = 1, 2 do i = 3 end", "for _, b in pairs {} do\n  b = 1\nend" } do
      local _, message = load(with_constants(code))
      assert.matches("attempt to assign to const variable '[ib]'$", message)
    end
  end)
end)
