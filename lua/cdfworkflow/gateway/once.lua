-- SPDX-License-Identifier: Apache-2.0
-- One run for a delivery, however often it comes. The memory (a dictionary that is shared with the other workers, or
-- hosts) tells what became of each delivery of the last day; where it says that nobody knows, CDF is asked.

local contract = require "cdfworkflow.queue.contract"
local core = require "cdfworkflow.core"
local delivery = require "cdfworkflow.gateway.delivery"
local protected = require "cdfworkflow.call.protected"

---@class cdfworkflow.gateway.Once
---@field client cdfworkflow.Client
---@field bind fun(): table|nil, string? the memory as it is now, or why it cannot be reached: `get`, `set`, `add` as of
---  ngx.shared
---@field last_day cdfworkflow.gateway.LastDay
---@field log fun(level: "info"|"error", text: string)
local Once = {}
Once.__index = Once

--- Seconds for a run with all its retries: those who send webhooks seldom wait for longer than 30.
Once.TIMEOUT = 25
--- Seconds for which a delivery is remembered.
Once.KEPT = 24 * 3600
--- Seconds for which an attempt may bring about a run: then CDF can neither start what was sent, nor still hide it.
Once.GUARDED = Once.TIMEOUT + contract.SETTLED_AFTER
--- Seconds that clocks may be apart: those of this machine, of another host, of CDF (CDF.md 20).
Once.SKEW = 900

--- Seconds after which whoever had a delivery without outcome is no longer at it.
local GIVEN_UP = Once.TIMEOUT + 5
--- Seconds that an attempt must have left to be worth it.
local LEAST = 1
--- Seconds after which a look that nobody ended is another's to begin.
local LOOK_TIME = 60

--- A delivery is remembered as `run HASH ID`, `open HASH TIME VERSION` (somebody is at it) or `lost HASH TIME VERSION`
--- (nobody knows whether it runs). The hash is that of the body (`-`: not known); the time is when that was written, ms
--- since the epoch; the version is what was to be started. Beside it a guard stands for as long as that attempt may
--- still bring about a run; how long is counted by the memory, so that no two clocks are compared.
local function name_of(one) return ("delivery:%s\0%s"):format(one.workflow, one.id) end

local function guard_of(one) return "guard:" .. name_of(one) end

local function lock_of(one) return "lock:" .. name_of(one) end

--- The mark of a delivery whose run is known.
---@param hash string|nil
---@param execution cdfworkflow.Execution
---@return string
function Once.run_mark(hash, execution) return ("run %s %s"):format(hash or "-", execution.id) end

Once.name_of = name_of

local function read_mark(text)
  local state, hash, value, version = text:match "^(%a+) (%S+) (%S+) ?(.*)$"
  return { state = state, hash = hash, value = value, version = version }
end

local function now() return core.time() * 1000 end

---@param parts table the fields of the class
---@return cdfworkflow.gateway.Once
function Once.new(parts) return setmetatable(parts, Once) end

