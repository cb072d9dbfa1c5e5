-- SPDX-License-Identifier: Apache-2.0
-- Puts a workflow of three tasks into CDF, runs it, shows each task as it changes, and prints the report it made.
-- `make demo` runs it against the embedded CDF; with the environment variables of a real project it runs there, where
-- it needs Cognite Functions called fn-read-sensors, fn-clean and fn-report (functions.lua shows what each does).

local cdf = require "cdfworkflow"
local task = cdf.task

local client = assert(cdf.from_env())

local definition = cdf.definition {
  description = "From raw sensor values to a short report",
  tasks = {
    task.fn {
      externalId = "read-sensors", functionExternalId = "fn-read-sensors",
      data = { sensors = "${workflow.input.sensors}" },
    },
    task.fn {
      externalId = "clean", functionExternalId = "fn-clean", dependsOn = { "read-sensors" },
      data = { readings = "${read-sensors.output.response.readings}", limits = "${workflow.input.limits}" },
    },
    task.fn {
      externalId = "report", functionExternalId = "fn-report", dependsOn = { "clean" },
      data = { title = "Morning report of ${workflow.input.site}", cleaned = { "${clean.output.response}" } },
    },
  },
}

assert(client.workflows:upsert { externalId = "cdfworkflow-demo", description = "Of the Lua library cdfworkflow" })
assert(client.workflows.versions:upsert {
  workflowExternalId = "cdfworkflow-demo", version = "1", workflowDefinition = definition,
})

local execution = assert(client:run("cdfworkflow-demo", "1", {
  input = {
    site = "pump station 4",
    sensors = { "pressure", "temperature" },
    limits = { pressure = { 0, 16 }, temperature = { -20, 120 } },
  },
  metadata = { startedBy = "run_and_wait.lua" },
}))
print("Started execution " .. execution.id)

-- On a terminal one line that is written anew, elsewhere a line for each change.
local on_terminal = os.execute "test -t 1"
on_terminal = on_terminal == true or on_terminal == 0 -- 0 on Lua 5.1
local seen = {}

local function show(now)
  local words = {}
  for i, run in ipairs(now.executedTasks) do
    words[i] = run.externalId .. ": " .. run.status:lower():gsub("_", " ")
    if not on_terminal and seen[run.id] ~= run.status then print("  " .. words[i]) end
    seen[run.id] = run.status
  end
  if on_terminal then io.write("\r\27[K  ", table.concat(words, ", ")):flush() end
end

execution = assert(client:wait(execution, { interval = 0.2, on_change = show }))
if on_terminal then io.write "\r\27[K" end

print(cdf.graph(execution, "text", { color = on_terminal }))

for _, run in ipairs(execution.executedTasks) do
  local page = run.externalId == "report" and run.output.response
  if page then
    print(("\n%s\n  %s\n  %d values left out"):format(page.title, table.concat(page.lines, "\n  "), page.dropped))
  end
end

client:close()
os.exit(execution.status == "COMPLETED" and 0 or 1)
