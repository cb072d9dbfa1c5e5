-- SPDX-License-Identifier: Apache-2.0
-- Runs a workflow with two branches and follows it: a tree that is drawn anew on a terminal, a line for each event
-- elsewhere. With a file name, `follow_with_picture.lua run.mmd`, it also writes the finished run as a Mermaid diagram.
-- It needs the same environment and functions as run_and_wait.lua.

local cdf = require "cdfworkflow"
local task = cdf.task

local client = assert(cdf.from_env())

local function clean(sensor)
  return task.fn {
    externalId = "clean-" .. sensor, functionExternalId = "fn-clean", dependsOn = { "read-sensors" },
    data = {
      readings = { [sensor] = ("${read-sensors.output.response.readings.%s}"):format(sensor) },
      limits = "${workflow.input.limits}",
    },
  }
end

assert(client.workflows:upsert { externalId = "cdfworkflow-branches", description = "Of the Lua library cdfworkflow" })
assert(client.workflows.versions:upsert {
  workflowExternalId = "cdfworkflow-branches", version = "1",
  workflowDefinition = cdf.definition {
    tasks = {
      task.fn {
        externalId = "read-sensors", functionExternalId = "fn-read-sensors",
        data = { sensors = "${workflow.input.sensors}" },
      },
      clean "pressure",
      clean "temperature",
      task.fn {
        externalId = "report", functionExternalId = "fn-report", dependsOn = { "clean-pressure", "clean-temperature" },
        data = {
          title = "Both sensors",
          cleaned = { "${clean-pressure.output.response}", "${clean-temperature.output.response}" },
        },
      },
    },
  },
})

local execution = assert(client:run("cdfworkflow-branches", "1", {
  input = {
    sensors = { "pressure", "temperature" },
    limits = { pressure = { 0, 16 }, temperature = { -20, 120 } },
  },
}))

local on_terminal = os.execute "test -t 1"
on_terminal = on_terminal == true or on_terminal == 0 -- 0 on Lua 5.1

local lines = 0
for event in client.workflows.executions:watch(execution, { interval = 0.2 }) do
  execution = event.execution
  if on_terminal then
    local picture = cdf.graph(execution, "text", { color = true })
    if lines > 0 then io.write(("\27[%dA\27[J"):format(lines)) end -- up to where the last one began, and clear
    print(picture)
    lines = select(2, picture:gsub("\n", "")) + 1
  else
    local name = event.task and event.task.externalId or "the execution"
    print(("%-18s %s%s"):format(event.type, name, event.reason and ": " .. event.reason or ""))
  end
end
if not on_terminal then print("\n" .. cdf.graph(execution, "text")) end

if arg[1] then
  local file = assert(io.open(arg[1], "w"))
  assert(file:write(cdf.graph(execution, "mermaid"), "\n"))
  assert(file:close())
end

client:close()
os.exit(execution.status == "COMPLETED" and 0 or 1)
