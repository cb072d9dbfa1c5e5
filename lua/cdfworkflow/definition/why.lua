-- SPDX-License-Identifier: Apache-2.0
-- cdf.why: why an execution did not succeed, in one line for a person. Reads what it is given, whatever its shape, and
-- asks nobody.

local check = require "cdfworkflow.check"
local method = require "cdfworkflow.method"

--- What each status is called. A task that was skipped after its failure (COMPLETED_WITH_ERRORS) or that was stopped
--- because of another's (CANCELED) is not the reason.
local TASK_WORDS = {
  FAILED = "failed", FAILED_WITH_TERMINAL_ERROR = "failed for good", TIMED_OUT = "timed out",
}
local RUN_WORDS = { FAILED = "failed", TIMED_OUT = "timed out", TERMINATED = "was terminated" }
local LONGEST = 500 -- bytes of a line

local function as_table(value) return type(value) == "table" and value or {} end

local function as_text(value)
  return (type(value) == "string" or type(value) == "number") and tostring(value):find "%S" and tostring(value) or nil
end

--- One line of at most LONGEST bytes, cut between characters, without the signs that control a terminal.
local function line(text)
  text = text:gsub("\194[\128-\159]", " "):gsub("[%c%s]+", " "):gsub("^ ", ""):gsub(" $", "")
  if #text <= LONGEST then return text end
  return (text:sub(1, LONGEST):gsub("[\192-\255]?[\128-\191]*$", "")) .. "…"
end

-- {==== Which task ====

--- The last attempt of each task: CDF may list more than one (CDF.md section 6).
local function last_attempts(executed)
  local list, by_name = {}, {}
  for _, task in ipairs(as_table(executed)) do
    if type(task) == "table" and as_text(task.externalId) then
      local name = ("%s\n%s"):format(as_text(task.parentTaskExternalId) or "", task.externalId)
      local place = by_name[name] or #list + 1
      local known = list[place]
      local older = known and (tonumber(known.startTime) or math.huge) > (tonumber(task.startTime) or math.huge)
      if not older then list[place] = task end
      by_name[name] = place
    end
  end
  return list
end

local function by_id(tasks)
  local found = {}
  for _, task in ipairs(tasks) do found[task.externalId] = found[task.externalId] or task end
  return found
end

--- The tasks around this one, the nearest first, as far as they are known.
local function around(task, known)
  local list, seen = {}, { [task] = true }
  local parent = known[task.parentTaskExternalId or ""]
  while parent and not seen[parent] do
    seen[parent] = true
    list[#list + 1] = parent
    parent = known[parent.parentTaskExternalId or ""]
  end
  return list
end

--- A failure inside a task that went on all the same is not the reason.
local function matters(task, parents)
  for _, parent in ipairs(parents) do
    if not TASK_WORDS[parent.status] then return false end
  end
  return TASK_WORDS[task.status] ~= nil
end

--- The deepest task that failed, of several the one that failed first, with the tasks around it.
local function deepest(executed)
  local tasks = last_attempts(executed)
  local known = by_id(tasks)
  local found, parents, ended
  for _, task in ipairs(tasks) do
    local its_parents = around(task, known)
    local its_end = tonumber(task.endTime) or math.huge
    if matters(task, its_parents) and (not found or #its_parents > #parents
      or #its_parents == #parents and its_end < ended) then
      found, parents, ended = task, its_parents, its_end
    end
  end
  return found, parents
end

-- }====

-- {==== What went wrong in it ====

--- The message in an error of any of the shapes that functions, CDF's APIs and async tasks give.
local function message_in(value, depth)
  if type(value) ~= "table" then return as_text(value) end
  for _, name in ipairs { "message", "errorMessage", "error", "detail", "reason" } do
    local found = depth > 0 and message_in(value[name], depth - 1)
    if found then return found end
  end
  return nil
end

--- What the task's own output says: the answer to a cdf request, a function's or a simulation's words.
local function said(task)
  local output = as_table(task.output)
  local status = tonumber(output.statusCode)
  local request = as_table(as_table(task.input).cdfRequest)
  local message = message_in(output.error, 2)
    or type(output.response) == "table" and message_in(output.response, 3)
    or message_in(output, 2) or as_text(output.statusMessage)
  if not status or status < 400 then return message end
  local asked = as_text(request.resourcePath)
  asked = asked and ("%s %s "):format(as_text(request.method) or "", asked):gsub("^ ", "") or ""
  return ("%swas answered with %d%s"):format(asked == "" and "it " or asked, status, message and ": " .. message or "")
end

local function reason_of(task)
  local reason, more = as_text(task.reasonForIncompletion), said(task)
  if not reason then return more end
  if not more or reason:find(more, 1, true) then return reason end
  return reason .. "; " .. more
end

-- }====

local function of_task(task, parents)
  local places = {}
  for i, parent in ipairs(parents) do places[i] = ('in "%s"'):format(parent.externalId) end
  return line(('task "%s"%s %s: %s'):format(
    task.externalId, #places > 0 and " (" .. table.concat(places, ", ") .. ")" or "", TASK_WORDS[task.status],
    reason_of(task) or "CDF gives no reason"))
end

local function of_run(execution)
  local words = RUN_WORDS[execution.status]
  if not words then return nil end
  return line(("the run %s: %s"):format(words, as_text(execution.reasonForIncompletion) or "CDF gives no reason"))
end

--- Why an execution did not succeed, in one line for a person: the deepest task that failed, through subworkflows and
--- dynamic tasks, and its reason (what CDF says of it, the status of a request, a function's error). An execution out
--- of a list, without its tasks, has no more than its own reason; `executions:retrieve` gives the tasks.
---
---     print(cdf.why(failed)) --> task "clean" (in "north") failed: division by zero
---@param execution cdfworkflow.Execution as `retrieve`, `wait`, `list` or `run` give it
---@return string|nil line nil where nothing failed
local function why(execution)
  if execution.status == "COMPLETED" then return nil end
  if execution.status == "TERMINATED" then return of_run(execution) end
  local task, parents = deepest(execution.executedTasks)
  if task then return of_task(task, parents) end
  return of_run(execution)
end

local EXECUTION = { word = "an execution, as executions:retrieve gives it", accepts = check.object.accepts }

return method.fn("cdf.why", { { "execution", EXECUTION, required = true } }, why)
