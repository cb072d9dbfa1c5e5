-- SPDX-License-Identifier: Apache-2.0
-- From documents to CDF: what each becomes, how it differs from what CDF has, and putting it there.

local answer = require "cdfworkflow.api.answer"
local difference = require "cdfworkflow.definition.difference"
local exits = require "cdfworkflow.program.exits"

local deployment = {}

---@class cdfworkflow.program.Step
---@field kind "workflow"|"version"|"trigger"
---@field name string for people
---@field action "create"|"update"|"none"
---@field changes cdfworkflow.Change[] of an update
---@field resource table as it will be sent
---@field credentials? { client_id: string, client_secret: string } of a trigger's runs

local function wrong(document, message)
  local place = document.file .. (document.index and ("[%d]"):format(document.index) or "")
  exits.fail(exits.INPUT, ("%s: %s"):format(place, message))
end

-- {==== Variables of the environment, as the Toolkit fills them in ====

local function inject(value, variables)
  if type(value) == "string" then return (value:gsub("%${([^}]+)}", variables)) end
  if type(value) ~= "table" then return value end
  for key, member in pairs(value) do value[key] = inject(member, variables) end
  return value
end

--- What stands as ${…} in a task's parameters is a reference of the workflow's.
local function inject_version(version, variables)
  local definition = type(version.workflowDefinition) == "table" and version.workflowDefinition or {}
  local kept = {}
  for _, task in ipairs(type(definition.tasks) == "table" and definition.tasks or {}) do
    if type(task) == "table" then kept[task], task.parameters = task.parameters, nil end
  end
  inject(version, variables)
  for task, parameters in pairs(kept) do task.parameters = parameters end
end

--- The credentials that a trigger's file holds, taken out of it.
local function take_credentials(document)
  local authentication = document.value.authentication
  document.value.authentication = nil
  if type(authentication) ~= "table" then return nil end
  local pair = { client_id = authentication.clientId, client_secret = authentication.clientSecret }
  for _, name in ipairs { "client_id", "client_secret" } do
    local text = pair[name]
    if type(text) ~= "string" then wrong(document, "authentication must have clientId and clientSecret") end
    local left = text:match "%${([^}]+)}"
    if left then wrong(document, ("authentication: the environment variable %s is not set"):format(left)) end
  end
  return pair
end

-- }====

-- {==== The kinds ====

--- A data set's id by its external id, which is what the Toolkit's files have.
local function set_data_set(client, workflow)
  local external_id = workflow.dataSetExternalId
  if external_id == nil then return end
  local items = { items = { { externalId = external_id } } }
  local found, err = answer.first("data set", client:request("POST", "/datasets/byids", items))
  if not found then
    exits.fail(exits.of_error(err), ("the data set %s of the workflow %s: %s"):format(tostring(external_id),
      workflow.externalId, err.message))
  end
  workflow.dataSetExternalId, workflow.dataSetId = nil, found.id
end

--- What CDF has, or nil.
local function found(resource, err)
  if resource or answer.is_missing(err) then return resource end
  exits.fail_with(err)
end

---@class cdfworkflow.program.DeployedKind
---@field names string[] the members that name one
---@field prepare? fun(client: cdfworkflow.Client, resource: table)
---@field find fun(client: cdfworkflow.Client, resource: table): table|nil
---@field put fun(client: cdfworkflow.Client, step: cdfworkflow.program.Step): table|nil, cdfworkflow.Error?

---@type table<string, cdfworkflow.program.DeployedKind>
local KINDS = {
  workflow = {
    names = { "externalId" }, prepare = set_data_set,
    find = function(client, resource) return found(client.workflows:retrieve(resource.externalId)) end,
    put = function(client, step) return client.workflows:upsert(step.resource) end,
  },
  version = {
    names = { "workflowExternalId", "version" },
    find = function(client, resource)
      return found(client.workflows.versions:retrieve(resource.workflowExternalId, resource.version))
    end,
    put = function(client, step) return client.workflows.versions:upsert(step.resource) end,
  },
  trigger = {
    names = { "externalId" },
    find = function(client, resource)
      for _, trigger in ipairs(exits.check(client.workflows.triggers:list { limit = math.huge })) do
        if trigger.externalId == resource.externalId then return trigger end
      end
    end,
    put = function(client, step)
      return client.workflows.triggers:upsert(step.resource, { client_credentials = step.credentials })
    end,
  },
}

local function name_of(document)
  local names = {}
  for i, member in ipairs(KINDS[document.kind].names) do
    local value = document.value[member]
    if type(value) ~= "string" and type(value) ~= "number" then wrong(document, member .. " is missing, or no text") end
    names[i] = tostring(value)
  end
  return table.concat(names, " ")
end

-- }====

