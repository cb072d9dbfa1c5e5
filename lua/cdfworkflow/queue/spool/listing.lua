-- SPDX-License-Identifier: Apache-2.0
-- What is in the folders of a spool: the oldest deliveries, how many there are, and what may be swept out. Folders are
-- read in pieces, since they may be large and a host has other things to do.

local History = require "cdfworkflow.queue.spool.history"
local contract = require "cdfworkflow.queue.contract"
local moment = require "cdfworkflow.queue.spool.moment"
local tally = require "cdfworkflow.queue.spool.tally"

local listing = {}

local PIECE, PAUSE = 2000, 0.001 -- files; seconds
local MOST = 1000000000
local ABANDONED = 3600 -- seconds after which a file that is being written is not written by anybody any more

--- The oldest of a folder's files: names, times; how many files there are, and bytes in them.
local function scan(self, folder, most)
  local found, message = folder:scan(math.min(most, MOST))
  if not found then return nil, message end
  local more
  repeat
    more, message = found:step(PIECE)
    if more then self.clock.sleep(PAUSE) end
  until not more
  if message then return nil, message end
  return found:result()
end

---@class cdfworkflow.queue.Listed
---@field name string
---@field time number
---@field state string

local function add(into, state, names, times)
  for i, name in ipairs(names) do into[#into + 1] = { name = name, time = times[i], state = state } end
end

local function older(a, b)
  if a.time ~= b.time then return a.time < b.time end
  return a.name < b.name
end

--- The oldest deliveries.
---@param self cdfworkflow.queue.Spool
---@param most number
---@param only? "waiting"|"refused"
---@return cdfworkflow.queue.Listed[]|nil found
---@return string? message
function listing.oldest(self, most, only)
  local found = {}
  for _, state in ipairs(only and { only } or { "waiting", "refused" }) do
    local names, times = scan(self, self[state], most)
    if not names then return nil, times end
    add(found, state, names, times)
  end
  if not only then table.sort(found, older) end
  for i = #found, most + 1, -1 do found[i] = nil end
  return found
end

--- The oldest that wait, and a tally that is right again.
---@param self cdfworkflow.queue.Spool
---@param most number
---@return cdfworkflow.queue.Listed[]|nil found
---@return string? message
function listing.count(self, most)
  local before, message = tally.read(self.root)
  if not before then return nil, message end
  local names, times, files, bytes = scan(self, self.waiting, most)
  if not names then return nil, times end
  local refused, trouble, refused_files, refused_bytes = scan(self, self.refused, 1)
  if not refused then return nil, trouble end
  tally.correct(self.root, { waiting = files, refused = refused_files, bytes = bytes + refused_bytes }, before.changes)
  local found = {}
  add(found, "waiting", names, times)
  return found
end

local function is_over(self, name)
  if self.waiting:size(name) or self.refused:size(name) then return false end
  local text = self.log:read(name, History.MOST)
  local last = text and History.read(text).last
  return text == "" or last and moment.at_least(self.clock, last) > contract.REMEMBERED
end

--- Removes the log of what is long over, unless somebody has it in use.
local function sweep_log(self, name)
  local log = self.log:lock(name, false, false)
  if not log then return end
  if is_over(self, name) then self.log:remove(name) end
  log:close()
end

--- Sweeps out what is not needed any more: logs of what was started or dropped more than a day ago, and files whose
--- writers were killed. What cannot be removed now is left for the next time.
---@param self cdfworkflow.queue.Spool
function listing.sweep(self)
  local now = self.clock.time()
  for folder, age in pairs { log = contract.REMEMBERED, new = ABANDONED } do
    local names, times = scan(self, self[folder], 10000)
    for i, name in ipairs(names or {}) do
      if now - times[i] > age then
        if folder == "new" then self.new:remove(name) else sweep_log(self, name) end
      end
    end
  end
end

return listing
