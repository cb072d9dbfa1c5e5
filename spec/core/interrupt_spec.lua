-- SPDX-License-Identifier: Apache-2.0
-- src/interrupt.c: signals that are noted. What the program makes of them is in spec/program/interrupts_spec.lua.

local shell = require "shell"

--- Runs Lua source in a fresh state that has `core` and `kill`, with SIGINT ignored as in a shell's background job.
local function run(source)
  local head = ("package.cpath = %q local core = require 'cdfworkflow.core' "):format(package.cpath)
    .. "local function kill(name) io.popen('kill -' .. name .. ' $PPID'):close() end " -- os.execute ignores SIGINT
  return shell.run(("trap '' INT; exec %s -e %s"):format(shell.lua, shell.quote(head .. source)))
end

describe("core.handle_signals", function()
  it("notes the first signal that came, and how many, also where they were ignored", function()
    local output, status = run [[
      print(core.noted_signal())
      core.handle_signals "note"
      kill "INT" print(core.noted_signal())
      kill "TERM" print(core.noted_signal())]]
    assert.equal("nil\nINT\t1\nINT\t2\n", (output:gsub("%.0", "")))
    assert.equal(0, status)
  end)

  it("lets them end the process as they do by nature", function()
    for name, expected in pairs { INT = 130, TERM = 143 } do
      local output, status = run(([[core.handle_signals "note" core.handle_signals "end" kill %q print "still here"]])
        :format(name))
      assert.equal("", (output:gsub("Terminated\n", "")))
      assert.equal(expected, status)
    end
  end)

  it("changes nothing by being loaded", function()
    local source = ("package.cpath = %q "):format(package.cpath) .. [[
      local function signals()
        local file = io.open "/proc/self/status"
        local text = file:read "*a"
        file:close()
        return text:match "SigBlk.-SigCgt:%s*%x+"
      end
      local before = signals()
      require "cdfworkflow.core"
      print(before == signals())]]
    assert.equal("true\n", (shell.run_lua(source)))
  end)

  it("lets a wait end", function()
    -- A wait of the engine is no longer than a slice of time; the signal is seen at once, after the first.
    local source = ("package.cpath = %q "):format(package.cpath) .. [[
      local core = require "cdfworkflow.core"
      core.handle_signals "note"
      local http = core.http {}
      io.popen "sleep 0.3; kill -s TERM $PPID" -- which is this process
      repeat http:wait(20) until core.noted_signal()
      print(core.noted_signal())]]
    assert.equal("TERM\t1\n", (shell.run_lua(source):gsub("%.0", "")))
  end)

  it("knows two ways only", function()
    local core = require "cdfworkflow.core"
    assert.error_matches(function() core.handle_signals "ignore" end, "invalid option 'ignore'")
  end)
end)
