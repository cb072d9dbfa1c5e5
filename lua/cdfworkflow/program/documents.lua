-- SPDX-License-Identifier: Apache-2.0
-- Workflows, versions and triggers in files, as the CDF Toolkit keeps them: YAML or JSON, one or a list a file,
-- `{{ name }}` where a value is to be filled in.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
local fill = require "cdfworkflow.program.fill"
local inputs = require "cdfworkflow.program.inputs"
local json = require "cdfworkflow.json"
local yaml = require "cdfworkflow.program.yaml"

local documents = {}

---@alias cdfworkflow.program.Kind "workflow"|"version"|"trigger"|"definition"

---@class cdfworkflow.program.Document
---@field kind cdfworkflow.program.Kind
---@field value table
---@field file string
---@field index? integer in a file with a list

local function wrong(file, message) exits.fail(exits.INPUT, ("%s: %s"):format(file, message)) end

-- {==== Files ====

local KINDS = { workflow = "workflow", workflowversion = "version", workflowtrigger = "trigger" }

--- What the Toolkit takes a file for: `*.Workflow.yaml`, in upper or lower case.
local function kind_by_name(file) return KINDS[(file:match "%.(%a+)%.%w+$" or ""):lower()] end

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

local function is_folder(path)
  local inside = path ~= "" and io.open(path .. "/.") or nil
  if inside then inside:close() end
  return inside ~= nil
end

--- Gives the files, each with a NUL behind it, and then what could not be read, if anything. Links to folders are not
--- followed, as the Toolkit does not, so that none leads round in a circle.
local FIND = "{ problem=$(find -H %s '(' -type f -o -type l ')' -print0 2>&1 >&3); } 3>&1; printf %%s \"$problem\""

--- The Toolkit's files of workflows below a folder, in the order of their names.
local function files_in(folder)
  local pipe = assert(io.popen(FIND:format(quote(folder:gsub("^%-", "./-")))))
  local paths, problem = pipe:read("*a"):match "^(.-)([^%z\n]*)[^%z]*$"
  pipe:close()
  if problem ~= "" then wrong(folder, (problem:gsub("^find: ", ""))) end
  local found = {}
  for path in paths:gmatch "[^%z]+" do
    if kind_by_name(path) then found[#found + 1] = path end
  end
  table.sort(found)
  if not found[1] then wrong(folder, "no *.Workflow.yaml, *.WorkflowVersion.yaml or *.WorkflowTrigger.yaml in it") end
  return found
end

--- Members that are text, whatever they look like.
local NAMES = {
  externalId = true, workflowExternalId = true, version = true, workflowVersion = true, dataSetExternalId = true,
}

local function parse(file, text)
  local is_json = file:find "%.[Jj][Ss][Oo][Nn]$" or not file:find "%.[Yy]a?[Mm][Ll]$" and text:find "^%s*[%[{]"
  local value, message
  if is_json then value, message = json.decode(text) else value, message = yaml.decode(text, NAMES) end
  if value == nil then wrong(file, message) end
  return value
end

-- }====

-- {==== Resources ====

--- What a table is: by the name of its file, or else by its members.
local function kind_of(file, value)
  local by_name = kind_by_name(file)
  if by_name then return by_name end
  if value.workflowDefinition ~= nil then return "version" end
  if value.triggerRule ~= nil then return "trigger" end
  if value.tasks ~= nil then return "definition" end
  return value.externalId ~= nil and "workflow" or nil
end

local function add(found, file, value, index)
  local place = index and ("%s: item %d"):format(file, index) or file
  if type(value) ~= "table" or core.is_array(value) then wrong(place, "holds no object") end
  local kind = kind_of(file, value)
  if not kind then wrong(place, "is no workflow, version, trigger or definition") end
  found[#found + 1] = { kind = kind, value = value, file = file, index = index }
end

local function is_list(value) return type(value) == "table" and (core.is_array(value) or #value > 0) end

--- The resources in a file.
local function read(found, file, opts)
  local text, left = fill(inputs.file(file), opts.values, opts.lenient)
  if left[1] then
    wrong(file, ("nothing is given for {{ %s }}: --set %s=VALUE"):format(table.concat(left, " }}, {{ "), left[1]))
  end
  local value = parse(file, text)
  if not is_list(value) then return add(found, file, value) end
  for i, item in ipairs(value) do add(found, file, item, i) end
end

--- All that the paths hold; what cannot be read ends the program.
---@param paths string[] files, or folders of the Toolkit
---@param opts { values: table<string, string>, lenient?: boolean } `lenient`: a variable that is not filled stands for
---  its own name
---@return cdfworkflow.program.Document[]
function documents.read(paths, opts)
  local found = {}
  for _, path in ipairs(paths) do
    for _, file in ipairs(is_folder(path) and files_in(path) or { path }) do read(found, file, opts) end
  end
  return found
end

-- }====

return documents
