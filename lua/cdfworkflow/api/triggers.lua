-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.triggers: rules that start executions: on a schedule, on changed data, on a stream of records.
-- The nonce that CDF wants with each upsert is made behind the scenes.

local check = require "cdfworkflow.check"
local options = require "cdfworkflow.options"
local paging = require "cdfworkflow.api.paging"

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

---@class cdfworkflow.SessionOptions
---@field session? "client_credentials"|"token_exchange"|"oneshot" the first unless told where the client signs in with
---  client credentials, otherwise the second
---@field client_credentials? { client_id: string, client_secret: string }|userdata for the session, instead of the
---  client's own
---@field nonce? string one that the caller has made; then no session is made

---@class cdfworkflow.Triggers
local Triggers = {}
Triggers.__index = Triggers

local SESSION = { "session", "client_credentials", "nonce" }
local LIST = { "limit", "workflowExternalId", "workflowVersion" }
local HISTORY = { "limit" }
local READ_ONLY = { "createdTime", "lastUpdatedTime", "isPaused" } -- so that what was read can be sent back

-- Published figures (CDF.md sections 8 and 20): least and most of what a rule may ask for.
local BATCH = {
  dataModeling = { batchSize = { 1, 1000 }, batchTimeout = { 10, 86400 } },
  recordStream = { batchSize = { 1, 100 }, batchTimeout = { 10, 86400 } },
}

local function check_rule(rule, opts)
  for member, range in pairs(BATCH[rule.triggerType] or {}) do
    local value = rule[member]
    if type(value) ~= "number" or value < range[1] or value > range[2] then
      return check.invalid("triggerRule." .. member, ("triggerRule.%s must be from %d to %d for a %s trigger, got %s")
        :format(member, range[1], range[2], rule.triggerType, tostring(value)), range[2])
    end
  end
  if rule.triggerType == "recordStream" and opts.session and opts.session ~= "client_credentials" then
    return check.invalid("session", ("session = %q cannot start a record stream trigger: CDF wants "
      .. "\"client_credentials\" there, from the client's own login or the option client_credentials")
      :format(opts.session))
  end
  return true
end

local function check_metadata(metadata)
  local count = 0
  for key, value in pairs(metadata or {}) do
    count = count + 1
    if type(key) ~= "string" or type(value) ~= "string" then
      return check.invalid("metadata", "metadata must map text to text")
    end
    local ok, err = check.text("a key of metadata", key, 32)
    if ok then ok, err = check.text("metadata." .. key, value, 255) end
    if not ok then return nil, err end
  end
  if count > 10 then return check.invalid("metadata", "metadata holds more than 10 pairs", 10) end
  return true
end

--- Whether what CDF has holds all that was sent; it fills in more.
local function holds(stored, sent)
  if type(stored) ~= "table" or type(sent) ~= "table" then return stored == sent end
  for name, value in pairs(sent) do
    if not holds(stored[name], value) then return false end
  end
  return true
end

--- The trigger as CDF has it now, or nil where there is none.
local function read(self, item)
  local triggers, err = self:list { workflowExternalId = item.workflowExternalId, limit = math.huge }
  for _, trigger in ipairs(triggers or {}) do
    if trigger.externalId == item.externalId then return trigger end
  end
  return nil, err
end

--- With a nonce of the caller's own there is no second try: what became of a lost one is read.
local function upsert_once(self, item, opts)
  local before, unread = read(self, item)
  local answer, err = self.client:_call("POST", "/workflows/triggers", { items = { item } },
    { nonce = "items.authentication", given_nonce = opts.nonce })
  if unread or not err or err.kind ~= "ambiguous" then return check.first("trigger", answer, err) end
  local now = read(self, item)
  local changed = now and (not before or now.lastUpdatedTime ~= before.lastUpdatedTime)
  if changed and holds(now, item) then return now end
  return nil, err
end