-- {==== The order ====

local ORDER = { "workflow", "version", "trigger" }

--- The versions of other workflows that a version runs.
local function runs_of(version)
  local names = {}
  local definition = type(version.workflowDefinition) == "table" and version.workflowDefinition or {}
  for _, task in ipairs(type(definition.tasks) == "table" and definition.tasks or {}) do
    local inner = type(task) == "table" and type(task.parameters) == "table" and task.parameters.subworkflow
    if type(inner) == "table" and inner.workflowExternalId then
      names[#names + 1] = ("%s %s"):format(inner.workflowExternalId, inner.version)
    end
  end
  return names
end

--- Adds a step after those that it rests on.
local function add_after(steps, step, by_name, added)
  if added[step] then return end
  added[step] = true
  for _, name in ipairs(step.kind == "version" and runs_of(step.resource) or {}) do
    if by_name["version " .. name] then add_after(steps, by_name["version " .. name], by_name, added) end
  end
  steps[#steps + 1] = step
end

local function in_order(all, by_name)
  local steps, added = {}, {}
  for _, kind in ipairs(ORDER) do
    for _, step in ipairs(all) do
      if step.kind == kind then add_after(steps, step, by_name, added) end
    end
  end
  return steps
end

-- }====

local function step_of(document, by_name, variables)
  if not KINDS[document.kind] then
    wrong(document, "a definition alone has no workflow and no version to be put under")
  end
  local fill = document.kind == "version" and inject_version or inject
  fill(document.value, variables)
  local credentials = document.kind == "trigger" and take_credentials(document) or nil
  local name = name_of(document)
  local full_name = document.kind .. " " .. name
  if by_name[full_name] then wrong(document, full_name .. " is there twice") end
  by_name[full_name] = { kind = document.kind, name = name, resource = document.value, credentials = credentials }
  return by_name[full_name]
end

--- What is to be done, in its order, before CDF is asked anything. What is wrong ends the program.
---@param documents cdfworkflow.program.Document[]
---@param variables fun(name: string): string|nil of the environment
---@return cdfworkflow.program.Step[] steps without `action` and `changes`
function deployment.steps(documents, variables)
  local all, by_name = {}, {}
  for i, document in ipairs(documents) do all[i] = step_of(document, by_name, variables) end
  return in_order(all, by_name)
end

--- Holds a step against what CDF has.
---@param client cdfworkflow.Client
---@param step cdfworkflow.program.Step
function deployment.compare(client, step)
  local kind = KINDS[step.kind]
  if kind.prepare then kind.prepare(client, step.resource) end
  local existing = kind.find(client, step.resource)
  step.changes = existing and difference.between(existing, step.resource) or {}
  step.action = not existing and "create" or step.changes[1] and "update" or "none"
end

--- Puts it into CDF.
---@param client cdfworkflow.Client
---@param step cdfworkflow.program.Step
function deployment.put(client, step)
  local stored, err = KINDS[step.kind].put(client, step)
  if not stored then exits.fail(exits.of_error(err), ("%s %s: %s"):format(step.kind, step.name, err.message)) end
end

return deployment
