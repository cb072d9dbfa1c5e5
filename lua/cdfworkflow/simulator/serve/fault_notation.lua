-- SPDX-License-Identifier: Apache-2.0
-- Faults as words on a command line, such as run:503x2, turned into the tables that `sim:fault` takes.

local suggest = require "cdfworkflow.suggest"

local fault_notation = {}

fault_notation.HELP = [[
A fault is WHERE:WHAT, and hits the next request that fits:
  WHERE   token, session or run, any other operationId of the API, or any
  WHAT    one or more of these, with commas between:
            a status          answer with it and do nothing, as in run:503
            drop-before       cut the connection before the request is handled
            drop-after        cut it after the request is handled, with no answer
            delay=SECONDS     wait before the answer
            truncate=BYTES    cut the connection after so many bytes of the body
  xN      behind it: hits N requests in a row, as in run:503x2
  @N      behind it: hits the Nth request that fits, not the first, as in token:drop-after@2]]

local WHAT = { "drop-before", "drop-after", "delay", "truncate" }
local SHORT = { "token", "session", "run", "any" }
local ROOMS = {
  "auth", "sessions", "workflows", "versions", "executions", "triggers", "functions", "calls", "schedules", "files",
}

-- The rooms are read only when a fault was ordered.
local function operations()
  local names = {}
  for i, name in ipairs(SHORT) do names[i] = name end
  for _, room in ipairs(ROOMS) do
    for _, entry in ipairs(require("cdfworkflow.simulator.api." .. room).operations) do
      names[#names + 1] = entry.operation
    end
  end
  return names
end

local function is_one_of(word, list)
  for _, name in ipairs(list) do
    if name == word then return true end
  end
  return false
end

local function add_status(fault, text)
  local status = tonumber(text)
  if status < 200 or status > 599 then return nil, ("%s is not a status from 200 to 599"):format(text) end
  fault.status = status
  return true
end

local function add_amount(fault, name, text)
  local amount = text:find("^%d+%.?%d*$") and tonumber(text)
  if not amount then return nil, ("%s needs a number, not %q"):format(name, text) end
  if name == "truncate" and amount ~= math.floor(amount) then return nil, "truncate needs a whole number of bytes" end
  fault[name] = amount
  return true
end

local function add(fault, word)
  if word:find("^%d+$") then return add_status(fault, word) end
  local name, amount = word:match("^(%a+)=(.*)$")
  if name == "delay" or name == "truncate" then return add_amount(fault, name, amount) end
  local drop = word:match("^drop%-(.*)$")
  if drop == "before" or drop == "after" then
    fault.drop = drop
    return true
  end
  return nil, ("%q is nothing that a fault can do%s"):format(word, suggest.hint(name or word, WHAT))
end

-- What stands behind the last letter of the given kind, as a number from 1 up.
local function take_number(text, mark)
  local rest, digits = text:match("^(.-)" .. mark .. "(%d+)$")
  if not rest or tonumber(digits) < 1 then return text, nil end
  return rest, tonumber(digits)
end

---Reads one ordered fault.
---@param text string
---@return table|nil fault what `sim:fault` takes
---@return string|nil message
function fault_notation.parse(text)
  local where, what = text:match("^([^:]+):(.+)$")
  if not where then return nil, ("the fault %q is not of the form WHERE:WHAT"):format(text) end
  local known = operations()
  if not is_one_of(where, known) then
    return nil, ("the fault %q: there is no operation %q%s"):format(text, where, suggest.hint(where, known))
  end
  local match = { operation = where ~= "any" and where or nil }
  what, match.nth = take_number(what, "@")
  what, match.times = take_number(what, "x")
  local fault = { match = match }
  for word in (what .. ","):gmatch("([^,]*),") do
    local ok, message = add(fault, word)
    if not ok then return nil, ("the fault %q: %s"):format(text, message) end
  end
  return fault
end

return fault_notation
