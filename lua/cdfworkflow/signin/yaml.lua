-- SPDX-License-Identifier: Apache-2.0
-- YAML with what the extractors put into it: `${NAME}` in plain scalars, the tags `!env` and `!keyvault`. Scalars stay
-- the text that they are in the file. What cannot be had becomes an error when it is asked for: most of the file is
-- the extractor's own.

local yaml = {}

--- Stands for a value that is not there.
local Absent = {}
Absent.__index = Absent

local function absent(why) return setmetatable({ why = why }, Absent) end

---@return string|nil why the value cannot be had
function yaml.why_absent(value)
  return getmetatable(value) == Absent and value.why or nil
end

--- Text with the variables in it filled in: `${NAME}`, and `$NAME` where `bare` says what stands for one that is not
--- set. What a variable holds is not looked through again: a secret may have a `$` in it.
local function expand(text, environment, bare)
  local missing
  local expanded = text:gsub("%$([^$]*)", function(part)
    local name, rest = part:match "^{([^}^{]+)}(.*)$"
    local braced = name
    if bare and not name then name, rest = part:match "^([%a_][%w_]*)(.*)$" end
    if not name then return nil end
    local value = environment(name)
    if value then return value .. rest end
    if braced or bare == "must be set" then missing = missing or name end
  end)
  if missing then return absent(("the environment variable %s is not set"):format(missing)) end
  return expanded
end

local function scalars(environment, null)
  local function plain(text)
    if text == "" or text == "~" or text:lower() == "null" then return null end
    return expand(text, environment, text:find "^%${" and "may be set" or nil) -- as the extractors look for `${` there
  end
  local function env(text)
    local whole = text:find("$", 1, true) and text or "${" .. text .. "}" -- the bare name of a variable
    return expand(whole, environment, "must be set")
  end
  local function keyvault()
    return absent("!keyvault asks Azure Key Vault, which is not done here: put the value into an environment variable, "
      .. "and ${NAME} into the file")
  end
  return plain, { ["!env"] = env, ["!keyvault"] = keyvault }
end

--- The document in a YAML text.
---@param text string
---@param environment fun(name: string): string|nil
---@return table|string|nil document
---@return string? problem with line and column; nothing of the text
function yaml.parse(text, environment)
  local found, lyaml = pcall(require, "lyaml")
  if not found then return nil, "YAML needs lyaml: install lua-yaml (Debian) or lyaml (LuaRocks)" end
  local plain, tags = scalars(environment, lyaml.null)
  local parsed, document = pcall(lyaml.load, text, { implicit_scalar = plain, explicit_scalar = tags })
  if parsed then return document end
  local line, column, problem = tostring(document):match "^(%d+):(%d+): (.*)$"
  if not line or line == "0" then return nil, "is no YAML" end
  return nil, ("line %s, column %s: %s"):format(line, column, (problem:gsub(": .*", ""))) -- what stands there stays out
end

return yaml
