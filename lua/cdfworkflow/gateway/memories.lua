-- SPDX-License-Identifier: Apache-2.0
-- Where deliveries are remembered: in the host's own dictionary, in a folder of this machine, or in a Redis of several.

local Once = require "cdfworkflow.gateway.once"
local folder = require "cdfworkflow.store.folder"

local memories = {}

--- What lies in a Redis: which deliveries there were, and with a queue those that wait.
---@return { memory?: cdfworkflow.store.Redis, queue?: cdfworkflow.queue.Redis }|nil
---@return cdfworkflow.Error? err
function memories.redis(given)
  local stores, err = {}, nil
  if given.redis then stores.memory, err = require("cdfworkflow.store.redis").new(given.redis) end
  if given.redis and not err and given.mode == "queue" then
    stores.queue, err = require("cdfworkflow.queue.redis").new(given.redis)
  end
  return not err and stores or nil, err
end

--- A folder is opened by the process that uses it, as the user that it is.
local function folder_memory(path)
  local memory
  return function()
    local err
    if not memory then memory, err = folder.new(path) end
    return memory, err and err.message
  end
end

--- Notes when the memory is another than before: who was at a delivery then, on whatever host, may be at it still. It
--- is told, in the new memory, to hosts that have just started and cannot know. A Redis that no host has met before
--- counts as a start, and is not waited for.
---@return true|nil done
---@return string? problem
local function note_loss(shared, memory)
  local known = shared:get "memory"
  if known == memory.id then return true end
  if known then
    local told, problem = memory:set("lost", "1", Once.GUARDED)
    if not told then return nil, problem end
  end
  shared:set("memory", memory.id)
  return true
end

--- A Redis may have lost its memory since the last delivery, so each delivery asks which one it has.
local function redis_memory(redis, shared)
  return function()
    local memory, problem = redis:memory()
    if not memory then return nil, problem end
    local noted
    noted, problem = note_loss(shared, memory)
    return noted and memory, problem
  end
end

--- Where deliveries are remembered: a function that gives it as it is now, or nil and why it cannot be reached.
---@param given cdfworkflow.gateway.Settings
---@param shared table the host's dictionary
---@param redis? cdfworkflow.store.Redis
---@return fun(): table|nil, string?
function memories.of(given, shared, redis)
  if redis then return redis_memory(redis, shared) end
  if given.spool then return folder_memory(given.spool) end
  return function() return shared end
end

return memories
