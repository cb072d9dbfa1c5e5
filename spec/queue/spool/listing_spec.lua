-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/spool/listing.lua: what is in the folders.

local listing = require "cdfworkflow.queue.spool.listing"
local queue_world = require "queue_world"
local shell = require "shell"

local path, remove, store, clock

before_each(function()
  path, remove = queue_world.path()
  store, clock = queue_world.spool(path)
  for i = 1, 5 do
    assert(store:put({ id = "d" .. i, workflow = "w", version = "1", created = 0 }, queue_world.AMPLE))
  end
  store.waiting:move("d2", store.refused)
end)

after_each(function()
  store:close()
  remove()
end)

local function names(list)
  local found = {}
  for i, one in ipairs(list) do found[i] = one.name .. " " .. one.state end
  return table.concat(found, ", ")
end

describe("a listing", function()
  it("has the oldest of both folders, or of one", function()
    assert.equal("d1 waiting, d2 refused, d3 waiting, d4 waiting, d5 waiting", names(listing.oldest(store, math.huge)))
    assert.equal("d1 waiting, d2 refused", names(listing.oldest(store, 2)))
    assert.equal("d1 waiting, d3 waiting", names(listing.oldest(store, 2, "waiting")))
    assert.equal("d2 refused", names(listing.oldest(store, 2, "refused")))
  end)

  it("lets the host do other things while it reads a large folder", function()
    local rests = 0
    store.clock.sleep = function() rests = rests + 1 end
    shell.run(("cd %s/waiting && seq -f f%%.0f 4500 | xargs touch"):format(path))
    assert.equal(4504, #listing.oldest(store, math.huge, "waiting"))
    assert.equal(2, rests)
  end)

  it("puts the tally right on its way, unless something has changed meanwhile", function()
    assert.same({ 5, 0 }, { store:count().waiting, store:count().refused })
    local sleep = store.clock.sleep
    shell.run(("cd %s/waiting && seq -f f%%.0f 2500 | xargs touch"):format(path))
    store.clock.sleep = function()
      assert(store:put({ id = "meanwhile", workflow = "w", version = "1", created = 0 }, queue_world.AMPLE))
    end
    listing.count(store, 1)
    assert.equal(6, store:count().waiting)
    store.clock.sleep = sleep
    assert.equal(1, #listing.count(store, 1))
    assert.same({ 2505, 1 }, { store:count().waiting, store:count().refused })
  end)

  it("sweeps nothing that somebody has in use", function()
    local lock = store.log:lock("old", true, false)
    clock.wall = clock.wall + 1e9
    listing.sweep(store)
    assert.equal(0, store.log:size "old")
    lock:close()
    listing.sweep(store)
    assert.is_false(store.log:size "old")
  end)
end)
