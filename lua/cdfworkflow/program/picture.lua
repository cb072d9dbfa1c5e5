-- SPDX-License-Identifier: Apache-2.0
-- A run as a tree that is drawn anew on a terminal: no line beyond its width, no more lines than it has, and once more
-- in full when the run is over.

local columns = require "cdfworkflow.definition.columns"
local core = require "cdfworkflow.core"
local graph = require "cdfworkflow.definition.graph"

---@class cdfworkflow.program.Picture
---@field out cdfworkflow.program.Output
---@field execution? cdfworkflow.Execution as last seen
---@field drawn integer[] how many columns each line on the screen takes
---@field began number when the picture was begun
---@field at? number when it was last drawn
local Picture = {}
Picture.__index = Picture

local NARROWEST = 20 -- columns; what is narrower gets broken lines
local REFRESH = 1 -- seconds; the durations go on

---@param out cdfworkflow.program.Output
---@return cdfworkflow.program.Picture
function Picture.new(out) return setmetatable({ out = out, drawn = {}, began = core.now() }, Picture) end

local OVER = {
  COMPLETED = true, COMPLETED_WITH_ERRORS = true, FAILED = true, FAILED_WITH_TERMINAL_ERROR = true, TIMED_OUT = true,
  CANCELED = true, CANCELLED = true, SKIPPED = true,
}
local WELL = { COMPLETED = true, SKIPPED = true }

--- How many of the workflow's own tasks are over, and how many there are.
local function count(execution)
  local definition = execution.workflowDefinition or {}
  local over, done = {}, 0
  for _, task in ipairs(execution.executedTasks or {}) do
    if not task.parentTaskExternalId then over[task.externalId] = OVER[task.status] or false end
  end
  for _, is_over in pairs(over) do done = done + (is_over and 1 or 0) end
  return done, math.max(#(definition.tasks or {}), done)
end

--- How long the run has been going on: by CDF's time where our clock goes with it.
local function elapsed(self)
  local started = tonumber(self.execution.startTime)
  local since = started and core.time() - started / 1000
  if not since or since < 0 or since > 25 * 3600 then since = core.now() - self.began end
  return ("%d:%02d"):format(math.floor(since / 60), math.floor(since % 60))
end

local function split(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

--- The execution with those tasks only that are under way or did not go well, side by side.
local function without_the_rest(execution)
  local tasks = {}
  for _, task in ipairs(execution.executedTasks or {}) do
    if not WELL[task.status] then tasks[#tasks + 1] = task end
  end
  return {
    workflowExternalId = execution.workflowExternalId, version = execution.version, status = execution.status,
    startTime = execution.startTime, endTime = execution.endTime, engineExecutionId = execution.engineExecutionId,
    reasonForIncompletion = execution.reasonForIncompletion, executedTasks = tasks,
  }
end

--- The lines of the picture, `rows` at most.
local function lines_of(self, width, rows)
  local opts = { color = self.out.error_color, ascii = not self.out.utf8, width = math.max(width, NARROWEST) }
  local done, all = count(self.execution)
  local lines = split(graph(self.execution, "text", opts))
  if #lines + 1 > rows then lines = split(graph(without_the_rest(self.execution), "text", opts)) end
  table.insert(lines, 2, columns.fit(("  %d of %d tasks done, %s"):format(done, all, elapsed(self)), opts.width))
  local hidden = #lines - rows
  if hidden > 0 then
    for _ = 1, hidden + 1 do lines[#lines] = nil end
    lines[#lines + 1] = columns.fit(("  and %d more"):format(hidden + 1), opts.width)
  end
  return lines
end

local function plain_width(line) return columns.of((line:gsub("\27%[[%d;]*m", ""))) end

--- Takes the picture off the screen. The terminal may be narrower now, and what was one line may be two.
function Picture:erase()
  local width = self.out:canvas() or 1
  local rows = 0
  for _, taken in ipairs(self.drawn) do rows = rows + math.max(math.ceil(taken / width), 1) end
  if rows > 0 then io.stderr:write(("\27[%dA\r\27[J"):format(rows)) end
  self.drawn, self.at = {}, nil
end

local function write(self, lines)
  for i, line in ipairs(lines) do
    self.drawn[i] = plain_width(line)
    io.stderr:write(line, "\n")
  end
  io.stderr:flush()
end

function Picture:draw()
  local width, rows = self.out:canvas()
  if not self.execution or not width then return end
  local lines = lines_of(self, width - 1, math.max(rows - 1, 2))
  self:erase()
  write(self, lines)
  self.at = core.now()
end

--- Draws anew what goes on by itself.
function Picture:tick()
  if not self.at or core.now() - self.at >= REFRESH then self:draw() end
end

---@param execution cdfworkflow.Execution
function Picture:show(execution)
  self.execution = execution
  self:draw()
end

--- The whole tree, which stays.
function Picture:finish()
  self:erase()
  if not self.execution then return end
  local width = self.out:canvas()
  io.stderr:write(graph(self.execution, "text", {
    color = self.out.error_color, ascii = not self.out.utf8, width = width and math.max(width - 1, NARROWEST),
  }), "\n")
end

return Picture
