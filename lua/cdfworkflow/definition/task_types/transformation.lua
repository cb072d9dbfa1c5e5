-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `transformation`.

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.TransformationTaskMembers : cdfworkflow.TaskMembers
---@field transformationExternalId string the transformation to run
---@field concurrencyPolicy? "fail"|"waitForCurrent"|"restartAfterCurrent" what to do when it runs already; CDF's
---  default is fail
---@field useTransformationCredentials? boolean when true it runs with the credentials kept with it

---     local clean = cdf.task.transformation {
---       externalId = "clean", transformationExternalId = "clean", dependsOn = { "fetch" },
---     }
---@class cdfworkflow.task
---@field transformation fun(t: cdfworkflow.TransformationTaskMembers): cdfworkflow.Task runs a CDF transformation. The
---  task's output has the member `jobId`

---@type cdfworkflow.TaskType
return {
  type = "transformation", builder = "transformation", holder = "transformation", output = { "jobId" },
  members = {
    { "externalId", rules.name_text, required = true, builder = "transformationExternalId" },
    { "concurrencyPolicy", rules.one_of { "fail", "waitForCurrent", "restartAfterCurrent" }, default = "fail" },
    { "useTransformationCredentials", rules.boolean, default = false },
  },
}
