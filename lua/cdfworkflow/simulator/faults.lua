-- SPDX-License-Identifier: Apache-2.0
-- Faults that a test has ordered: which request they are for, and what they do to its answer. The server and the
-- transport carry out what cannot be said in an answer (waiting, cutting the connection).

local copy = require "cdfworkflow.simulator.lib.copy"
local core = require "cdfworkflow.core"
local operations = require "cdfworkflow.simulator.api.operations"

local Faults = {}
Faults.__index = Faults

local M = {}

---@class cdfworkflow.simulator.FaultMatch
---@field method string?
---@field path string? Lua pattern for the raw path
---@field operation string? operationId of the contract, or `token`, `session`, `run`
---@field nth integer? the first matching request that is hit; default 1
---@field times integer? how many in a row are hit; default 1; math.huge: all

--- What happens to a request. fault_rules.lua says what may stand together.
---@class cdfworkflow.simulator.Fault
---@field match cdfworkflow.simulator.FaultMatch? default: the next request
---@field status integer? answer with this and do nothing: CDF's own refusal
---@field foreign "before"|"after"|nil with `status`: the answer is somebody else's, such as a balancer's, given before
---  the request was handled, or after
---@field body string|table|nil with `status`; default: CDF's envelope, or a page of a balancer for a foreign answer
---@field headers table<string, string>? added to the answer
---@field date number? seconds by which the answer's Date is ahead of the simulator's clock; behind when negative
---@field delay number? seconds before the answer goes out
---@field drop "before"|"after"|nil cut the connection before the request is handled, or after, with no answer
---@field truncate integer? cut the connection after so many bytes of the body
---@field close boolean? cut the connection right after the answer, without a word (over a socket only)
---@field behind number? a list is shown as it was so many seconds ago; hits lists only

---@class cdfworkflow.simulator.OrderedFault a fault that waits for its requests
---@field id integer
---@field fault cdfworkflow.simulator.Fault as it was ordered
---@field skip integer how many requests that fit go by before it hits
---@field left integer? how many it will hit; nil: all

---@return table faults
function M.new()
  return setmetatable({ ordered = {}, last_id = 0 }, Faults)
end

---@param fault cdfworkflow.simulator.Fault checked
---@return integer id
function Faults:order(fault)
  local match = fault.match or {}
  self.last_id = self.last_id + 1
  self.ordered[#self.ordered + 1] = {
    id = self.last_id,
    fault = copy(fault),
    operation = match.operation and operations.named(match.operation).operation,
    skip = (match.nth or 1) - 1,
    left = match.times or 1,
  }
  return self.last_id
end

-- JSON has no word for endless, so what is endless is left out.
local function finite(number)
  return number and number < math.huge and number or nil
end

---@return cdfworkflow.simulator.OrderedFault[] # in the order in which they were ordered
function Faults:list()
  local list = {}
  for position, entry in ipairs(self.ordered) do
    local fault = copy(entry.fault)
    if fault.match then fault.match.times = finite(fault.match.times) end
    list[position] = { id = entry.id, fault = fault, skip = entry.skip, left = finite(entry.left) }
  end
  return list
end

---@param id integer? all when left out
---@return integer # how many were taken back
function Faults:clear(id)
  local kept = {}
  for _, entry in ipairs(self.ordered) do
    if id and entry.id ~= id then kept[#kept + 1] = entry end
  end
  local cleared = #self.ordered - #kept
  self.ordered = kept
  return cleared
end

local function fits(entry, method, path, operation)
  local match = entry.fault.match or {}
  return (not match.method or match.method == method) and (not match.path or path:find(match.path) ~= nil)
    and (not entry.operation or entry.operation == operation)
    and (not entry.fault.behind or operation ~= nil and operations.is_list(operation))
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
      if entry.skip > 0 then
        entry.skip = entry.skip - 1
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

-- What an Envoy says when it loses the connection to what stands behind it; others show a page.
local ENVOY = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
local PAGE = "<html>\n<head><title>%d</title></head>\n<body>\n<center><h1>%d</h1></center>\n</body>\n</html>\n"

local function foreign_body(status)
  if status == 503 then return ENVOY, "text/plain" end
  return PAGE:format(status, status), "text/html"
end

local function ordered_answer(fault, envelope)
  local body, kind = fault.body, "text/plain"
  if body == nil and not fault.foreign then
    return envelope(fault.status, "This answer was ordered")
  elseif body == nil then
    body, kind = foreign_body(fault.status)
  elseif type(body) == "table" then
    body, kind = assert(core.encode(body)), "application/json"
  end
  return { status = fault.status, headers = { ["content-type"] = kind }, body = body }
end

local function response_to(fault, answer, envelope)
  if fault.drop == "before" then
    return { status = 0, headers = {}, body = "" }
  elseif not fault.status then
    return answer(fault.behind)
  elseif fault.foreign == "after" then
    answer()
  end
  return ordered_answer(fault, envelope)
end

---@param fault cdfworkflow.simulator.Fault
---@param answer fun(behind: number?): table what would be answered otherwise; lists as of so many seconds ago
---@param envelope fun(status: integer, message: string): table CDF's own way to refuse
---@return table response
function M.apply(fault, answer, envelope)
  local response = response_to(fault, answer, envelope)
  for name, value in pairs(fault.headers or {}) do
    response.headers[name:lower()] = value
  end
  response.fault = { drop = fault.drop, delay = fault.delay, truncate = fault.truncate, close = fault.close }
  return response
end

return M
