-- SPDX-License-Identifier: Apache-2.0
-- src/terminal.c: the standard streams.

local core = require "cdfworkflow.core"
local program = require "program"
local shell = require "shell"

local HEAD = ("package.cpath = %q local core = require 'cdfworkflow.core' "):format(package.cpath)

local function command(source) return ("%s -e %s"):format(shell.lua, shell.quote(HEAD .. source)) end

describe("core.terminal", function()
  it("tells a terminal's size, and nil of what is none", function()
    local written = program.in_terminal(command "print(core.terminal(1)) print(core.terminal(2))",
      { columns = 97, rows = 31 })
    assert.equal("97\t31\r\n97\t31\r\n", (written:gsub("%.0", "")))
    assert.equal("nil\n", (shell.run(command "print(core.terminal(1))")))
  end)

  it("knows the standard streams only", function()
    for _, descriptor in ipairs { -1, 3 } do
      assert.error_matches(function() core.terminal(descriptor) end, "0, 1 or 2 expected")
    end
  end)
end)

describe("core.hold_streams", function()
  it("keeps sockets and files out of the places of closed streams, where reading and writing go on failing", function()
    local source = [[core.hold_streams()
      local file = assert(io.open("/dev/null", "w"))
      io.stderr:write(tostring(io.stdout:write "x" and io.stdout:flush()), " ", tostring(io.stdin:read "*l"))]]
    assert.equal("nil nil", (shell.run(command(source) .. " <&- >&-")))
  end)

  it("leaves open ones alone", function()
    local output = shell.run("echo heard | " .. command "core.hold_streams() print('said ' .. io.read())")
    assert.equal("said heard\n", output)
  end)
end)
