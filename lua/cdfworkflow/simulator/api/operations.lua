-- SPDX-License-Identifier: Apache-2.0
-- All operations that there are: gathered from the rooms, each with its whole path and the check of its body.

local router = require "cdfworkflow.simulator.api.router"
local schema = require "cdfworkflow.simulator.api.schema"
local suggest = require "cdfworkflow.suggest"

local operations = {}

local ROOMS = {
  "auth", "sessions", "workflows", "versions", "executions", "triggers", "functions", "calls", "schedules", "files",
}

--- Where what belongs to a project lies.
operations.PROJECT_PATH = "/api/v1/projects/{project}"

--- Names that are quicker to say.
operations.SHORT = { token = "issueToken", session = "createSessions", run = "runWorkflowVersion" }

local routes, known, words = router.new(), {}, {}

local function name_it(name, entry)
  known[name] = known[name] or entry
  words[#words + 1] = name
end

-- Operations lie under a project unless they say their whole path.
local function gather(room)
  for _, operation in ipairs(require("cdfworkflow.simulator.api." .. room).operations) do
    local entry = {}
    for name, value in pairs(operation) do
      entry[name] = value
    end
    if operation.acl then
      entry.path = operations.PROJECT_PATH .. operation.path
    end
    entry.check = schema.body[operation.operation]
    routes:add(entry)
    name_it(operation.operation, entry)
  end
end

for _, room in ipairs(ROOMS) do
  gather(room)
end
for name, operation in pairs(operations.SHORT) do
  name_it(name, known[operation])
end
table.sort(words)

--- The router over all of them.
operations.routes = routes

---@param name any an operationId of the API, or a short name
---@return { operation: string, method: string, path: string }|nil
---@return string|nil message why there is none
function operations.named(name)
  if known[name] then
    return known[name]
  end
  return nil, ("there is no operation %q%s"):format(tostring(name), suggest.hint(name, words))
end

---@param operation string operationId
---@return boolean # whether it answers with a list of what there is
function operations.is_list(operation)
  return operation:find("^list") ~= nil
end

return operations
