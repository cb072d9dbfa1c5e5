-- SPDX-License-Identifier: Apache-2.0
-- Raises what is a mistake of the program, and blames the line of the program that made it: the innermost one that is
-- not of this library, whatever stands between (short forms, pcall, tail calls, coroutines of ours).

local mistake = {}

--- How the `source` of this library's files begins; nil where nobody can know: without the debug library, or in files
--- that were compiled without their names.
local OURS = debug and debug.getinfo and debug.getinfo(1, "S").source:match "^(@.*)mistake%.lua$"

--- Where the function begins that a coroutine of ours runs: `return client:run(…)` in it takes its frame away.
---@type table<thread, string>
local first_line_of = setmetatable({}, { __mode = "k" })

local function where(file, line)
  return ("%s:%d: "):format(file, line)
end

--- Notes that a coroutine runs a function of the program's; nil when it has ended.
---@param co thread|nil nil for the main program of Lua 5.1
---@param fn function|nil
function mistake.begins(co, fn)
  if not co or not OURS then return end
  local frame = fn and debug.getinfo(fn, "S")
  first_line_of[co] = frame and frame.linedefined > 0 and where(frame.short_src, frame.linedefined) or nil
end

--- `file:line: ` of the program, or an empty string.
local function place()
  if not OURS then return "" end
  local level = 3
  local frame = debug.getinfo(level, "Sl")
  while frame do
    local is_ours = frame.source:sub(1, #OURS) == OURS
    if frame.currentline > 0 and not is_ours then return where(frame.short_src, frame.currentline) end
    level = level + 1
    frame = debug.getinfo(level, "Sl")
  end
  return first_line_of[coroutine.running() or OURS] or ""
end

--- Raises `message`, with the place of the mistake before it.
---@param message string
function mistake.raise(message)
  error(place() .. message, 0)
end

return mistake
