-- SPDX-License-Identifier: Apache-2.0
-- Deliveries that are answered once they are safe in the queue, and started by a drain of this host's. A delivery's id
-- is made of caller, workflow and key, and is the request id of its run, so that it is the same on every host.

local answers = require "cdfworkflow.gateway.answers"
local core = require "cdfworkflow.core"
local delivery = require "cdfworkflow.gateway.delivery"
local json = require "cdfworkflow.json"
local protected = require "cdfworkflow.call.protected"
local queue = require "cdfworkflow.queue"
local record = require "cdfworkflow.gateway.record"

---@class cdfworkflow.gateway.Queued
---@field client cdfworkflow.Client
---@field store? cdfworkflow.queue.Store in place of the spool folder
---@field settings cdfworkflow.gateway.Settings
---@field metrics cdfworkflow.gateway.Metrics
---@field log function
---@field private queue? cdfworkflow.Queue
local Queued = {}
Queued.__index = Queued

local PAUSE = 5 -- seconds until a drain that ended by mistake begins again

---@return cdfworkflow.gateway.Queued
function Queued.new(parts) return setmetatable(parts, Queued) end

--- The queue, opened by the process that uses it, as the user that it is.
---@return cdfworkflow.Queue|nil
---@return cdfworkflow.Error? err
function Queued:open()
  if self.queue then return self.queue end
  local err
  self.queue, err = queue.new {
    client = self.client, store = self.store, spool = not self.store and self.settings.spool or nil,
  }
  return self.queue, err
end

-- {==== A delivery comes ====

local function id_of(one)
  if not one.key then return nil end
  return core.sha256(table.concat({ one.caller, one.workflow, one.key }, "\0")):sub(1, 40)
end

local function hash_of(known) return type(known.metadata) == "table" and known.metadata[delivery.HASH] or nil end

local function trouble(err)
  if err.kind == "invalid" then return { err = err } end
  return { code = err.kind == "throttled" and "full" or "queue", problem = err }
end

local function put(here, one, id)
  local kept, err, is_new = here:put(one.workflow, one.version, {
    id = id, input = json.json(one.body), metadata = { [delivery.HASH] = one.hash },
  })
  if not kept then return trouble(err) end
  return { delivery = { id = kept, workflow = one.workflow, state = "waiting" }, is_new = is_new ~= false }
end

--- Kinds of errors after which nothing was started, and the delivery may come with another body.
local FREED = { invalid = true, api = true }

--- A delivery that was refused for good is free: it waits again, or gives way to one with another body.
local function again(here, one, known)
  if hash_of(known) == one.hash then
    local done, err = here:retry(known.id)
    if not done and err.kind ~= "invalid" then return trouble(err) end -- invalid: it is not refused any more
    return { delivery = { id = known.id, workflow = known.workflow, state = "waiting" }, is_new = done == true }
  end
  if not FREED[known.error and known.error.kind] then return { code = "key_reused" } end
  local done, err = here:drop(known.id)
  if not done and err.kind ~= "invalid" then return trouble(err) end
  return put(here, one, known.id)
end

--- What is known of the delivery already, if it is.
local function known_of(here, one, id)
  local known, err = here:get(id)
  if err then return trouble(err) end
  if not known then return nil end
  if known.state == "refused" then return again(here, one, known) end
  if hash_of(known) ~= one.hash then return { code = "key_reused" } end
  return { delivery = known, is_new = false }
end

--- Puts a delivery into the queue, unless it is known.
---@param one cdfworkflow.gateway.Delivery
---@return { delivery?: cdfworkflow.queue.Delivery, is_new?: boolean, err?: cdfworkflow.Error, code?: string,
---  problem?: any } outcome
function Queued:put(one)
  local here, err = self:open()
  if not here then return { code = "queue", problem = err } end
  local id = id_of(one)
  local outcome = id and known_of(here, one, id) or put(here, one, id)
  -- Two may have come at the same moment, and with different bodies: the first counts.
  if outcome.is_new == false and id then outcome = known_of(here, one, id) or outcome end
  return outcome
end

-- }====

