-- SPDX-License-Identifier: Apache-2.0
-- src/README.md is the map: where each room in C has its spec, and what lies in spec/support.
-- Runs on: 5.4

local shell = require "shell"

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

describe("the map, src/README.md,", function()
  local section

  setup(function()
    local file = assert(io.open "src/README.md")
    section = assert(file:read("*a"):match "\n## Specs [^\n]*\n(.-)\n## ")
    file:close()
  end)

  it("has a line for each room in C that has no spec of its name", function()
    for room in shell.run("cd src && ls *.c"):gmatch "([^\n]+)%.c\n" do
      local known = exists(("spec/core/%s_spec.lua"):format(room)) or section:find(("`%s.c`"):format(room), 1, true)
      assert.is_truthy(known, room .. ".c")
    end
    for path in section:gmatch "`(spec/[^`]+%.lua)`" do assert.is_truthy(exists(path), path) end
  end)

  it("names each file of spec/support, and no other", function()
    for name in shell.run("cd spec/support && ls *.lua *.c *.sh *.py *.mjs"):gmatch "[^\n]+" do
      assert.is_truthy(section:find(("`%s`"):format(name), 1, true), name)
    end
    for name in section:match("`spec/support/`.*"):gmatch "`([%w_]+%.%l+)`" do
      assert.is_truthy(exists("spec/support/" .. name), name)
    end
  end)
end)
