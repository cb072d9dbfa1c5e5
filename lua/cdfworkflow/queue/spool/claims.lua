-- SPDX-License-Identifier: Apache-2.0
-- A drain's claim on a delivery, the attempts that it makes, and what became of them.

local delivery_file = require "cdfworkflow.queue.spool.file"
local listing = require "cdfworkflow.queue.spool.listing"
local moment = require "cdfworkflow.queue.spool.moment"
local steps = require "cdfworkflow.queue.spool.steps"

local claims = {}

local OTHERS = 2 -- seconds until it is worth asking whether another drain is still at work
local BATCH = 10000 -- deliveries that are known at a time
local SWEEP = 3600 -- seconds from one sweeping to the next

--- Whether this is the drain that is at work.
local function is_alone(self)
  if self.lock then return true end
  local lock, message = self.root:lock("drain", true, false)
  if not lock then return lock, message end
  self.lock, self.alone_since = lock, self.clock.now()
  return true
end

--- Lists what waits anew, once all that was known has been claimed; now and then, with a broom.
local function refill(self)
  local is_time = not self.swept or self.clock.now() - self.swept > SWEEP
  if is_time then self.swept = self.clock.now() end
  if is_time then listing.sweep(self) end
  local list = is_time and listing.count or listing.oldest
  local found, message = list(self, BATCH, "waiting")
  if not found then return nil, message end
  for i, one in ipairs(found) do
    if not self.mine[one.name] then
      self.line:push { due = one.time, order = i, name = one.name }
    end
  end
  return true
end

local DAMAGED = { kind = "invalid", message = "its file is damaged" }

--- A file that cannot be read as a delivery is set apart, with that reason.
local function set_damaged_apart(self, name)
  local log, message = steps.lock_log(self, name)
  if not log then return nil, message end
  steps.note(self, log, { what = "refused", error = DAMAGED, untried = true })
  local ok
  ok, message = steps.set_apart(self, name)
  log:close()
  return ok, message
end

--- Finishes what a killed drain has not. `false`: there was nothing to be finished.
local function finish(self, name, history, size)
  if history:ends_with "started" then return steps.remove(self, name, size) end
  if history:ends_with "refused" then return steps.set_apart(self, name) end
  return false
end

local function claim_of(self, item, delivery, put, history, size)
  local claim, clock = delivery, self.clock
  claim.put = put
  if history.retried then put, claim.created = history.retried, history.retried.time end
  claim.item, claim.size, claim.attempts, claim.error = item, size, history.attempts, history.error
  claim.age = moment.at_least(clock, put)
  claim.look_back = history.first and moment.at_most(clock, history.first)
  claim.wait = history:wait(clock, clock.now() - self.alone_since, self.own[item.name] or false)
  return claim
end

--- The claim on what has that name; `false`: there is nothing to be started.
local function open_claim(self, item)
  local name = item.name
  local text, message = self.waiting:read(name, delivery_file.MOST)
  if not text then return text, message end
  local history
  history, message = steps.read_log(self, name)
  if not history then return nil, message end
  local finished
  finished, message = finish(self, name, history, #text)
  if finished ~= false then return not finished and nil, message end
  local delivery, put = delivery_file.delivery(text)
  if not delivery or delivery_file.name(delivery.id) ~= name then
    finished, message = set_damaged_apart(self, name)
    return not finished and nil, message
  end
  return claim_of(self, item, delivery, put, history, #text)
end

local function next_item(self)
  local item = self.line:pop()
  if item then return item end
  local ok, message = refill(self)
  if not ok then return nil, message end
  return self.line:pop()
end

function claims.claim(self)
  local alone, message = is_alone(self)
  if alone == false then return nil, nil, OTHERS end
  if not alone then return steps.trouble(self, "cannot see whether another drain is at work", message) end
  if self.listing then return nil, nil, 0.1 end -- another of our workers is at it
  while true do
    local item
    self.listing = true
    item, message = next_item(self)
    self.listing = false
    if message then return steps.trouble(self, "cannot list the deliveries", message) end
    if not item then return nil end
    local is_mine, claim = self.mine[item.name], nil -- given back, and found by a listing under way, it stands twice
    if not is_mine then claim, message = open_claim(self, item) end
    if message then
      self.line:push(item)
      return steps.trouble(self, ("cannot take the delivery %s"):format(delivery_file.id(item.name)), message)
    end
    if claim then
      self.mine[item.name] = true
      return claim
    end
  end
end

--- The log of a claim, locked. `false`: somebody is dropping it.
local function hold_log(self, claim)
  if claim.log then return claim.log end
  local log, message = steps.lock_log(self, claim.item.name)
  claim.log = log or nil
  return log, message
end

--- Whether the delivery still waits: not dropped, nor put again since. nil: that cannot be seen.
local function still_waits(self, claim)
  local text, message = self.waiting:read(claim.item.name, delivery_file.HEAD)
  local head = text and delivery_file.head(text)
  if not head then return text and false, message end
  return head.put.time == claim.put.time and head.put.up == claim.put.up
end

function claims.begin(self, claim, seconds)
  local log, message = hold_log(self, claim)
  if log == false then return false end
  local there
  if log then there, message = still_waits(self, claim) end
  if there == false then
    claim.is_gone = true
    return false
  end
  local ok
  if there then ok, message = steps.note(self, log, { what = "begun", seconds = seconds }, true) end
  claim.was_begun = ok
  if ok then
    self.own[claim.item.name] = true
    return true
  end
  return steps.trouble(self, "cannot begin an attempt, so nothing was sent", message)
end

--- The claim ends. `back`: it waits at its place.
local function let_go(self, claim, back)
  if claim.log then claim.log:close() end
  claim.log, self.mine[claim.item.name] = nil, nil
  if back and not claim.is_gone then self.line:push(claim.item) end
  if self.closing and next(self.mine) == nil then self:close() end
end

local function short_execution(execution)
  return { id = execution.id, status = execution.status, createdTime = execution.createdTime }
end

--- Notes what became of an attempt, and goes on to what follows from it.
local function conclude(self, claim, event, sync, following)
  local log, message = hold_log(self, claim)
  local ok = log
  if ok then ok, message = steps.note(self, log, event, sync) end
  if ok then self.own[claim.item.name] = nil end
  if ok and following then ok, message = following(self, claim.item.name, claim.size) end
  let_go(self, claim, not ok or not following)
  if ok then return true end
  return steps.trouble(self, "cannot note what became of an attempt", message or "it is locked")
end

function claims.settle(self, claim, execution)
  return conclude(self, claim, {
    what = "started", id = claim.id, workflow = claim.workflow, version = claim.version, metadata = claim.metadata,
    created = claim.created, execution = short_execution(execution),
  }, true, steps.remove)
end

local function short_error(err) return { kind = err.kind, message = err.message, status = err.status } end

function claims.refuse(self, claim, err)
  return conclude(self, claim, {
    what = "refused", error = short_error(err), untried = not claim.was_begun or nil,
  }, true, steps.set_apart)
end

function claims.fail(self, claim, err, in_doubt)
  return conclude(self, claim, { what = "failed", in_doubt = in_doubt, error = short_error(err) }, false)
end

function claims.release(self, claim)
  let_go(self, claim, true)
  return true
end

return claims
