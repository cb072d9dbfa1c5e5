-- SPDX-License-Identifier: Apache-2.0
-- Draining: workers that take the oldest delivery, make an attempt when it may be made, and say to the store what came
-- of it. What is in the store is the truth: a drain may be killed at any point.

local Pace = require "cdfworkflow.queue.pace"
local core = require "cdfworkflow.core"
local gather = require "cdfworkflow.call.gather"
local protected = require "cdfworkflow.call.protected"

---@class cdfworkflow.queue.Drain
---@field queue cdfworkflow.Queue
---@field opts cdfworkflow.DrainOptions
---@field running cdfworkflow.queue.Running
---@field result cdfworkflow.DrainResult
---@field err? cdfworkflow.Error why it ends before the queue is empty
---@field over? boolean the workers are to end
---@field held table<cdfworkflow.queue.Claim, true> those that the store was told nothing of yet
local Drain = {}
Drain.__index = Drain

local LONGEST_NAP = 1 -- seconds, after which `stop` is asked again
local LONGEST_CLAIM = 20 -- seconds that a claim waits before it is given back, so that nobody takes it for dead
local LONGEST_LOOK_BACK = 92 * 86400 -- CDF keeps executions for three months (CDF.md 5)

local function tell(self, event)
  if self.opts.on_event then self.opts.on_event(event) end
end

local function is_over(self)
  if not self.over and self.opts.stop and self.opts.stop() then self.over = true end
  return self.over
end

--- Ends the drain before the queue is empty, unless it follows. `false`: it goes on.
local function give_up(self, err)
  if self.opts.follow then return false end
  self.over, self.err = true, self.err or err
  return true
end

local function nap(self, seconds)
  self.queue.clock.sleep(math.max(math.min(seconds, LONGEST_NAP), 0.01))
end

--- Until so much time has passed or the drain is to end.
---@return boolean passed
local function sleep(self, seconds)
  local now = self.queue.clock.now
  local deadline = now() + seconds
  while not is_over(self) do
    local left = deadline - now()
    if left <= 0 then return true end
    nap(self, left)
  end
  return false
end

-- {==== What became of an attempt ====

--- The store could not keep what became of it: the delivery is looked for again, so nothing is lost or started twice.
local function kept(self, ok, err)
  if ok then return end
  tell(self, { type = "store", err = err })
  if not give_up(self, err) then sleep(self, 10) end
end

--- The store was told of the claim's end.
local function concluded(self, claim, ok, err)
  self.held[claim] = nil
  return kept(self, ok, err)
end

local function release(self, claim)
  self.queue.store:release(claim)
  self.held[claim] = nil
end

local function started(self, claim, execution, round)
  self.queue.pace:up(round)
  self.result.started = self.result.started + 1
  claim.execution = execution
  concluded(self, claim, self.queue.store:settle(claim, execution))
  tell(self, { type = "started", delivery = claim, execution = execution })
end

local function refused(self, claim, err)
  self.result.refused = self.result.refused + 1
  concluded(self, claim, self.queue.store:refuse(claim, err))
  tell(self, { type = "refused", delivery = claim, err = err })
end

local function failed(self, claim, err, round, in_doubt)
  local queue = self.queue
  local seconds = queue.pace:down(round, queue.clock.now(), err)
  concluded(self, claim, queue.store:fail(claim, err, in_doubt))
  tell(self, { type = "failed", delivery = claim, err = err, wait = seconds })
end

--- `phase`: of the call, in which it ended. Where a look was refused, CDF has not been asked for the run.
local function ended(self, claim, execution, err, round, phase)
  if execution then return started(self, claim, execution, round) end
  local meaning = Pace.meaning(err)
  if phase == "look" and meaning == "refused" then meaning = "waits" end
  if meaning ~= "refused" then return failed(self, claim, err, round, meaning == "doubt") end
  if err.status then self.queue.pace:up(round) else self.queue.pace:give_back(round) end
  return refused(self, claim, err)
end

-- }====

