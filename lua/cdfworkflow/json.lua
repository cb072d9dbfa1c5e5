-- SPDX-License-Identifier: Apache-2.0
-- cdf.json, cdf.encode, cdf.decode: the library's own JSON for the programs that use it. What is wrong with a text is
-- told by line and column, as an editor shows them.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local method = require "cdfworkflow.method"

local json = {}

--- Where the byte at `position` stands: its line, and its column in characters.
local function place(text, position)
  local before = text:sub(1, position - 1)
  local line_start = before:match ".*\n()" or 1
  local line = select(2, before:gsub("\n", "")) + 1
  return line, select(2, before:sub(line_start):gsub("[^\128-\191]", "")) + 1
end

local function with_place(message, text)
  return (message:gsub(" at character (%d+)$", function(position)
    return (" at line %d, column %d"):format(place(text, tonumber(position)))
  end))
end

--- The value of a JSON text. Whole numbers are exact where Lua has integers, `[]` stays an array, `null` is
--- `cdf.null`.
---
---     local value, problem = cdf.decode('{ "days": [29, 30, 31] }')
---     print(value and value.days[3] or problem) --> 31
---@param text string
---@return any value nil when the text is no JSON
---@return string? message what is wrong, with line and column; holds nothing of the text
function json.decode(text)
  local value, message = core.decode(text)
  if value == nil then return nil, with_place(message, text) end
  return value
end

--- A value as compact JSON. Tables are objects, or arrays where they are lists; `cdf.array {}` is `[]`.
---
---     local text = assert(cdf.encode { 9007199254740993, 1.5, cdf.null, "…" })
---     print(text) --> [9007199254740993,1.5,null,"…"]
---@param value any
---@return string|nil text
---@return string? message what cannot be written, with the path to it: "value.sensors[3]: NaN …"
function json.encode(value)
  if value == nil then return nil, "value: nil cannot be written as JSON" end
  local text, message = core.encode(value)
  return text, message
end

--- JSON text that is passed on byte for byte, wherever a value is taken: `input = cdf.json(body)`. Text that is no JSON
--- is refused by the call that it is given to, before anything is sent; it is told here as well.
---
---     local body = '{"day": 31, "exact": 1.10}'
---     assert(client:run("report", "1", { input = cdf.json(body) })) -- CDF gets 1.10, not 1.1
---@param text string
---@return userdata json `tostring` gives the text
---@return string? problem what keeps the text from being JSON, with line and column
function json.json(text)
  local _, problem = json.decode(text)
  return core.raw_json(text, problem), problem
end

local function copy_of(value)
  local copy = {}
  for key, member in next, value do copy[key] = member end
  return setmetatable(copy, getmetatable(value))
end

local function plain(value, seen)
  if core.is_raw_json(value) then
    local read = core.decode(tostring(value))
    if read ~= nil then return read end
  end
  if type(value) ~= "table" then return value end
  if seen[value] == nil then
    seen[value] = value
    local copy
    for key, member in next, value do
      local replaced = plain(member, seen)
      if replaced ~= member then
        copy = copy or copy_of(value)
        copy[key] = replaced
      end
    end
    seen[value] = copy or value
  end
  return seen[value]
end

--- The value with tables where it holds what `cdf.json` gave, for those who look into it. The value itself is left as
--- it is, and so is text that is no JSON.
---@param value any
---@return any
function json.plain(value) return plain(value, {}) end

local TEXT = { "text", check.string, required = true }
json.decode = method.fn("cdf.decode", { TEXT }, json.decode)
json.encode = method.fn("cdf.encode", { { "value", check.any } }, json.encode)
json.json = method.fn("cdf.json", { TEXT }, json.json)

return json
