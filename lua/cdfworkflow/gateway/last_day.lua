-- SPDX-License-Identifier: Apache-2.0
-- After a start the memory of deliveries is empty. The executions of the last day of each workflow are read into it
-- once, by one worker; until then no delivery with a key is taken.

local Once = require "cdfworkflow.gateway.once"
local core = require "cdfworkflow.core"
local delivery = require "cdfworkflow.gateway.delivery"
local protected = require "cdfworkflow.call.protected"

---@class cdfworkflow.gateway.LastDay
---@field client cdfworkflow.Client
---@field bind fun(): table|nil, string? the memory as it is now, or why it cannot be reached
---@field workflows table<string, string>
---@field spawn fun(fn: function) runs the function on its own
---@field is_ending fun(): boolean whether this process is to end
---@field log function
---@field private is_reading? boolean this process is at it
local LastDay = {}
LastDay.__index = LastDay

--- Seconds after which another worker may begin as well, which does no harm.
local READ_TIME = 60
--- Seconds between attempts: the first, and the longest.
local PAUSE, LONGEST_PAUSE = 1, 30

---@return cdfworkflow.gateway.LastDay
function LastDay.new(parts) return setmetatable(parts, LastDay) end

--- Whether the last day of the workflow is in the memory. Where it is not, it is read from now on.
---@param memory table what `bind` gave
---@return boolean|nil is_read
---@return string? problem the memory cannot be asked
function LastDay:is_read(workflow, memory)
  local read, problem = Once.get(memory, "read:" .. workflow)
  if not read and not problem then self:begin() end
  return read ~= nil, problem
end

--- Whether a run of the time before the memory may still turn up.
---@return boolean|nil is_young
---@return string? problem
function LastDay.is_young(_, workflow, memory)
  local young, problem = Once.get(memory, "young:" .. workflow)
  return young ~= nil, problem
end

local function remember(self, memory, workflow, execution, now)
  local id, hash = delivery.marks(execution)
  if not id then return end
  local age = (now - (tonumber(execution.createdTime) or now)) / 1000
  local left = math.min(Once.KEPT - age, Once.KEPT)
  if left <= 0 then return end
  local name = Once.name_of { workflow = workflow, id = id }
  local added, problem, forgotten = memory:add(name, Once.run_mark(hash, execution), left)
  if not added and problem ~= "exists" then error("the memory of deliveries: " .. tostring(problem), 0) end
  if forgotten then self.log("error", "no room to remember a day's deliveries: repeated ones may start again") end
end

local function put(memory, name, seconds)
  local ok, problem = memory:set(name, "1", seconds)
  if not ok and problem ~= nil then error("the memory of deliveries: " .. tostring(problem), 0) end
end

local function read(self, memory, workflow)
  local now = core.time() * 1000
  local since = math.floor(now - (Once.KEPT + Once.SKEW) * 1000)
  for execution in self.client.workflows.executions:each {
    workflowFilters = { { externalId = workflow } }, createdTimeStart = since,
  } do
    remember(self, memory, workflow, execution, now)
  end
  put(memory, "young:" .. workflow, Once.GUARDED) -- what was sent before may turn up
  put(memory, "read:" .. workflow)
end

--- Reads a workflow's last day, unless somebody has or does. → whether it is read
local function attempt(self, workflow)
  local memory, problem = self.bind()
  if not memory then
    self.log("error", "the memory of deliveries: " .. tostring(problem))
    return false
  end
  if Once.get(memory, "read:" .. workflow) then return true end
  local lock = "reading:" .. workflow
  if not memory:add(lock, "1", READ_TIME) then return false end
  local ok, err = protected(read, self, memory, workflow)
  memory:set(lock, nil)
  if not ok then
    self.log("error", ("the last day of %s cannot be read, and no delivery of it with a key be taken: %s"):format(
      workflow, tostring(err)))
  end
  return ok
end

--- A worker that is to end does not wait for its next attempt.
local function sleep(self, seconds)
  local turns = 0
  while turns < seconds and not self.is_ending() do
    self.client:_sleep(1)
    turns = turns + 1
  end
end

local function read_all(self)
  local pause = PAUSE
  while not self.is_ending() do
    local complete = true
    for workflow in pairs(self.workflows) do complete = attempt(self, workflow) and complete end
    if complete then return end
    sleep(self, pause)
    pause = math.min(pause * 2, LONGEST_PAUSE)
  end
end

--- Begins to read what is not read yet; this process does that once at a time.
function LastDay:begin()
  if self.is_reading then return end
  self.is_reading = true
  local spawned = self.spawn(function()
    local ok, err = protected(read_all, self)
    self.is_reading = false
    if not ok then self.log("error", "reading the last day: " .. tostring(err)) end
  end)
  if not spawned then self.is_reading = false end
end

return LastDay
