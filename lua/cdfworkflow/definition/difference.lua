-- SPDX-License-Identifier: Apache-2.0
-- What differs between a workflow, version or trigger that somebody wrote and the one that CDF has. CDF's own defaults,
-- what CDF adds, and orders that mean nothing are no difference (CDF.md section 16.10).

local core = require "cdfworkflow.core"
local defaults = require "cdfworkflow.definition.defaults"
local task_types = require "cdfworkflow.definition.task_types"

local difference = {}

---@class cdfworkflow.Change
---@field path string such as `workflowDefinition.tasks[clean].retries`
---@field was any nil: CDF has none
---@field will any nil: there will be none

-- {==== Alike, whoever wrote it ====

--- A copy in which null is the same as nothing.
local function copy(value)
  if type(value) ~= "table" then return value end
  local result = core.is_array(value) and core.array {} or {}
  for name, member in pairs(value) do
    if member ~= core.null then result[name] = copy(member) end
  end
  return result
end

local function drop_empty(holder, name)
  if type(holder) == "table" and type(holder[name]) == "table" and next(holder[name]) == nil then holder[name] = nil end
end

--- Tasks and what they wait for by their ids: their order says nothing.
local function by_id(list)
  local found = {}
  for i, item in ipairs(list) do
    found[type(item) == "table" and item.externalId or type(item) == "string" and item or i] = item
  end
  return found
end

local settle_tasks

--- Where CDF assumes an empty object, one is the same as nothing.
local function settle_parameters(parameters)
  for _, kind in ipairs(type(parameters) == "table" and task_types or {}) do
    local own = parameters[kind.holder]
    for _, member in ipairs(type(own) == "table" and kind.members or {}) do
      if type(member.default) == "table" then drop_empty(own, member[1]) end
      if member.is_tasks then settle_tasks(own) end
    end
  end
end

function settle_tasks(holder)
  if type(holder.tasks) ~= "table" then return end
  defaults.fill(holder.tasks)
  for _, task in ipairs(holder.tasks) do
    settle_parameters(task.parameters)
    if type(task.dependsOn) == "table" then task.dependsOn = by_id(task.dependsOn) end
  end
  holder.tasks = by_id(holder.tasks)
end

local READ_ONLY = { "createdTime", "lastUpdatedTime", "isPaused", "authentication", "hash" }
local TOOLKIT_MARK = "cognite-toolkit-auth-hash" -- the Toolkit's own note in a trigger's metadata

--- A resource in the one form in which two can be held against each other.
local function settled(resource)
  local result = copy(resource)
  for _, name in ipairs(READ_ONLY) do result[name] = nil end
  if result.description == "" then result.description = nil end
  for _, name in ipairs { "version", "workflowVersion" } do
    if type(result[name]) == "number" then result[name] = tostring(result[name]) end
  end
  local definition, rule = result.workflowDefinition, result.triggerRule
  if type(definition) == "table" then
    definition.hash = nil
    if definition.description == "" then definition.description = nil end
    settle_tasks(definition)
  end
  if type(rule) == "table" and rule.triggerType == "schedule" and rule.timezone == nil then rule.timezone = "UTC" end
  if type(result.metadata) == "table" then result.metadata[TOOLKIT_MARK] = nil end
  drop_empty(result, "metadata")
  drop_empty(result, "input")
  return result
end

-- }====

-- {==== What is different ====

local function at(path, key)
  if type(key) == "number" then return ("%s[%d]"):format(path, key) end
  if path:find "%.tasks$" or path:find "%.dependsOn$" then return ("%s[%s]"):format(path, key) end
  return path == "" and key or path .. "." .. key
end

local function keys_of(a, b)
  local keys, seen = {}, {}
  for _, t in ipairs { a, b } do
    for key in pairs(t) do
      if not seen[key] then keys[#keys + 1] = key end
      seen[key] = true
    end
  end
  table.sort(keys, function(x, y)
    if type(x) == type(y) then return x < y end
    return type(x) == "number"
  end)
  return keys
end

local function compare(changes, path, was, will)
  if type(was) ~= "table" or type(will) ~= "table" then
    if was ~= will then changes[#changes + 1] = { path = path, was = was, will = will } end
    return
  end
  for _, key in ipairs(keys_of(was, will)) do compare(changes, at(path, key), was[key], will[key]) end
end

--- The changes that would turn what CDF has into what somebody wrote; an empty list: they are the same.
---@param was table a workflow, version or trigger as CDF has it
---@param will table the one that somebody wrote
---@return cdfworkflow.Change[]
function difference.between(was, will)
  local changes = {}
  compare(changes, "", settled(was), settled(will))
  return changes
end

-- }====

return difference
