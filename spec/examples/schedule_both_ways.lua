-- SPDX-License-Identifier: Apache-2.0
-- Puts a workflow on a cron schedule in both ways: by a trigger of CDF's own, and by a Cognite Function on a schedule,
-- for projects where triggers are not wanted. Running it again changes nothing; `schedule_both_ways.lua remove` takes
-- the schedules away. It needs the environment of run_and_wait.lua, signed in with client credentials.

local cdf = require "cdfworkflow"
local task = cdf.task

local WORKFLOW = "cdfworkflow-scheduled"

local client = assert(cdf.from_env())

local function is_ours(schedule)
  return schedule.workflow_external_id == WORKFLOW
end

if arg[1] == "remove" then
  for _, schedule in ipairs(assert(client:schedules())) do
    if is_ours(schedule) then
      assert(client:unschedule(schedule))
      print("Removed " .. schedule.name .. ", by " .. schedule.via)
    end
  end
  client:close()
  return
end

assert(client.workflows:upsert { externalId = WORKFLOW, description = "Of the Lua library cdfworkflow" })
assert(client.workflows.versions:upsert {
  workflowExternalId = WORKFLOW, version = "1",
  workflowDefinition = cdf.definition { tasks = {
    task.fn {
      externalId = "read-sensors", functionExternalId = "fn-read-sensors",
      data = { sensors = "${workflow.input.sensors}" },
    },
  } },
})

-- Six o'clock in Oslo on working days, summer and winter.
assert(client:schedule {
  workflow_external_id = WORKFLOW, version = "1", cron = "0 6 * * 1-5", timezone = "Europe/Oslo",
  input = { sensors = { "pressure" } },
})

-- The first call deploys the function that starts workflows, which takes minutes. Its schedules know UTC only. The
-- secret is kept with the function, since each run that it starts signs in anew.
assert(client:schedule {
  via = "function", workflow_external_id = WORKFLOW, version = "1", cron = "30 5 * * 1-5",
  input = { sensors = { "temperature" } }, metadata = { startedBy = "a function schedule" },
  client_credentials = { client_id = os.getenv "IDP_CLIENT_ID", client_secret = os.getenv "IDP_CLIENT_SECRET" },
})

for _, schedule in ipairs(assert(client:schedules())) do
  if is_ours(schedule) then
    print(("%-8s  %-12s  %-11s  starts %s version %s"):format(schedule.via, schedule.cron, schedule.timezone,
      schedule.workflow_external_id, schedule.version))
  end
end

client:close()
