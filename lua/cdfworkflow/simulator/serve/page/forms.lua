-- SPDX-License-Identifier: Apache-2.0
-- Forms that need no JavaScript, and the reading of what was typed into them. Every form carries the token of the
-- running server; where the page only shows, there are none.

local core = require "cdfworkflow.core"
local markup = require "cdfworkflow.simulator.serve.markup"
local values = require "cdfworkflow.simulator.serve.page.values"

local fill = markup.fill

local forms = {}

local function hidden(name, value)
  return fill('<input type="hidden" name="{name}" value="{value}">', { name = name, value = value })
end

local function open(view, path, class)
  return fill('<form method="post" action="{path}" class="{class}">', { path = path, class = class })
    .. hidden("token", view.page.guard.token)
end

--- A button that does one thing.
---@param view cdfworkflow.simulator.View
---@param path string where the form goes
---@param members table<string, string> what it says
---@param label string
---@param more { tone: string?, title: string? }?
---@return string html
function forms.button(view, path, members, label, more)
  if not view.page.guard.acts then return "" end
  local inside = { open(view, path, "single") }
  for _, name in ipairs(values.sorted_names(members)) do inside[#inside + 1] = hidden(name, members[name]) end
  local tone, title = more and more.tone, more and more.title
  inside[#inside + 1] = "<button" .. (tone and fill(' class="{tone}"', more) or "")
    .. (title and fill(' title="{title}"', more) or "") .. fill(">{label}</button></form>", { label = label })
  return table.concat(inside)
end

---@class cdfworkflow.simulator.Field
---@field name string
---@field label string
---@field kind "text"|"area"|"select"|"moment"
---@field value string? what it holds
---@field error string? what is wrong with it
---@field hint string?
---@field options { [1]: string, [2]: string }[]? of a select: value and words
---@field sample string? shown while there is nothing in it

local CONTROLS = {
  text = '<input id="{id}" name="{name}" value="{value}" placeholder="{sample}" autocomplete="off"{!marks}>',
  moment = '<input id="{id}" name="{name}" value="{value}" type="datetime-local"{!marks}>',
  area = '<textarea id="{id}" name="{name}" rows="7" placeholder="{sample}" spellcheck="false"{!marks}>\n{value}'
    .. "</textarea>",
}

local function select_html(field, marks)
  local options = {}
  for i, option in ipairs(field.options) do
    options[i] = fill('<option value="{value}"{!selected}>{words}</option>',
      { value = option[1], words = option[2], selected = option[1] == field.value and " selected" or "" })
  end
  return fill('<select id="{id}" name="{name}"{!marks}>{!options}</select>',
    { id = "f-" .. field.name, name = field.name, marks = marks, options = table.concat(options) })
end

local function control(field)
  local note = (field.error or field.hint) and (' aria-describedby="n-%s"'):format(field.name) or ""
  local marks = note .. (field.error and ' aria-invalid="true"' or "")
  if field.kind == "select" then return select_html(field, marks) end
  return fill(CONTROLS[field.kind], {
    id = "f-" .. field.name, name = field.name, value = field.value or "", sample = field.sample or "", marks = marks,
  })
end

---@param field cdfworkflow.simulator.Field
---@return string html
function forms.field(field)
  local note = ""
  if field.error or field.hint then
    note = fill('<p id="n-{name}" class="{class}">{text}</p>', {
      name = field.name, text = field.error or field.hint, class = field.error and "problem" or "hint",
    })
  end
  return fill('<div class="field"><label for="f-{name}">{label}</label>{!control}{!note}</div>',
    { name = field.name, label = field.label, control = control(field), note = note })
end

--- A form with fields, which is sent to where it is shown.
---@param view cdfworkflow.simulator.View
---@param path string
---@param fields cdfworkflow.simulator.Field[]
---@param label string of its button
---@param more { problem: string?, members: table<string, string>? }? `problem` is what is wrong with the whole
---@return string html
function forms.form(view, path, fields, label, more)
  if not view.page.guard.acts then return "" end
  local inside = { open(view, path, "card fields") }
  for name, value in pairs(more and more.members or {}) do inside[#inside + 1] = hidden(name, value) end
  if more and more.problem then
    inside[#inside + 1] = fill('<p class="problem" role="alert">{text}</p>', { text = more.problem })
  end
  for _, field in ipairs(fields) do inside[#inside + 1] = forms.field(field) end
  inside[#inside + 1] = fill('<button class="main">{label}</button></form>', { label = label })
  return table.concat(inside, "\n")
end

---------------------------------------------------------------------------------------------------------------------
-- What was typed
---------------------------------------------------------------------------------------------------------------------

local function line_and_column(text, at)
  local before = text:sub(1, at - 1)
  local _, lines = before:gsub("\n", "")
  return lines + 1, at - #before:match("^.*\n")
end

-- The position that the reader of JSON tells, as line and column where there are several lines.
local function placed(problem, text)
  local at = tonumber(problem:match("at character (%d+)"))
  if not at or not text:sub(1, at - 1):find("\n", 1, true) then return problem end
  local line, column = line_and_column(text, at)
  return (problem:gsub("at character %d+", ("in line %d, column %d"):format(line, column)))
end

--- Reads JSON that was typed.
---@param text string|nil
---@param shape "object"|"array"
---@return table|nil value nil without a message when nothing was typed
---@return string|nil message
function forms.read_json(text, shape)
  text = (text or ""):gsub("\r\n", "\n")
  if not text:find("%S") then return nil end
  local value, problem = core.decode(text)
  if value == nil then return nil, "This is " .. placed(problem, text) .. "." end
  local is_table = type(value) == "table"
  if is_table and core.is_array(value) == (shape == "array") then return value end
  return nil, shape == "array" and 'A list is needed here, such as [{ "externalId": "a" }].'
    or 'An object is needed here, such as { "a": 1 }.'
end

local function pair_problem(map, name, value)
  if not name or name == "" then return "Line %s is not of the form KEY=VALUE." end
  if map[name] then return "%s is there twice." end
  if value == values.HIDDEN and values.is_secret(name) then return "Type the value of %s once more." end
end

--- Reads lines of KEY=VALUE.
---@param text string|nil
---@return table<string, string>|nil map nil without a message when nothing was typed
---@return string|nil message
function forms.read_pairs(text)
  local map, number = {}, 0
  for line in ((text or ""):gsub("\r\n", "\n") .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local name, value = line:match("^%s*([^=]-)%s*=%s*(.-)%s*$")
    local problem = line:find("%S") and pair_problem(map, name, value)
    if problem then return nil, problem:format(name ~= "" and name or number) end
    if name then map[name] = value end
  end
  return next(map) and map or nil
end

local function mask_lines(text)
  local names = {}
  local masked = text:gsub("([^=\n]*)=([^\n]*)", function(name, value)
    if not values.is_secret(name) or not value:find("%S") then return nil end
    names[#names + 1] = name:match("^%s*(.-)%s*$")
    return name .. "=" .. values.HIDDEN
  end)
  return masked, names
end

--- What was typed, to be shown again without what looks like a secret, and a word on what was left out.
---@param text string|nil
---@param kind "json"|"pairs"
---@return string text, string|nil note
function forms.echo(text, kind)
  text = (text or ""):gsub("\r\n", "\n")
  local masked, names = (kind == "pairs" and mask_lines or values.mask)(text)
  if #names == 0 then return masked end
  return masked, ("What looks like a secret is not shown again: type the value of %s once more.")
    :format(table.concat(names, ", "))
end

return forms
