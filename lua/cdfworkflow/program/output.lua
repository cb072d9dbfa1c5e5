-- SPDX-License-Identifier: Apache-2.0
-- What the program says: data on standard output, everything else on standard error, in the form, the colours and the
-- width that are asked for or that the streams allow.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"

---@class cdfworkflow.program.Output
---@field form "text"|"json"|"jsonl"|"id"
---@field quiet boolean
---@field verbose boolean
---@field utf8 boolean whether pictures may be more than ASCII
---@field color boolean on standard output
---@field error_color boolean on standard error
---@field columns_of_terminal integer|nil where standard output is one
---@field picture? cdfworkflow.program.Picture what is drawn anew on standard error
local Output = {}
Output.__index = Output

local STDOUT, STDERR = 1, 2
local WIDTH, HEIGHT = 80, 24 -- of a terminal that does not say
local WIDEST = 1000 -- columns that are believed; some pipes of CI systems say 65535

--- How wide a terminal is taken to be that says so.
local function sane(width) return width > 0 and math.min(width, WIDEST) or WIDTH end

local function variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function is_utf8()
  local locale = variable "LC_ALL" or variable "LC_CTYPE" or variable "LANG" or ""
  return locale:lower():find "utf%-?8" ~= nil
end

--- What a terminal is that does not say, such as cron's or a container's, is not known.
local function is_dumb() return (variable "TERM" or "dumb") == "dumb" end

local function wants_color(choice, is_terminal)
  if choice == "always" then return true end
  return choice ~= "never" and is_terminal and not variable "NO_COLOR" and not is_dumb()
end

---@param args { form?: string, color?: string, quiet?: boolean, verbose?: boolean } of the command line
---@return cdfworkflow.program.Output
function Output.new(args)
  local width = core.terminal(STDOUT)
  return setmetatable({
    form = args.form or "text", quiet = args.quiet or false, verbose = args.verbose or false, utf8 = is_utf8(),
    color = wants_color(args.color, width ~= nil),
    error_color = wants_color(args.color, core.terminal(STDERR) ~= nil),
    columns_of_terminal = width and sane(width),
  }, Output)
end

--- The size of the terminal that standard error is, where something can be drawn anew on it.
---@return integer|nil columns
---@return integer|nil rows
function Output:canvas() -- luacheck: no unused
  local width, rows = core.terminal(STDERR)
  if not width or is_dumb() then return nil end
  return sane(width), rows > 0 and rows or HEIGHT
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

--- Text of somebody else's that cannot disturb a terminal.
---@param text any
---@return string
function Output.clean(text) return (tostring(text):gsub("%c", " "):gsub("\194[\128-\159]", " ")) end

local clean = Output.clean

--- Cells side by side, in the width that there is, with a sign where something was cut off.
local function joined(self, columns, row, widths)
  local cells, width = {}, self.columns_of_terminal
  for i, cell in ipairs(row) do
    cells[i] = i < #row and cell .. (" "):rep(widths[i] - columns.of(cell)) or cell
  end
  local line = table.concat(cells, "  "):gsub(" +$", "")
  if not width or columns.of(line) <= width then return line end
  return columns.fit(line, width - 1) .. (self.utf8 and "…" or "~")
end

--- Text as it is, whatever the form.
---@param text string
function Output:raw(text) write(text) end -- luacheck: no unused

--- JSON, indented where it is one document.
local function json(self, value)
  write(require "cdfworkflow.program.json_text"(value, self.form == "json"), "\n")
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

--- A table as lines: columns side by side, on a terminal with headings and no wider than it.
---@param headings string[]
---@param rows string[][]
---@return string[] lines
function Output:columns(headings, rows)
  local columns = require "cdfworkflow.definition.columns"
  if self.columns_of_terminal then table.insert(rows, 1, headings) end
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      row[i] = clean(cell)
      widths[i] = math.max(widths[i] or 0, columns.of(row[i]))
    end
  end
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = joined(self, columns, row, widths) end
  return lines
end

--- The sign for what is well, or is not.
---@param is_well boolean
---@return string
function Output:mark(is_well)
  local sign = is_well and (self.utf8 and "✔" or "ok") or self.utf8 and "✘" or "!!"
  return self.color and ("\27[%dm%s\27[0m"):format(is_well and 32 or 31, sign) or sign
end

--- How `cdf.graph` is to draw for standard output.
---@return cdfworkflow.GraphOptions
function Output:graph_options()
  local width = self.columns_of_terminal
  return { color = self.color, ascii = not self.utf8, width = width and math.max(width, 20) }
end

--- Executions that were named on the command line: one by itself, several as a list; not in the form "text".
---@param executions cdfworkflow.Execution[]
---@param several boolean
function Output:some(executions, several)
  if several and self.form == "json" then return json(self, core.array(executions)) end
  for _, execution in ipairs(executions) do self:resource(execution, execution.id) end
end

--- A line on standard error for a person who wants to know; not with -q.
---@param message string
function Output:note(message)
  if not self.quiet then self:say(message) end
end

--- A line of what is going on; not with -q.
---@param line string
function Output:progress(line)
  if not self.quiet then io.stderr:write(clean(line), "\n") end
end

--- A line on standard error that nobody should miss.
---@param message string
function Output:say(message)
  if self.picture then self.picture:erase() end
  io.stderr:write("cdfworkflow: ", clean(message), "\n")
end

--- To be called a few times a second while something is waited for.
function Output:tick()
  if self.picture then self.picture:tick() end
end

return Output
