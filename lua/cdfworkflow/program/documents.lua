-- SPDX-License-Identifier: Apache-2.0
-- Workflows, versions and triggers in files, as the CDF Toolkit keeps them: YAML or JSON, one or a list a file,
-- `{{ name }}` where a value is to be filled in.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
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

-- {==== Variables ====

local NAME = "{{%s*([%w_.-]+)%s*}}"

--- A value as the Toolkit puts it in: text that YAML would take for a number, or for a key, is quoted.
local function filler(text, name, value)
  local place = "{{%s*" .. name:gsub("%p", "%%%0") .. "%s*}}"
  local needs_quotes = value:find "^%d+$" or value:find ":$"
  local written = (needs_quotes and '"' .. value .. '"' or value):gsub("%%", "%%%%")
  if needs_quotes then text = text:gsub("'" .. place .. "'", written):gsub('"' .. place .. '"', written) end
  return (text:gsub(place, written))
end

--- The text with the values filled in; the names that are left.
local function fill(text, values)
  for name, value in pairs(values) do text = filler(text, name, value) end
  local left, seen = {}, {}
  for name in text:gmatch(NAME) do
    if not seen[name] then left[#left + 1] = name end
    seen[name] = true
  end
  return text, left
end

-- }====

-- {==== Files ====

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

local function is_folder(path)
  local inside = io.open(path .. "/.")
  if inside then inside:close() end
  return inside ~= nil
end

--- The Toolkit's files of workflows below a folder, in the order of their names.
local function files_in(folder)
  local pipe = assert(io.popen("find -L " .. quote(folder) .. " -type f -print0"))
  local found = {}
  for path in pipe:read("*a"):gmatch "[^%z]+" do
    if path:find "%.Workflow%.%w+$" or path:find "%.WorkflowVersion%.%w+$" or path:find "%.WorkflowTrigger%.%w+$" then
      found[#found + 1] = path
    end
  end
  pipe:close()
  table.sort(found)
  if not found[1] then wrong(folder, "no *.Workflow.yaml, *.WorkflowVersion.yaml or *.WorkflowTrigger.yaml in it") end
  return found
end

local function parse(file, text)
  local is_json = file:find "%.[Jj][Ss][Oo][Nn]$" or not file:find "%.[Yy]a?[Mm][Ll]$" and text:find "^%s*[%[{]"
  local value, message
  if is_json then value, message = json.decode(text) else value, message = yaml.decode(text) end
  if value == nil then wrong(file, message) end
  return value
end

-- }====

-- {==== Resources ====

local KIND_OF_FILE = { Workflow = "workflow", WorkflowVersion = "version", WorkflowTrigger = "trigger" }

--- What a table is: by the name of its file, or else by its members.
local function kind_of(file, value)
  local by_name = KIND_OF_FILE[file:match "%.(%a+)%.%w+$" or ""]
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
  local text, left = fill(inputs.file(file), opts.values)
  if left[1] and not opts.lenient then
    wrong(file, ("nothing is given for {{ %s }}: --set %s=VALUE"):format(table.concat(left, " }}, {{ "), left[1]))
  end
  text = text:gsub(NAME, "%1")
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
