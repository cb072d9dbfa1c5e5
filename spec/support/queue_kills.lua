-- SPDX-License-Identifier: Apache-2.0
-- Drains of a spool that are killed with a request under way, again and again, before a network that loses, delays and
-- answers in CDF's place: each delivery is started exactly once, or was refused.

local queue_world = require "queue_world"
local spool = require "cdfworkflow.queue.spool"
local unreliable = require "unreliable"

local kills = {}

local DELIVERIES, MOST_ROUNDS = 12, 400

--- The process is gone, and its locks with it.
local function let_go(store)
  for name, claim in pairs(store.claims) do
    if claim.log then claim.log:close() end
    store.claims[name] = nil
  end
  store:close()
end

--- What the process holds is noted, since nothing but its end lets go of it.
local function noting(store)
  store.claims = {}
  local claim = store.claim
  function store.claim(self)
    local one, err, seconds = claim(self)
    if one then self.claims[one.id] = one end
    return one, err, seconds
  end
  return store
end

local function one_drain(world, path, random, concurrency)
  local store = noting(assert(spool.new(path)))
  local queue = queue_world.queue(world, store, nil, world.another())
  local dies = 1 + math.floor(random() * 12)
  local killed = queue_world.drain_until_killed(world, queue, dies, { concurrency = concurrency })
  for name in pairs(store.mine) do store.mine[name] = nil end
  let_go(store)
  return killed
end

local function left(path)
  local store = assert(spool.new(path))
  local count = assert(store:count())
  store:close()
  return count.waiting
end

local function refused(path)
  local store, ids = queue_world.spool(path), {}
  for _, one in ipairs(assert(store:list { state = "refused", limit = math.huge })) do ids[one.id] = true end
  store:close()
  return ids
end

local function judge(world, path, where)
  local counts, apart = unreliable.count_by_request_id(world.sim), refused(path)
  for i = 1, DELIVERIES do
    local id = "d" .. i
    local started = counts[id] or 0
    assert(started <= 1, ("%s: %s was started %d times"):format(where, id, started))
    assert(started == 1 or apart[id], ("%s: %s was lost"):format(where, id))
    assert(started == 0 or not apart[id], ("%s: %s was started and refused"):format(where, id))
  end
end

--- One world from a seed.
---@param seed integer
---@return { kills: integer, rounds: integer }
function kills.try(seed)
  local random = unreliable.random(seed)
  local path, remove = queue_world.path()
  local world = unreliable.world { seed = seed, random = random, rate = random() * 0.3, lag = random() * 8,
    skew = (random() * 2 - 1) * 895, dated = random() < 0.5 }
  local store = assert(spool.new(path))
  local queue = queue_world.queue(world, store)
  for i = 1, DELIVERIES do assert(queue:put("w", "1", { id = "d" .. i, input = { n = i } })) end
  store:close()
  local concurrency = 1 + math.floor(random() * 4)
  if concurrency > 1 then queue_world.together(world) end
  local done = { kills = 0, rounds = 0 }
  while left(path) > 0 do
    done.rounds = done.rounds + 1
    assert(done.rounds < MOST_ROUNDS, "seed " .. seed .. ": no end")
    if one_drain(world, path, random, concurrency) then
      done.kills = done.kills + 1
    else
      world.network:sleep(random() * 60)
    end
  end
  queue_world.alone()
  world.network:settle()
  judge(world, path, "seed " .. seed)
  remove()
  return done
end

return kills
