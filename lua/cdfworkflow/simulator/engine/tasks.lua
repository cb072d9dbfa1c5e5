-- SPDX-License-Identifier: Apache-2.0
-- One attempt of a task (CDF.md section 6): its input, and what came of it, within the limits. What it does is its
-- type's matter (task_types.lua), when it ends and what follows the engine's.

local attempt = require "cdfworkflow.simulator.engine.attempt"
local core = require "cdfworkflow.core"
local depth = require "cdfworkflow.simulator.lib.depth"
local references = require "cdfworkflow.simulator.engine.references"
local task_types = require "cdfworkflow.simulator.engine.task_types"

---@class cdfworkflow.simulator.tasks
local tasks = {}

tasks.milliseconds, tasks.hopeless = attempt.milliseconds, attempt.hopeless

local function shape(definition, parameters)
  local kind = task_types.types[definition.type]
  return kind and kind.input and kind.input(parameters) or parameters
end

--- The input of a task that has not started: its parameters, references and all.
---@param definition table
---@return table
function tasks.raw_input(definition)
  return shape(definition, definition.parameters)
end

-- The tasks inside a container resolve their own references, each when it starts.
local function holds_tasks(definition)
  if not task_types.is_container(definition.type) then return false end
  local inner = definition.parameters[task_types.types[definition.type].holds]
  return type(inner) == "table" and type(inner.tasks) == "table"
end

local function check_size(what, value, text, message, limit)
  if not text then return what .. " is not JSON: " .. tostring(message) end
  if #text > limit then return what .. " of " .. #text .. " bytes is over the limit of " .. limit end
  if depth.is_too_deep(value) then return what .. " is nested in more than " .. depth.MOST .. " levels" end
  return nil
end

--- The input of a task that starts: its parameters with references resolved.
---@param definition table
---@param source cdfworkflow.simulator.Source
---@param limit integer bytes
---@return table|nil input
---@return string|nil reason
function tasks.input(definition, source, limit)
  if holds_tasks(definition) then return tasks.raw_input(definition) end
  local parameters, reason = references.resolve(definition.parameters, source)
  if not parameters then return nil, reason end
  local input = shape(definition, parameters)
  local text, message = core.encode(input)
  reason = check_size("Task input", input, text, message, limit)
  if reason then return nil, reason end
  return input
end

-- A copy, so that nobody outside holds a part of the stored state.
local function as_stored(output, limit)
  local text, message = core.encode(output)
  local reason = check_size("Task output", output, text, message, limit)
  if reason then return nil, reason end
  return core.decode(text)
end

--- Adds `more` to `output`, newer members over older ones, within the limit.
---@param output table
---@param more table
---@param limit integer bytes
---@return table|nil merged
---@return string|nil reason
function tasks.merge(output, more, limit)
  local merged = {}
  for key, value in pairs(output) do merged[key] = value end
  for key, value in pairs(more) do merged[key] = value end
  return as_stored(merged, limit)
end

local function within_limits(outcome, limit)
  local output, reason = as_stored(outcome.output, limit)
  if not output then return { ok = false, terminal = true, output = {}, reason = reason, wait = outcome.wait } end
  outcome.output = output
  return outcome
end

--- Does one attempt of a task that is not a container.
---@param site cdfworkflow.simulator.Site
---@return cdfworkflow.simulator.Outcome
function tasks.attempt(site)
  local name = site.entry.taskType
  local kind = task_types.types[name]
  if not kind or not kind.run then
    return attempt.hopeless("Task type " .. name .. " is not known to this simulator")
  end
  return within_limits(kind.run(site, site.entry.input), site.world.limits.output_bytes)
end

return tasks
