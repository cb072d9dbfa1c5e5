-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `function`. (`function` itself is a word of Lua.)

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.FunctionTaskMembers : cdfworkflow.TaskMembers
---@field functionExternalId string the Cognite Function to call; may hold a reference
---@field data? table|string the function's input: an object whose texts may hold references, or one reference
---@field isAsyncComplete? boolean when true the task stays in progress until `client.workflows.tasks:update`

---     local fetch = cdf.task.fn {
---       externalId = "fetch", functionExternalId = "fetch", data = { day = "${workflow.input.day}" }, retries = 2,
---     }
---@class cdfworkflow.task
---@field fn fun(t: cdfworkflow.FunctionTaskMembers): cdfworkflow.Task calls a Cognite Function. The task's output has
---  the members `callId`, `functionId` and `response`

---@type cdfworkflow.TaskType
return {
  type = "function", builder = "fn", holder = "function", output = { "callId", "functionId", "response" },
  members = {
    { "externalId", rules.name_text, required = true, builder = "functionExternalId" },
    { "data", rules.object(100 * 1024, rules.report_warning), not_empty = true, default = {} },
  },
  beside = { { "isAsyncComplete", rules.boolean, default = false } },
}
