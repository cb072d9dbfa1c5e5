-- SPDX-License-Identifier: Apache-2.0
-- Faults as words on a command line, such as run:503x2, turned into the tables that `sim:fault` takes.

local fault_rules = require "cdfworkflow.simulator.fault_rules"
local operations = require "cdfworkflow.simulator.api.operations"
local suggest = require "cdfworkflow.suggest"

local fault_notation = {}

fault_notation.HELP = [[
A fault is WHERE:WHAT, and hits the next request that fits:
  WHERE   token, session or run, any other operationId of the API, or any
  WHAT    one or more of these, with commas between:
            a status          answer with it as CDF would, and do nothing, as in run:503
            foreign-before    with a status: somebody else answers, as in run:502,foreign-before
            foreign-after     the same, after the request was handled
            drop-before       cut the connection before the request is handled
            drop-after        cut it after the request is handled, with no answer
            delay=SECONDS     wait before the answer
            truncate=BYTES    cut the connection after so many bytes of the body
            close             cut the connection right after the answer
            date=SECONDS      the answer's Date is so far ahead of the clock, or behind it (date=-120)
            behind=SECONDS    a list is shown as it was then, as in listWorkflowExecutions:behind=10x3
  xN      behind it: hits N requests in a row, as in run:503x2
  @N      behind it: hits the Nth request that fits, not the first, as in token:drop-after@2]]

local WORDS = {
  ["drop-before"] = { "drop", "before" }, ["drop-after"] = { "drop", "after" },
  ["foreign-before"] = { "foreign", "before" }, ["foreign-after"] = { "foreign", "after" },
  close = { "close", true },
}
local AMOUNTS = { delay = true, truncate = true, date = true, behind = true }
local WHAT = {
  "drop-before", "drop-after", "foreign-before", "foreign-after", "close", "delay", "truncate", "date", "behind",
}

-- What is no number is left as it is, for the checker to name.
local function add(fault, word)
  local name, amount = word:match("^(%a+)=(.*)$")
  if word:find("^%d+$") then
    fault.status = tonumber(word)
  elseif WORDS[word] then
    fault[WORDS[word][1]] = WORDS[word][2]
  elseif AMOUNTS[name] then
    fault[name] = amount:find("^%-?%d+%.?%d*$") and tonumber(amount) or amount
  else
    return ("%q is nothing that a fault can do%s"):format(word, suggest.hint(name or word, WHAT))
  end
end

-- What stands behind the last letter of the given kind, as a number from 1 up.
local function take_number(text, mark)
  local rest, digits = text:match("^(.-)" .. mark .. "(%d+)$")
  if not rest or tonumber(digits) < 1 then return text, nil end
  return rest, tonumber(digits)
end

local function read(text)
  local where, what = text:match("^([^:]+):(.+)$")
  if not where then return nil, "it is not of the form WHERE:WHAT" end
  local match = {}
  if where ~= "any" then
    local known, problem = operations.named(where)
    if not known then return nil, problem end
    match.operation = where
  end
  what, match.nth = take_number(what, "@")
  what, match.times = take_number(what, "x")
  local fault = { match = match }
  for word in (what .. ","):gmatch("([^,]*),") do
    local problem = add(fault, word)
    if problem then return nil, problem end
  end
  return fault, fault_rules.problem(fault)
end

--- Reads one ordered fault.
---@param text string
---@return table|nil fault what `sim:fault` takes
---@return string|nil message
function fault_notation.parse(text)
  local fault, problem = read(text)
  if problem then return nil, ("the fault %q: %s"):format(text, problem) end
  return fault
end

return fault_notation
