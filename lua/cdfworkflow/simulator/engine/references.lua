-- SPDX-License-Identifier: Apache-2.0
-- Resolves ${workflow.input…}, ${task.output…} and ${task.input…} in task parameters (CDF.md section 6).
-- It knows nothing of executions: where the values come from is the caller's function.

local canonical = require "cdfworkflow.simulator.lib.canonical"
local copy = require "cdfworkflow.simulator.lib.copy"

---@class cdfworkflow.simulator.references
local references = {}

---@alias cdfworkflow.simulator.Source fun(name: string, member: "input"|"output"): any, string|nil
--- gives the value of `name.member`; nil for a name that it does not know; nil and the reason when it knows
--- the name but has no value yet.

-- core.array marks an array with a metatable, which a copy needs too. (Not `setmetatable(copy, nil)` where there is
-- none: LuaJIT 2.1.0-beta3 compiles that wrongly and crashes later.)
local function mark_like(result, value)
  local mark = getmetatable(value)
  if mark then setmetatable(result, mark) end
  return result
end

local function as_text(value)
  if type(value) == "string" then return value end
  return canonical.text(value)
end

-- One step from the front of `path`: its key, the rest, and true when the key can only be an array index.
local function next_step(path)
  local key, rest = path:match "^%.([^.%[]+)(.*)$"
  if key then return key, rest end
  key, rest = path:match "^%[(%d+)%](.*)$"
  if key then return key, rest, true end
  key, rest = path:match "^%[(%b'')%](.*)$"
  if not key then key, rest = path:match '^%[(%b"")%](.*)$' end
  if key then return key:sub(2, -2), rest end
  return nil
end

local function member(value, key, index_only)
  if type(value) ~= "table" then return nil end
  if not index_only and value[key] ~= nil then return value[key] end
  if key:find "^%d+$" then return value[tonumber(key) + 1] end -- JSON counts from 0
  return nil
end

local function follow(value, path)
  while path ~= "" do
    local key, rest, index_only = next_step(path)
    if not key then return nil end
    value = member(value, key, index_only)
    if value == nil then return nil end
    path = rest
  end
  return value
end

-- Tries the splits of "name.output.path" from the left; a task's external id may itself hold dots.
local function look_up(expression, source)
  local reason = "there is no such task"
  local first, last, which = expression:find "%.(%a+)"
  while first do
    local follower = expression:sub(last + 1, last + 1)
    if (which == "input" or which == "output") and (follower == "" or follower == "." or follower == "[") then
      local value, why = source(expression:sub(1, first - 1), which)
      if value ~= nil then
        value, why = follow(value, expression:sub(last + 1)), "it has no such member"
      end
      if value ~= nil then return value end
      reason = why or reason
    end
    first, last, which = expression:find("%.(%a+)", first + 1)
  end
  return nil, reason
end

local function value_of(expression, source)
  local value, why = look_up(expression, source)
  if value ~= nil then return value end
  return nil, "Reference ${" .. expression .. "} cannot be resolved: " .. why
end

local function splice(text, source)
  local problem
  local result = text:gsub("%${([^{}]*)}", function(expression)
    if problem then return nil end
    local value, reason = value_of(expression, source)
    if value == nil then
      problem = reason
      return nil
    end
    return as_text(value)
  end)
  if problem then return nil, problem end
  return result
end

local function resolve_text(text, source)
  if not text:find("${", 1, true) then return text end
  local whole = text:match "^%${([^{}]*)}$"
  if not whole then return splice(text, source) end
  local value, reason = value_of(whole, source)
  if value == nil then return nil, reason end
  return copy(value)
end

--- Replaces every reference in `value`, at any depth. A text that is one reference becomes the value with
--- its own type; inside longer text the value becomes text. What is put in is not looked through again.
---@param value any JSON data; left as it is
---@param source cdfworkflow.simulator.Source
---@return any resolved a copy; nil when a reference leads nowhere
---@return string|nil reason
function references.resolve(value, source)
  if type(value) == "string" then return resolve_text(value, source) end
  if type(value) ~= "table" then return value end
  local result, problem = {}, nil
  for key, item in pairs(value) do
    local resolved, reason = references.resolve(item, source)
    -- Of several problems the same one is named in every run, whatever the order of `pairs`.
    if reason and (not problem or reason < problem) then problem = reason end
    result[key] = resolved
  end
  if problem then return nil, problem end
  return mark_like(result, value)
end

return references
