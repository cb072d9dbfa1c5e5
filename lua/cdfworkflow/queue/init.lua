-- SPDX-License-Identifier: Apache-2.0
-- cdf.queue: deliveries that cannot be made now, kept until each of them has started exactly one run. Where they are
-- kept is a store (contract.lua); when the next attempt is made is said by pace.lua, and made by drain.lua.

local Drain = require "cdfworkflow.queue.drain"
local Pace = require "cdfworkflow.queue.pace"
local Running = require "cdfworkflow.queue.running"
local check = require "cdfworkflow.check"
local contract = require "cdfworkflow.queue.contract"
local core = require "cdfworkflow.core"
local json = require "cdfworkflow.json"
local method = require "cdfworkflow.method"
local mistake = require "cdfworkflow.mistake"
local options = require "cdfworkflow.options"

---@class cdfworkflow.QueueOptions
---@field client? cdfworkflow.Client whose project the runs are started in; only `drain` needs it
---@field spool? string a folder, made where it is missing; or store
---@field store? cdfworkflow.queue.Store such as `cdfworkflow.queue.redis` makes
---@field max_entries? integer deliveries that may wait or lie apart; 100,000 unless told
---@field max_bytes? integer that they may take; 1 GiB unless told
---@field max_age? number seconds that a delivery may wait, before it is set apart; 7 days unless told

--- Deliveries that wait.
---@class cdfworkflow.Queue
---@field client cdfworkflow.Client
---@field store cdfworkflow.queue.Store
---@field clock cdfworkflow.queue.Clock
---@field pace cdfworkflow.queue.Pace
---@field max_age number
local Queue = {}
Queue.__index = Queue
Queue.__name = "cdfworkflow.Queue"

local takes = {}

