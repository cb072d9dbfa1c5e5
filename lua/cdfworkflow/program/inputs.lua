-- SPDX-License-Identifier: Apache-2.0
-- What is read from arguments, files and standard input. What cannot be read or understood ends the program in one
-- sentence, before anything is sent.

local exits = require "cdfworkflow.program.exits"
local json = require "cdfworkflow.json"

local inputs = {}

local BYTE_ORDER_MARK = "^\239\187\191"

local function wrong(...) exits.fail(exits.INPUT, (...):format(select(2, ...))) end

local function read_all(file, name)
  local text, message = file:read "*a"
  if not text then wrong("%s cannot be read: %s", name, message) end
  return (text:gsub(BYTE_ORDER_MARK, ""))
end

--- The text of a file.
---@param path string
---@return string
function inputs.file(path)
  if path == "" then wrong "the name of a file is missing" end
  local file, message = io.open(path, "rb")
  if not file then wrong("%s", message) end ---@cast file file*
  local text = read_all(file, path)
  file:close()
  return text
end

--- The text that an argument stands for: itself, `@FILE`, or `-` for standard input; and what to call it.
local function text_of(argument, flag)
  if argument == "-" then return read_all(io.stdin, "standard input"), "standard input" end
  local path = argument:match "^@(.*)$"
  if path then return inputs.file(path), path end
  return argument, flag
end

local OTHERS = { ["["] = "an array", ['"'] = "a text", n = "null", t = "true", f = "false" }

--- The JSON object that an argument stands for, as it will be sent: byte for byte.
---@param argument string|nil JSON, `@FILE`, or `-`
---@param flag string its name in messages
---@return userdata|nil
function inputs.object(argument, flag)
  if not argument then return nil end
  local text, name = text_of(argument, flag)
  local value, problem = json.json(text)
  if problem then wrong("%s: %s", name, problem) end
  local first = text:match "%S"
  if first ~= "{" then wrong("%s must be a JSON object, not %s", name, OTHERS[first] or "a number") end
  return value
end

--- The table that `KEY=VALUE` arguments make.
---@param list string[]
---@param flag string its name in messages
---@return table<string, string>|nil nil for an empty list
function inputs.pairs(list, flag)
  local found
  for _, argument in ipairs(list) do
    local key, value = argument:match "^([^=]+)=(.*)$"
    if not key then wrong("%s takes KEY=VALUE, not '%s'", flag, argument) end
    found = found or {}
    if found[key] then wrong("%s gives %s twice", flag, key) end
    found[key] = value
  end
  return found
end

return inputs
