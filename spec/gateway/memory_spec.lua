-- SPDX-License-Identifier: Apache-2.0
local Memory = require "cdfworkflow.gateway.memory"
local core = require "cdfworkflow.core"

describe("the memory of a host that has none", function()
  local memory, now, snapshot

  before_each(function()
    snapshot, now = assert:snapshot(), 1000
    stub(core, "now", function() return now end)
    memory = Memory.new()
  end)

  after_each(function() snapshot:revert() end)

  it("works as ngx.shared", function()
    assert.is_nil(memory:get "a")
    assert.is_true(memory:add("a", "1", 10))
    assert.same({ false, "exists" }, { memory:add("a", "2", 10) })
    assert.equal("1", memory:get "a")
    memory:set("a", "3")
    now = now + 1e9
    assert.equal("3", memory:get "a")
    memory:set("a", nil)
    assert.is_nil(memory:get "a")
    assert.equal(2, memory:incr("n", 2, 0))
    assert.equal(5, memory:incr("n", 3, 0))
  end)

  it("forgets what has ended, and frees its place", function()
    memory:set("a", "1", 10)
    now = now + 10
    assert.is_nil(memory:get "a")
    assert.is_true(memory:add("a", "2", 10))
    now = now + 100
    memory:set("b", "1")
    assert.is_nil(memory.values.a)
  end)
end)
