-- SPDX-License-Identifier: Apache-2.0
-- The parts of queue.sh. Each prints a line of figures, or raises what went wrong.

local core = require "cdfworkflow.core"
local queue_world = require "queue_world"

local SEEDS, ROUNDS, MANY = 400, 150, 100000

local part = {}

function part.kills()
  local queue_kills = require "queue_kills"
  local kills, rounds = 0, 0
  for seed = 1, SEEDS do
    local done = queue_kills.try(seed)
    kills, rounds = kills + done.kills, rounds + done.rounds
  end
  print(("kills: %d worlds, %d drains, %d of them killed: each delivery started once, or refused"):format(SEEDS, rounds,
    kills))
end

function part.steps()
  local queue_steps = require "queue_steps"
  for _, way in ipairs(queue_steps.WAYS) do
    print(("steps: %s each of %d steps: nothing lost, nothing twice"):format(way, queue_steps.try_all(way)))
  end
end

function part.hour()
  for _, concurrency in ipairs { 1, 4 } do
    local seen = require("queue_hour").try(5000, concurrency)
    print(("hour: 5,000 deliveries, concurrency %d: %d requests in the hour, then all started in %.0f s, in order")
      :format(concurrency, seen.requests, seen.took))
  end
end

function part.processes()
  local done = require("queue_processes").try(ROUNDS, 1)
  print(("processes: %d rounds of kill -9: %d deliveries were said to be kept, %d started, none twice"):format(ROUNDS,
    done.safe, done.started))
end

--- Milliseconds for one put, over so many.
local function time_of_put(store, count, name)
  local began = core.now()
  for i = 1, count do
    assert(store:put({ id = name .. i, workflow = "w", version = "1", created = 0, input = ("x"):rep(1000) },
      queue_world.AMPLE))
  end
  return (core.now() - began) / count * 1000
end

function part.put()
  local path, remove = queue_world.path() -- in memory: what remains is our own work
  local store = queue_world.spool(path)
  local empty = time_of_put(store, 2000, "a")
  time_of_put(store, MANY, "b")
  local full = time_of_put(store, 2000, "c")
  local began = core.now()
  assert(store:claim())
  local claim = core.now() - began
  print(("put: %.3f ms into an empty queue, %.3f ms with %d waiting; the first claim of these takes %.2f s"):format(
    empty, full, MANY, claim))
  store:close()
  remove()
end

part[arg[1]]()
