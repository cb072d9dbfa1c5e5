-- SPDX-License-Identifier: Apache-2.0
-- Runs other programs from a spec, among them this Lua in a fresh state.

local shell = {}

--- The name of the Lua that runs this, as a command.
shell.lua = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "%d%.%d"

--- Before a command: programs are those of the system, not the scripts that watched.sh puts before them.
shell.unwatched = "PATH=${PATH#*/build/watched/*/bin:}; "

--- One word of a shell command.
---@param text string
---@return string
function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Runs a command; what it wrote to standard output and standard error, and its exit status.
---@param command string
---@return string output
---@return integer status
function shell.run(command)
  local process = assert(io.popen("( " .. command .. "\n) 2>&1; echo \" status $?\""))
  local said = process:read "*a"
  process:close()
  local output, status = said:match "^(.*) status (%d+)\n$"
  return output, tonumber(status)
end

--- Runs Lua source in a fresh state of the same Lua; in `folder` when given.
---@param source string
---@param folder? string
---@return string output
---@return integer status
function shell.run_lua(source, folder)
  return shell.run(("cd %s && %s -e %s"):format(shell.quote(folder or "."), shell.lua, shell.quote(source)))
end

return shell
