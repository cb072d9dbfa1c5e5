-- SPDX-License-Identifier: Apache-2.0
-- Reads `.env` files as the CDF Toolkit does (SIGNIN.md section 2), which leaves them to python-dotenv: `NAME=value`
-- lines, comments, quotes, `export`, and `${NAME}` or `${NAME:-default}` in values.

local dotenv = {}

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

--- The value behind an equals sign: its text, and the position behind it; nil for quotes that are not closed.
local function value_at(text, at)
  local start = text:match("^[ \t]*()", at)
  if text:find("^['\"]", start) then return quoted(text, start) end
  local raw, behind = text:match("^([^\r\n]*)()", start)
  if start > at and raw:sub(1, 1) == "#" then return "", behind end
  return raw:gsub("%s+#.*$", ""):gsub("%s+$", ""), behind
end

--- One statement from `at` on, at the first character of a line that is no blank: name, value, position behind.
local function statement(text, at)
  local name, behind = text:match("^export[ \t]+([%w_.-]+)[ \t]*()", at)
  if not name then name, behind = text:match("^([%w_.-]+)[ \t]*()", at) end
  if not name then return nil, "expected NAME=value" end
  if text:sub(behind, behind) ~= "=" then return name, nil, behind end
  local value, after = value_at(text, behind + 1)
  if not value then return nil, "the quote of " .. name .. " is not closed" end
  return name, value, after
end

--- `${NAME}` and `${NAME:-default}`: what the environment has wins over the lines above.
local function expand(value, known, environment)
  return (value:gsub("%${([^}]*)}", function(reference)
    local name, default = reference:match "^([^:]*):%-(.*)$"
    name = name or reference
    return environment(name) or known[name] and known[name].value or default or ""
  end))
end

--- The variables of a `.env` file's text.
---@param text string
---@param environment fun(name: string): string|nil
---@return table<string, { value: string, line: integer }>|nil variables
---@return string? problem with the number of the line
function dotenv.parse(text, environment)
  local known, at = {}, text:match "^\239\187\191()" or 1
  while true do
    at = text:match("^%s*()", at)
    if at > #text then return known end
    local line = line_of(text, at)
    if text:sub(at, at) == "#" then
      at = text:match("^[^\r\n]*()", at)
    else
      local name, value, behind = statement(text, at)
      if not name then return nil, ("line %d: %s"):format(line, value) end
      at = text:match("^[ \t]*()", behind)
      if text:sub(at, at) == "#" then at = text:match("^[^\r\n]*()", at) end
      if not text:find("^[\r\n]", at) and at <= #text then
        return nil, ("line %d: expected NAME=value, and nothing behind it"):format(line)
      end
      if value then known[name] = { value = expand(value, known, environment), line = line } end
    end
  end
end

return dotenv
