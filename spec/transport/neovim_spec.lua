-- SPDX-License-Identifier: Apache-2.0
-- Runs on: luajit
-- Neovim: its Lua is LuaJIT, its loop is libuv, so the transport for luv serves it.

local program = require "program"
local shell = require "shell"
local slow_cdf = require "slow_cdf"

local DELAY = 0.1

describe("in Neovim", function()
  local slow, folder

  setup(function()
    slow = slow_cdf.start { delay = DELAY, token_delay = 0 }
    folder = program.folder()
  end)
  teardown(function()
    slow:stop()
    shell.run("rm -r " .. folder)
  end)

  --- What a script says; it ends the editor itself.
  local function nvim(source)
    local script = program.write(folder .. "/script.lua", source)
    return shell.run(("HOME=%s timeout 20 nvim --headless -u NONE -i NONE -n -c 'luafile %s'"):format(folder, script))
  end

  local LUV = "transport = require('cdfworkflow.transport.luv').new()"

  local function with_client(option) return "local client = " .. slow:client_source(option) end

  it("runs are made in coroutines while the editor goes on #timed", function()
    local said, status = nvim(with_client(LUV) .. [[

      local ticks, done = 0, 0
      local timer = vim.loop.new_timer()
      timer:start(5, 5, function() ticks = ticks + 1 end)
      for _ = 1, 20 do
        coroutine.wrap(function()
          assert(client:run("w", "1"))
          done = done + 1
          if done < 20 then return end
          client:close()
          vim.schedule(function() -- what belongs to the editor is done outside of the loop's callbacks
            vim.api.nvim_buf_set_lines(0, 0, -1, false, { done .. " runs" })
            io.stdout:write(vim.api.nvim_get_current_line(), ", ", ticks > 10 and "many" or ticks, " ticks\n")
            vim.cmd "qa!"
          end)
        end)()
      end
    ]])
    assert.equal("20 runs, many ticks\n", said)
    assert.equal(0, status)
  end)

  it("a call outside of a coroutine says what to do", function()
    local said = nvim(with_client(LUV) .. [[

      local _, err = client:run("w", "1")
      io.stdout:write(err.kind, ": ", err.message, "\n")
      vim.cmd "qa!"
    ]])
    assert.equal("invalid: with luv, calls are made inside a coroutine: coroutine.wrap(function() client:run(...) "
      .. "end)()\n", said)
  end)

  it("a plain script's transport works too, and holds up the editor", function()
    local said = nvim(with_client() .. [[

      io.stdout:write(assert(client:run("w", "1")).status, "\n")
      vim.cmd "qa!"
    ]])
    assert.equal("RUNNING\n", said)
  end)
end)
