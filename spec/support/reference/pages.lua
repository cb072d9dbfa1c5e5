-- SPDX-License-Identifier: Apache-2.0
-- Writes the reference for people. What it says is the same in each form; a form is a few functions for headings,
-- texts, code and tables.

local annotations = require "reference.annotations"
local model = require "reference.model"

local pages = {}

local TITLE = "The reference of cdfworkflow"
local INTRODUCTION = {
  "Made from the annotations in the source. `cdf` is what `require \"cdfworkflow\"` gives, `client` what "
    .. "`cdf.client` gives; `simulator` is `require \"cdfworkflow.simulator\"`, and `sim` what `simulator.new` gives; "
    .. "`gateway` is `require \"cdfworkflow.gateway\"`, and `webhook` what `gateway.new` gives; `queue` is what "
    .. "`cdf.queue` gives, and `store` what `new` of `cdfworkflow.store.redis` gives.",
  "",
  "A mistake in the program raises at the program's line. What the world can do, and values that CDF would refuse, "
    .. "come as `nil, err`, unless a function is said to raise; `err.kind` is one of those in `cdfworkflow.Error`.",
  "",
  "In the examples, which are run, there are a workflow `report` and a function `fetch`, and `execution` is what "
    .. "`client:run(\"report\", \"1\")` gave. Behind `-->` is what they print.",
}

local function put_text(form, lines)
  for _, part in ipairs(annotations.parts(lines)) do
    form[part[1]](table.concat(part[2], part[1] == "code" and "\n" or " "))
  end
end

