-- SPDX-License-Identifier: Apache-2.0
-- A binary heap of items by `due`, then by `order`: the first is at hand at once, and any item can be moved or taken
-- out by identity. Where no item has a `due`, `order` alone counts.

local floor = math.floor

---@class cdfworkflow.PriorityQueue
---@field private slots table<table, integer> where each item sits
---@field size integer
local PriorityQueue = {}
PriorityQueue.__index = PriorityQueue

-- Whether `a` may stand before `b`.
local function in_order(a, b)
  local due, other = a.due, b.due
  if due == other then return a.order <= b.order end
  return due < other
end

local function rise(heap, item, at)
  local slots = heap.slots
  while at > 1 do
    local above = floor(at / 2)
    local other = heap[above]
    if in_order(other, item) then break end
    heap[at], slots[other] = other, at
    at = above
  end
  heap[at], slots[item] = item, at
  return at
end

local function sink(heap, item, at)
  local slots, size = heap.slots, heap.size
  while at * 2 <= size do
    local below = at * 2
    if below < size and in_order(heap[below + 1], heap[below]) then below = below + 1 end
    local other = heap[below]
    if in_order(item, other) then break end
    heap[at], slots[other] = other, at
    at = below
  end
  heap[at], slots[item] = item, at
end

---@return cdfworkflow.PriorityQueue
function PriorityQueue.new()
  return setmetatable({ slots = {}, size = 0 }, PriorityQueue)
end

---@return table|nil item the first item, left in place
function PriorityQueue:peek()
  return self.size > 0 and self[1] or nil
end

--- Puts an item in; one that is in already is moved to where its changed key belongs.
---@param item table with `order`, and `due` where the others have it
function PriorityQueue:push(item)
  local at = self.slots[item]
  if not at then
    -- The size comes last: where there is no memory for the new place, the heap is as it was.
    at = self.size + 1
    self[at] = item
    self.slots[item] = at
    self.size = at
  end
  local above = rise(self, item, at)
  if above == at then sink(self, item, at) end
end

--- Takes an item out, wherever it sits; one that is not in is let be.
---@param item table
---@return boolean found
function PriorityQueue:remove(item)
  local at = self.slots[item]
  if not at then return false end
  local last = self[self.size]
  self[self.size] = nil
  self.slots[item] = nil
  self.size = self.size - 1
  if last ~= item then
    local above = rise(self, last, at)
    if above == at then sink(self, last, at) end
  end
  return true
end

---@return table|nil item the first item, taken out
function PriorityQueue:pop()
  local item = self:peek()
  if item then self:remove(item) end
  return item
end

return PriorityQueue
