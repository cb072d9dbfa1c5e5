-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow graph: a definition in a file, or a run, as a picture.

local cdf = require "cdfworkflow"
local documents = require "cdfworkflow.program.documents"
local exits = require "cdfworkflow.program.exits"

local graph = {}

function graph.define(command)
  command:argument("what", "A file with a definition or a version, or a run's id."):argname "FILE|ID"
  command:option("--format", "text, dot (Graphviz) or mermaid.", "text"):argname "FORMAT"
    :choices { "text", "dot", "mermaid" }
end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local UUID = "^%x+%-%x+%-%x+%-%x+%-%x+$"

--- What is to be drawn.
local function subjects(context, what)
  if what:find(UUID) and not exists(what) then
    return { exits.check(context:client().workflows.executions:retrieve(what)) }
  end
  local found = {}
  for _, document in ipairs(documents.read({ what }, { values = {}, lenient = true })) do
    local value = document.value
    if value.workflowDefinition ~= nil or document.kind == "definition" then found[#found + 1] = value end
  end
  if not found[1] then exits.fail(exits.INPUT, what .. ": no definition in it") end
  return found
end

local function draw(context, args, subject)
  local opts = args.format == "text" and context.out:graph_options() or nil
  local ok, picture = pcall(cdf.graph, subject, args.format, opts)
  if ok then return context.out:text(picture) end
  if not tostring(picture):find("cdf.graph: subject: ", 1, true) then error(picture, 0) end
  exits.fail(exits.INPUT, args.what .. ": its definition cannot be drawn; lint says what is wrong with it")
end

---@param context cdfworkflow.program.Context
---@param args table
function graph.run(context, args)
  local found = subjects(context, args.what)
  for _, subject in ipairs(found) do draw(context, args, subject) end
  context.out:some(found, found[2] ~= nil)
end

return graph
