-- SPDX-License-Identifier: Apache-2.0
-- A store for queues (queue/contract.lua) that keeps deliveries in memory: for specs of what the queue does. `survives`
-- makes another store over the same memory, as a new process finds it when one was killed.

local contract = require "cdfworkflow.queue.contract"
local core = require "cdfworkflow.core"

local Memory = {}
Memory.__index = Memory

local memory = {}

---@return cdfworkflow.queue.Store
function memory.new() return setmetatable({ all = {}, order = {}, mine = {} }, Memory) end

--- As the next process finds it.
function memory.survives(store)
  return setmetatable({ all = store.all, order = store.order, mine = {}, born = true }, Memory)
end

function Memory:put(delivery, limits)
  local known = self.all[delivery.id]
  if known then return false end
  local count = self:count()
  if count.waiting + count.refused >= limits.max_entries then
    return nil, core.error { kind = "throttled", retryable = true, limit = limits.max_entries, message = "full" }
  end
  local kept = { state = "waiting", attempts = 0, put = self.clock.now(), begun = {} }
  for name, value in pairs(delivery) do kept[name] = value end
  self.all[kept.id], self.order[#self.order + 1] = kept, kept
  return true
end

function Memory:get(id) return self.all[id] end

function Memory:list(opts)
  local list = {}
  for _, one in ipairs(self.order) do
    local is_shown = one.state == opts.state or not opts.state and one.state ~= "started"
    if is_shown and #list < opts.limit then list[#list + 1] = one end
  end
  return list
end

function Memory:count()
  local count = { waiting = 0, refused = 0, bytes = 0 }
  for _, one in ipairs(self.order) do
    if count[one.state] then count[one.state] = count[one.state] + 1 end
  end
  return count
end

--- Seconds until nothing can come of what was begun.
local function wait_of(one, now)
  if one.begun.ended then return one.begun.doubt and one.begun.ended + contract.SETTLED_AFTER - now or 0 end
  return one.begun.deadline and one.begun.deadline + contract.SETTLED_AFTER - now or 0
end

function Memory:claim()
  local now = self.clock.now()
  for _, one in ipairs(self.order) do
    if one.state == "waiting" and not self.mine[one] then
      self.mine[one] = true
      local claim = { kept = one, look_back = one.first and now - one.first, wait = wait_of(one, now) }
      claim.age = now - one.put
      return setmetatable(claim, { __index = one })
    end
  end
end

function Memory:begin(claim, seconds)
  local one, now = claim.kept, self.clock.now()
  if one.state ~= "waiting" then return false end
  one.first, one.attempts = one.first or now, one.attempts + 1
  one.begun = { deadline = now + seconds }
  return true
end

function Memory:settle(claim, execution)
  claim.kept.state, claim.kept.execution = "started", execution
  return self:release(claim)
end

function Memory:refuse(claim, err)
  claim.kept.state, claim.kept.error = "refused", err
  return self:release(claim)
end

function Memory:fail(claim, err, in_doubt)
  claim.kept.error, claim.kept.begun.ended, claim.kept.begun.doubt = err, self.clock.now(), in_doubt
  return self:release(claim)
end

function Memory:release(claim)
  self.mine[claim.kept] = nil
  return true
end

function Memory:retry(id)
  local one = self.all[id]
  if not one or one.state ~= "refused" then return nil end
  one.state, one.put = "waiting", self.clock.now()
  return true
end

function Memory:drop(id)
  if not self.all[id] then return nil end
  self.all[id].state = "dropped"
  return true
end

function Memory.close() end

return memory
