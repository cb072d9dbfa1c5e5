-- SPDX-License-Identifier: Apache-2.0
-- The store of one machine (queue/contract.lua): a folder. Each delivery is a file that is never changed; what happens
-- to it is a log beside it, of its own.
--
--   new/        files that are being written
--   waiting/    deliveries, the oldest first by their time of change
--   refused/    those that were refused for good
--   log/        what has happened to a delivery; of one that was started, all that is left, for a day
--   tally       how many there are
--   drain       locked by the drain that is at work: the others wait for its end
--
-- A file has its name only once its bytes are on the disk, and an attempt is begun only once its line in the log is: so
-- each step can be the last one of a killed process. What is found half done is finished by the next drain.

local History = require "cdfworkflow.queue.spool.history"
local PriorityQueue = require "cdfworkflow.priority_queue"
local check = require "cdfworkflow.check"
local contract = require "cdfworkflow.queue.contract"
local core = require "cdfworkflow.core"
local delivery_file = require "cdfworkflow.queue.spool.file"
local listing = require "cdfworkflow.queue.spool.listing"
local moment = require "cdfworkflow.queue.spool.moment"
local tally = require "cdfworkflow.queue.spool.tally"

---@class cdfworkflow.queue.Spool : cdfworkflow.queue.Store
---@field path string
---@field root userdata the folders, opened once, so that they are found after a chroot or chdir too
---@field new userdata
---@field waiting userdata
---@field refused userdata
---@field log userdata
---@field line cdfworkflow.PriorityQueue what waits, as the latest listing found it
---@field mine table<string, boolean> names of the deliveries that are claimed here
---@field own table<string, boolean> names of those whose last attempt is this process's, and has no end
---@field lock? userdata
---@field alone_since? number when the lock was had
---@field latest number the time of the latest delivery that was put here
local Spool = {}
Spool.__index = Spool

local OTHERS = 2 -- seconds until it is worth asking whether another drain is still at work
local BATCH = 10000 -- deliveries that are known at a time
local SWEEP = 3600 -- seconds from one sweeping to the next
local FULL_AGAIN = 60 -- seconds until a queue that seems to be full is counted again

local function trouble(self, what, message)
  return nil, core.error {
    kind = "transport", retryable = true, message = ("the queue in %s: %s: %s"):format(self.path, what, message),
  }
end

---@param path string
---@return cdfworkflow.queue.Spool|nil spool
---@return cdfworkflow.Error? err
local function new(path)
  local self = setmetatable({ path = path, line = PriorityQueue.new(), mine = {}, own = {}, latest = 0 }, Spool)
  local message
  if path == "" or path:find "%z" then return check.invalid("spool", "spool must be the path of a folder", "a path") end
  self.root, message = core.folder(path)
  for _, name in ipairs { "new", "waiting", "refused", "log" } do
    if not message then self[name], message = self.root:folder(name) end
  end
  if not message then return self end
  return check.invalid("spool", ("spool: the folder %s cannot be used: %s"):format(path, message),
    "a folder that can be written to")
end

function Spool:__tostring() return "the spool folder " .. self.path end

-- {==== Logs ====

local function read_log(self, name)
  local text, message = self.log:read(name, History.MOST)
  if text == nil then return nil, message end
  return History.read(text or ""), text or ""
end

--- The log of a delivery, so that nobody else changes anything about it. `false`: somebody does.
local function lock_log(self, name) return self.log:lock(name, true, false) end

--- Adds a line. `sync`: it is on the disk when this returns.
local function note(self, log, event, sync)
  local now = moment.new(self.clock)
  event.time, event.up, event.boot = now.time, now.up, now.boot
  local before, message = log:read(History.MOST)
  local ok = before
  if ok then ok, message = log:append(History.line(event, before), sync) end
  if ok and sync and before == "" then ok, message = self.log:sync() end
  return ok and true or nil, message
end

-- }====

