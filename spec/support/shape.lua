-- SPDX-License-Identifier: Apache-2.0
-- What a client needs of an answer, from answers that it could read: whatever it cannot do without is in all of them,
-- so an answer with every member that they have in common, in the same JSON types, has what it needs.

local core = require "cdfworkflow.core"

local shape = {}

-- What belongs to users may look in any way.
local USERS = {
  metadata = true, secrets = true, envVars = true, data = true, response = true, body = true, queryParameters = true,
  with = true, select = true, filter = true, sources = true,
}

-- In all samples, and yet read with a default: why an execution ended, the external ids of functions and files.
local function is_optional(name, owner)
  return name == "reasonForIncompletion" or name == "externalId" and (owner.fileId or owner.uploaded ~= nil)
end

-- An object of one kind is held against those of its own kind only.
local KINDS = { "taskType", "type", "triggerType" }

local function json_type(value)
  if value == nil or value == core.null then return "nothing" end
  if type(value) ~= "table" then return type(value) end
  return (#value > 0 or core.is_array(value)) and "array" or "object"
end

local function of_same_kind(samples, actual)
  for _, name in ipairs(KINDS) do
    if type(actual[name]) == "string" then
      local same = {}
      for _, sample in ipairs(samples) do
        if sample[name] == actual[name] then same[#same + 1] = sample end
      end
      return same
    end
  end
  return samples
end

local function values_of(samples, name)
  local values = {}
  for _, sample in ipairs(samples) do
    if json_type(sample[name]) == "nothing" then return nil end
    values[#values + 1] = sample[name]
  end
  return values[1] ~= nil and values or nil
end

-- Input and output of a task have members of their own by its type; those of an execution or a trigger are a user's.
local function is_users(name, owner)
  return USERS[name] or (name == "input" or name == "output") and not owner.taskType
end

local compare

local function compare_objects(samples, actual, where, say)
  samples = of_same_kind(samples, actual)
  for name in pairs(samples[1] or {}) do
    local values = values_of(samples, name)
    if values and actual[name] == nil and not is_optional(name, actual) then
      say(where .. "." .. name .. " is not there")
    elseif values and actual[name] ~= nil and not is_users(name, actual) then
      compare(values, actual[name], where .. "." .. name, say)
    end
  end
end

local function compare_arrays(samples, actual, where, say)
  local items = {}
  for _, sample in ipairs(samples) do
    for _, item in ipairs(sample) do items[#items + 1] = item end
  end
  for position, item in ipairs(actual) do
    if items[1] ~= nil then compare(items, item, ("%s[%d]"):format(where, position - 1), say) end
  end
end

function compare(samples, actual, where, say)
  local own, known = json_type(actual), {}
  for _, sample in ipairs(samples) do known[json_type(sample)] = true end
  if not known[own] then
    say(("%s is %s"):format(where, own))
  elseif own == "object" then
    compare_objects(samples, actual, where, say)
  elseif own == "array" then
    compare_arrays(samples, actual, where, say)
  end
end

---@param samples any[] decoded answers that the client could read
---@param actual any a decoded answer
---@return string[] # what the client may miss, one sentence each
function shape.missing(samples, actual)
  local said = {}
  compare(samples, actual, "body", function(what) said[#said + 1] = what end)
  return said
end

return shape
