-- SPDX-License-Identifier: Apache-2.0
-- Reads `.env` files as the CDF Toolkit does (SIGNIN.md section 2), which leaves them to python-dotenv: `NAME=value`
-- lines, comments, quotes, `export`, and `${NAME}` or `${NAME:-default}` in values. A line that is none of these is
-- passed over there, so it is here; but who asks for the variable that it may have been meant for is told.

local dotenv = {}

local BLANKS = "[ \t\v\f]*"

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v", ["\\"] = "\\", ["'"] = "'",
  ['"'] = '"' }

local function line_of(text, position)
  return select(2, text:sub(1, position - 1):gsub("\n", "")) + 1
end

--- Where the quote that begins at `at` is closed: by the first one without a backslash before it, else by the last.
local function closing(text, at)
  local quote = text:sub(at, at)
  local found = text:find(quote, at + 1, true)
  local last = found
  while found and text:sub(found - 1, found - 1) == "\\" do
    last = found
    found = text:find(quote, found + 1, true)
  end
  return found or last
end

--- The value in quotes that begins at `at`, over several lines where it must, and the position behind it.
local function quoted(text, at)
  local close = closing(text, at)
  if not close then return nil end
  local escapes = text:sub(at, at) == '"' and "." or "[\\']"
  local function plain(sign) return ESCAPES[sign] or "\\" .. sign end
  local value = text:sub(at + 1, close - 1):gsub("\\(" .. escapes .. ")", plain)
  return value, close + 1
end

--- The value at `at`: its text, and the position behind it; nil for quotes that are not closed.
local function value_at(text, at)
  if text:find("^['\"]", at) then return quoted(text, at) end
  local raw, behind = text:match("^([^\n]*)()", at)
  return raw:gsub("%s+#.*$", ""):gsub("%s+$", ""), behind
end

--- The name at `at`, and the position behind it and its blanks.
local function name_at(text, at)
  local key = text:sub(at, at) == "'" and "^'([^']+)'" or "^([^=#%s]+)"
  return text:match(key .. BLANKS .. "()", at)
end

--- One statement, from `at` on, where no blank stands: its name (nil for a line that has none), its value (nil for a
--- name alone), the position where it ends, and what is wrong with it.
local function statement(text, at)
  at = text:match("^export[ \t\v\f]+()", at) or at
  local name, behind = name_at(text, at)
  local value
  at = behind or at
  if name and text:sub(at, at) == "=" then
    at = text:match("^=" .. BLANKS .. "()", at)
    value, behind = value_at(text, at)
    if not value then return name, nil, at, "the quote of " .. name .. " is not closed" end
    at = behind
  end
  if text:match("^" .. BLANKS .. "(.?)", at):find "^[#\n]?$" then return name, value, at end
  if value then return name, nil, at, "there is more behind the quotes of " .. name end
  return name and name:match "^[%w_]+", nil, at, "expected NAME=value, and nothing behind it"
end

--- `${NAME}` and `${NAME:-default}`: what the environment has wins over the lines above.
local function expand(value, known, environment)
  return (value:gsub("%${([^}:]*)([^}]*)}", function(name, rest)
    local default = rest:match "^:%-(.*)$"
    if rest ~= "" and not default then return nil end
    local above = known[name]
    return environment(name) or above and not above.problem and (above.value or "") or default or ""
  end))
end

---@class cdfworkflow.signin.Variable
---@field line integer where it begins
---@field value? string nil for a name alone
---@field problem? string in place of a value: what is wrong with it

--- The variables of a `.env` file's text.
---@param text string
---@param environment fun(name: string): string|nil
---@return table<string, cdfworkflow.signin.Variable> variables
function dotenv.parse(text, environment)
  text = text:gsub("^\239\187\191", ""):gsub("\r\n?", "\n")
  local known, at = {}, 1
  while true do
    at = text:match("^%s*()", at)
    if at > #text then return known end
    local name, value, behind, problem = statement(text, at)
    if problem and name then
      known[name] = known[name] or { line = line_of(text, at), problem = problem }
    elseif name and not problem then
      known[name] = { line = line_of(text, at), value = value and expand(value, known, environment) }
    end
    at = text:match("^[^\n]*()", behind)
  end
end

return dotenv