--- Creates the trigger, or replaces it. Every run that it starts uses the session that is made for it now: after a
--- secret was changed, upsert the trigger again. Client credentials are the kind to prefer, since other sessions
--- expire; record stream triggers take no other.
---@param trigger cdfworkflow.Trigger
---@param opts? cdfworkflow.SessionOptions
---@return cdfworkflow.Trigger|nil stored, table? err
function Triggers:upsert(trigger, opts)
  opts = options.check(opts, SESSION, "triggers:upsert")
  check.type(trigger, "table", "trigger")
  check.type(trigger.triggerRule, "table", "trigger.triggerRule")
  check.optional(trigger.input, "table", "trigger.input")
  check.optional(trigger.metadata, "table", "trigger.metadata")
  local item = check.without(trigger, READ_ONLY)
  for _, member in ipairs { "externalId", "workflowExternalId", "workflowVersion" } do
    local err
    item[member], err = check.identifier(member, trigger[member])
    if err then return nil, err end
  end
  local ok, err = check_rule(trigger.triggerRule, opts)
  if ok then ok, err = check_metadata(trigger.metadata) end
  if not ok then return nil, err end
  for _, member in ipairs { "input", "metadata" } do
    if item[member] and next(item[member]) == nil then item[member] = nil end -- an empty one says nothing
  end
  if opts.nonce and opts.nonce ~= "" then return upsert_once(self, item, opts) end
  return check.first("trigger", self.client:_call("POST", "/workflows/triggers", { items = { item } }, {
    nonce = "items.authentication", session = opts.session, client_credentials = opts.client_credentials,
  }))
end

local function fetcher(self, opts)
  return function(limit, cursor)
    return self.client:_call("GET", "/workflows/triggers", nil, { query = {
      workflowExternalId = opts.workflowExternalId, workflowVersion = opts.workflowVersion,
      limit = limit, cursor = cursor,
    } })
  end
end

--- The triggers of the project, up to `limit` (25 unless told; `math.huge` for all).
---@param opts? { limit?: integer, workflowExternalId?: string, workflowVersion?: string }
---@return cdfworkflow.Trigger[]|nil triggers, table? err
function Triggers:list(opts)
  opts = options.check(opts, LIST, "triggers:list")
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  return paging.list(fetcher(self, opts), limit)
end

--- An iterator over the triggers, all unless `limit` is given. An error is raised, as the error table.
---@param opts? { limit?: integer, workflowExternalId?: string, workflowVersion?: string }
---@return fun(): cdfworkflow.Trigger|nil
function Triggers:each(opts)
  opts = options.check(opts, LIST, "triggers:each")
  local limit, err = paging.limit(opts.limit, math.huge)
  if not limit then error(err, 0) end
  return paging.each(fetcher(self, opts), limit)
end

--- Deletes one trigger.
---@param external_id string
---@return true|nil done, table? err
function Triggers:delete(external_id)
  local id, err = check.identifier("external_id", external_id)
  if not id then return nil, err end
  return check.done(self.client:_call("POST", "/workflows/triggers/delete", { items = { { externalId = id } } },
    { deletes = true }))
end

---@class cdfworkflow.TriggerRun
---@field externalId string of the trigger
---@field fireTime integer ms since the epoch
---@field workflowExternalId string
---@field workflowVersion string
---@field status "success"|"failed"
---@field workflowExecutionId? string where it succeeded
---@field reasonForFailure? string where it failed

--- What the trigger has started, newest first, up to `limit` (25 unless told; `math.huge` for all).
---@param external_id string
---@param opts? { limit?: integer }
---@return cdfworkflow.TriggerRun[]|nil runs, table? err
function Triggers:history(external_id, opts)
  opts = options.check(opts, HISTORY, "triggers:history")
  local limit, err = paging.limit(opts.limit, 25)
  if not limit then return nil, err end
  local id
  id, err = check.segment("external_id", external_id)
  if not id then return nil, err end
  return paging.list(function(size, cursor)
    return self.client:_call("GET", "/workflows/triggers/" .. id .. "/history", nil,
      { query = { limit = size, cursor = cursor } })
  end, limit)
end

--- Pauses a trigger; one that is paused stays so.
---@param external_id string
---@return true|nil done, table? err
function Triggers:pause(external_id)
  local id, err = check.segment("external_id", external_id)
  if not id then return nil, err end
  return check.done(self.client:_call("POST", "/workflows/triggers/" .. id .. "/pause"))
end

--- Lets a paused trigger go on; those that follow data go on from where they stopped.
---@param external_id string
---@return true|nil done, table? err
function Triggers:resume(external_id)
  local id, err = check.segment("external_id", external_id)
  if not id then return nil, err end
  return check.done(self.client:_call("POST", "/workflows/triggers/" .. id .. "/resume"))
end

return Triggers
