-- SPDX-License-Identifier: Apache-2.0
-- For specs: a terminal's screen, which knows the few things that the program does to one. What it does not know
-- raises.

local columns = require "cdfworkflow.definition.columns"

local screen = {}

---@class spec.Screen
---@field lines string[] what is on it and above it, as text
---@field widest integer columns of the widest line of a picture: of all but messages, ids and statuses
---@field tallest integer the most lines that were taken off at once
---@field redraws integer how often something was taken off

---@param written string what a program wrote to a terminal
---@return spec.Screen
function screen.read(written)
  local lines, at = { "" }, 1
  local result = { widest = 0, tallest = 0, redraws = 0 }
  local function add(text)
    lines[at] = lines[at] .. text
    local is_words = lines[at]:find "^cdfworkflow: " or lines[at]:find "^%w[%w-]*$"
    if not is_words then result.widest = math.max(result.widest, columns.of(lines[at])) end
  end
  local rest = written
  while rest ~= "" do
    local text, control, after = rest:match "^([^%c]*)(%c?)(.*)$"
    add(text)
    rest = after
    if control == "\n" then
      at = at + 1
      lines[at] = lines[at] or ""
    elseif control == "\27" then
      local count, kind, left = rest:match "^%[([%d;]*)([AJm])(.*)$"
      assert(kind, "an escape that is not known: " .. rest:sub(1, 10))
      rest = left
      if kind == "A" then
        at = math.max(at - tonumber(count), 1)
        result.tallest, result.redraws = math.max(result.tallest, tonumber(count)), result.redraws + 1
      elseif kind == "J" then
        for i = at, #lines do lines[i] = "" end
      end
    elseif control ~= "" and control ~= "\r" then
      error(("a control character that is not known: %d"):format(control:byte()))
    end
  end
  while lines[#lines] == "" do lines[#lines] = nil end
  result.lines = lines
  return result
end

return screen
