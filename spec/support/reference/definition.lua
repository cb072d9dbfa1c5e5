-- SPDX-License-Identifier: Apache-2.0
-- Writes definition files for LuaLS, by which an editor knows what the modules hold.

local annotations = require "reference.annotations"
local model = require "reference.model"

local definition = {}

local function put(lines, text, ...) lines[#lines + 1] = select("#", ...) > 0 and text:format(...) or text end

local function trimmed(text) return (text:gsub("%s+$", "")) end

--- Code is fenced, so that an editor knows it for Lua.
local function put_text(lines, text)
  local last
  for _, part in ipairs(annotations.parts(text or {})) do
    local is_code = part[1] == "code"
    if last and not (last == "item" and part[1] == "item") then put(lines, "---") end
    last = part[1]
    if is_code then put(lines, "--- ```lua") end
    for i, line in ipairs(part[2]) do
      put(lines, "--- " .. (part[1] == "item" and (i == 1 and "* " or "  ") or "") .. line)
    end
    if is_code then put(lines, "--- ```") end
  end
end

local function mark(item) return item.optional and "?" or "" end

local function put_class(lines, class)
  put_text(lines, class.text)
  put(lines, trimmed("---@class " .. class.class .. (class.parent and " : " .. class.parent or "")
    .. (class.words and class.words ~= "" and " " .. class.words or "")))
  for _, field in ipairs(class.fields) do
    put_text(lines, field.text)
    put(lines, trimmed(("---@field %s%s %s %s"):format(field.name, mark(field), field.type, field.words)))
  end
end

local function put_alias(lines, alias)
  put_text(lines, alias.text)
  put(lines, trimmed("---@alias " .. alias.alias .. " " .. alias.choices[1]))
  for i = 2, #alias.choices do put(lines, "---|" .. alias.choices[i]) end
  put(lines, "")
end

local function put_function(lines, holder, one)
  local names = {}
  put_text(lines, one.block.text)
  for i, param in ipairs(one.block.params) do
    names[i] = param.name
    put(lines, trimmed(("---@param %s%s %s %s"):format(param.name, mark(param), param.type, param.words)))
  end
  for _, result in ipairs(one.block.returns) do
    local words = result.words ~= "" and " # " .. result.words or ""
    put(lines, ("---@return %s%s%s"):format(result.type, result.name and " " .. result.name or "", words))
  end
  put(lines, "function %s%s(%s) end\n", holder, one.name:match "[.:][%w_]+$", table.concat(names, ", "))
end

--- A class that has methods, with these, as a local of the file; gives the local's name.
local function put_place(lines, read, place)
  local holder = place.class:match "[%w_]+$"
  put_class(lines, read.types.classes[place.class] or { class = place.class, fields = {} })
  put(lines, "local %s = {}\n", holder)
  for _, one in ipairs(place.functions) do
    if one.source then put_function(lines, holder, one) end -- others are fields of the class
  end
  return holder
end

--- The definition of a module: what it speaks of, then itself.
local function write(read, name, is_ours)
  local lines, places, returned = { "---@meta " .. name, "" }, {}, nil
  for _, place in ipairs(read.places) do places[place.class] = true end
  for _, type_name in ipairs(model.public_types(read)) do
    local class, alias = read.types.classes[type_name], read.types.aliases[type_name]
    if is_ours(type_name) and alias then put_alias(lines, alias) end
    if is_ours(type_name) and class and not places[type_name] then
      put_class(lines, class)
      put(lines, "")
    end
  end
  for _, place in ipairs(read.places) do
    if is_ours(place.class) then
      local holder = put_place(lines, read, place)
      if place.class == name then returned = holder end
    end
  end
  put(lines, "return %s", returned)
  return table.concat(lines, "\n") .. "\n"
end

local function is_of_simulator(name) return name:find "^cdfworkflow%.simulator" ~= nil end

--- Of `cdfworkflow`.
---@param read table what `model.read` gives
---@return string
function definition.module(read)
  return write(read, "cdfworkflow", function(name) return not is_of_simulator(name) end)
end

--- Of `cdfworkflow.simulator`.
---@param read table what `model.read` gives
---@return string
function definition.simulator(read) return write(read, "cdfworkflow.simulator", is_of_simulator) end

return definition
