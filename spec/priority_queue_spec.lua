-- SPDX-License-Identifier: Apache-2.0
-- The heap against a plain sorted list.

local PriorityQueue = require "cdfworkflow.priority_queue"

local function sooner(a, b)
  return a.due < b.due or a.due == b.due and a.order < b.order
end

local function drained(heap)
  local dues = {}
  while heap.size > 0 do dues[#dues + 1] = heap:pop().due end
  return dues
end

-- A small generator of its own, the same numbers on every Lua.
local function numbers(seed)
  return function(limit)
    seed = (seed * 16807) % 2147483647
    return seed % limit + 1
  end
end

describe("simulator.heap", function()
  it("gives items back in order", function()
    local heap = PriorityQueue.new()
    for order, due in ipairs { 5, 1, 4, 2, 3 } do heap:push { due = due, order = order } end
    assert.equal(1, heap:peek().due)
    assert.same({ 1, 2, 3, 4, 5 }, drained(heap))
    assert.is_nil(heap:pop())
    assert.is_nil(heap:peek())
  end)

  it("moves an item that is pushed again with another due time", function()
    local heap = PriorityQueue.new()
    local late, early = { due = 9, order = 1 }, { due = 1, order = 2 }
    heap:push(late); heap:push(early); heap:push { due = 5, order = 3 }
    late.due = 0
    heap:push(late)
    assert.equal(late, heap:peek())
    assert.equal(3, heap.size)
    late.due = 7
    heap:push(late)
    assert.same({ 1, 5, 7 }, drained(heap))
  end)

  it("breaks ties by order, and knows order alone", function()
    for _, due in ipairs { 7, false } do
      local heap, orders = PriorityQueue.new(), {}
      for _, order in ipairs { 3, 1, 2, 5, 4 } do heap:push { due = due or nil, order = order } end
      while heap.size > 0 do orders[#orders + 1] = heap:pop().order end
      assert.same({ 1, 2, 3, 4, 5 }, orders)
    end
  end)

  it("takes an item out from anywhere", function()
    local heap = PriorityQueue.new()
    local item = { due = 2, order = 1 }
    heap:push { due = 1, order = 2 }; heap:push(item); heap:push { due = 3, order = 3 }
    assert.is_true(heap:remove(item))
    assert.is_false(heap:remove(item))
    assert.same({ 1, 3 }, drained(heap))
  end)

  it("agrees with a sorted list over many mixed operations", function()
    local random = numbers(42)
    local heap, list = PriorityQueue.new(), {}
    for step = 1, 2000 do
      if #list == 0 or random(3) > 1 then
        local item = { due = random(100), order = step }
        heap:push(item)
        list[#list + 1] = item
      elseif random(2) == 1 then
        local index = random(#list)
        assert.is_true(heap:remove(table.remove(list, index)))
      else
        table.sort(list, sooner)
        assert.equal(table.remove(list, 1), heap:pop())
      end
      assert.equal(#list, heap.size)
    end
    table.sort(list, sooner)
    for _, item in ipairs(list) do assert.equal(item, heap:pop()) end
  end)
end)
