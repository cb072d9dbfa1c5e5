-- SPDX-License-Identifier: Apache-2.0
-- Defines a workflow, finds its mistakes without asking CDF, and draws it once they are put right.
-- Run it before a deployment: the exit status is 0 only if nothing is wrong. It needs no CDF and no network.

local cdf = require "cdfworkflow"
local task = cdf.task

--- Prints what is wrong; true when nothing is.
local function is_sound(name, definition)
  local findings, sound = cdf.lint(definition), true
  print(("%s: %d finding%s"):format(name, #findings, #findings == 1 and "" or "s"))
  for _, finding in ipairs(findings) do
    print(("  %-7s  %s\n           %s"):format(finding.severity, finding.path, finding.message))
    sound = sound and finding.severity ~= "error"
  end
  return sound
end

-- Four slips: `inputs`, a timeout beyond CDF's limit, `lod`, and an output that transformations do not have.
local first_try = cdf.definition {
  tasks = {
    task.fn { externalId = "plan", functionExternalId = "fn-plan", data = { day = "${workflow.inputs.day}" } },
    task.transformation {
      externalId = "load", transformationExternalId = "tr-load", dependsOn = { "plan" }, timeout = 90000,
    },
    task.fn {
      externalId = "report", functionExternalId = "fn-report", dependsOn = { "lod" },
      data = { rows = "${load.output.rows}" },
    },
  },
}
is_sound("First try", first_try)

local plan = task.fn {
  externalId = "plan", functionExternalId = "fn-plan", data = { day = "${workflow.input.day}" },
}
local load_rows = task.transformation {
  externalId = "load", transformationExternalId = "tr-load", dependsOn = { plan }, timeout = 7200, retries = 1,
}
local simulate = task.dynamic { externalId = "simulate", tasks = "${plan.output.response.tasks}", dependsOn = { plan } }
local report = task.fn {
  externalId = "report", functionExternalId = "fn-report", dependsOn = { load_rows, simulate },
  data = { job = "${load.output.jobId}", day = "${workflow.input.day}" },
}
local definition = cdf.definition { description = "A day's figures", tasks = { plan, load_rows, simulate, report } }

local sound = is_sound("\nSecond try", definition)
print("\n" .. cdf.graph(definition, "text"))
os.exit(sound and 0 or 1)
