-- SPDX-License-Identifier: Apache-2.0
-- src/stay.c: the code stays loaded when its Lua state is closed.
-- Runs on: 5.4

local native = require "native"
local shell = require "shell"

-- A host that closes its Lua state and goes on. Not this Lua: its own state is never closed before the end.
local HOST = [[
import ctypes, sys
lua = ctypes.CDLL("liblua5.4.so.0", ctypes.RTLD_GLOBAL)
lua.luaL_newstate.restype = ctypes.c_void_p
state = ctypes.c_void_p(lua.luaL_newstate())
lua.luaL_openlibs(state)
assert lua.luaL_loadstring(state, sys.argv[1].encode()) == 0
assert lua.lua_pcallk(state, 0, 0, 0, ctypes.c_ssize_t(0), None) == 0
lua.lua_close(state)
print(sorted({ line.split("/")[-1].strip() for line in open("/proc/self/maps") if line.rstrip().endswith(".so") }))
]]

local function objects_after(code)
  local said, status = shell.run(shell.unwatched .. ("%s python3 -c %s %s")
    :format(native.environment(), shell.quote(HOST), shell.quote(code)))
  assert.equal(0, status, said)
  return said
end

describe("the module", function()
  it("stays loaded when the state that loaded it is closed", function()
    assert.matches("'core%.so'", objects_after "require 'cdfworkflow.core'")
  end)

  it("is alone in that: Lua takes others away", function()
    local said = objects_after "require 'lfs'"
    assert.is_nil(said:find("lfs", 1, true), said)
  end)
end)
