-- SPDX-License-Identifier: Apache-2.0
-- Ctrl-C in a plain script. The interpreter raises it inside our wait, and would show a stack trace of this library
-- and end with status 1. Where nobody would catch it, the process ends here instead: one line, and status 130.

local interrupt = {}

local STATUS = 130 -- 128 + SIGINT, as shells have it

--- What `lua` and `luajit` raise on SIGINT, on all versions.
local function is_interrupt(err) return type(err) == "string" and err:find "interrupted!$" ~= nil end

local function on_main_thread()
  local co, is_main = coroutine.running()
  return co == nil or is_main == true -- Lua 5.1 gives no coroutine for the main program
end

--- Whether a function of the program has called us through pcall, or is a prompt that goes on.
local function is_caught()
  if not on_main_thread() then return true end
  local level = 2
  local frame = debug.getinfo(level, "Sf")
  while frame do
    if frame.func == pcall or frame.func == xpcall or frame.source == "=stdin" then return true end
    level = level + 1
    frame = debug.getinfo(level, "Sf")
  end
  return false
end

--- Raises what ended a wait, for the caller to see. Does not return. To be called as a tail call, so that nobody holds
--- the call any more: a run that was given up says so when it is collected, and Lua 5.1 closes no state at its end.
---@param err any what pcall gave
function interrupt.pass_on(err)
  if is_interrupt(err) and not is_caught() then
    io.stderr:write "cdfworkflow: interrupted\n"
    collectgarbage()
    os.exit(STATUS, true)
  end
  error(err, 0)
end

return interrupt
