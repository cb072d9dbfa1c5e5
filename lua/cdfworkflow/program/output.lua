-- SPDX-License-Identifier: Apache-2.0
-- What the program says: data on standard output, everything else on standard error, in the form, the colours and the
-- width that are asked for or that the streams allow.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
local pretty = require "cdfworkflow.program.pretty"

---@class cdfworkflow.program.Output
---@field form "text"|"json"|"jsonl"|"id"
---@field quiet boolean
---@field verbose boolean
---@field utf8 boolean whether pictures may be more than ASCII
---@field color boolean on standard output
---@field error_color boolean on standard error
---@field columns integer|nil of the terminal that standard output is
local Output = {}
Output.__index = Output

local STDOUT, STDERR = 1, 2
local WIDTH, HEIGHT = 80, 24 -- of a terminal that does not say

local function variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function is_utf8()
  local locale = variable "LC_ALL" or variable "LC_CTYPE" or variable "LANG" or ""
  return locale:lower():find "utf%-?8" ~= nil
end

local function wants_color(choice, is_terminal)
  if choice == "always" then return true end
  return choice ~= "never" and is_terminal and not variable "NO_COLOR" and variable "TERM" ~= "dumb"
end

---@param args { form?: string, color?: string, quiet?: boolean, verbose?: boolean } of the command line
---@return cdfworkflow.program.Output
function Output.new(args)
  local columns = core.terminal(STDOUT)
  return setmetatable({
    form = args.form or "text", quiet = args.quiet or false, verbose = args.verbose or false, utf8 = is_utf8(),
    color = wants_color(args.color, columns ~= nil),
    error_color = wants_color(args.color, core.terminal(STDERR) ~= nil),
    columns = columns and (columns > 0 and columns or WIDTH),
  }, Output)
end

--- The size of the terminal that standard error is, where something can be drawn anew on it.
---@return integer|nil columns
---@return integer|nil rows
function Output:canvas() -- luacheck: no unused
  local columns, rows = core.terminal(STDERR)
  if not columns or variable "TERM" == "dumb" then return nil end
  return columns > 0 and columns or WIDTH, rows > 0 and rows or HEIGHT
end

local function write(...)
  local ok, message = io.stdout:write(...)
  if ok then ok, message = io.stdout:flush() end
  if ok then return end
  -- A reader that has gone, such as head, has what it wanted.
  local gone = message and message:find "[Bb]roken pipe"
  exits.fail(exits.BUG, not gone and "standard output: " .. tostring(message) or nil)
end

--- A line of the form "text".
---@param line string
function Output:text(line)
  if self.form == "text" then write(line, "\n") end
end

--- JSON, indented where it is one document.
local function json(self, value)
  local text = assert(core.encode(value))
  write(self.form == "json" and pretty(text) or text, "\n")
end

--- One resource. In the form "text" its text, if any.
---@param resource any
---@param id? string what the form "id" shows
---@param text? string
function Output:resource(resource, id, text)
  if self.form == "text" then
    if text then write(text, "\n") end
  elseif self.form ~= "id" then
    json(self, resource)
  elseif id then
    write(id, "\n")
  end
end

--- Several resources.
---@param list table[]
---@param id_of fun(resource: table): string
---@param text fun(list: table[]): string[] the lines of the form "text"
function Output:list(list, id_of, text)
  if self.form == "json" then return json(self, core.array(list)) end
  if self.form == "text" then
    for _, line in ipairs(text(list)) do write(line, "\n") end
    return
  end
  for _, resource in ipairs(list) do self:resource(resource, id_of(resource)) end
end

--- A line on standard error for a person who wants to know; not with -q.
---@param message string
function Output:note(message)
  if not self.quiet then self:say(message) end
end

--- A line on standard error that nobody should miss.
---@param message string
function Output:say(message) -- luacheck: no unused
  io.stderr:write("cdfworkflow: ", message, "\n")
end

return Output