-- {==== Marks ====

--- What a memory holds under a name, or why it cannot be asked. (The second value of ngx.shared is a number.)
---@param memory table what `bind` gave
---@param name string
---@return any value nil where there is none, or where that cannot be known
---@return string? problem
function Once.get(memory, name)
  local value, problem = memory:get(name)
  if value ~= nil then return value end
  return nil, type(problem) == "string" and problem or nil
end

--- The mark of a delivery, or why it cannot be read.
local function read(one)
  local text, problem = Once.get(one.memory, name_of(one))
  return text ~= nil and read_mark(tostring(text)) or nil, problem
end

--- Puts something into the memory. → whether it is there, why not, whether another had to go
local function put(one, name, value, seconds)
  local ok, problem, forgotten = one.memory:set(name, value, seconds)
  return ok ~= false and (ok ~= nil or problem == nil), problem, forgotten
end

function Once:write(one, mark)
  local ok, problem, forgotten = put(one, name_of(one), mark, Once.KEPT)
  if not ok then self.log("error", "the memory of deliveries cannot be written: " .. tostring(problem)) end
  self:say_if_full(forgotten)
end

--- ngx.shared forgets what was not used for longest when it is full.
function Once:say_if_full(forgotten)
  if forgotten then self.log("error", "no room to remember a day's deliveries: repeated ones may start again") end
end

local function open_mark(one) return ("open %s %.0f %s"):format(one.hash, now(), one.version) end

--- An attempt begins: it sends nothing that is later than its deadline, by a clock that counts sleep.
local function begin(one) one.deadline = core.now() + Once.TIMEOUT end

--- Whether the attempt is surely nobody else's yet: who was frozen and wakes up late leaves the marks alone.
local function is_ours(one) return core.now() < one.deadline + contract.SETTLED_AFTER / 2 end

--- Marks the delivery as begun. → false where another one was quicker, nil and why where the memory cannot be written
function Once:open(one)
  begin(one)
  local ok, problem = put(one, guard_of(one), "1", Once.GUARDED)
  if not ok then return nil, tostring(problem) end
  local added, forgotten
  added, problem, forgotten = one.memory:add(name_of(one), open_mark(one), Once.KEPT)
  self:say_if_full(forgotten)
  if added then return true end
  if problem == "exists" then return false end
  return nil, tostring(problem)
end

-- }====

-- {==== Outcomes ====

local function started(execution, replayed) return { execution = execution, replayed = replayed == true } end

local function refused(code, problem) return { code = code, problem = problem } end

local function failed(err) return { err = err } end

--- What is known of the run is the answer, unless it was started with another body.
local function replay(one, mark)
  if mark.hash ~= "-" and mark.hash ~= one.hash then return refused "key_reused" end
  return started({ id = mark.value, status = "RUNNING" }, true)
end

--- A run that bears the delivery's id was found or started; it may be that of another body.
function Once:settled(one, execution, replayed)
  local _, hash = delivery.marks(execution)
  self:write(one, Once.run_mark(hash, execution))
  if hash and hash ~= one.hash then return refused "key_reused" end
  return started(execution, replayed)
end

--- Kinds of errors after which surely nothing was started.
local NOTHING = { invalid = true, auth = true, throttled = true, transport = true, tls = true, timeout = true }

local function is_refusal(err)
  return NOTHING[err.kind] or err.kind == "api" and err.status ~= nil and err.status < 500
end

-- }====

--- The execution that bears the delivery's id, of those created since (ms since the epoch by a clock that may be off),
--- in whatever version.
---@return cdfworkflow.Execution|nil
---@return cdfworkflow.Error? err
function Once:find(one, since)
  local executions, err = self.client.workflows.executions:list {
    workflowFilters = { { externalId = one.workflow } }, createdTimeStart = math.floor(since - Once.SKEW * 1000),
    limit = math.huge,
  }
  for _, execution in ipairs(executions or {}) do
    if delivery.marks(execution) == one.id then return execution end
  end
  return nil, err
end

--- Nothing was started: the key is free.
local function free(one)
  if is_ours(one) then one.memory:set(name_of(one), nil) end
end

--- Starts the run of a delivery that is marked as open, in the time that its attempt has left.
function Once:run(one, look_back)
  local opts = delivery.run_options(one)
  opts.look_back, opts.timeout = look_back, one.deadline - core.now()
  if opts.timeout < LEAST then return refused "in_progress" end
  local ok, execution, err = protected(self.client.run, self.client, one.workflow, one.version, opts)
  if ok and execution then return self:settled(one, execution) end
  if ok and is_refusal(err) then
    free(one)
    return failed(err)
  end
  if is_ours(one) then self:write(one, ("lost %s %.0f %s"):format(one.hash, now(), one.version)) end
  if not ok then error(execution, 0) end
  return failed(err)
end

