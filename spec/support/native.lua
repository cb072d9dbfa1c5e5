-- SPDX-License-Identifier: Apache-2.0
-- Builds C files of spec/support for specs that look at a process from below, and starts such a process: with an
-- ordinary Lua and an ordinary build, also where the specs run with a sanitizer, which would not go along.

local shell = require "shell"

local native = {}

--- spec/support/, with the slash.
native.folder = debug.getinfo(1, "S").source:match "^@(.*)native%.lua$"

local root = shell.run("cd " .. shell.quote(native.folder .. "../..") .. " && pwd"):match "%C+"
local name = shell.lua:match "jit$" and shell.lua or shell.lua:match "%d.*"
local modules = root .. "/build/" .. name

local function succeed(command)
  local said, status = shell.run(command)
  if status ~= 0 then error(said, 3) end
  return said
end

--- Builds a C file of spec/support as a shared object, which the caller removes in the end.
---@param file string without `.c`
---@param libraries? string that it brings along, such as "-lcurl"
---@return string path
function native.build(file, libraries)
  local path = os.tmpname()
  succeed(("${CC:-cc} -std=c99 -O1 -Wall -Wextra -Werror -fPIC -shared $(pkg-config --cflags %s) -o %s %s%s.c -ldl "
    .. "-Wl,--no-as-needed %s"):format(shell.lua, path, shell.quote(native.folder), file, libraries or ""))
  return path
end

--- What comes before a command whose Lua is to find an ordinary build.
---@return string
function native.environment()
  succeed(("cd %s && make -s build BUILD=build LUAS=%s"):format(shell.quote(root), name))
  return ("env LUA_PATH=%s LUA_CPATH=%s"):format(
    shell.quote(root .. "/lua/?.lua;" .. root .. "/lua/?/init.lua;" .. native.folder .. "?.lua;;"),
    shell.quote(modules .. "/?.so;;"))
end

--- The command that runs a Lua file of spec/support in a process of its own, to be followed by its arguments.
---@param file string without `.lua`
---@param variables? string assignments for its environment
---@return string
function native.command(file, variables)
  local lua = succeed(shell.unwatched .. "command -v " .. shell.lua):match "%S+"
  file = shell.quote(native.folder .. file .. ".lua")
  return ("%s %s %s %s"):format(native.environment(), variables or "", lua, file)
end

return native
