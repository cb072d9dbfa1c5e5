-- SPDX-License-Identifier: Apache-2.0
-- A queue before an unreliable network (unreliable.lua) with a simulator behind it, all in simulated time.

local cdf = require "cdfworkflow"
local unreliable = require "unreliable"

local queue_world = {}

--- A queue over the store, with the world's clock.
---@param world table what `unreliable.world` gives
---@param store cdfworkflow.queue.Store
---@param opts? table further options of `cdf.queue`
---@param client? cdfworkflow.Client as of another process
function queue_world.queue(world, store, opts, client)
  local given = { client = client or world.client, store = store }
  for name, value in pairs(opts or {}) do given[name] = value end
  local queue = assert(cdf.queue(given))
  queue.clock.now = function() return world.network:now() end
  queue.clock.boot = "this one"
  return queue
end

--- The request ids of all executions, in the order in which they were created.
function queue_world.started(world)
  local all = {}
  for _, execution in pairs(unreliable.executions(world.sim)) do all[#all + 1] = execution end
  table.sort(all, function(a, b)
    if a.createdTime ~= b.createdTime then return a.createdTime < b.createdTime end
    return (a.sequence or 0) < (b.sequence or 0)
  end)
  for i, execution in ipairs(all) do all[i] = execution.metadata["cdfworkflow.requestId"] end
  return all
end

--- A drain that is killed with the n-th request it makes; whether it was.
function queue_world.drain_until_killed(world, queue, dies, opts)
  world.network.dies = dies
  local ok, result = pcall(queue.drain, queue, opts)
  world.network.dies = nil
  if not ok and result ~= unreliable.KILLED then error(result, 0) end
  return not ok, result
end

return queue_world