-- {==== Making one ====

local function is_store(value)
  if type(value) ~= "table" then return false end
  for _, name in ipairs(contract.METHODS) do
    if type(value[name]) ~= "function" then return false end
  end
  return true
end

local STORE = { word = "a store, such as cdfworkflow.queue.redis makes", accepts = is_store }
local CLIENT = {
  word = "a client",
  accepts = function(value) return type(value) == "table" and type(value.workflows) == "table" end,
}

local OPTIONS = {
  { "client", CLIENT },
  { "spool", check.string },
  { "store", STORE },
  { "max_entries", check.whole(1, 2 ^ 53), default = 100000 },
  { "max_bytes", check.whole(1, 2 ^ 53), default = 2 ^ 30 },
  { "max_age", check.seconds(1, math.huge), default = 7 * 86400 },
}

local function rule(given)
  if (given.spool == nil) == (given.store == nil) then return "give either spool or store" end
end

local function read_file(path, what)
  local file = io.open(path, "rb")
  local text = file and file:read(what)
  if file then file:close() end
  return text
end

--- A name that nothing else has: a UUID.
local function made_up()
  local bytes = read_file("/dev/urandom", 16)
  if not bytes then return nil end
  local hex = bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  return ("%s-%s-4%s-%x%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    8 + tonumber(hex:sub(17, 17), 16) % 4, hex:sub(18, 20), hex:sub(21, 32))
end

--- One start of the machine: what `core.now` counts from. Where it cannot be told, a name for this process.
local function boot() return read_file("/proc/sys/kernel/random/boot_id", 36) or made_up() end

local function clock_of(client)
  return {
    now = function() return core.now() end, time = function() return core.time() end, boot = boot(),
    sleep = function(seconds)
      if client.transport then client.transport:sleep(seconds) end
    end,
  }
end

--- A queue of deliveries. One in a folder is shared by all processes of the machine that have the folder.
---
---     local queue = assert(cdf.queue { client = client, spool = "deliveries" })
---     assert(queue:put("report", "1", { input = { day = 31 } }))
---     print(assert(queue:drain()).started) --> 1
---@param opts cdfworkflow.QueueOptions
---@return cdfworkflow.Queue|nil queue
---@return cdfworkflow.Error? err kind "invalid": the folder cannot be used
local function new(opts)
  local store, err = opts.store, nil
  if not store then store, err = require("cdfworkflow.queue.spool").new(opts.spool) end
  if not store then return nil, err end
  local client = opts.client or {}
  local self = setmetatable({
    client = client, store = store, clock = clock_of(client), pace = Pace.new(), max_age = opts.max_age,
    limits = { max_entries = opts.max_entries, max_bytes = opts.max_bytes },
  }, Queue)
  store.clock = self.clock
  return self
end

function Queue:__tostring() return ("cdfworkflow.Queue: %s"):format(tostring(self.store)) end

-- }====

-- {==== Putting ====

local NO_RANDOM = "/dev/urandom cannot be read: give the delivery an id"
local ID = { word = "a string", accepts = check.string.accepts }

takes.put = {
  { "workflow", check.name, required = true },
  { "version", check.name, required = true },
  { "opts", options.of { { "input", check.json_object }, { "metadata", check.object }, { "id", ID } } },
}

---@class cdfworkflow.PutOptions
---@field input? table|userdata a JSON object, or what `cdf.json` gives, which is kept byte for byte
---@field metadata? table<string, string> at most 9 pairs: the id is the tenth
---@field id? string names the delivery, and is the `request_id` of its run; 1 to 255 characters; made up unless told

local judge

--- What would refuse the run at once, whoever is to start it.
local function refused(delivery, input)
  judge = judge or assert(core.client {
    project = "queue", base_url = "https://queue.invalid", credentials = core.credentials { token = "-" },
    client_name = "cdfworkflow", timeout = 60, connect_timeout = 10, max_retries = 0, max_response_size = 1,
  })
  local call, err = core.run(judge, delivery.workflow, delivery.version,
    { input = input, metadata = delivery.metadata, request_id = delivery.id })
  if call then return call:drop() end
  if err.field == "request_id" then
    err.field, err.message = "id", err.message:gsub("request_id", "id")
  end
  return err
end

local function text_of(name) return type(name) == "number" and check.digits(name) or name end

--- Keeps a run that is to be started, once it has been found to be one that CDF takes. When this returns, it is safe.
--- A delivery with an id that is known already (it waits, was refused, or was started within the last day) changes
--- nothing.
---
---     local id, err, is_new = queue:put("report", "1", { input = { day = 31 }, id = "report-31" })
---     print(id, err, is_new) --> report-31 nil true
---@param workflow string external id
---@param version string|integer
---@param opts? cdfworkflow.PutOptions
---@return string|nil id
---@return cdfworkflow.Error? err kind "invalid"; "throttled" when the queue is full; "transport" when it cannot be kept
---@return boolean? is_new false: the id was known
function Queue:put(workflow, version, opts)
  local id = opts.id or made_up()
  if not id then return nil, core.error { kind = "transport", message = NO_RANDOM } end
  local delivery = {
    id = id, workflow = text_of(workflow), version = text_of(version), metadata = opts.metadata,
    created = self.clock.time(),
  }
  local err = refused(delivery, opts.input)
  if err then return nil, err end
  delivery.input = opts.input and (core.is_raw_json(opts.input) and tostring(opts.input) or json.encode(opts.input))
  local is_new
  is_new, err = self.store:put(delivery, self.limits)
  if is_new == nil then return nil, err end
  return id, nil, is_new
end

-- }====

-- {==== Looking ====

takes.get = { { "id", check.identifier, required = true } }

--- How a delivery is; one that was started is known for a day.
---
---     assert(queue:put("report", "1", { id = "report-31" }))
---     assert(queue:drain())
---     local delivery = assert(queue:get "report-31")
---     print(delivery.state, delivery.execution.status) --> started RUNNING
---@param id string
---@return cdfworkflow.queue.Delivery|nil delivery nil without an error: none of that id
---@return cdfworkflow.Error? err kind "transport": the folder, or what else keeps them, cannot be read
function Queue:get(id) return self.store:get(id) end

takes.list = { { "opts", options.of {
  { "state", check.choice { "waiting", "refused" } }, { "limit", check.limit, default = 25 },
} } }

--- Deliveries that wait, and those that were refused, oldest first, without their inputs.
---
---     for _, delivery in ipairs(assert(queue:list { state = "refused", limit = 10 })) do
---       print(delivery.id, delivery.error.message)
---     end
---@param opts? { state?: "waiting"|"refused", limit?: number } 25 unless told; `math.huge` for all
---@return cdfworkflow.queue.Delivery[]|nil list
---@return cdfworkflow.Error? err kind "transport", as with `get`
function Queue:list(opts) return self.store:list(opts) end

takes.count = {}

--- How many there are, and the bytes that they take.
---
---     assert(queue:put("report", "1"))
---     print(assert(queue:count()).waiting) --> 1
---@return { waiting: integer, refused: integer, bytes: integer }|nil count
---@return cdfworkflow.Error? err kind "transport", as with `get`
function Queue:count() return self.store:count() end

-- }====

-- {==== Draining ====

takes.drain = { { "opts", options.of {
  { "concurrency", check.whole(1, 1000), default = 1 },
  { "follow", check.boolean, default = false },
  { "max_running", check.whole(1, 1e6) },
  { "max_running_per_workflow", check.whole(1, 1e6) },
  { "stop", check.fn },
  { "on_event", check.fn },
} } }

---@class cdfworkflow.DrainOptions
---@field concurrency? integer attempts at the same time; 1 unless told: one after another, oldest first
---@field follow? boolean goes on when the queue is empty, or CDF is down; without it, `drain` ends then
---@field max_running? integer executions that may be running in the project; it waits until some have ended
---@field max_running_per_workflow? integer the same for the delivery's workflow
---@field stop? fun(): boolean asked at least once a second: true lets it end, once what is under way has ended
---@field on_event? fun(event: cdfworkflow.DrainEvent)

---@class cdfworkflow.DrainEvent
---@field type "begun"|"started"|"refused"|"failed"|"store" "failed" without a delivery: CDF could not be asked what is
---  running; "store": the queue could not be read or written
---@field delivery? cdfworkflow.queue.Delivery
---@field execution? cdfworkflow.Execution
---@field err? cdfworkflow.Error
---@field wait? number seconds for which everything is held back

---@class cdfworkflow.DrainResult
---@field started integer
---@field refused integer
---@field others boolean what is left is held by other drains

--- Starts what waits, each exactly once, oldest first, however often a drain is killed, and however many drain. What
--- CDF refuses for good is kept apart with its reason. What fails for a while (no connection, no token, throttled)
--- waits, and all others with it: 10 s, then ever longer, up to 10 min; one attempt shows whether CDF is back.
---
---     assert(queue:put("report", "1", { input = { day = 31 } }))
---     local result, err = queue:drain { concurrency = 4, max_running = 40 }
---     print(result and result.started, err) --> 1 nil
---@param opts? cdfworkflow.DrainOptions
---@return cdfworkflow.DrainResult|nil result
---@return cdfworkflow.Error? err of any kind: why the queue could not be emptied; `err.drained` is the result so far
function Queue:drain(opts)
  if not self.client.transport then mistake.raise "queue:drain: this queue was made without a client" end
  self.running = self.running or Running.new(self.client, self.clock, opts)
  self.running.limits = opts
  return Drain.run(self, opts, self.running)
end

-- }====

takes.retry, takes.drop = takes.get, takes.get

local function found(id, done, err)
  if done or err then return done, err end
  return check.invalid("id", ("no delivery %s is there to be chosen"):format(id), "an id that queue:list shows")
end

--- Lets a delivery that was refused wait again, at its old place.
---
---     assert(queue:put("no-such-report", "1", { id = "report-31" }))
---     assert(queue:drain()) -- CDF does not know the workflow
---     assert(queue:retry "report-31")
---@param id string
---@return true|nil done
---@return cdfworkflow.Error? err kind "invalid": no refused delivery has that id
function Queue:retry(id) return found(id, self.store:retry(id)) end

--- Forgets a delivery that waits or was refused.
---
---     assert(queue:put("report", "1", { id = "report-31" }))
---     assert(queue:drop "report-31")
---@param id string
---@return true|nil done
---@return cdfworkflow.Error? err kind "invalid": there is none, or it is being started just now
function Queue:drop(id) return found(id, self.store:drop(id)) end

takes.close = { even_closed = true }

--- Lets go of the folder, or of the connections of its store.
---
---     queue:close()
function Queue:close()
  if self.closed then return end
  self.closed = true
  self.store:close()
end

method.class(Queue, "queue", takes)

return { new = method.fn("cdf.queue", { { "opts", options.needed(OPTIONS, rule), required = true } }, new),
  class = Queue }