-- {==== How a delivery is ====

local WORDS = { waiting = "QUEUED", starting = "QUEUED", refused = "REFUSED" }

--- The status of a delivery: that of its run, once there is one.
---@param known cdfworkflow.queue.Delivery
---@return string
function Queued.status(known)
  return WORDS[known.state] or known.execution and known.execution.status or "RUNNING"
end

--- Why it still waits, or was refused: what its caller can do something about.
local function reason_of(known)
  local err = known.error
  if not err then return nil end
  return assert(core.decode(answers.failure(err, err.message).body)).error.message
end

--- What is known of a delivery that has no run yet.
---@param known cdfworkflow.queue.Delivery
---@return cdfworkflow.gateway.Answer
function Queued.show(known)
  return answers.json(200, {
    id = known.id, delivery = known.id, workflow = known.workflow, version = known.version,
    status = Queued.status(known), createdTime = math.floor(known.created * 1000), attempts = known.attempts,
    reason = reason_of(known), tasks = core.array {},
  })
end

--- A delivery of the workflow, by its id.
---@return cdfworkflow.queue.Delivery|nil
---@return cdfworkflow.Error? err
function Queued:find(workflow, id)
  local here, err = self:open()
  if not here then return nil, err end
  local known
  known, err = here:get(id)
  return known and known.workflow == workflow and known or nil, err
end

--- Takes a delivery out of the queue that has no run yet.
---@param known cdfworkflow.queue.Delivery
---@return cdfworkflow.gateway.Answer
---@return cdfworkflow.Error? err
function Queued:drop(known)
  local here, err = self:open()
  local done
  if here then done, err = here:drop(known.id) end
  if done then return answers.json(200, { id = known.id, workflow = known.workflow, status = "DROPPED" }) end
  if err and err.kind ~= "invalid" then return answers.refusal("queue", "the queue could not be changed"), err end
  return answers.refusal("in_progress", "it is being started just now")
end

-- }====

-- {==== Draining ====

local function started(self, event)
  local known = event.delivery
  self.metrics:start(known.workflow)
  self.log("info", record {
    event = "start", workflow = known.workflow, delivery = known.id, execution = event.execution.id,
  })
end

local TROUBLE = { refused = true, failed = true, store = true }

function Queued:on_event(event)
  if event.type == "started" then return started(self, event) end
  if not TROUBLE[event.type] then return end
  local known = event.delivery or {}
  self.log("error", record {
    event = "queue", outcome = event.type, workflow = known.workflow, delivery = known.id, error = tostring(event.err),
  })
end

local function drain(self, is_ending)
  local here, err = self:open()
  if not here then error(tostring(err), 0) end
  local result
  result, err = here:drain {
    follow = true, stop = is_ending, concurrency = self.settings.concurrency, max_running = self.settings.max_running,
    on_event = function(event) self:on_event(event) end,
  }
  if not result then error(tostring(err), 0) end
end

--- Starts what waits, until the worker is to end.
---@param is_ending fun(): boolean
function Queued:drain(is_ending)
  while not is_ending() do
    local ok, err = protected(drain, self, is_ending)
    if not ok then self.log("error", "the drain of the queue: " .. tostring(err)) end
    if not is_ending() then self.client:_sleep(PAUSE) end
  end
end

--- How many wait, and how many were refused, for whoever watches over it.
---@return { [1]: string, [2]: number, [3]: string }[] gauges
function Queued:gauges()
  local here = self:open()
  local count = here and here:count()
  if not count then return {} end
  return {
    { "queue_length", count.waiting, "Deliveries that wait for their run." },
    { "queue_refused", count.refused, "Deliveries that were refused for good, and lie apart." },
  }
end

-- }====

return Queued