-- {==== What is said ====

local function default_of(member)
  local value = member and member.default
  if value == nil then return "" end
  if value == math.huge then return "all" end
  if type(value) == "string" then return ("`%q`"):format(value) end
  return type(value) == "number" and ("%.14g"):format(value) or tostring(value)
end

--- What a number must be, beside what is said of it: "a number of seconds from 0 to 60".
local function meaning(words, member)
  local rule = member and member[2].least and member[2].word or ""
  if words == "" or rule == "" then return words .. rule end
  return words .. "; " .. rule
end

local function by_name(members)
  local found = {}
  for _, member in ipairs(members or {}) do found[member[1]] = member end
  return found
end

local function type_of(item)
  local may_be_nil = item.optional and not item.type:find "|nil$"
  return "`" .. item.type .. (may_be_nil and "|nil" or "") .. "`"
end

local function row(prefix, item, member)
  return { "`" .. prefix .. item.name .. "`", type_of(item), default_of(member), meaning(item.words, member) }
end

--- The rows of a function's parameters, and below each table those of its members that are taken.
local function parameter_rows(types, one)
  local rows = {}
  for i, param in ipairs(one.block.params) do
    local argument = one.takes and one.takes[i]
    rows[#rows + 1] = row("", param, argument)
    local taken = by_name(argument and argument[2].members)
    for _, field in ipairs(next(taken) and model.fields_of(types, param.type) or {}) do
      if taken[field.name] then rows[#rows + 1] = row(param.name .. ".", field, taken[field.name]) end
    end
  end
  return rows
end

local function result_rows(one)
  local rows = {}
  for i, result in ipairs(one.block.returns) do
    rows[i] = { "`" .. (result.name or "") .. "`", "`" .. result.type .. "`", result.words }
    if not result.name then rows[i][1] = "" end
  end
  return rows
end

local function signature(one)
  local names = {}
  for i, param in ipairs(one.block.params) do names[i] = param.name end
  return ("%s(%s)"):format(one.name, table.concat(names, ", "))
end

local function put_function(form, types, one)
  form.heading(3, "`" .. signature(one) .. "`", one.name)
  put_text(form, one.block.text)
  local parameters, results = parameter_rows(types, one), result_rows(one)
  if parameters[1] then form.rows({ "Parameter", "Type", "Default", "" }, parameters) end
  if results[1] then form.rows({ "Result", "Type", "" }, results) end
end

local function put_type(form, types, name)
  local class, alias = types.classes[name], types.aliases[name]
  form.heading(3, "`" .. name .. "`", name)
  put_text(form, (class or alias).text)
  if alias then
    for _, choice in ipairs(alias.choices) do
      if choice ~= "" then form.item("`" .. choice:match "^%s*(.-)%s*$":gsub("%s*#%s*", "` ", 1)
        .. (choice:find("#", 1, true) and "" or "`")) end
    end
    return
  end
  if class.words ~= "" then form.text(class.words) end
  local rows = {}
  for i, field in ipairs(model.fields(types, name)) do
    rows[i] = { "`" .. field.name .. "`", type_of(field), field.words }
  end
  if rows[1] then form.rows({ "Field", "Type", "" }, rows) end
end

--- Classes that have functions are where these are.
local function put_types(form, read)
  local places = {}
  for _, place in ipairs(read.places) do places[place.class] = place.path end
  for _, name in ipairs(model.public_types(read)) do
    put_type(form, read.types, name)
    local path = places[name]
    if path then form.text("Its functions: " .. form.link("`" .. path .. "`", "in-" .. path)) end
  end
end

--- Says everything in a form.
local function say(read, form)
  form.heading(1, TITLE, "top")
  put_text(form, INTRODUCTION)
  for _, place in ipairs(read.places) do form.item(form.link("`" .. place.path .. "`", "in-" .. place.path)) end
  form.item(form.link("Types", "types"))
  for _, place in ipairs(read.places) do
    form.heading(2, "`" .. place.path .. "`", "in-" .. place.path)
    local class = read.types.classes[place.class]
    if class then put_text(form, class.text) end
    for _, one in ipairs(place.functions) do put_function(form, read.types, one) end
  end
  form.heading(2, "Types", "types")
  put_types(form, read)
  return form.finish()
end

-- }====

-- {==== Forms ====

local function anchor(name) return (name:gsub("[^%w]+", "-")) end

local function collector()
  local out = {}
  return function(...) out[#out + 1] = (...):format(select(2, ...)) end,
    function() return table.concat(out, "\n") .. "\n" end
end

local function markdown_form()
  local put, finish = collector()
  local in_list = false
  local function block(...)
    if in_list then put "" end
    in_list = false
    put(...)
  end
  local function cell(text) return (text:gsub("|", "\\|")) end
  return {
    finish = finish,
    link = function(text, target) return ("[%s](#%s)"):format(text, anchor(target)) end,
    heading = function(level, text, id) block('<a id="%s"></a>\n%s %s\n', anchor(id), ("#"):rep(level), text) end,
    text = function(text) block("%s\n", text) end,
    code = function(text) block("```lua\n%s\n```\n", text) end,
    item = function(text)
      put("* %s", text)
      in_list = true
    end,
    rows = function(names, rows)
      block("| %s |\n|%s", table.concat(names, " | "), ("---|"):rep(#names))
      for _, one in ipairs(rows) do
        local cells = {}
        for i, text in ipairs(one) do cells[i] = cell(text) end
        put("| %s |", table.concat(cells, " | "))
      end
      put ""
    end,
  }
end

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escaped(text) return (text:gsub('[&<>"]', ESCAPES)) end

local HEAD = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem }
h3 { margin-top: 2rem; border-top: 1px solid #8884; padding-top: 1rem }
code, pre { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere }
pre { background: #8881; padding: 0.75rem; overflow-x: auto }
table { border-collapse: collapse; width: 100%%; margin: 0.75rem 0 }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #8883 }
</style>
</head>
<body>]]

--- `known`: names that have a heading, to which the text in code is linked.
local function html_form(known)
  local put, finish = collector()
  local in_list = false
  local function block(...)
    if in_list then put "</ul>" end
    in_list = false
    put(...)
  end
  local function linked(code)
    return (escaped(code):gsub("[%w_.:]+", function(name)
      return known[name] and ('<a href="#%s">%s</a>'):format(anchor(name), name) or nil
    end))
  end
  local function inline(text, is_heading)
    local parts = {}
    for plain, code in (text .. "``"):gmatch "([^`]*)`([^`]*)`" do
      parts[#parts + 1] = escaped(plain)
      if code ~= "" then parts[#parts + 1] = "<code>" .. (is_heading and escaped or linked)(code) .. "</code>" end
    end
    local html = table.concat(parts)
    return (html:gsub("%[<code>(.-)</code>%]%((#[%w-]+)%)", '<a href="%2"><code>%1</code></a>')
      :gsub("%[(%w+)%]%((#[%w-]+)%)", '<a href="%2">%1</a>'))
  end
  put(HEAD, TITLE)
  return {
    finish = function()
      block "</body>\n</html>"
      return finish()
    end,
    link = function(text, target) return ("[%s](#%s)"):format(text, anchor(target)) end,
    heading = function(level, text, id)
      block('<h%d id="%s">%s</h%d>', level, anchor(id), inline(text, true), level)
    end,
    text = function(text) block("<p>%s</p>", inline(text)) end,
    code = function(text) block("<pre><code>%s</code></pre>", escaped(text)) end,
    item = function(text)
      if not in_list then put "<ul>" end
      in_list = true
      put("<li>%s</li>", inline(text))
    end,
    rows = function(names, rows)
      block("<table>\n<tr><th>%s</th></tr>", table.concat(names, "</th><th>"))
      for _, one in ipairs(rows) do
        local cells = {}
        for i, text in ipairs(one) do cells[i] = inline(text) end
        put("<tr><td>%s</td></tr>", table.concat(cells, "</td><td>"))
      end
      put "</table>"
    end,
  }
end

-- }====

--- As Markdown.
---@param read table what `model.read` gives
---@return string
function pages.markdown(read) return say(read, markdown_form()) end

--- As one page of HTML, in which names lead to what they are.
---@param read table what `model.read` gives
---@return string
function pages.html(read)
  local known = {}
  for _, name in ipairs(model.public_types(read)) do known[name] = true end
  for _, place in ipairs(read.places) do
    for _, one in ipairs(place.functions) do known[one.name] = true end
  end
  return say(read, html_form(known))
end

return pages
