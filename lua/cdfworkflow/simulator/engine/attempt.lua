-- SPDX-License-Identifier: Apache-2.0
-- What the attempts of all task types have in common: they ask the simulator's world, and give an outcome.

---@class cdfworkflow.simulator.Site where an attempt runs
---@field world table
---@field record table the execution
---@field entry table the task
---@field now integer ms
---@field jobs table<string, table> transformation jobs by external id

---@class cdfworkflow.simulator.Outcome what came of an attempt
---@field ok boolean
---@field output table
---@field reason string|nil why it failed
---@field terminal boolean|nil true when a further attempt cannot help
---@field wait integer ms until it is over

local core = require "cdfworkflow.core"
local pace = require "cdfworkflow.simulator.lib.pace"

local attempt = {}

local LONGEST_MS = 10 * 365 * 24 * 3600 * 1000 -- stands for "never" and still is an exact integer

--- Seconds as whole milliseconds; nonsense as none, "never" as ten years.
---@param seconds any
---@return integer
function attempt.milliseconds(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds <= 0 then return 0 end
  return math.floor(math.min(seconds * 1000, LONGEST_MS) + 0.5)
end

--- The outcome of an attempt that came to nothing.
---@return cdfworkflow.simulator.Outcome
function attempt.failed(reason)
  return { ok = false, output = {}, reason = reason, wait = attempt.milliseconds(pace.other) }
end

--- The same, where no other attempt can do better.
---@return cdfworkflow.simulator.Outcome
function attempt.hopeless(reason)
  local outcome = attempt.failed(reason)
  outcome.terminal = true
  return outcome
end

--- What a function of the world answers, or a failure when it raises: one bad function must not stop the engine.
---@return table
function attempt.ask(world, method, ...)
  local called, outcome = pcall(world[method], world, ...)
  if called and type(outcome) == "table" then return outcome end
  local problem = called and method .. " gave no outcome" or tostring(outcome)
  return { ok = false, error = problem, duration = pace.other }
end

--- What a function of the user's is told beside its input.
---@param site cdfworkflow.simulator.Site
---@return table
function attempt.context(site)
  local record, entry = site.record, site.entry
  return {
    executionId = record.id, workflowExternalId = record.workflowExternalId, version = record.version,
    session = record.session, taskId = entry.id, taskExternalId = entry.externalId, attempt = entry.attempts,
    isAsyncComplete = entry.input.asyncComplete,
  }
end

function attempt.absent_to_nil(value)
  if value == core.null then return nil end
  return value
end

--- What a Lua function of the user's answers for, as it does for a function; CDF's own language or apps are not here.
---@return cdfworkflow.simulator.Outcome
function attempt.answered(site, method, name, parameters, outputs)
  local answer = attempt.ask(site.world, method, name, parameters, attempt.context(site))
  local failure = not answer.ok and tostring(answer.error or "Task failed") or nil
  return {
    ok = not failure, reason = failure, wait = attempt.milliseconds(answer.duration),
    output = not failure and outputs(answer.response == nil and core.null or answer.response) or {},
  }
end

return attempt
