-- SPDX-License-Identifier: Apache-2.0
-- What has happened to a delivery, as the lines of its log tell it. A line that a crash has cut off was not relied on
-- by anybody yet, and is passed over. Pure: text in, text out.

local contract = require "cdfworkflow.queue.contract"
local core = require "cdfworkflow.core"
local moment = require "cdfworkflow.queue.spool.moment"

---@class cdfworkflow.queue.Event : cdfworkflow.queue.Moment a line
---@field what "begun"|"failed"|"refused"|"retried"|"dropped"|"started"
---@field seconds? number with "begun": until its deadline
---@field in_doubt? boolean with "failed"
---@field untried? boolean with "refused": not by an attempt
---@field error? table
---@field execution? table with "started", like the next four
---@field id? string
---@field workflow? string
---@field version? string
---@field metadata? table<string, string>

---@class cdfworkflow.queue.History
---@field attempts integer
---@field first? cdfworkflow.queue.Event the first attempt
---@field last? cdfworkflow.queue.Event
---@field retried? cdfworkflow.queue.Event
---@field open? cdfworkflow.queue.Event of the latest attempt, where it may still bring about a run
---@field error? table of the latest attempt that had one
local History = {}
History.__index = History

--- Most bytes of a log that are read: an attempt each ten minutes, for years.
History.MOST = 64 * 1024 * 1024

--- A line for the log. What a crash may have cut off before it is ended first.
---@param event cdfworkflow.queue.Event
---@param before string the log so far
---@return string
function History.line(event, before)
  local is_cut = before ~= "" and before:sub(-1) ~= "\n"
  return (is_cut and "\n" or "") .. assert(core.encode(event)) .. "\n"
end

local add = {}

function add.begun(self, event)
  self.attempts, self.first, self.open = self.attempts + 1, self.first or event, event
end

function add.failed(self, event) self.open = event.in_doubt and event or nil end

function add.refused(self, event)
  if not event.untried then self.open = nil end
end

function add.retried(self, event) self.retried = event end

--- What was put before it was dropped is not what is waiting now, but its attempts count.
function add.dropped(self) self.retried = nil end

---@param text string
---@return cdfworkflow.queue.History
function History.read(text)
  local self = setmetatable({ attempts = 0 }, History)
  for line in text:gmatch "([^\n]+)\n" do
    local event = core.decode(line)
    if type(event) == "table" and type(event.what) == "string" and type(event.up) == "number" then
      self.last, self.error = event, event.error or self.error
      if add[event.what] then add[event.what](self, event) end
    end
  end
  return self
end

---@param what string
---@return boolean whether that was the last that happened
function History:ends_with(what) return self.last ~= nil and self.last.what == what end

--- Seconds that must go by before the next attempt, since the last one may still bring about a run.
---@param clock cdfworkflow.queue.Clock
---@param alone number seconds for which it has been certain that no other drain is alive
---@param is_ours boolean the last one is this process's, and may go on without its drain
---@return number
function History:wait(clock, alone, is_ours)
  local open = self.open
  if not open then return 0 end
  local age = moment.exactly(clock, open)
  local left = contract.SETTLED_AFTER - alone
  if age and open.what == "failed" then left = contract.SETTLED_AFTER - age end
  if age and open.what == "begun" then
    local by_deadline = open.seconds + contract.SETTLED_AFTER - age
    left = is_ours and by_deadline or math.min(left, by_deadline)
  end
  return math.max(left, 0)
end

return History
