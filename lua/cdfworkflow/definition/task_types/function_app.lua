-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `functionApp` (CDF.md section 20).

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.FunctionAppTaskMembers : cdfworkflow.TaskMembers
---@field functionAppExternalId string the Function App to call; may hold a reference
---@field path string the path in the app, at most 255 characters
---@field method? string such as "GET" or "POST", or a reference
---@field parameters? table<string, string> of the query, at most 10
---@field body? any JSON; may hold references

---     local ask = cdf.task.function_app {
---       externalId = "ask", functionAppExternalId = "app", path = "/health", method = "GET",
---     }
---@class cdfworkflow.task
---@field function_app fun(t: cdfworkflow.FunctionAppTaskMembers): cdfworkflow.Task makes one request to a Function App.
---  What the task's output holds is not documented

local function text(report, value, path)
  if type(value) ~= "string" then rules.must(report, path, "text", value) end
end

---@type cdfworkflow.TaskType
return {
  type = "functionApp", builder = "function_app", holder = "functionApp",
  members = {
    { "externalId", rules.name_text, required = true, builder = "functionAppExternalId" },
    { "path", rules.text(255), required = true },
    { "method", text },
    { "parameters", rules.all(rules.object(), rules.texts(10, text, rules.report_error)) },
    { "body", true },
  },
}
