-- SPDX-License-Identifier: Apache-2.0
-- How many executions are running, so that a drain can keep to a number of them, in the project or of one workflow. CDF
-- is asked when a number may have been reached, and then ever less often until there is room.

local protected = require "cdfworkflow.call.protected"

---@class cdfworkflow.queue.Running
---@field client cdfworkflow.Client
---@field clock cdfworkflow.queue.Clock
---@field limits { max_running?: integer, max_running_per_workflow?: integer }
---@field seen table<string, string> workflows by the ids of the executions that the latest look found running
---@field started table<string, { workflow: string, at: number }> ours, by id, that the list may not have shown yet
---@field starting table<table, string> workflows of the attempts under way
---@field looked? number when the latest look was made
---@field pause number seconds from one look to the next
---@field looking boolean
local Running = {}
Running.__index = Running

local FIRST_PAUSE, LONGEST_PAUSE = 2, 30
local LIST_LAG = 15 -- the list of executions is at most 10 s behind (src/look.h)

---@param client cdfworkflow.Client
---@param clock cdfworkflow.queue.Clock
---@param limits { max_running?: integer, max_running_per_workflow?: integer }
---@return cdfworkflow.queue.Running
function Running.new(client, clock, limits)
  return setmetatable({
    client = client, clock = clock, limits = limits, seen = {}, started = {}, starting = {}, pause = FIRST_PAUSE,
    looking = false,
  }, Running)
end

--- All that are running, and those of the workflow.
local function count(self, workflow)
  local all, own = 0, 0
  local function add(one)
    all = all + 1
    if one == workflow then own = own + 1 end
  end
  for _, one in pairs(self.seen) do add(one) end
  for id, one in pairs(self.started) do
    if not self.seen[id] then add(one.workflow) end
  end
  for _, one in pairs(self.starting) do add(one) end
  return all, own
end

local function has_room(self, workflow)
  local all, own = count(self, workflow)
  local limits = self.limits
  return all < (limits.max_running or math.huge) and own < (limits.max_running_per_workflow or math.huge)
end

local function list(self)
  local found, err = self.client.workflows.executions:list { status = { "RUNNING" }, limit = math.huge }
  if not found then return nil, err end
  local seen = {}
  for _, execution in ipairs(found) do seen[execution.id] = execution.workflowExternalId end
  return seen
end

--- Asks CDF.
local function look(self)
  local asked = self.clock.now()
  self.looking = true
  local ok, seen, err = protected(list, self)
  self.looking = false
  if not ok then error(seen, 0) end
  if not seen then return nil, err end
  self.seen, self.looked = seen, self.clock.now()
  for id, one in pairs(self.started) do
    if one.at < asked - LIST_LAG then self.started[id] = nil end
  end
  return true
end

--- Whether one more of the workflow may be started. CDF is asked where that is not known.
---@param workflow string
---@return boolean|nil has_room
---@return cdfworkflow.Error? err CDF could not be asked
function Running:room(workflow)
  if not self.limits.max_running and not self.limits.max_running_per_workflow then return true end
  if self.looked and has_room(self, workflow) then
    self.pause = FIRST_PAUSE
    return true
  end
  if self.looking or self.looked and self.clock.now() < self.looked + self.pause then return false end
  if self.looked then self.pause = math.min(self.pause * 1.5, LONGEST_PAUSE) end
  local ok, err = look(self)
  if not ok then return nil, err end
  return has_room(self, workflow)
end

--- An attempt begins.
---@param attempt table identifies it
---@param workflow string
function Running:begins(attempt, workflow) self.starting[attempt] = workflow end

--- It has ended.
---@param attempt table
---@param execution? cdfworkflow.Execution that it started
function Running:ends(attempt, execution)
  local workflow = self.starting[attempt]
  self.starting[attempt] = nil
  if execution then self.started[execution.id] = { workflow = workflow, at = self.clock.now() } end
end

return Running