-- {==== Putting ====

--- Forgets a delivery that was started long ago. `nil`: somebody is about it, or it cannot be done.
local function forget(self, name)
  local log, message = self.log:lock(name, false, false)
  if not log then return nil, message or "its log is locked" end
  local removed
  removed, message = self.log:remove(name)
  log:close()
  return removed, message
end

--- Whether a delivery is known by that name; nil: that cannot be known, and why.
local function is_known(self, name)
  for _, folder in ipairs { self.waiting, self.refused } do
    local size, message = folder:size(name)
    if size == nil then return nil, message end
    if size then return true end
  end
  local history, message = read_log(self, name)
  if not history then return nil, message end
  if not history:ends_with "started" then return false end
  if moment.at_least(self.clock, history.last) < contract.REMEMBERED then return true end
  local forgotten
  forgotten, message = forget(self, name)
  if not forgotten then return nil, message end
  return false
end

--- The place in the order: later than whatever was put here before, also where the clock was set back a little.
local function place(self)
  self.latest = math.max(self.clock.time(), self.latest + 1e-6)
  return self.latest
end

--- The name of a file that is being written: no other process writes one of the same name at the same moment.
local function temporary(self, name)
  return ("%s.%.0f.%s"):format(name:sub(1, 150), self.clock.now() * 1e6, tostring({}):match "%w+$")
end

--- Writes the file, and gives it its name once it is whole. `false`: somebody else has put that name meanwhile.
local function write(self, name, text)
  local temp = temporary(self, name)
  local ok, message = self.new:write(temp, text, place(self))
  if not ok then return nil, message end
  ok, message = self.new:publish(temp, self.waiting, name)
  if not ok then
    self.new:remove(temp)
    return ok, message
  end
  ok, message = self.waiting:sync()
  if ok then return true end
  self.waiting:remove(name)
  return nil, message
end

local WHY_FULL = "the queue in %s is full: with this delivery it would hold %.0f %s, and %s is %.0f (%.0f wait, %.0f "
  .. "were refused: retry or drop them)"

local function full(self, count, limits)
  local limit, figure, noun = "max_entries", count.waiting + count.refused, "deliveries"
  if figure <= limits.max_entries then limit, figure, noun = "max_bytes", count.bytes, "bytes" end
  return nil, core.error {
    kind = "throttled", retryable = true, limit = limits[limit],
    message = WHY_FULL:format(self.path, figure, noun, limit, limits[limit], count.waiting, count.refused),
  }
end

--- Counts the new one, if there is room for it.
local function make_room(self, size, limits)
  local would_be
  local function fits(count)
    would_be = count
    return count.waiting + count.refused <= limits.max_entries and count.bytes <= limits.max_bytes
  end
  local done, message = tally.add(self.root, { waiting = 1, bytes = size }, fits)
  local now = self.clock.now()
  if done == false and now - (self.counted or -FULL_AGAIN) >= FULL_AGAIN then
    self.counted = now
    listing.count(self, 1)
    done, message = tally.add(self.root, { waiting = 1, bytes = size }, fits)
  end
  if done == false then return full(self, would_be, limits) end
  if not done then return trouble(self, "cannot keep a delivery", message) end
  return true
end

function Spool:put(delivery, limits)
  local name = delivery_file.name(delivery.id)
  local known, message = is_known(self, name)
  if known == nil then return trouble(self, "cannot see whether the delivery is known", message) end
  if known then return false end
  local text = delivery_file.text(delivery, moment.new(self.clock))
  local done, err = make_room(self, #text, limits)
  if not done then return nil, err end
  done, message = write(self, name, text)
  if done then return true end
  tally.add(self.root, { waiting = -1, bytes = -#text })
  if done == false then return false end
  return trouble(self, "cannot keep a delivery", message)
end

-- }====

-- {==== Looking ====

--- What is known of a delivery beside its file.
local function described(self, delivery, state, history)
  delivery.state, delivery.attempts, delivery.error = state, history.attempts, history.error
  if history.retried then delivery.created = history.retried.time end
  if state == "refused" and history.last then delivery.ended = history.last.time end
  if state == "waiting" and history:ends_with "begun" then
    local log = self.log:lock(delivery_file.name(delivery.id), false, false)
    if log then log:close() else delivery.state = "starting" end
  end
  return delivery
end

local function read_delivery(self, state, name, most)
  local text, message = self[state]:read(name, most)
  if not text then return text, message end
  local history
  history, message = read_log(self, name)
  if not history then return nil, message end
  return text, history
end

--- One that was started.
local function of_log(history)
  local last = history.last
  return {
    id = last.id, workflow = last.workflow, version = last.version, metadata = last.metadata, created = last.created,
    state = "started", attempts = history.attempts, execution = last.execution, ended = last.time,
  }
end

function Spool:get(id)
  local name = delivery_file.name(id)
  for _, state in ipairs { "waiting", "refused" } do
    local text, history = read_delivery(self, state, name, delivery_file.MOST)
    if text == nil then return trouble(self, "cannot read a delivery", history) end
    local delivery = text and delivery_file.delivery(text, id)
    if delivery and not history:ends_with "started" then return described(self, delivery, state, history) end
  end
  local history, message = read_log(self, name)
  if not history then return trouble(self, "cannot read a log", message) end
  return history:ends_with "started" and history.last.id == id and of_log(history) or nil
end

--- The first line of a delivery's file is enough for a list; where it is damaged, what its name says.
local function summary(self, state, name)
  local text, history = read_delivery(self, state, name, delivery_file.HEAD)
  if not text then return text, history end
  local head = delivery_file.head(text)
  if not head or delivery_file.name(head.id) ~= name then
    head = { id = delivery_file.id(name), workflow = "?", version = "?", put = { time = 0 } }
  end
  return described(self, {
    id = head.id, workflow = head.workflow, version = head.version, metadata = head.metadata,
    created = head.put.time,
  }, state, history)
end

function Spool:list(opts)
  local found, message = listing.oldest(self, opts.limit, opts.state)
  if not found then return trouble(self, "cannot list the deliveries", message) end
  local list = {}
  for _, one in ipairs(found) do
    local delivery
    delivery, message = summary(self, one.state, one.name)
    if delivery == nil then return trouble(self, "cannot list the deliveries", message) end
    if delivery then list[#list + 1] = delivery end -- false: it is gone by now
  end
  return list
end

function Spool:count()
  local count, message = tally.read(self.root)
  if not count then return trouble(self, "cannot count the deliveries", message) end
  return { waiting = count.waiting, refused = count.refused, bytes = count.bytes }
end

-- }====

-- {==== The ends of a delivery ====

--- Whatever was lost before the last step is made up for by whoever claims the delivery next.
local function remove(self, name, size)
  local removed, message = self.waiting:remove(name)
  if removed then tally.add(self.root, { waiting = -1, bytes = -size }) end
  return removed ~= nil and true or nil, message
end

local function set_apart(self, name)
  local moved, message = self.waiting:move(name, self.refused)
  if moved then tally.add(self.root, { waiting = -1, refused = 1 }) end
  return moved ~= nil and true or nil, message
end

-- }====

-- {==== Claiming ====

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
  local log, message = lock_log(self, name)
  if not log then return nil, message end
  note(self, log, { what = "refused", error = DAMAGED, untried = true })
  local ok
  ok, message = set_apart(self, name)
  log:close()
  return ok, message
end

--- Finishes what a killed drain has not. `false`: there was nothing to be finished.
local function finish(self, name, history, size)
  if history:ends_with "started" then return remove(self, name, size) end
  if history:ends_with "refused" then return set_apart(self, name) end
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
  history, message = read_log(self, name)
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

function Spool:claim()
  local alone, message = is_alone(self)
  if alone == false then return nil, nil, OTHERS end
  if not alone then return trouble(self, "cannot see whether another drain is at work", message) end
  if self.listing then return nil, nil, 0.1 end -- another of our workers is at it
  while true do
    local item
    self.listing = true
    item, message = next_item(self)
    self.listing = false
    if message then return trouble(self, "cannot list the deliveries", message) end
    if not item then return nil end
    local is_mine, claim = self.mine[item.name], nil -- given back, and found by a listing under way, it stands twice
    if not is_mine then claim, message = open_claim(self, item) end
    if message then
      self.line:push(item)
      return trouble(self, ("cannot take the delivery %s"):format(delivery_file.id(item.name)), message)
    end
    if claim then
      self.mine[item.name] = true
      return claim
    end
  end
end

-- }====

-- {==== Attempts ====

--- The log of a claim, locked. `false`: somebody is dropping it.
local function hold_log(self, claim)
  if claim.log then return claim.log end
  local log, message = lock_log(self, claim.item.name)
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

function Spool:begin(claim, seconds)
  local log, message = hold_log(self, claim)
  if log == false then return false end
  local there
  if log then there, message = still_waits(self, claim) end
  if there == false then
    claim.is_gone = true
    return false
  end
  local ok
  if there then ok, message = note(self, log, { what = "begun", seconds = seconds }, true) end
  claim.was_begun = ok
  if ok then
    self.own[claim.item.name] = true
    return true
  end
  return trouble(self, "cannot begin an attempt, so nothing was sent", message)
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
  if ok then ok, message = note(self, log, event, sync) end
  if ok then self.own[claim.item.name] = nil end
  if ok and following then ok, message = following(self, claim.item.name, claim.size) end
  let_go(self, claim, not ok or not following)
  if ok then return true end
  return trouble(self, "cannot note what became of an attempt", message or "it is locked")
end

function Spool:settle(claim, execution)
  return conclude(self, claim, {
    what = "started", id = claim.id, workflow = claim.workflow, version = claim.version, metadata = claim.metadata,
    created = claim.created, execution = short_execution(execution),
  }, true, remove)
end

local function short_error(err) return { kind = err.kind, message = err.message, status = err.status } end

function Spool:refuse(claim, err)
  return conclude(self, claim, {
    what = "refused", error = short_error(err), untried = not claim.was_begun or nil,
  }, true, set_apart)
end

function Spool:fail(claim, err, in_doubt)
  return conclude(self, claim, { what = "failed", in_doubt = in_doubt, error = short_error(err) }, false)
end

function Spool:release(claim)
  let_go(self, claim, true)
  return true
end

-- }====

-- {==== What people do ====

--- Does something with a delivery while nobody else can.
local function with_log(self, id, fn)
  local name = delivery_file.name(id)
  local log, message = lock_log(self, name)
  if log == false then
    return check.invalid("id", ("the delivery %s is being started just now"):format(id), "one that nobody is starting")
  end
  if not log then return trouble(self, "cannot change a delivery", message) end
  local text
  text, message = log:read(History.MOST)
  local done
  if text then done, message = fn(self, name, log, History.read(text)) end
  if text == "" and not done then self.log:remove(name) end -- made just now, for the lock
  log:close()
  if message then return trouble(self, "cannot change a delivery", message) end
  return done or nil
end

local function retry(self, name, log)
  local size, message = self.refused:size(name)
  if not size then return nil, message end
  local ok
  ok, message = note(self, log, { what = "retried" }, true)
  if ok then ok, message = self.refused:move(name, self.waiting) end
  if ok then ok, message = self.waiting:sync() end
  if not ok then return nil, message end
  tally.add(self.root, { waiting = 1, refused = -1 })
  return true
end

function Spool:retry(id) return with_log(self, id, retry) end

--- The log stays, if anything was ever begun: who puts the id again must look for that.
local function drop_from(self, state, name, log, history)
  local size, message = self[state]:size(name)
  if not size then return nil, message end
  local ok
  ok, message = note(self, log, { what = "dropped" }, true)
  if ok then ok, message = self[state]:remove(name) end
  if ok == nil then return nil, message end
  tally.add(self.root, { [state] = -1, bytes = -size })
  if history.attempts == 0 then self.log:remove(name) end
  return true
end

local function drop(self, name, log, history)
  if history:ends_with "started" then return nil end
  local dropped, message = drop_from(self, "waiting", name, log, history)
  if dropped or message then return dropped, message end
  return drop_from(self, "refused", name, log, history)
end

function Spool:drop(id) return with_log(self, id, drop) end

--- Lets the next drain in. Not while claims are under way, since they may go on.
function Spool:rest()
  if not self.lock or next(self.mine) ~= nil then return end
  self.lock:close()
  self.lock, self.line = nil, PriorityQueue.new()
end

function Spool:close()
  self.closing = true
  self:rest()
  if self.lock then return end
  for _, name in ipairs { "new", "waiting", "refused", "log", "root" } do self[name]:close() end
end

-- }====

return { new = new }
