-- SPDX-License-Identifier: Apache-2.0
-- One process's work on a queue in a folder (putting, draining, dropping), with each of its steps on files as the last
-- before it is killed, or refused by the disk; and what must be true after other processes have gone on.

local cdf = require "cdfworkflow"
local failing_folder = require "failing_folder"
local queue_world = require "queue_world"
local spool = require "cdfworkflow.queue.spool"
local unreliable = require "unreliable"

local steps = {}

local INPUT = '{ "n": [] }'

--- A process: what it makes of the queue, until it is killed.
local function live(world, path, plan, work)
  failing_folder.begin(plan)
  local ok, result = pcall(function()
    local store, err = spool.new(path)
    if not store then return { err } end
    return work(queue_world.queue(world, store, nil, world.another()))
  end)
  local made = failing_folder.over()
  if not ok and result ~= failing_folder.KILLED then error(result, 0) end
  return result, made
end

--- What the first process does. `safe`: the ids that it was told are kept.
local function work(safe)
  return function(queue)
    local errors = {}
    for i, version in ipairs { "1", "no-such", "1" } do
      local id, err = queue:put("w", version, { id = "d" .. i, input = cdf.json(INPUT) })
      if id then safe[id] = true else errors[#errors + 1] = err end
    end
    local _, err = queue:drain()
    errors[#errors + 1] = err
    _, err = queue:drop "d2"
    if err and err.kind ~= "invalid" then errors[#errors + 1] = err end
    return errors
  end
end

--- Those after it: what was not kept is put again, and all is drained.
local function go_on(queue)
  for _, id in ipairs { "d1", "d3" } do assert(queue:put("w", "1", { id = id, input = cdf.json(INPUT) })) end
  assert(queue:drain())
end

local function judge(world, path, where)
  local counts = unreliable.count_by_request_id(world.sim)
  assert(counts.d1 == 1 and counts.d3 == 1 and counts.d2 == nil,
    ("%s: d1 was started %s times, d3 %s"):format(where, tostring(counts.d1), tostring(counts.d3)))
  live(world, path, nil, function(queue)
    local count, list = queue:count(), queue:list { limit = math.huge }
    assert(count.waiting == 0 and count.refused == #list, where .. ": the tally is off, or something still waits")
    for _, one in ipairs(list) do assert(one.id == "d2" and one.error.status == 404, where) end
  end)
end

local function clear_error(err, where)
  local is_told = err.kind == "transport" and err.message:find("the queue in ", 1, true) or err.field == "spool"
  assert(is_told and err.message:find("No space left on device", 1, true), where .. ": " .. err.message)
end

--- One world, with one plan for the first process.
local function try(plan, where)
  local path, remove = queue_world.path()
  local world = unreliable.world { seed = 1, random = unreliable.random(1), lag = 3 }
  local result, made = live(world, path, plan, work {})
  for _, err in ipairs(type(result) == "table" and result or {}) do
    if plan then clear_error(err, where) else error(err.message) end
  end
  for _ = 1, 2 do live(world, path, nil, go_on) end
  world.network:settle()
  if plan then judge(world, path, where) end
  remove()
  return made
end

local PLANS = {
  ["killed before"] = function(step) return { step = step, kill = "before" } end,
  ["killed after"] = function(step) return { step = step, kill = "after" } end,
  ["the disk full for"] = function(step) return { step = step, fail = "No space left on device" } end,
  ["the disk full from"] = function(step) return { from = step, fail = "No space left on device" } end,
}

steps.WAYS = { "killed before", "killed after", "the disk full for", "the disk full from" }

--- Tries every step in one way.
---@param way string
---@param every? integer only each n-th step
---@return integer steps
function steps.try_all(way, every)
  local made = try(nil, "undisturbed")
  for step = 1, made, every or 1 do try(PLANS[way](step), ("%s step %d"):format(way, step)) end
  return made
end

return steps
