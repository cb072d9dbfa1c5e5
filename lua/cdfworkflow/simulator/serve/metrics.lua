-- SPDX-License-Identifier: Apache-2.0
-- What the simulator has done and holds, as Prometheus reads it (text format 0.0.4).

local sorted_keys = require "cdfworkflow.sorted_keys"

local metrics = {}

local REQUESTS = "Requests, by operation and status of the answer, also of one that an ordered fault lost on its way; "
  .. "0 is a request that was cut off unhandled."

local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local function labels(pairs_of)
  local parts = {}
  for i = 1, #pairs_of, 2 do
    parts[#parts + 1] = ('%s="%s"'):format(pairs_of[i], (pairs_of[i + 1]:gsub('[\\"\n]', ESCAPES)))
  end
  return #parts > 0 and "{" .. table.concat(parts, ",") .. "}" or ""
end

local function family(lines, kind, name, help)
  lines[#lines + 1] = ("# HELP cdfworkflow_sim_%s %s"):format(name, help)
  lines[#lines + 1] = ("# TYPE cdfworkflow_sim_%s %s"):format(name, kind)
  return function(value, ...)
    lines[#lines + 1] = ("cdfworkflow_sim_%s%s %.14g"):format(name, labels { ... }, value)
  end
end

local function count(list, status_of)
  local counts = {}
  for _, entry in pairs(list) do
    local status = status_of(entry)
    counts[status] = (counts[status] or 0) + 1
  end
  return counts
end

local function execution_status(execution)
  return execution.queued and "QUEUED" or execution.status
end

local function session_status(session)
  return session.status
end

local function by_status(sample, sim, list_of, status_of)
  for _, name in ipairs(sorted_keys(sim.projects)) do
    local counts = count(list_of(sim.projects[name]), status_of)
    for _, status in ipairs(sorted_keys(counts)) do sample(counts[status], "project", name, "status", status) end
  end
end

local function requests(sample, sim)
  for _, operation in ipairs(sorted_keys(sim.counts)) do
    local counts = sim.counts[operation]
    for _, status in ipairs(sorted_keys(counts)) do sample(counts[status], "operation", operation, "status", status) end
  end
end

---@param sim cdfworkflow.simulator.Simulator
---@return string
function metrics.text(sim)
  local lines = {}
  requests(family(lines, "counter", "requests_total", REQUESTS), sim)
  by_status(family(lines, "gauge", "executions", "Workflow executions that are kept."), sim, function(project)
    return project.engine_state.executions
  end, execution_status)
  by_status(family(lines, "gauge", "sessions", "Sessions that are kept."), sim, function(project)
    return project.state.sessions
  end, session_status)
  family(lines, "gauge", "faults", "Faults that were ordered and wait.")(#sim:list_faults())
  family(lines, "gauge", "clock_seconds", "The simulator's clock.")(sim:now() / 1000)
  family(lines, "gauge", "memory_bytes", "What Lua holds.")(collectgarbage "count" * 1024)
  return table.concat(lines, "\n") .. "\n"
end

return metrics
