-- SPDX-License-Identifier: Apache-2.0
-- What a fault may be: the one checker, whether it was ordered in Lua, in a file, over HTTP or on the command line. A
-- fault that could never show is refused: a test that orders it would pass without having tested anything.

local core = require "cdfworkflow.core"
local has_no_body = require "cdfworkflow.simulator.lib.has_no_body"
local operations = require "cdfworkflow.simulator.api.operations"
local shown = require "cdfworkflow.simulator.lib.shown"
local suggest = require "cdfworkflow.suggest"

local rules = {}

local MEMBERS = {
  "match", "status", "body", "headers", "foreign", "delay", "drop", "truncate", "date", "behind", "close",
}
local MATCH = { "method", "path", "operation", "nth", "times" }

local function number(wanted, fits)
  return function(value)
    if type(value) ~= "number" or value ~= value or not fits(value) then
      return ("must be %s, not %s"):format(wanted, shown(value))
    end
  end
end

local function whole(low, high)
  return function(value)
    return value >= low and value <= high and (value == math.huge or value % 1 == 0)
  end
end

local function one_of(...)
  local words = { ... }
  local wanted = '"' .. table.concat(words, '", "') .. '"'
  return function(value)
    for _, word in ipairs(words) do
      if value == word then return nil end
    end
    return ("must be one of %s, not %s%s"):format(wanted, shown(value), suggest.hint(value, words))
  end
end

local function seconds(value)
  return value > 0 and value < math.huge
end

local function apart(value)
  return value ~= 0 and math.abs(value) < 1e10
end

local function body(value)
  if type(value) == "string" then return nil end
  if type(value) ~= "table" then return "must be a string or a table, not " .. shown(value) end
  local text, problem = core.encode(value)
  return not text and "is no JSON: " .. tostring(problem) or nil
end

-- What goes into an answer in another way, over these.
local OWN_HEADERS = {
  date = "is ordered with date", connection = "is ordered with close",
  ["content-length"] = "follows from the body", ["transfer-encoding"] = "follows from the body",
}

local function headers(value)
  if type(value) ~= "table" then return "must be a table of names and values, not " .. shown(value) end
  for name, text in pairs(value) do
    if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
      return ("%s is no name of a header"):format(shown(name))
    elseif OWN_HEADERS[name:lower()] then
      return name .. " " .. OWN_HEADERS[name:lower()]
    elseif type(text) ~= "string" or text:find("[%c\127]") then
      return ("%s must be a string without control characters"):format(name)
    end
  end
end

-- Lua reads a pattern only as far as the text fits, so that most mistakes in one would show much later.
local function pattern(value)
  if type(value) ~= "string" then return "must be a pattern of Lua, not " .. shown(value) end
  local rest = value:gsub("%%b..", ""):gsub("%%.", "x"):gsub("%[%^?.[^%]]*%]", "")
  local open = rest:gsub("%b()", "")
  while open ~= rest do rest, open = open, open:gsub("%b()", "") end
  if rest:find("[%%%[()]") or not pcall(string.find, "", value) then
    return ("must be a pattern of Lua, which %q is not"):format(value)
  end
end

local CHECKS = {
  status = number("a whole number from 200 to 599", whole(200, 599)),
  body = body,
  headers = headers,
  foreign = one_of("before", "after"),
  delay = number("a number of seconds above 0", seconds),
  drop = one_of("before", "after"),
  truncate = number("a whole number of bytes", whole(0, 2 ^ 53)),
  date = number("a number of seconds other than 0", apart),
  behind = number("a number of seconds above 0", seconds),
  close = function(value) return value ~= true and "must be true, not " .. shown(value) or nil end,
}

local COUNT = "a whole number from 1 up"
local MATCH_CHECKS = {
  method = one_of("GET", "HEAD", "POST", "PUT", "DELETE"),
  path = pattern,
  operation = function(value)
    local _, problem = operations.named(value)
    return problem and "names none: " .. problem
  end,
  nth = number(COUNT, whole(1, 2 ^ 53)),
  times = number(COUNT, whole(1, math.huge)),
}

local function check_members(given, members, checks, prefix)
  local unknown = suggest.unknown(given, members)[1]
  if unknown ~= nil then return ("unknown member %s%s"):format(shown(unknown), suggest.hint(unknown, members)) end
  for _, name in ipairs(members) do
    local problem = given[name] ~= nil and checks[name] and checks[name](given[name])
    if problem then return prefix .. name .. " " .. problem end
  end
end

local function is_given(fault, name)
  local value = fault[name]
  return value ~= nil and not (name == "headers" and next(value) == nil)
end

-- Each with what makes the others needless, and why.
local EXCLUDES = {
  { "drop", { "status", "body", "headers", "foreign", "truncate", "date", "behind", "close" },
    "the connection is cut with no answer" },
  { "status", { "behind" }, "the list is not answered with" },
  { "truncate", { "close" }, "the connection is cut anyway" },
}
local EFFECTS = { "status", "drop", "delay", "truncate", "headers", "date", "behind", "close" }

local function without_effect(fault)
  for _, name in ipairs { "body", "foreign" } do
    if is_given(fault, name) and not fault.status then return name .. " has no effect without status" end
  end
  for _, name in ipairs { "body", "truncate" } do
    if is_given(fault, name) and has_no_body(fault.status) then
      return ("%s has no effect with status %d, whose answers have no body"):format(name, fault.status)
    end
  end
  for _, rule in ipairs(EXCLUDES) do
    for _, name in ipairs(rule[2]) do
      if is_given(fault, rule[1]) and is_given(fault, name) then
        return ("%s has no effect beside %s: %s"):format(name, rule[1], rule[3])
      end
    end
  end
  for _, name in ipairs(EFFECTS) do
    if is_given(fault, name) then return nil end
  end
  return "it does nothing; give one of " .. table.concat(EFFECTS, ", ")
end

local function never_hits(fault, match)
  local operation = match.operation and operations.named(match.operation)
  if not operation then return nil end
  if match.method and match.method ~= operation.method then
    return ("match.method never fits: %s is a %s"):format(match.operation, operation.method)
  elseif fault.behind and not operations.is_list(operation.operation) then
    return ("behind has no effect on %s, which gives no list"):format(match.operation)
  end
end

---@param fault any
---@return string|nil problem what is wrong with it; nil for a good one
function rules.problem(fault)
  if type(fault) ~= "table" then return "a fault is a table, not " .. shown(fault) end
  local match = fault.match == nil and {} or fault.match
  if type(match) ~= "table" then return "match must be a table, not " .. shown(match) end
  return check_members(fault, MEMBERS, CHECKS, "") or check_members(match, MATCH, MATCH_CHECKS, "match.")
    or without_effect(fault) or never_hits(fault, match)
end

return rules
