-- SPDX-License-Identifier: Apache-2.0
-- Values as a reader may see them: JSON laid out and cut to a length, and whatever looks like a secret by its name left
-- out, in JSON, in text that somebody has typed, in what functions say.

local core = require "cdfworkflow.core"

local values = {}

--- What stands in the place of a secret.
values.HIDDEN = "…"
local HIDDEN = values.HIDDEN
local WORDS = { "secret", "password", "token", "nonce", "authorization", "apikey", "credential" }
local LONGEST_NAME = 200

--- Whether a name is that of a value that is nobody's business, whatever its spelling: clientSecret, client-secret,
--- apiKey.
---@param name any
---@return boolean
function values.is_secret(name)
  local bare = tostring(name):lower():gsub("[^%a]", "")
  for _, word in ipairs(WORDS) do
    if bare:find(word, 1, true) then return true end
  end
  return false
end

---------------------------------------------------------------------------------------------------------------------
-- JSON for a reader
---------------------------------------------------------------------------------------------------------------------

local function by_name(a, b)
  return tostring(a) < tostring(b)
end

---@param map table
---@return any[] # its keys in the order of their names
function values.sorted_names(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names, by_name)
  return names
end

local function put(out, text)
  out[#out + 1] = text
  local _, characters = text:gsub("[^\128-\191]", "")
  out.size = out.size + characters
end

local write

local function write_members(out, value, indent)
  local first = true
  for _, name in ipairs(values.sorted_names(value)) do
    if out.size > out.most then return end
    put(out, (first and "" or ",\n") .. indent .. core.encode(tostring(name)) .. ": ")
    if values.is_secret(name) then put(out, '"' .. HIDDEN .. '"') else write(out, value[name], indent) end
    first = false
  end
end

local function write_items(out, value, indent)
  for i = 1, #value do
    if out.size > out.most then return end
    put(out, (i > 1 and ",\n" or "") .. indent)
    write(out, value[i], indent)
  end
end

-- Members in order of name, one a line; stops soon after there is enough.
function write(out, value, indent)
  if type(value) ~= "table" then return put(out, core.encode(value) or '"…"') end
  local is_array = core.is_array(value) or value[1] ~= nil
  local open, close = is_array and "[" or "{", is_array and "]" or "}"
  if next(value) == nil then return put(out, open .. close) end
  put(out, open .. "\n")
  local inner = indent .. "  "
  if is_array then write_items(out, value, inner) else write_members(out, value, inner) end
  put(out, "\n" .. indent .. close)
end

--- A value as JSON for a reader, secrets hidden.
---@param value any
---@param most integer characters after which no more is written, but for brackets
---@return string
function values.json(value, most)
  local out = { size = 0, most = most }
  write(out, value, "")
  return table.concat(out)
end

---------------------------------------------------------------------------------------------------------------------
-- Text that may hold secrets
---------------------------------------------------------------------------------------------------------------------

-- The first character behind a string that begins at `at`; behind the text when the string has no end.
local function string_end(text, at)
  local quote, here = text:sub(at, at), at + 1
  while here <= #text do
    local c = text:sub(here, here)
    if c == quote then return here + 1 end
    here = here + (c == "\\" and 2 or 1)
  end
  return #text + 1
end

-- Behind the value that begins at `at`. In doubt more is hidden: where brackets end cannot be told in a broken text.
local function value_end(text, at)
  local first = text:sub(at, at)
  if first == '"' or first == "'" then return string_end(text, at) end
  if first == "{" or first == "[" then return #text + 1 end
  return text:find("[,;&}%]\r\n]", at) or #text + 1
end

-- The name before a `:` or `=`, back to the one before it: up to a quote, or the last word.
local function name_before(text, from, separator)
  local before = text:sub(math.max(from, separator - LONGEST_NAME), separator - 1)
  return before:match("([^\"'\n]*)[\"']%s*$") or before:match("([%w_.-]+)%s*$")
end

--- A text without the values of what looks like a secret by its name, as in `"apiKey": "…"` or `password=…`.
---@param text string
---@return string text, string[] names the names whose values were taken out
function values.mask(text)
  local parts, names, from, at = {}, {}, 1, 1
  while true do
    local separator, start = text:find("[:=]%s*", at)
    if not separator then break end
    local name = name_before(text, at, separator)
    at = start + 1
    if name and values.is_secret(name) and at <= #text then
      parts[#parts + 1] = text:sub(from, start) .. HIDDEN
      names[#names + 1] = name
      at = value_end(text, at)
      from = at
    end
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts), names
end

return values
