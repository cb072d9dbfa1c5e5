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

local PriorityQueue = require "cdfworkflow.priority_queue"
local changes = require "cdfworkflow.queue.spool.changes"
local check = require "cdfworkflow.check"
local claims = require "cdfworkflow.queue.spool.claims"
local core = require "cdfworkflow.core"
local delivery_file = require "cdfworkflow.queue.spool.file"
local listing = require "cdfworkflow.queue.spool.listing"
local putting = require "cdfworkflow.queue.spool.putting"
local steps = require "cdfworkflow.queue.spool.steps"
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

Spool.put = putting.put
Spool.claim, Spool.begin, Spool.release = claims.claim, claims.begin, claims.release
Spool.settle, Spool.refuse, Spool.fail = claims.settle, claims.refuse, claims.fail
Spool.retry, Spool.drop = changes.retry, changes.drop

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
  history, message = steps.read_log(self, name)
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
    if text == nil then return steps.trouble(self, "cannot read a delivery", history) end
    local delivery = text and delivery_file.delivery(text, id)
    if delivery and not history:ends_with "started" then return described(self, delivery, state, history) end
  end
  local history, message = steps.read_log(self, name)
  if not history then return steps.trouble(self, "cannot read a log", message) end
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
  if not found then return steps.trouble(self, "cannot list the deliveries", message) end
  local list = {}
  for _, one in ipairs(found) do
    local delivery
    delivery, message = summary(self, one.state, one.name)
    if delivery == nil then return steps.trouble(self, "cannot list the deliveries", message) end
    if delivery then list[#list + 1] = delivery end -- false: it is gone by now
  end
  return list
end

function Spool:count()
  local count, message = tally.read(self.root)
  if not count then return steps.trouble(self, "cannot count the deliveries", message) end
  return { waiting = count.waiting, refused = count.refused, bytes = count.bytes }
end

-- }====

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

return { new = new }
