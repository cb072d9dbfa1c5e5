-- SPDX-License-Identifier: Apache-2.0
-- How late `wait` notices the end of a run, and what it asks for that: the library's own poller, on a clock that only
-- sleeping moves.

local wait = require "cdfworkflow.api.wait"

local TRIALS = 4000

--- Mean lateness in seconds, and looks, over runs of so many seconds.
local function waiting_for(seconds)
  local late, looks = 0, 0
  for _ = 1, TRIALS do
    local clock = 0
    local client = {
      _now = function() return clock end,
      _sleep = function(_, pause)
        clock = clock + pause
        return true
      end,
    }
    local next_look = wait.poller(client, function()
      looks = looks + 1
      return clock >= seconds
    end, { timeout = math.huge })
    repeat until next_look()
    late = late + clock - seconds
  end
  return late / TRIALS, looks / TRIALS
end

return function(add)
  for _, aim in ipairs { { 2, 0.3, 5 }, { 20, 1, 20 }, { 200, 5, 40 }, { 2000, 7, 200 } } do
    local late, looks = waiting_for(aim[1])
    add(("wait, a run of %d s: mean lateness"):format(aim[1]), late, aim[2], "s")
    add(("wait, a run of %d s: requests"):format(aim[1]), looks, aim[3])
  end
end
