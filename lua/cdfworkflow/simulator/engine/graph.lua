-- SPDX-License-Identifier: Apache-2.0
-- The task graph of a running execution: nodes, what each waits for, and whether definitions make a graph at all.
-- It holds no state that must be saved; the engine builds it again from the stored execution.

local task_types = require "cdfworkflow.simulator.engine.task_types"

---@class cdfworkflow.simulator.graph
local graph = {}

---@class cdfworkflow.simulator.Scope the tasks of one definition, or those made by one task
---@field run table the running execution
---@field parent cdfworkflow.simulator.Node|nil the task that made these tasks
---@field nodes cdfworkflow.simulator.Node[]
---@field by_id table<string, cdfworkflow.simulator.Node>
---@field open integer how many have not come to a good end yet

---@class cdfworkflow.simulator.Node one task of the graph
---@field scope cdfworkflow.simulator.Scope
---@field definition table
---@field index integer position among the definitions of its scope
---@field blockers integer dependencies that have not ended
---@field dependents cdfworkflow.simulator.Node[]|nil
---@field entry table|nil the stored record, from when the task is scheduled
---@field children cdfworkflow.simulator.Scope|nil the tasks that it made
---@field slot boolean|nil true while it takes one of the project's places for running tasks
---@field due integer|nil when its timer goes off
---@field order integer|nil breaks ties between timers

--- Statuses that let dependent tasks go on.
graph.DONE = { COMPLETED = true, COMPLETED_WITH_ERRORS = true }

local function malformed(definition, index, parent)
  if type(definition) ~= "table" then return "task " .. index .. " is not an object" end
  local id = definition.externalId
  if type(id) ~= "string" then return "task " .. index .. " has no externalId" end
  if type(definition.type) ~= "string" then return "task " .. id .. " has no type" end
  if type(definition.parameters) ~= "table" then return "task " .. id .. " has no parameters" end
  if parent and task_types.is_container(definition.type) then
    return "task " .. id .. " is a " .. definition.type .. " task, which a " .. parent.definition.type
      .. " task must not hold"
  end
  return nil
end

local function add_nodes(scope, definitions)
  for index, definition in ipairs(definitions) do
    local problem = malformed(definition, index, scope.parent)
    if problem then return problem end
    local id = definition.externalId
    if scope.by_id[id] then return "task " .. id .. " is there twice" end
    local node = { scope = scope, definition = definition, index = index, blockers = 0 }
    scope.nodes[index], scope.by_id[id] = node, node
  end
  return nil
end

local function link(node)
  local needs = node.definition.dependsOn
  if type(needs) ~= "table" then return nil end
  for _, need in ipairs(needs) do
    local id = type(need) == "table" and need.externalId
    local other = node.scope.by_id[id]
    if not other then
      return "task " .. node.definition.externalId .. " depends on " .. tostring(id) .. ", which is not there"
    end
    other.dependents = other.dependents or {}
    table.insert(other.dependents, node)
    node.blockers = node.blockers + 1
  end
  return nil
end

-- Takes away, again and again, what waits for nothing; what is left over waits in a ring.
local function in_ring(nodes)
  local blockers, free = {}, {}
  for _, node in ipairs(nodes) do
    blockers[node] = node.blockers
    if node.blockers == 0 then free[#free + 1] = node end
  end
  local taken = 0
  while free[taken + 1] do
    taken = taken + 1
    for _, dependent in ipairs(free[taken].dependents or {}) do
      blockers[dependent] = blockers[dependent] - 1
      if blockers[dependent] == 0 then free[#free + 1] = dependent end
    end
  end
  for _, node in ipairs(nodes) do
    if blockers[node] > 0 then return node end
  end
  return nil
end

local function add_edges(scope)
  local linked = false
  for _, node in ipairs(scope.nodes) do
    local problem = link(node)
    if problem then return problem end
    linked = linked or node.blockers > 0
  end
  local ring = linked and in_ring(scope.nodes)
  return ring and "task " .. ring.definition.externalId .. " waits for itself" or nil
end

--- Makes the graph of some task definitions.
---@param run table
---@param definitions table[] as in a workflow definition
---@param parent cdfworkflow.simulator.Node|nil the task that these come from
---@return cdfworkflow.simulator.Scope|nil
---@return string|nil problem what is wrong with the definitions
function graph.build(run, definitions, parent)
  local scope = { run = run, parent = parent, nodes = {}, by_id = {} }
  local problem = add_nodes(scope, definitions) or add_edges(scope)
  if problem then return nil, problem end
  scope.open = #scope.nodes
  return scope
end

--- Marks a task as ended well and tells which tasks wait for nothing now.
---@param node cdfworkflow.simulator.Node
---@return cdfworkflow.simulator.Node[] free
function graph.release(node)
  node.scope.open = node.scope.open - 1
  local free = {}
  if not node.dependents then return free end
  for _, dependent in ipairs(node.dependents) do
    dependent.blockers = dependent.blockers - 1
    if dependent.blockers == 0 then free[#free + 1] = dependent end
  end
  return free
end

--- The tasks that a task has made, as stored with it.
---@param entry table
---@return table[] definitions
function graph.child_definitions(entry)
  if entry.children then return entry.children end
  local parameters = entry.input[entry.taskType]
  return parameters.tasks
end

local function attach(scope, entry, run)
  local node = scope.nodes[entry.index]
  node.entry, node.due, node.order = entry, entry.due, entry.order
  run.tasks[entry.id] = node
  return node
end

--- Builds the whole graph of a stored execution, with the tasks that it has made so far.
---@param run table `run.record` is the execution; gets `root` and `tasks` (by task id)
---@return string|nil problem
function graph.restore(run)
  local problem
  run.tasks = {}
  run.root, problem = graph.build(run, run.record.workflowDefinition.tasks or {})
  if problem then return problem end
  local scopes = { [0] = run.root }
  for position, entry in ipairs(run.record.executedTasks) do
    local scope = scopes[entry.parent or 0] -- none for the children of a task that is done with
    if scope then
      local node = attach(scope, entry, run)
      if graph.DONE[entry.status] then
        graph.release(node)
      elseif entry.expanded then
        node.children = assert(graph.build(run, graph.child_definitions(entry), node))
        scopes[position] = node.children
      end
    end
  end
  return nil
end

--- The nearest task of that name: beside `node`, or beside the task that made it.
---@param node cdfworkflow.simulator.Node
---@param external_id string
---@return cdfworkflow.simulator.Node|nil
function graph.find(node, external_id)
  local scope = node.scope
  while scope do
    local found = scope.by_id[external_id]
    if found then return found end
    scope = scope.parent and scope.parent.scope
  end
  return nil
end

return graph
