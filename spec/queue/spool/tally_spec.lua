-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/spool/tally.lua: how many there are.

local core = require "cdfworkflow.core"
local queue_world = require "queue_world"
local tally = require "cdfworkflow.queue.spool.tally"

local path, remove, root

before_each(function()
  path, remove = queue_world.path()
  root = assert(core.folder(path))
end)

after_each(function() remove() end)

local function numbers()
  local count = assert(tally.read(root))
  return { count.waiting, count.refused, count.bytes }
end

describe("the tally", function()
  it("begins with nothing, and adds", function()
    assert.same({ 0, 0, 0 }, numbers())
    assert.is_true(tally.add(root, { waiting = 1, bytes = 100 }))
    assert.is_true(tally.add(root, { waiting = -1, refused = 1 }))
    assert.same({ 0, 1, 100 }, numbers())
  end)

  it("stays as it is where the sum does not fit", function()
    tally.add(root, { waiting = 1, bytes = 100 })
    local would_be
    assert.is_false(tally.add(root, { waiting = 1, bytes = 50 }, function(count)
      would_be = count.bytes
      return false
    end))
    assert.equal(150, would_be)
    assert.same({ 1, 0, 100 }, numbers())
  end)

  it("is never below nothing, and reads nothing out of what is no tally", function()
    tally.add(root, { waiting = -5, bytes = -1 })
    assert.same({ 0, 0, 0 }, numbers())
    local file = assert(io.open(path .. "/tally", "wb"))
    file:write "rubbish"
    file:close()
    assert.same({ 0, 0, 0 }, numbers())
    tally.add(root, { waiting = 1 })
    assert.same({ 1, 0, 0 }, numbers())
  end)

  it("is put right by a count, unless something has changed meanwhile", function()
    tally.add(root, { waiting = 3, bytes = 30 })
    local changes = tally.read(root).changes
    tally.add(root, { waiting = 1 })
    assert(tally.correct(root, { waiting = 7, refused = 0, bytes = 7 }, changes))
    assert.same({ 4, 0, 30 }, numbers())
    assert(tally.correct(root, { waiting = 7, refused = 1, bytes = 7 }, changes + 1))
    assert.same({ 7, 1, 7 }, numbers())
  end)

  it("is always as long, so that who reads while it is written gets the old numbers or the new ones", function()
    tally.add(root, { waiting = 1 })
    local size = root:size "tally"
    tally.add(root, { waiting = 2 ^ 40, bytes = 2 ^ 52 })
    assert.equal(size, root:size "tally")
    assert.same({ 2 ^ 40 + 1, 0, 2 ^ 52 }, numbers())
  end)
end)
