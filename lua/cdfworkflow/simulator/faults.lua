-- SPDX-License-Identifier: Apache-2.0
-- Faults that a test has ordered: which request they are for, and what they do to its answer. The server and the
-- transport carry out what cannot be said in an answer (waiting, cutting the connection).

local core = require "cdfworkflow.core"
local options = require "cdfworkflow.options"
local refusal = require "cdfworkflow.simulator.lib.refusal"

local Faults = {}
Faults.__index = Faults

local M = {}

---@class cdfworkflow.simulator.FaultMatch
---@field method string?
---@field path string? Lua pattern for the raw path
---@field operation string? operationId of the contract, or `token`, `session`, `run`
---@field nth integer? the first matching request that is hit; default 1
---@field times integer? how many in a row are hit; default 1

---@class cdfworkflow.simulator.Fault
---@field match cdfworkflow.simulator.FaultMatch? default: the next request
---@field status integer? answer with this and do nothing
---@field body string|table|nil with `status`; default: CDF's envelope
---@field headers table<string, string>? added to the answer
---@field delay number? seconds before the answer goes out
---@field drop "before"|"after"|nil cut the connection before the request is handled, or after, with no answer
---@field truncate integer? cut the connection after so many bytes of the body

local FAULT = { "match", "status", "body", "headers", "delay", "drop", "truncate" }
local MATCH = { "method", "path", "operation", "nth", "times" }
local SHORT = { token = "issueToken", session = "createSessions", run = "runWorkflowVersion" }

---@return table faults
function M.new()
  return setmetatable({ ordered = {} }, Faults)
end

---@param fault cdfworkflow.simulator.Fault
function Faults:order(fault)
  options.check(fault, FAULT, "simulator fault")
  local match = options.check(fault.match, MATCH, "simulator fault match")
  assert(match.path == nil or pcall(string.find, "", match.path), "match.path must be a pattern of Lua")
  for _, name in ipairs({ "nth", "times" }) do
    assert(match[name] == nil or type(match[name]) == "number", ("match.%s must be a number"):format(name))
  end
  assert(fault.drop == nil or fault.drop == "before" or fault.drop == "after", 'drop must be "before" or "after"')
  self.ordered[#self.ordered + 1] = {
    fault = fault,
    method = match.method,
    path = match.path,
    operation = SHORT[match.operation] or match.operation,
    left_out = (match.nth or 1) - 1,
    left = match.times or 1,
  }
end

local function fits(entry, method, path, operation)
  return (not entry.method or entry.method == method) and (not entry.path or path:find(entry.path) ~= nil)
    and (not entry.operation or entry.operation == operation)
end

---@param method string
---@param path string raw
---@param operation string? operationId
---@return cdfworkflow.simulator.Fault|nil # that hits this request
function Faults:take(method, path, operation)
  local hit
  for position = #self.ordered, 1, -1 do -- all entries count the request; the one ordered first hits
    local entry = self.ordered[position]
    if fits(entry, method, path, operation) then
      if entry.left_out > 0 then
        entry.left_out = entry.left_out - 1
      else
        hit = { entry = entry, position = position }
      end
    end
  end
  if not hit then
    return nil
  end
  hit.entry.left = hit.entry.left - 1
  if hit.entry.left <= 0 then
    table.remove(self.ordered, hit.position)
  end
  return hit.entry.fault
end

local function ordered_answer(fault)
  local body = fault.body
  if body == nil then
    body = refusal.envelope(fault.status, "This answer was ordered")
  end
  local text = type(body) == "table" and assert(core.encode(body)) or body
  local kind = type(body) == "table" and "application/json" or "text/plain"
  return { status = fault.status, headers = { ["content-type"] = kind }, body = text }
end

---@param fault cdfworkflow.simulator.Fault
---@param answer fun(): table what would be answered otherwise
---@return table response
function M.apply(fault, answer)
  local response
  if fault.drop == "before" then
    response = { status = 0, headers = {}, body = "" }
  elseif fault.status then
    response = ordered_answer(fault)
  else
    response = answer()
  end
  for name, value in pairs(fault.headers or {}) do
    response.headers[name:lower()] = value
  end
  response.fault = { drop = fault.drop, delay = fault.delay, truncate = fault.truncate }
  return response
end

return M
