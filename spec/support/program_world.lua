-- SPDX-License-Identifier: Apache-2.0
-- For cdfworkflow-sim --load: workflows that end in every way, for the specs of the program.

local function task(id, fn, after, more)
  local result = {
    externalId = id, type = "function", retries = 0,
    parameters = { ["function"] = { externalId = fn, data = { input = "${workflow.input}" } } },
  }
  for i, name in ipairs(after or {}) do
    result.dependsOn = result.dependsOn or {}
    result.dependsOn[i] = { externalId = name }
  end
  for name, value in pairs(more or {}) do result[name] = value end
  return result
end

local function version(workflow, number, ...)
  return { workflowExternalId = workflow, version = number, workflowDefinition = { tasks = { ... } } }
end

--- 30 tasks side by side between a first and a last one.
local function wide()
  local tasks, names = { task("begin", "quick") }, {}
  for i = 1, 30 do
    names[i] = "part-" .. i
    tasks[i + 1] = task(names[i], i % 10 == 0 and "slow" or "quick", { "begin" })
  end
  tasks[32] = task("join", "quick", names)
  return tasks
end

local function by_hand(...)
  local waiting = task(...)
  waiting.parameters.isAsyncComplete = true
  return waiting
end

return {
  functions = {
    quick = function(data) return { got = data } end,
    brief = function() return {}, 1.5 end,
    slow = function() return {}, 3600 end,
    broken = function() error("the valve is shut", 0) end,
  },
  versions = {
    version("daily-report", "1", task("read", "quick"), task("write", "brief", { "read" })),
    version("fails", "1", task("read", "quick"), task("clean", "broken", { "read" })),
    version("times-out", "1", by_hand("sign", "quick"), by_hand("check", "quick", { "sign" }, { timeout = 86400 })),
    version("endless", "1", task("read", "slow"), task("write", "slow", { "read" })),
    version("by-hand", "1", by_hand("by-hand", "quick")),
    version("wide", "1", (table.unpack or unpack)(wide())), -- luacheck: ignore 143 113
    version("two-versions", "1", task("read", "quick")),
    version("two-versions", "2", task("read", "quick")),
  },
  workflows = { { externalId = "without-version" } },
}
