-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `cdf`.

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.CdfTaskMembers : cdfworkflow.TaskMembers
---@field resourcePath string the path below the project, such as `/timeseries/list`; may hold references
---@field method "GET"|"POST"|"PUT"|string one of these, or a reference
---@field queryParameters? table|string an object, or a reference
---@field body? table|string an object of at most 1024 KiB, or a reference
---@field requestTimeoutInMillis? integer|string milliseconds, or a reference; CDF's default is 10000
---@field cdfVersionHeader? "alpha"|"beta" for CDF's preview features

---     local rows = cdf.task.cdf {
---       externalId = "rows", resourcePath = "/timeseries/data/list", method = "POST",
---       body = { items = "${fetch.output.response}" },
---     }
---@class cdfworkflow.task
---@field cdf fun(t: cdfworkflow.CdfTaskMembers): cdfworkflow.Task makes one request to CDF's own API. The task's output
---  has the members `response` and `statusCode`

local MAX_BODY = rules.object(1024 * 1024, rules.report_error)
local PUBLISHED_BODY = rules.object(100 * 1024, rules.report_warning)

--- The SDK's own limit, and below it the one that is published.
local function body(report, value, path)
  local before = #report.findings
  MAX_BODY(report, value, path)
  if #report.findings == before then PUBLISHED_BODY(report, value, path) end
end

local function timeout(report, value, path)
  rules.milliseconds(report, value, path)
  if rules.is_whole(value, 0, 99) then
    rules.report_warning(report, "out-of-range", path,
      ("requestTimeoutInMillis is %d; CDF's own API description allows 100 and more"):format(value))
  end
end

local function version_header(report, value, path)
  if value ~= "alpha" and value ~= "beta" and not rules.is_reference(value) then
    rules.report_warning(report, "bad-value", path,
      ("cdfVersionHeader is %s; CDF's own API description allows alpha and beta"):format(rules.shown(value)))
  end
end

---@type cdfworkflow.TaskType
return {
  type = "cdf", builder = "cdf", holder = "cdfRequest", output = { "response", "statusCode" },
  members = {
    { "resourcePath", rules.all(rules.name_text, rules.published_text(128)), required = true },
    { "method", rules.one_of({ "GET", "POST", "PUT" }, true), required = true },
    {
      "queryParameters", rules.all(rules.object(), rules.texts(5, rules.published_text(50), rules.report_warning)),
      default = {},
    },
    { "body", body },
    { "requestTimeoutInMillis", timeout, default = 10000 },
    { "cdfVersionHeader", version_header },
  },
}
