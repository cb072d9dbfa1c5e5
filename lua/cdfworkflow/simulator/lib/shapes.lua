-- SPDX-License-Identifier: Apache-2.0
-- Small checks of which the shapes of values are put together. A check takes a value and where it stands, and gives a
-- sentence when the value is refused.

local core = require "cdfworkflow.core"
local sorted_keys = require "cdfworkflow.sorted_keys"

local shapes = {}

---@alias cdfworkflow.simulator.Check fun(value: any, where: string): string|nil

local function count(text)
  if #text == 0 then
    return 0
  end
  return select(2, text:gsub("[^\128-\191]", ""))
end

-- White space as ECMA 262 has it, since that is what the contract's pattern means by \s.
local WIDE_SPACE = {}
for _, bytes in ipairs {
  "\194\160", "\225\154\128", "\226\128\168", "\226\128\169", "\226\128\175", "\226\129\159", "\227\128\128",
  "\239\187\191",
} do
  WIDE_SPACE[bytes] = true
end
for last = 128, 138 do
  WIDE_SPACE["\226\128" .. string.char(last)] = true
end

local function outer_space(text)
  return text:find("^%s") or text:find("%s$") or WIDE_SPACE[text:sub(1, 2)] or WIDE_SPACE[text:sub(1, 3)]
    or WIDE_SPACE[text:sub(-2)] or WIDE_SPACE[text:sub(-3)]
end

---@param text string
---@return boolean # whether the text is well-formed UTF-8 (no surrogates, no overlong forms)
function shapes.is_utf8(text)
  local position = text:find("[\128-\255]")
  while position do
    local following = text:match("^[\194-\223][\128-\191]()", position)
      or text:match("^\224[\160-\191][\128-\191]()", position)
      or text:match("^[\225-\236\238\239][\128-\191][\128-\191]()", position)
      or text:match("^\237[\128-\159][\128-\191]()", position)
      or text:match("^\240[\144-\191][\128-\191][\128-\191]()", position)
      or text:match("^[\241-\243][\128-\191][\128-\191][\128-\191]()", position)
      or text:match("^\244[\128-\143][\128-\191][\128-\191]()", position)
    if not following then
      return false
    end
    position = text:find("[\128-\255]", following)
  end
  return true
end

---@param value any a value that came out of the JSON reader
---@return boolean
function shapes.is_array(value)
  return type(value) == "table" and (value[1] ~= nil or core.is_array(value))
end

function shapes.is_object(value)
  return type(value) == "table" and not shapes.is_array(value)
end

function shapes.any()
  return nil
end

---@param rules { min: integer?, max: integer?, pattern: string?, find: string?, trimmed: boolean?, enum: string[]? }
---@return cdfworkflow.simulator.Check
function shapes.text(rules)
  local allowed
  if rules.enum then
    allowed = {}
    for _, word in ipairs(rules.enum) do
      allowed[word] = true
    end
  end
  return function(value, where)
    if type(value) ~= "string" then
      return where .. " must be a string"
    elseif #value < (rules.min or 0) then
      return where .. " must not be blank"
    elseif rules.max and #value > rules.max and count(value) > rules.max then
      return ("%s must have at most %d characters"):format(where, rules.max)
    elseif rules.trimmed and (outer_space(value) or value:find("\0", 1, true)) then
      return where .. " must not begin or end with white space or hold NUL"
    elseif rules.pattern and not value:find(rules.pattern) then
      return where .. " is not well-formed"
    elseif allowed and not allowed[value] then
      return where .. " must be one of " .. table.concat(rules.enum, ", ")
    end
  end
end

---@param min number?
---@param max number?
---@return cdfworkflow.simulator.Check
function shapes.integer(min, max)
  return function(value, where)
    if type(value) ~= "number" or value % 1 ~= 0 then
      return where .. " must be an integer"
    elseif min and value < min then
      return ("%s must be at least %.0f"):format(where, min)
    elseif max and value > max then
      return ("%s must be at most %.0f"):format(where, max)
    end
  end