-- {==== Deliveries without outcome ====

--- Looks for the run of an earlier attempt, which whoever made it has given up. → outcome; or nil where there is none
--- and none can come any more, and the delivery is marked as begun anew
function Once:look_again(one)
  local mark, problem = read(one)
  if problem then return refused("store", problem) end
  if mark and mark.state == "run" then return replay(one, mark) end
  local began = mark and tonumber(mark.value) or now()
  local execution, err = self:find(one, began)
  if execution then return self:settled(one, execution, true) end
  if err then return failed(err) end
  begin(one)
  local added
  added, problem = one.memory:add(guard_of(one), "1", Once.GUARDED)
  if not added then return problem == "exists" and refused "in_progress" or refused("store", tostring(problem)) end
  one.version = mark and mark.version ~= "" and mark.version or one.version -- an id names one run, of one version
  self:write(one, open_mark(one))
  return nil, (now() - began) / 1000
end

--- The same, by one request at a time; and starts the delivery again where that is right.
function Once:settle(one, mark)
  local age = (now() - tonumber(mark.value)) / 1000
  if mark.state == "open" and age >= 0 and age < GIVEN_UP then return refused "in_progress" end
  local added, problem = one.memory:add(lock_of(one), "1", LOOK_TIME)
  if not added then return problem == "exists" and refused "in_progress" or refused("store", tostring(problem)) end
  local ok, outcome, since = protected(self.look_again, self, one)
  one.memory:set(lock_of(one), nil)
  if not ok then error(outcome, 0) end
  return outcome or self:run(one, math.max(since, 0) + Once.SKEW) -- the mark may be another host's
end

-- }====

--- Starts the run of a delivery that nobody here has seen. While the memory is young, a run of the time before it may
--- still turn up in CDF, which is looked at first.
function Once:first(one)
  local young, problem = self.last_day:is_young(one.workflow, one.memory)
  if problem then return refused("store", problem) end
  local added
  added, problem = self:open(one)
  if added == false then return refused "in_progress" end
  if not added then return refused("store", problem) end
  if not young then return self:run(one) end
  local reach = 2 * Once.GUARDED
  local ok, execution, err = protected(self.find, self, one, now() - reach * 1000)
  if ok and execution then return self:settled(one, execution, true) end
  local lost, unknown = Once.get(one.memory, "lost") -- another memory was, a short while ago, and hosts went on
  if ok and not err and not lost and not unknown then return self:run(one, reach) end
  free(one)
  if unknown then return refused("store", unknown) end
  if ok and not err then return refused "lost" end
  if not ok then error(execution, 0) end
  return failed(err)
end

--- The execution of a delivery, as far as it is known here.
---@param workflow string
---@param id string the request id
---@return string|nil execution its id
function Once:execution_of(workflow, id)
  local memory = self.bind()
  local text = memory and memory:get(name_of { workflow = workflow, id = id })
  local mark = text and read_mark(tostring(text))
  return mark and mark.state == "run" and mark.value or nil
end

--- Starts the run of a delivery, unless an earlier one with its id has.
---@param one cdfworkflow.gateway.Delivery with an `id`
---@return { execution?: cdfworkflow.Execution, replayed?: boolean, err?: cdfworkflow.Error, code?: string,
---  problem?: string } outcome an execution; or an error of the library; or the code of a refusal
function Once:start(one)
  local problem, is_read, mark
  one.memory, problem = self.bind()
  if not one.memory then return refused("store", problem) end
  is_read, problem = self.last_day:is_read(one.workflow, one.memory)
  if problem then return refused("store", problem) end
  if not is_read then return refused "reading" end
  mark, problem = read(one)
  if problem then return refused("store", problem) end
  if not mark then return self:first(one) end
  if mark.hash ~= "-" and mark.hash ~= one.hash then return refused "key_reused" end
  if mark.state == "run" then return replay(one, mark) end
  return self:settle(one, mark)
end

return Once