-- {==== An attempt ====

local function options_of(claim, timeout)
  return {
    input = claim.input and core.raw_json(claim.input), metadata = claim.metadata, request_id = claim.id,
    look_back = claim.look_back and math.min(claim.look_back, LONGEST_LOOK_BACK), timeout = timeout,
  }
end

--- In place of a request that would go out too late.
local LATE = {
  failure = "cancelled", sent = false, message = "too late: this drain stood still, and another may have the delivery",
}

--- A client like the queue's that notes how far a call has come, and sends nothing after the deadline, wherever this
--- process, or the machine, stood still before.
local function watching(self, progress, deadline)
  local client, now = self.queue.client, self.queue.clock.now
  local double = client:_double { transport = client.transport }
  double.instead = function() return now() >= deadline and LATE or nil end
  double.on_event = function(event)
    if event.type == "request" then progress.phase = event.phase end
    if client.on_event then client.on_event(event) end
  end
  return double
end

--- Starts the run. What is raised (an interrupt, a client that was closed) leaves the attempt without an end, as if
--- the drain had been killed.
local function attempt(self, claim, round)
  local queue, client = self.queue, self.queue.client
  local deadline = queue.clock.now() + client.timeout
  local is_ours, err = queue.store:begin(claim, client.timeout)
  if not is_ours then
    queue.pace:give_back(round)
    release(self, claim)
    if err then kept(self, nil, err) else sleep(self, 0.2) end -- somebody drops it, or has taken it over
    return
  end
  tell(self, { type = "begun", delivery = claim })
  self.running:begins(claim, claim.workflow)
  local progress = {}
  local double = watching(self, progress, deadline)
  local left = math.max(deadline - queue.clock.now(), 0.001)
  local ok, execution, trouble = protected(client.run, double, claim.workflow, claim.version, options_of(claim, left))
  self.running:ends(claim, ok and execution or nil)
  if not ok then error(execution, 0) end
  return ended(self, claim, execution, trouble, round, progress.phase)
end

local function too_old(claim, max_age)
  return core.error {
    kind = "timeout", retryable = false,
    message = ("it waited for %.0f s, longer than max_age, %.0f s; retry it to start it all the same"):format(
      claim.age, max_age),
  }
end

--- Whether the claim may be begun now. Otherwise it has been given back, and some time has passed.
local function may_begin(self, claim)
  if claim.wait and claim.wait > 0 then
    local is_short = claim.wait <= LONGEST_CLAIM
    if sleep(self, math.min(claim.wait, LONGEST_CLAIM)) and is_short then return true end
  else
    local has_room, err = self.running:room(claim.workflow)
    if has_room then return true end
    if err then return false, err end
    sleep(self, 1)
  end
  return false
end

--- Makes an attempt at the oldest delivery.
---@return boolean|nil false: there was none
local function take_one(self, round)
  local queue = self.queue
  local claim, err, seconds = queue.store:claim()
  if not claim then
    queue.pace:give_back(round)
    if err then return kept(self, nil, err) end
    self.ask_again = seconds
    return false
  end
  self.held[claim] = true
  if claim.age > queue.max_age then
    queue.pace:give_back(round)
    return refused(self, claim, too_old(claim, queue.max_age))
  end
  local may, trouble = may_begin(self, claim)
  if may then return attempt(self, claim, round) end
  release(self, claim)
  if not trouble then return queue.pace:give_back(round) end
  tell(self, { type = "failed", err = trouble, wait = queue.pace:down(round, queue.clock.now(), trouble) })
end

-- }====

--- One turn of a worker.
---@return boolean|nil false: it has nothing more to do
local function turn(self)
  local queue = self.queue
  local round, seconds, held = queue.pace:take(queue.clock.now())
  if not round then
    if held and give_up(self, held) then return false end
    return sleep(self, seconds)
  end
  if take_one(self, round) ~= false then return true end
  if not self.opts.follow then
    self.result.others = self.ask_again ~= nil
    return false
  end
  return sleep(self, self.ask_again or LONGEST_NAP)
end

local function work(self)
  while not is_over(self) do
    if turn(self) == false then return end
  end
end

local function work_together(self, workers)
  if workers == 1 then return work(self) end
  local functions = {}
  for i = 1, workers do functions[i] = function() return work(self) end end
  local _, errors = gather.run_list(functions, function() self.over = true end)
  local _, raised = next(errors)
  if raised ~= nil then error(raised, 0) end
end

--- Something was raised, by the program or in it: what was held waits again, and the next drain goes on.
local function let_go(self)
  for claim in pairs(self.held) do self.queue.store:release(claim) end
  self.queue.pace:interrupted()
end

---@param queue cdfworkflow.Queue
---@param opts cdfworkflow.DrainOptions
---@param running cdfworkflow.queue.Running
---@return cdfworkflow.DrainResult|nil result
---@return cdfworkflow.Error? err
function Drain.run(queue, opts, running)
  local self = setmetatable({
    queue = queue, opts = opts, running = running, result = { started = 0, refused = 0, others = false },
    held = {},
  }, Drain)
  local ok, raised = protected(work_together, self, opts.concurrency)
  if not ok then let_go(self) end
  if queue.store.rest then queue.store:rest() end
  if not ok then error(raised, 0) end
  if not self.err then return self.result end
  self.err.drained = self.result
  return nil, self.err
end

return Drain