end

function shapes.of_type(name)
  return function(value, where)
    if type(value) ~= name then
      return where .. " must be a " .. name
    end
  end
end

function shapes.only(wanted)
  return function(value, where)
    if value ~= wanted then
      return ("%s must be %s"):format(where, tostring(wanted))
    end
  end
end

local function missing_member(rules, value, where)
  for name, message in pairs(rules.refused or {}) do
    if value[name] ~= nil then
      return message
    end
  end
  for _, name in ipairs(rules.required or {}) do
    if value[name] == nil then
      return ("%s.%s must be given"):format(where, name)
    end
  end
end

-- What holds for every member, known by name or not.
local function wrong_member(rules, value, where)
  local size = 0
  for name, member in pairs(value) do
    size = size + 1
    if not (rules.open or rules.values or rules.members[name]) then
      return ("%s.%s is not a known member"):format(where, name)
    end
    local message = rules.key and rules.key(name, ("name of %s.%s"):format(where, name))
      or rules.values and rules.values(member, where .. "." .. name)
    if message then
      return message
    end
  end
  if rules.max and size > rules.max then
    return ("%s must have at most %d members"):format(where, rules.max)
  end
end

---@param rules { required: string[]?, members: table<string, cdfworkflow.simulator.Check>?, open: boolean?,
---  refused: table<string, string>?, max: integer?, key: cdfworkflow.simulator.Check?,
---  values: cdfworkflow.simulator.Check? }
---@return cdfworkflow.simulator.Check
function shapes.object(rules)
  rules.members = rules.members or {}
  local names = sorted_keys(rules.members)
  return function(value, where)
    if not shapes.is_object(value) then
      return where .. " must be an object"
    end
    local message = missing_member(rules, value, where) or wrong_member(rules, value, where)
    for _, name in ipairs(names) do
      if message then
        break
      elseif value[name] ~= nil then
        message = rules.members[name](value[name], where .. "." .. name)
      end
    end
    return message
  end
end

---@param items cdfworkflow.simulator.Check
---@param min integer?
---@param max integer?
---@return cdfworkflow.simulator.Check
function shapes.array(items, min, max)
  return function(value, where)
    if not shapes.is_array(value) then
      return where .. " must be an array"
    elseif #value < (min or 0) then
      return ("%s must have at least %d items"):format(where, min)
    elseif max and #value > max then
      return ("%s must have at most %d items"):format(where, max)
    end
    for position, item in ipairs(value) do
      local message = items(item, ("%s[%d]"):format(where, position - 1))
      if message then
        return message
      end
    end
  end
end

function shapes.either(...)
  local checks = { ... }
  return function(value, where)
    local first
    for _, check in ipairs(checks) do
      local message = check(value, where)
      if not message then
        return nil
      end
      first = first or message
    end
    return first
  end
end

function shapes.nullable(check)
  return function(value, where)
    return value ~= core.null and check(value, where) or nil
  end
end

-- The variants of an object that are told apart by the presence of one member, in the order given.
function shapes.variants(list, message)
  return function(value, where)
    if not shapes.is_object(value) then
      return where .. " must be an object"
    end
    for _, variant in ipairs(list) do
      if value[variant[1]] ~= nil then
        return variant[2](value, where)
      end
    end
    return where .. " " .. message
  end
end

-- Parts that many have -------------------------------------------------------------------------------------------

shapes.EXTERNAL_ID = shapes.text { min = 1, max = 255, trimmed = true }
shapes.EPOCH = shapes.integer(0)
shapes.REFERENCE = shapes.text { pattern = "%${[^{}]+}" }
shapes.ANY_OBJECT = shapes.object { open = true }
shapes.TEXT = shapes.text {}
shapes.DESCRIPTION = shapes.text { max = 500 }
shapes.BOOLEAN = shapes.of_type "boolean"

return shapes
