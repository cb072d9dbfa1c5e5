-- SPDX-License-Identifier: Apache-2.0
-- Task graphs as pages show them: of a version's definition, and of an execution with what its tasks did, where each
-- box leads to its task.

local drawing = require "cdfworkflow.simulator.serve.drawing"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local reading = require "cdfworkflow.simulator.serve.page.reading"
local router = require "cdfworkflow.simulator.api.router"
local task_graph = require "cdfworkflow.simulator.engine.graph"

local graphs = {}

--- The external ids of the tasks that a task waits for. What a function has made may have anything there.
---@param definition table
---@return string[]
function graphs.needs_of(definition)
  local needs = {}
  for i, need in ipairs(type(definition.dependsOn) == "table" and definition.dependsOn or {}) do
    needs[i] = need.externalId
  end
  return needs
end

local function box(definition)
  local name = type(definition.name) == "string" and definition.name
  return {
    id = definition.externalId, needs = graphs.needs_of(definition), title = name or definition.externalId,
    tone = "idle", sub = definition.type, word = "", short = definition.type,
  }
end

local function box_in(definition, entry, owner, now)
  local drawn = box(definition)
  local status = entry and entry.status or reading.not_begun(owner)
  drawn.tone, drawn.word = parts.tone(status), parts.words(status)
  drawn.short = drawn.word
  if entry then drawn.href = "#t-" .. entry.id end
  if entry and entry.startTime then
    drawn.short = parts.elapsed(entry, now)
    drawn.sub = drawn.sub .. " · " .. drawn.short
  end
  return drawn
end

local function part(title, tasks)
  if #tasks == 0 then return "" end
  return parts.section(title, '<div class="card graph">' .. drawing.draw(tasks) .. "</div>")
end

---@param definitions table[] tasks of a version
---@return string html
function graphs.of_definition(definitions)
  local tasks = {}
  for i, definition in ipairs(definitions) do
    tasks[i] = box(definition)
    tasks[i].href = "#d-" .. router.escape(definition.externalId)
  end
  return part("Task graph", tasks)
end

local function part_of_run(title, definitions, entries, owner, now)
  local tasks = {}
  for i, definition in ipairs(definitions) do
    tasks[i] = box_in(definition, entries[definition.externalId], owner, now)
  end
  return part(title, tasks)
end

--- The definition's own graph, and one for each task that has made tasks.
---@param execution table the stored record
---@param now integer
---@return string html
function graphs.of_execution(execution, now)
  local definitions = execution.workflowDefinition.tasks or {}
  local drawn = { part_of_run("Task graph", definitions, reading.tasks_of(execution, nil), execution, now) }
  for position, entry in ipairs(execution.executedTasks) do
    if entry.expanded then
      drawn[#drawn + 1] = part_of_run("Tasks of " .. entry.externalId, task_graph.child_definitions(entry),
        reading.tasks_of(execution, position), entry, now)
    end
  end
  return table.concat(drawn, "\n")
end

return graphs
