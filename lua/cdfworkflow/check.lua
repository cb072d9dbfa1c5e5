-- SPDX-License-Identifier: Apache-2.0
-- What the namespaces check before a byte is sent, and the errors they make of it.
-- A wrong type raises at the line that called the method; a value CDF would refuse gives `nil, err`.

local core = require "cdfworkflow.core"

local check = {}

--- `nil, err` for a value that CDF would refuse.
---@param field string the argument or member, as the user knows it
---@param message string one line that begins with the field's name
---@param limit? number the figure that was passed
---@return nil, table err kind "invalid"
function check.invalid(field, message, limit)
  return nil, core.error { kind = "invalid", field = field, limit = limit, message = message }
end

--- `nil, err` for an answer that is not what CDF promises.
---@param message string
---@return nil, table err kind "protocol"
function check.protocol(message)
  return nil, core.error { kind = "protocol", message = message }
end

--- Raises unless `value` is of the type; to be called by the method itself, so that its caller is blamed.
---@param value any
---@param expected string what `type` should say
---@param name string
function check.type(value, expected, name)
  if type(value) ~= expected then
    error(("%s: expected a %s, got %s"):format(name, expected, value == nil and "nil" or "a " .. type(value)), 3)
  end
end

--- The same for an argument that may be left out.
function check.optional(value, expected, name)
  if value ~= nil and type(value) ~= expected then
    error(("%s: expected a %s or nil, got a %s"):format(name, expected, type(value)), 3)
  end
end

--- The same for a JSON object that may be left out: a table, or what `cdf.json` gives.
function check.object(value, name)
  if value ~= nil and type(value) ~= "table" and not core.is_raw_json(value) then
    error(("%s: expected a table or nil, got a %s"):format(name, type(value)), 3)
  end
end

--- Raises unless `value` is a list: a table without keys of another kind. (What `#` makes of a single resource is 0,
--- and nothing would happen.)
function check.sequence(value, name)
  if type(value) ~= "table" or (#value == 0 and next(value) ~= nil) then
    error(("%s: expected a list, got a %s"):format(name, type(value) == "table" and "single table" or type(value)), 3)
  end
end

--- Code points of UTF-8 text.
local function characters(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

--- A text member of at most `max` characters; nil passes.
---@return true|nil, table? err
function check.text(name, value, max)
  if value == nil then return true end
  if type(value) ~= "string" then return check.invalid(name, name .. " must be text, got a " .. type(value)) end
  if characters(value) > max then
    return check.invalid(name, ("%s is longer than %d characters"):format(name, max), max)
  end
  return true
end

--- Several text members of one resource: `limits` maps a member's name to its largest length.
---@return true|nil, table? err
function check.texts(resource, limits)
  for member, max in pairs(limits) do
    local ok, err = check.text(member, resource[member], max)
    if not ok then return nil, err end
  end
  return true
end

--- The id of a session, function, call or schedule: a whole number from 1 to 2^53 - 1.
---@return string|nil digits, table? err
function check.id(name, value)
  if type(value) ~= "number" or not (value >= 1 and value <= 9007199254740991) or value % 1 ~= 0 then
    return check.invalid(name, ("%s must be a whole number from 1 to 2^53 - 1, got %s"):format(name, tostring(value)))
  end
  return ("%.0f"):format(value)
end

--- A whole number as it is written out, exactly.
---@param value integer|number
---@return string
function check.digits(value)
  local is_integer = math.type and math.type(value) == "integer" -- luacheck: ignore 143
  return (is_integer and "%d" or "%.0f"):format(value)
end

local function check_text_or_number(name, value)
  if type(value) ~= "string" and type(value) ~= "number" then
    error(("%s: expected a string, got %s"):format(name, value == nil and "nil" or "a " .. type(value)), 4)
  end
end

--- An external id or a version, by the rules of CDF.md section 4, as a segment of a path. Like `check.type` to be
--- called by the method itself.
---@param name string
---@param value string|integer
---@return string|nil segment percent-encoded, table? err
function check.segment(name, value)
  check_text_or_number(name, value)
  local segment, err = core.segment(name, value)
  return segment, err
end

--- The same as the text that goes into a body.
---@param name string
---@param value string|integer
---@return string|nil text, table? err
function check.identifier(name, value)
  check_text_or_number(name, value)
  local segment, err = core.segment(name, value)
  if not segment then return nil, err end
  return type(value) == "number" and check.digits(value) or value
end

local HEX4 = ("%x"):rep(4)
local UUID = "^" .. HEX4 .. HEX4 .. ("%-" .. HEX4):rep(3) .. "%-" .. HEX4 .. HEX4 .. HEX4 .. "$"

--- The id of an execution or of a task execution, which goes into the path.
---@return string|nil id, table? err
function check.uuid(name, value)
  if type(value) ~= "string" or not value:find(UUID) then
    return check.invalid(name, ("%s must be a UUID of 36 characters, got %s"):format(name,
      type(value) == "string" and ("%q"):format(value:sub(1, 60)) or "a " .. type(value)), 36)
  end
  return value
end

--- The first item of an answer that must hold one.
---@param what string
---@param answer table|nil
---@param err table|nil passed on when there is no answer
---@return table|nil item, table? err
function check.first(what, answer, err)
  if not answer then return nil, err end
  local item = type(answer.items) == "table" and answer.items[1]
  if type(item) ~= "table" then return check.protocol("CDF's answer holds no " .. what) end
  return item
end

--- The items of an answer.
---@return table[]|nil items, table? err
function check.items(what, answer, err)
  if not answer then return nil, err end
  if type(answer.items) ~= "table" then return check.protocol("CDF's answer holds no list of " .. what) end
  return answer.items
end

--- `true` for a call whose answer says nothing but that it was done.
---@return true|nil, table? err
function check.done(answer, err)
  if not answer then return nil, err end
  return true
end

--- Whether the error says that what was asked for is not there; CDF says so in two ways (CDF.md section 16).
---@return boolean
function check.is_missing(err)
  return err.status == 404 or type(err.missing) == "table" and #err.missing > 0
end

--- A copy of a table's own members, without those named.
---@return table
function check.without(resource, names)
  local copy = {}
  for member, value in pairs(resource) do copy[member] = value end
  for _, name in ipairs(names) do copy[name] = nil end
  return copy
end

--- A list that stays one in JSON also when it is empty.
---@return table
function check.list(items)
  return next(items) == nil and core.array {} or items
end

--- Does the same for slices of a list that is longer than CDF takes at once, in order, up to the first error.
---@param items any[]
---@param size integer
---@param call fun(slice: any[]): table[]|true|nil, table?
---@return any[]|nil results the lists that `call` gave, joined, table? err
function check.slices(items, size, call)
  local joined = {}
  for first = 1, #items, size do
    local slice = {}
    for i = first, math.min(first + size - 1, #items) do slice[#slice + 1] = items[i] end
    local results, err = call(slice)
    if not results then return nil, err end
    if type(results) == "table" then
      for _, result in ipairs(results) do joined[#joined + 1] = result end
    end
  end
  return check.list(joined)
end

return check
