-- SPDX-License-Identifier: Apache-2.0
-- Tasks of type `jsonMapping` (CDF.md section 20).

local rules = require "cdfworkflow.definition.rules"

---@class cdfworkflow.JsonMappingTaskMembers : cdfworkflow.TaskMembers
---@field expression string in CDF's own mapping language
---@field inputs? any[]|string what the expression calls its inputs, or a reference
---@field input? any JSON that the expression works on; may hold references

---     local names = cdf.task.json_mapping {
---       externalId = "names", expression = "input.map(x => x.name)", input = "${fetch.output.response}",
---     }
---@class cdfworkflow.task
---@field json_mapping fun(t: cdfworkflow.JsonMappingTaskMembers): cdfworkflow.Task makes one JSON value of another. The
---  task's output has the member `result`

local function inputs(report, value, path)
  if not rules.is_reference(value) then rules.entries(report, value, path) end
end

---@type cdfworkflow.TaskType
return {
  type = "jsonMapping", builder = "json_mapping", holder = "jsonMapping", output = { "result" },
  members = {
    { "expression", rules.name_text, required = true },
    { "inputs", inputs, is_list = true },
    { "input", true },
  },
}
