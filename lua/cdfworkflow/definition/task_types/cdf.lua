-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `cdf`.

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.CdfTaskMembers : cdfworkflow.TaskMembers
---@field resourcePath string the path below the project, such as `/timeseries/list`; may hold references
---@field method "GET"|"POST"|"PUT"|string one of these, or a reference
---@field queryParameters? table|string an object, or a reference
---@field body? table|string an object of at most 1024 KiB, or a reference
---@field requestTimeoutInMillis? integer|string milliseconds, or a reference; CDF's default is 10000

---@class cdfworkflow.task
---@field cdf fun(t: cdfworkflow.CdfTaskMembers): cdfworkflow.Task makes one request to CDF's own API. The task's output
---  has the members `response` and `statusCode`

---@type cdfworkflow.TaskType
return {
  type = "cdf", builder = "cdf", holder = "cdfRequest", output = { "response", "statusCode" },
  members = {
    { "resourcePath", rules.name_text, required = true },
    { "method", rules.one_of({ "GET", "POST", "PUT" }, true), required = true },
    { "queryParameters", rules.object() },
    { "body", rules.object(1024 * 1024, rules.report_error) },
    { "requestTimeoutInMillis", rules.milliseconds },
    { "cdfVersionHeader", true },
  },
}
