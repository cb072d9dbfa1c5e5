-- SPDX-License-Identifier: Apache-2.0
-- A transport that answers from a script and has a clock of its own: calls run without network and without time.

local Script = {}
Script.__index = Script

--- `answers`: one for each request, a response table, a failure table or a function(request, script) that gives one.
--- A member `takes` is how long the answer takes, in seconds.
function Script.new(answers)
  return setmetatable({ answers = answers, clock = 1000, log = {}, requests = {} }, Script)
end

function Script:now()
  return self.clock
end

function Script:sleep(seconds)
  self.clock = self.clock + seconds
  self.log[#self.log + 1] = { sleep = seconds }
end

function Script:http(request)
  local seen = {
    method = request.method, url = request.url, path = request.url:match("^%a+://[^/]+(/[^?]*)"),
    headers = {}, body = request.body, timeout = request.timeout, at = self.clock,
  }
  for name, value in pairs(request.headers) do seen.headers[name:lower()] = value end
  self.requests[#self.requests + 1] = seen
  self.log[#self.log + 1] = seen
  local answer = self.answers[#self.requests]
  if type(answer) == "function" then answer = answer(seen, self) end
  if not answer then error(("no answer in the script for %s %s"):format(seen.method, seen.url)) end
  self.clock = self.clock + (answer.takes or 0)
  if answer.failure == "timeout" and not answer.takes then self.clock = self.clock + request.timeout end
  return answer
end

--- "POST /x; sleep; GET /y": what happened, in words. Paths are shown below the project.
function Script:story()
  local parts = {}
  for _, entry in ipairs(self.log) do
    if entry.sleep then
      parts[#parts + 1] = "sleep"
    else
      parts[#parts + 1] = entry.method .. " " .. (entry.path:gsub("^/api/v1/projects/[^/]+", ""))
    end
  end
  return table.concat(parts, "; ")
end

function Script:slept()
  local sum = 0
  for _, entry in ipairs(self.log) do sum = sum + (entry.sleep or 0) end
  return sum
end

return Script
