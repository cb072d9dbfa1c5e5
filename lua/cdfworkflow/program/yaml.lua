-- SPDX-License-Identifier: Apache-2.0
-- YAML as the CDF Toolkit reads it (YAML 1.1, PyYAML's way), into the tables that the library's JSON makes: `[]` stays
-- an array, null is `cdf.null`. Needs lyaml, which parses.

local core = require "cdfworkflow.core"

local yaml = {}

local NEEDED = "lyaml is needed to read YAML: install the rock `lyaml`, or Debian's lua-yaml"
local TAG = "tag:yaml.org,2002:"

---@class cdfworkflow.yaml.Reader
---@field next fun(): table the next event of lyaml's parser
---@field event table the current one
---@field anchors table<string, any>
---@field implicit table<string, fun(text: string): any> of lyaml
---@field texts table<string, true> outer members whose numbers are text
---@field level integer how many mappings are around
local Reader = {}
Reader.__index = Reader

local function fail(event, message)
  local mark = event.start_mark
  error(("%d:%d: %s"):format(mark.line + 1, mark.column + 1, message), 0)
end

--- The words of YAML 1.1 for a plain scalar. A number with a power needs a point, and one with a leading zero is octal
--- or none, as PyYAML has it.
local function resolve(implicit, text)
  if implicit.null(text) ~= nil then return core.null end
  local is_zero_led = text:find "^[-+]?0%d" ~= nil
  local names = is_zero_led and { "octal" } or { "decimal", "bool", "hexadecimal", "binary", "sexagesimal" }
  for _, name in ipairs(names) do
    local value = implicit[name](text)
    if value ~= nil then return value end
  end
  if text:find(".", 1, true) and not is_zero_led then
    local value = implicit.float(text)
    if value ~= nil then return value end
  end
  return text
end

function Reader:advance()
  self.event = self.next()
  return self.event
end

function Reader:scalar()
  local event = self.event
  local is_text = event.tag == "!" or event.tag == TAG .. "str" or not event.tag and not event.plain_implicit
  if is_text then return event.value end
  return resolve(self.implicit, event.value)
end

function Reader:sequence()
  local list = core.array {}
  while self:advance().type ~= "SEQUENCE_END" do list[#list + 1] = self:node() end
  return list
end

--- The members that `<<` brings: those of a mapping, or of several, where the first counts.
local function merge(into, event, value)
  if type(value) ~= "table" then fail(event, "<< takes a mapping") end
  for _, source in ipairs(core.is_array(value) and value or { value }) do
    for name, member in pairs(source) do
      if into[name] == nil then into[name] = member end
    end
  end
end

--- The value of a member; a version or an id that looks like a number is the text that is written: 1.10, 007, 1_2.
function Reader:member(name)
  local event, value = self.event, self:node()
  local is_text = self.level == 1 and self.texts[name] and event.type == "SCALAR" and type(value) == "number"
  return is_text and event.value or value
end

function Reader:mapping()
  local own, merged = {}, {}
  self.level = self.level + 1
  while self:advance().type ~= "MAPPING_END" do
    local key = self.event
    if key.type ~= "SCALAR" then fail(key, "a key must be plain text") end
    self:advance()
    if key.value == "<<" and key.plain_implicit then
      merge(merged, self.event, self:node())
    else
      own[key.value] = self:member(key.value)
    end
  end
  self.level = self.level - 1
  merge(own, self.event, merged)
  return own
end

local KINDS = { SCALAR = "scalar", SEQUENCE_START = "sequence", MAPPING_START = "mapping" }

--- The value that begins with the current event.
function Reader:node()
  local event = self.event
  if event.type == "ALIAS" then
    if self.anchors[event.anchor] == nil then fail(event, "nothing is called *" .. event.anchor) end
    return self.anchors[event.anchor]
  end
  if event.tag and event.tag:sub(1, #TAG) ~= TAG and event.tag ~= "!" then
    fail(event, "the tag " .. event.tag .. " has no meaning here")
  end
  local value = self[KINDS[event.type]](self)
  if event.anchor then self.anchors[event.anchor] = value end
  return value
end

--- The one document.
function Reader:document()
  self:advance() -- STREAM_START
  if self:advance().type == "STREAM_END" then return core.null end
  self:advance()
  local value = self:node()
  self:advance()
  if self:advance().type ~= "STREAM_END" then fail(self.event, "there is more than one document") end
  return value
end

--- What Reader raises, and what the parser raises, in the same words.
local function complaint(raised)
  local line, column, message = raised:match "^(%d+):(%d+): (.*)$"
  if not line then
    line, column = raised:match "line: (%d+), column: (%d+)"
    message = raised:gsub("\n.*", ""):gsub(" at document: %d+.*", "")
  end
  return line and ("not YAML: %s at line %s, column %s"):format(message, line, column) or raised
end

--- The value of YAML text.
---@param text string
---@param texts? table<string, true> members of the outer mapping, or of those in the outer list, whose numbers are text
---@return any value nil where it cannot be read
---@return string? message with line and column, or what is missing
function yaml.decode(text, texts)
  local found, parser = pcall(require, "yaml")
  local known, implicit = pcall(require, "lyaml.implicit")
  if not found or not known then return nil, NEEDED end
  local reader = setmetatable({
    next = parser.parser(text), anchors = {}, implicit = implicit, texts = texts or {}, level = 0,
  }, Reader)
  local ok, value = pcall(reader.document, reader)
  if ok then return value end
  return nil, complaint(tostring(value))
end

return yaml
