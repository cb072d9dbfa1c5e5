-- SPDX-License-Identifier: Apache-2.0
-- Which executions may run now: the project's limit, each workflow's own (maxConcurrentExecutions), first come
-- first served. Rebuilt from the stored executions; nothing here is saved.

local PriorityQueue = require "cdfworkflow.priority_queue"

---@class cdfworkflow.simulator.Admission
---@field private limits table `concurrent_executions` is read
---@field private line table[] new executions, a queue from `first` to `last`; false where one has been taken out
---@field private first integer
---@field private last integer
---@field private places table<table, integer> where each execution stands in the line
---@field private parked table<string, cdfworkflow.PriorityQueue> held back by their workflow's own limit
---@field private recalled cdfworkflow.PriorityQueue were parked, and their workflow has a place again
---@field private running integer
---@field private by_workflow table<string, integer>
local Admission = {}
Admission.__index = Admission

---@param limits table
---@return cdfworkflow.simulator.Admission
function Admission.new(limits)
  return setmetatable({
    limits = limits, line = {}, first = 1, last = 0, places = {}, parked = {}, recalled = PriorityQueue.new(),
    running = 0, by_workflow = {},
  }, Admission)
end

--- Puts an execution at the end of the line; its `order` is higher than that of all before.
---@param record table
function Admission:add(record)
  self.last = self.last + 1
  self.line[self.last] = record
  self.places[record] = self.last
end

--- Takes an execution out of the line.
---@param record table
function Admission:remove(record)
  local place = self.places[record]
  if place then
    self.places[record] = nil
    self.line[place] = false
  elseif not self.recalled:remove(record) then
    self.parked[record.workflowExternalId]:remove(record)
  end
end

--- Counts an execution as running.
---@param record table
function Admission:count(record)
  local workflow = record.workflowExternalId
  self.running = self.running + 1
  self.by_workflow[workflow] = (self.by_workflow[workflow] or 0) + 1
end

local function head(self)
  while self.first <= self.last and not self.line[self.first] do
    self.line[self.first] = nil
    self.first = self.first + 1
  end
  return self.line[self.first]
end

local function next_in_turn(self)
  local record, recalled = head(self), self.recalled:peek()
  if recalled and (not record or recalled.order < record.order) then return self.recalled:pop() end
  if record then self:remove(record) end
  return record
end

local function park(self, record)
  local workflow = record.workflowExternalId
  self.parked[workflow] = self.parked[workflow] or PriorityQueue.new()
  self.parked[workflow]:push(record)
end

--- The oldest execution that may start now, counted as running from here on.
---@return table|nil record
function Admission:take()
  while self.running < self.limits.concurrent_executions do
    local record = next_in_turn(self)
    if not record then return nil end
    local own_limit = record.maxConcurrentExecutions
    if not own_limit or (self.by_workflow[record.workflowExternalId] or 0) < own_limit then
      self:count(record)
      return record
    end
    park(self, record)
  end
  return nil
end

--- A running execution has ended: its place is free.
---@param record table
function Admission:release(record)
  local workflow = record.workflowExternalId
  self.running = self.running - 1
  local left = self.by_workflow[workflow] - 1
  self.by_workflow[workflow] = left > 0 and left or nil
  local parked = self.parked[workflow]
  local next_one = parked and parked:pop()
  if next_one then self.recalled:push(next_one) end
end

return Admission
