-- SPDX-License-Identifier: Apache-2.0
-- A link that is down for an hour of simulated time while deliveries come, and then comes back: all are started once,
-- oldest first, and CDF is asked no more often than it may be.

local core = require "cdfworkflow.core"
local queue_world = require "queue_world"
local spool = require "cdfworkflow.queue.spool"
local unreliable = require "unreliable"

local hour = {}

local HOUR, BASE = 3600, 1767225600
--- Attempts while nothing answers: those at the same time, then after 10 s, 20 s, 40 s, … 600 s.
local PROBES = 12
--- What a client may repeat before its budget is spent (src/policy.h).
local BUDGET = 20

--- Notes in which order CDF was asked to run what, and how many requests there were while nothing answered.
local function listen(world)
  local asked, seen, http = {}, { requests = 0 }, world.network.http
  function world.network.http(network, request)
    local is_down = network:now() < network.down_until
    if is_down then seen.requests = seen.requests + 1 end
    local id = request.url:find "/run$" and request.body:match 'cdfworkflow%.requestId":"([^"]*)"'
    if id and not is_down then asked[#asked + 1] = id end
    return http(network, request)
  end
  return asked, seen
end

--- Puts the deliveries, spread over the hour, as another process does.
local function putter(world, queue, count)
  local put, started = 0, world.network:now()
  return function()
    local due = math.min(math.floor((world.network:now() - started) / HOUR * count) + 1, count)
    while put < due do
      put = put + 1
      assert(queue:put("w", "1", { id = ("d%05d"):format(put), input = { n = put } }))
    end
    return put == count and queue:count().waiting == 0
  end
end

local function assert_order(asked, count, concurrency)
  assert(#asked == count, #asked .. " runs were asked for")
  for i, id in ipairs(asked) do
    local n = tonumber(id:match "%d+")
    assert(math.abs(n - i) < concurrency, ("%s was asked for as number %d"):format(id, i))
  end
end

--- One hour.
---@param count integer deliveries
---@param concurrency integer
---@return { requests: integer, took: number } what CDF was asked while it was down; seconds from then on
function hour.try(count, concurrency)
  local world = unreliable.world { seed = 1, random = unreliable.random(1) }
  local path, remove = queue_world.path()
  local store = assert(spool.new(path))
  local queue = queue_world.queue(world, store, nil, world.another())
  if concurrency > 1 then queue_world.together(world) end
  world.network.down_until = world.network:now() + HOUR
  local asked, seen = listen(world)
  local is_done = putter(world, queue, count)
  local result = assert(queue:drain { follow = true, concurrency = concurrency, stop = is_done })
  queue_world.alone()
  assert(result.started == count and result.refused == 0)
  assert_order(asked, count, concurrency)
  for id, runs in pairs(unreliable.count_by_request_id(world.sim)) do assert(runs == 1, id) end
  assert(seen.requests <= PROBES + concurrency + BUDGET, seen.requests .. " requests while CDF was down")
  store:close()
  remove()
  return { requests = seen.requests, took = core.time() - BASE - HOUR }
end

return hour
