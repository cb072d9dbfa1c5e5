-- SPDX-License-Identifier: Apache-2.0
-- Tasks as CDF takes them: no list of Lua's goes out as `{}`, links are objects, and what says nothing is left out.
-- Only copies are changed; what is odd stays as it is, for CDF or cdf.lint to judge.

local core = require "cdfworkflow.core"
local task_types = require "cdfworkflow.definition.task_types"

local tidy = {}

local function copy(t)
  local copied = {}
  for key, value in pairs(t) do copied[key] = value end
  return copied
end

local function links(depends_on)
  if type(depends_on) ~= "table" then return depends_on end
  if next(depends_on) == nil then return nil end -- CDF does not take `{}`, and none is none
  local linked = copy(depends_on)
  for i, item in ipairs(depends_on) do
    local id = type(item) == "table" and item.externalId or item
    if type(id) == "string" then linked[i] = { externalId = id } end
  end
  return linked
end

local function member_value(member, value)
  if type(value) ~= "table" then return value end
  if member.not_empty and next(value) == nil then return nil end
  if member.is_tasks then return tidy.tasks(value) end
  if member.is_list and next(value) == nil then return core.array {} end
  return value
end

local function task_of(given)
  if type(given) ~= "table" then return given end
  local task = copy(given)
  task.dependsOn = links(given.dependsOn)
  if type(given.parameters) ~= "table" then return task end
  task.parameters = copy(given.parameters)
  for _, kind in ipairs(task_types) do
    local own = given.parameters[kind.holder]
    if type(own) == "table" then
      local tidied = copy(own)
      for _, member in ipairs(kind.members) do tidied[member[1]] = member_value(member, own[member[1]]) end
      task.parameters[kind.holder] = tidied
    end
  end
  return task
end

--- A list of tasks, marked as one.
---@param tasks table
---@return table
function tidy.tasks(tasks)
  local tidied = core.array {}
  for i, task in ipairs(tasks) do tidied[i] = task_of(task) end
  return tidied
end

tidy.task = task_of

return tidy
