-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.triggers: rules that start executions: on a schedule, on changed data, on a stream of records.
-- The nonce that CDF wants with each upsert is made behind the scenes.

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local dry_run = require "cdfworkflow.call.dry_run"
local json = require "cdfworkflow.json"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"
local session_options = require "cdfworkflow.api.session_options"

---@class cdfworkflow.Trigger a resource of CDF; further members pass through
---@field externalId string
---@field triggerRule table `triggerType` is "schedule" (`cronExpression`, `timezone`), "dataModeling"
---  (`dataModelingQuery`, `batchSize`, `batchTimeout`) or "recordStream" (`streamExternalId`, `batchSize`,
---  `batchTimeout`, `filter`, `sources`, `initializeCursor`)
---@field workflowExternalId string
---@field workflowVersion string
---@field input? table becomes the input of each execution
---@field metadata? table<string, string>
---@field createdTime? integer ms since the epoch, in answers, like the next two
---@field lastUpdatedTime? integer
---@field isPaused? boolean

---@class cdfworkflow.Triggers
local Triggers = {}
Triggers.__index = Triggers

local takes = {}

local READ_ONLY = { "createdTime", "lastUpdatedTime", "isPaused" }

-- Published figures (CDF.md sections 8 and 20): least and most of what a rule may ask for.
local BATCH = {
  dataModeling = { batchSize = { 1, 1000 }, batchTimeout = { 10, 86400 } },
  recordStream = { batchSize = { 1, 100 }, batchTimeout = { 10, 86400 } },
}

local ATTEMPT = 30 -- seconds that one takes at most

local OUT_OF_RANGE = "triggerRule.%s must be a whole number from %d to %d for a %s trigger, got %s"

local function check_figure(rule, member, least, most)
  local value = rule[member]
  if type(value) == "number" and value >= least and value <= most and value % 1 == 0 then return true end
  return check.invalid("triggerRule." .. member,
    OUT_OF_RANGE:format(member, least, most, rule.triggerType, tostring(value)),
    type(value) == "number" and value < least and least or most)
end

local function check_rule(rule, opts)
  for member, range in pairs(BATCH[rule.triggerType] or {}) do
    local ok, err = check_figure(rule, member, range[1], range[2])
    if not ok then return nil, err end
  end
  if rule.triggerType == "recordStream" and opts.session and opts.session ~= "client_credentials" then
    return check.invalid("session", ("session = %q cannot start a record stream trigger: CDF wants "
      .. "\"client_credentials\" there, from the client's own login or the option client_credentials")
      :format(opts.session), "client_credentials")
  end
  return true
end

--- CDF refuses record stream triggers whose session is none of client credentials (CDF.md section 8), which a login
--- without a secret cannot make.
local function add_hint(client, rule, opts, err)
  local secretless = opts.client_credentials == nil and not client:_has_secret()
  if err.status == 403 and rule.triggerType == "recordStream" and secretless then
    err.message = err.message .. "; a record stream trigger needs a session of client credentials, which this login "
      .. "cannot make, having no client secret: give it client_credentials of its own"
  end
  return err
end

--- Whether what CDF has holds all that was sent; it fills in more.
local function holds(stored, sent)
  if type(stored) ~= "table" or type(sent) ~= "table" then return stored == sent end
  for name, value in pairs(sent) do
    if not holds(stored[name], value) then return false end
  end
  return true
end

--- The trigger as CDF has it now, where it holds what was sent.
local function read_back(self, item, timeout)
  local triggers = paging.list(function(limit, cursor)
    return self.client:_call("GET", "/workflows/triggers", nil, { timeout = timeout, query = {
      workflowExternalId = item.workflowExternalId, limit = limit, cursor = cursor,
    } })
  end, math.huge)
  for _, trigger in ipairs(triggers or {}) do
    if trigger.externalId == item.externalId and holds(trigger, json.plain(item)) then return trigger end
  end
end

local function send(self, item, opts)
  return answer.first("trigger", self.client:_call("POST", "/workflows/triggers", { items = { item } }, opts))
end

--- A nonce of the caller's own has no successor, but binds once: after a lost answer it is sent again. Where it turns
--- out to be spent, the lost attempt was carried out, and the trigger is read back. All in the time of one call.
local function upsert_once(self, item, opts)
  local deadline = self.client:_now() + self.client.timeout
  local function left() return deadline - self.client:_now() end
  local pause, doubt = 1, nil
  repeat
    opts.timeout, opts.patient = math.min(math.max(left() / 2, 0.1), ATTEMPT), false
    local stored, err = send(self, item, opts)
    if stored then return stored end
    if err.kind == "ambiguous" then
      doubt = doubt or err
    elseif doubt and err.status == 400 then
      stored = read_back(self, item, math.max(left(), 0.1))
      return stored, not stored and doubt or nil
    elseif not doubt and (not err.retryable or err.never_reached) then
      return nil, err
    end
    if left() < 2 * pause then return nil, doubt or err end
    self.client:_sleep(pause)
    pause = pause * 2
  until false
end

local TRIGGER = options.resource({
  { "externalId", check.identifier, required = true },
  { "triggerRule", check.object, required = true },
  { "workflowExternalId", check.identifier, required = true },
  { "workflowVersion", check.identifier, required = true },
  { "input", check.json_object },
  { "metadata", check.metadata },
}, READ_ONLY)

takes.upsert = {
  { "trigger", TRIGGER, required = true },
  { "opts", options.of({ session_options.ALL, { "dry_run", check.boolean } }, session_options.rule) },
}

