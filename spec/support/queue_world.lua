-- SPDX-License-Identifier: Apache-2.0
-- A queue before an unreliable network (unreliable.lua) with a simulator behind it, all in simulated time.

local cdf = require "cdfworkflow"
local gather = require "cdfworkflow.call.gather"
local shell = require "shell"
local spool = require "cdfworkflow.queue.spool"
local unreliable = require "unreliable"

local queue_world = {}

--- The path of a folder that is not there yet, in memory where there is such a place: a sync takes long on a disk.
function queue_world.path()
  local path = shell.run("mktemp -d -p /dev/shm 2>/dev/null || mktemp -d"):match "[^\n]+"
  return path .. "/spool", function() shell.run("rm -rf " .. path) end
end

--- A spool with a clock that stands still until it is moved.
---@return cdfworkflow.queue.Spool spool
---@return table clock `at` seconds; `wall` what the clock on the wall is ahead of it; `boot`
function queue_world.spool(path, clock)
  local store = assert(spool.new(path))
  clock = clock or { at = 1000, wall = 1767225600, boot = "first" }
  store.clock = {
    now = function() return clock.at end, time = function() return clock.at + clock.wall end, boot = clock.boot,
    sleep = function(seconds) clock.at = clock.at + seconds end,
  }
  return store, clock
end

--- Limits that nothing passes.
queue_world.AMPLE = { max_entries = 1e9, max_bytes = 1e12 }

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

local function least(waiting)
  local at = 1
  for i = 2, #waiting do
    if waiting[i].due < waiting[at].due then at = i end
  end
  return table.remove(waiting, at)
end

--- Lets the workers of a drain run at the same time, in the world's time: as a host's coroutines, which all end when
--- the process is killed. To be undone by `queue_world.alone`.
function queue_world.together(world)
  local network, ours = world.network, setmetatable({}, { __mode = "k" })
  local pass_time = network.sleep
  function network.sleep(self, seconds)
    local co = coroutine.running()
    if not co or not ours[co] then return pass_time(self, seconds) end
    coroutine.yield(self:now() + math.max(seconds, 0))
  end
  gather.of_host = function(functions, ended)
    local waiting = {}
    for i, fn in ipairs(functions) do
      waiting[i] = { i = i, co = coroutine.create(fn), due = network:now() }
      ours[waiting[i].co] = true
    end
    while waiting[1] do
      local one = least(waiting)
      if one.due > network:now() then pass_time(network, one.due - network:now()) end
      local ok, a, b = coroutine.resume(one.co)
      if not ok and a == unreliable.KILLED then error(a, 0) end
      one.due = a
      if coroutine.status(one.co) == "dead" then ended(one.i, ok, a, b) else waiting[#waiting + 1] = one end
    end
  end
end

function queue_world.alone() gather.of_host = nil end

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
