-- SPDX-License-Identifier: Apache-2.0
-- Reads annotations for LuaLS out of source text: the classes and aliases of a file, and the block above a function.

local annotations = {}

--- Where the type ends that begins at `from`: a space ends it, but none inside brackets, nor behind `:`, `,` or `|`.
local function type_end(text, from)
  local depth, i = 0, from
  while i <= #text do
    local letter = text:sub(i, i)
    if letter:find '["\']' then i = text:find(letter, i + 1, true) or #text end
    if letter:find "[%({<%[]" then depth = depth + 1 end
    if letter:find "[%)}>%]]" then depth = depth - 1 end
    if letter == " " and depth == 0 and not text:sub(1, i - 1):find "[:,|]$" and not text:find("^ *|", i) then
      return i - 1
    end
    i = i + 1
  end
  return #text
end

--- A type and the words behind it.
local function split_type(text)
  local last = type_end(text, 1)
  local words = text:sub(last + 1):gsub("^%s*#?%s*", "")
  return text:sub(1, last), words
end

--- `name? type words`, as of parameters and fields.
local function named(text)
  local name, mark, rest = text:match "^(%[?[%w_.]+%]?)(%??)%s+(.*)$"
  if not name then return nil end
  local kind, words = split_type(rest)
  if kind:find "%?$" and not kind:find "^fun" then kind, mark = kind:sub(1, -2), "?" end
  return { name = name, type = kind, optional = mark == "?", words = words }
end

local READERS = {}

function READERS.param(block, text) block.params[#block.params + 1] = named(text) end

function READERS.field(block, text) block.fields[#block.fields + 1] = named(text) end

READERS["return"] = function(block, text)
  local kind, words = split_type(text)
  local name, rest = (words .. " "):match "^([%w_]+)%s+(.-)%s*$"
  if text:find("# ", #kind + 1, true) then name, rest = nil, words end
  block.returns[#block.returns + 1] = { type = kind, name = name, words = rest or words }
end

function READERS.class(block, text)
  local name, parent, words = text:match "^([%w_.]+)%s*:%s*([%w_.]+)%s*(.*)$"
  if not name then name, words = text:match "^([%w_.]+)%s*(.*)$" end
  block.class, block.parent, block.words = name, parent, words
end

function READERS.alias(block, text)
  local name, kind = text:match "^([%w_.]+)%s*(.*)$"
  block.alias, block.choices = name, { kind }
end

--- The tags of a block, each with the lines that go on below it, and the text above them.
local function tags_of(lines)
  local tags, text = {}, {}
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^%-%-%-@(%w+)%s*(.*)$"
    if tag then
      tags[#tags + 1] = { tag, rest }
    elseif line:find "^%-%-%- ?|" then
      tags[#tags + 1] = { "|", (line:gsub("^%-%-%- ?|", "")) }
    elseif tags[1] and line:find "^%-%-%-  " then
      tags[#tags][2] = tags[#tags][2] .. " " .. line:sub(6)
    else
      text[#text + 1] = (line:gsub("^%-%-%-? ?", ""))
    end
  end
  return tags, text
end

--- What the lines of a block say.
---@param lines string[]
---@return table block
function annotations.block(lines)
  local tags, text = tags_of(lines)
  local block = { params = {}, returns = {}, fields = {}, text = text }
  for _, tag in ipairs(tags) do
    local read = READERS[tag[1]]
    if read then read(block, tag[2]) end
    if tag[1] == "|" and block.choices then block.choices[#block.choices + 1] = tag[2] end
  end
  return block
end

--- Parts of an annotation's text: paragraphs, items of lists, and code, which is fenced or indented.
---@param lines string[]
---@return table[] parts { "text"|"item"|"code", lines }
function annotations.parts(lines)
  local parts, current, fence = {}, nil, false
  local function add(kind, text)
    if not current or current[1] ~= kind then
      current = { kind, {} }
      parts[#parts + 1] = current
    end
    table.insert(current[2], text)
  end
  for _, line in ipairs(lines) do
    if line:find "^```" then
      fence, current = not fence, nil
    elseif fence or line:find "^    " then
      add("code", fence and line or line:sub(5))
    elseif line:find "^%* " then
      current = nil
      add("item", line:sub(3))
    elseif line == "" then
      current = nil
    elseif current and current[1] == "item" then
      add("item", (line:gsub("^ +", "")))
    else
      add("text", line)
    end
  end
  return parts
end

--- The code in a text.
---@param lines string[]
---@return string[]
function annotations.examples(lines)
  local found = {}
  for _, part in ipairs(annotations.parts(lines)) do
    if part[1] == "code" then found[#found + 1] = table.concat(part[2], "\n") end
  end
  return found
end

--- The lines of a text.
---@param text string
---@return string[]
function annotations.lines(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = (line:gsub("^%s+", "")) end
  return lines
end

--- The block that ends just above a line.
---@param lines string[]
---@param number integer
---@return table block
function annotations.above(lines, number)
  local first = number
  while first > 1 and lines[first - 1]:find "^%-%-%-" do first = first - 1 end
  local found = {}
  for i = first, number - 1 do found[#found + 1] = lines[i] end
  return annotations.block(found)
end

--- All blocks of a file, in its order.
---@param lines string[]
---@return table[] blocks
function annotations.all(lines)
  local blocks = {}
  for i, line in ipairs(lines) do
    if line:find "^%-%-%-" and not (lines[i + 1] or ""):find "^%-%-%-" then
      blocks[#blocks + 1] = annotations.above(lines, i + 1)
    end
  end
  return blocks
end

--- The members of a table type that is written out, `{ limit?: integer, … }`; nil for any other type.
---@param kind string
---@return table[]|nil fields
function annotations.members(kind)
  local inner = kind:match "^{%s*(.-)%s*}$"
  if not inner or inner:find "^%[" then return nil end
  local fields, from = {}, 1
  while from <= #inner do
    local name, mark, start = inner:match("^%s*([%w_]+)(%??):%s*()", from)
    if not name then return nil end
    local last, depth = start, 0
    while last <= #inner and (depth > 0 or inner:sub(last, last) ~= ",") do
      local letter = inner:sub(last, last)
      if letter:find "[%({<]" then depth = depth + 1 elseif letter:find "[%)}>]" then depth = depth - 1 end
      last = last + 1
    end
    fields[#fields + 1] = { name = name, optional = mark == "?", type = inner:sub(start, last - 1), words = "" }
    from = last + 1
  end
  return fields
end

--- The parameters and results of a function type, `fun(t: T): R`.
---@param kind string
---@return table[]|nil params
---@return table[]|nil returns
function annotations.signature(kind)
  local inside, result = kind:match "^fun(%b())%s*:?%s*(.*)$"
  if not inside then return nil end
  local params = annotations.members("{" .. inside:sub(2, -2) .. "}") or {}
  return params, result ~= "" and { { type = result, words = "" } } or {}
end

return annotations