---@class cdfworkflow.UpsertTriggerOptions : cdfworkflow.SessionOptions
---@field dry_run? boolean sends nothing, and gives the list of requests that would be sent

--- Creates the trigger, or replaces it. Every run that it starts uses the session that is made for it now: after a
--- secret was changed, upsert the trigger again. Client credentials are the kind to prefer, since other sessions
--- expire; record stream triggers take no other.
---
---     assert(client.workflows.triggers:upsert {
---       externalId = "hourly", workflowExternalId = "report", workflowVersion = "1",
---       triggerRule = { triggerType = "schedule", cronExpression = "0 * * * *" },
---     })
---@param trigger cdfworkflow.Trigger
---@param opts? cdfworkflow.UpsertTriggerOptions
---@return cdfworkflow.Trigger|cdfworkflow.DryRequest[]|nil stored
---@return cdfworkflow.Error? err of any kind
function Triggers:upsert(trigger, opts)
  local ok, err = check_rule(trigger.triggerRule, opts)
  if not ok then return nil, err end
  if opts.dry_run then
    opts.dry_run = nil
    return dry_run.requests(self.client, function(double) return double.workflows.triggers:_upsert(trigger, opts) end)
  end
  for _, member in ipairs { "input", "metadata" } do
    local given = trigger[member]
    if type(given) == "table" and next(given) == nil then trigger[member] = nil end -- an empty one says nothing
  end
  opts.nonce_in, opts.result = "items.authentication", "item"
  if opts.nonce and opts.nonce ~= "" then return upsert_once(self, trigger, opts) end
  local stored
  stored, err = send(self, trigger, opts)
  if not stored then return nil, add_hint(self.client, trigger.triggerRule, opts, err) end
  return stored
end

local function fetcher(self, opts)
  return function(limit, cursor)
    return self.client:_call("GET", "/workflows/triggers", nil, { query = {
      workflowExternalId = opts.workflowExternalId, workflowVersion = opts.workflowVersion,
      limit = limit, cursor = cursor,
    } })
  end
end

local FILTER = { { "workflowExternalId", check.string }, { "workflowVersion", check.string } }

takes.list = { { "opts", options.of { paging.LIMIT, FILTER } } }

--- The triggers of the project, up to `limit` (25 unless told; `math.huge` for all).
---
---     print(#assert(client.workflows.triggers:list { workflowExternalId = "report" })) --> 1
---@param opts? { limit?: integer, workflowExternalId?: string, workflowVersion?: string }
---@return cdfworkflow.Trigger[]|nil triggers
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Triggers:list(opts)
  return paging.list(fetcher(self, opts), opts.limit)
end

takes.each = { { "opts", options.of { paging.ALL, FILTER } }, raises = true }

--- An iterator over the triggers, all unless `limit` is given. An error is raised, as the error table.
---
---     for trigger in client.workflows.triggers:each() do print(trigger.externalId) end --> nightly
---@param opts? { limit?: integer, workflowExternalId?: string, workflowVersion?: string }
---@return fun(): cdfworkflow.Trigger|nil
function Triggers:each(opts)
  return paging.each(fetcher(self, opts), opts.limit)
end

takes.delete = { { "trigger", check.trigger, required = true } }

--- Deletes one trigger.
---
---     assert(client.workflows.triggers:delete "nightly")
---@param trigger string|cdfworkflow.Trigger|cdfworkflow.Schedule the external id, or what bears it
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Triggers:delete(trigger)
  return answer.done(self.client:_call("POST", "/workflows/triggers/delete", { items = { { externalId = trigger } } },
    { result = "gone" }))
end

---@class cdfworkflow.TriggerRun
---@field externalId string of the trigger
---@field fireTime integer ms since the epoch
---@field workflowExternalId string
---@field workflowVersion string
---@field status "success"|"failed"
---@field workflowExecutionId? string where it succeeded
---@field reasonForFailure? string where it failed

local IN_PATH = { "trigger", check.trigger_segment, required = true }

takes.history = { IN_PATH, { "opts", options.of { paging.LIMIT } } }

--- What the trigger has started, newest first, up to `limit` (25 unless told; `math.huge` for all).
---
---     for _, run in ipairs(assert(client.workflows.triggers:history "nightly")) do print(run.status) end
---@param trigger string|cdfworkflow.Trigger|cdfworkflow.Schedule the external id, or what bears it
---@param opts? { limit?: integer }
---@return cdfworkflow.TriggerRun[]|nil runs
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Triggers:history(trigger, opts)
  return paging.list(function(size, cursor)
    return self.client:_call("GET", "/workflows/triggers/" .. trigger .. "/history", nil,
      { query = { limit = size, cursor = cursor } })
  end, opts.limit)
end

takes.pause = { IN_PATH }

--- Pauses a trigger; one that is paused stays so.
---
---     assert(client.workflows.triggers:pause "nightly")
---@param trigger string|cdfworkflow.Trigger|cdfworkflow.Schedule the external id, or what bears it
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Triggers:pause(trigger)
  return answer.done(self.client:_call("POST", "/workflows/triggers/" .. trigger .. "/pause"))
end

takes.resume = { IN_PATH }

--- Lets a paused trigger go on; those that follow data go on from where they stopped.
---
---     assert(client.workflows.triggers:resume "nightly")
---@param trigger string|cdfworkflow.Trigger|cdfworkflow.Schedule the external id, or what bears it
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Triggers:resume(trigger)
  return answer.done(self.client:_call("POST", "/workflows/triggers/" .. trigger .. "/resume"))
end

return method.class(Triggers, "client.workflows.triggers", takes)
