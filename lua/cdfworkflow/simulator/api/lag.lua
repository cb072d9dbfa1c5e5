-- SPDX-License-Identifier: Apache-2.0
-- A list that is behind: what was made since is missing, and an execution that has started or ended since has not yet.

local lag = {}

local BORN = { "createdTime", "creationTime", "fireTime", "startTime" }

local function is_newer(item, time)
  for _, member in ipairs(BORN) do
    if item[member] then
      return item[member] > time
    end
  end
  return false
end

---@param exchange cdfworkflow.simulator.Exchange
---@return integer|nil # milliseconds: as of when the call's list is shown; nil for now
function lag.time(exchange)
  return exchange.behind and exchange.sim:now() - exchange.behind * 1000
end

---@param answer { items: table[] } the answer of an operation that lists; changed
---@param time integer|nil as `lag.time` gives it
---@return table answer
function lag.show(answer, time)
  local items = time and answer.items or {}
  for position = #items, 1, -1 do
    if is_newer(items[position], time) then
      table.remove(items, position)
    end
  end
  return answer
end

---@param execution table as the API shows it; changed
---@param time integer|nil
---@return table execution
function lag.execution(execution, time)
  if time and (execution.endTime or 0) > time then
    execution.status, execution.endTime, execution.reasonForIncompletion = "RUNNING", nil, nil
  end
  if time and (execution.startTime or 0) > time then
    execution.startTime = nil
  end
  return execution
end

return lag
