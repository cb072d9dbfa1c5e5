-- SPDX-License-Identifier: Apache-2.0
-- Where variables come from: the environment, then the files that systemd hands a service, then a `.env` file. Each
-- variable knows how to be called in an error.

local check = require "cdfworkflow.check"
local secret_file = require "cdfworkflow.signin.secret_file"

---@class cdfworkflow.signin.Source
---@field file? string the `.env` file
---@field variables table<string, cdfworkflow.signin.Variable> in it
---@field problem? string what is wrong with a variable in it that was asked for
local Source = {}
Source.__index = Source

local READABLE = "a file that can be read"

--- An empty value counts as not set, since that is what CI systems make of a missing secret.
local function some(value) return value and value:find "%S" and value or nil end

local function of_environment(name) return some(os.getenv(name)) end

--- The file of that name that systemd made by `LoadCredential=NAME:…` (SIGNIN.md section 4).
local function credential_path(name)
  local folder = of_environment "CREDENTIALS_DIRECTORY"
  return folder and folder .. "/" .. name
end

---@param file? string a `.env` file; what the environment has wins
---@return cdfworkflow.signin.Source|nil
---@return cdfworkflow.Error? err
function Source.new(file)
  local self = setmetatable({ file = file, variables = {} }, Source)
  if not file then return self end
  local text, problem = secret_file.bytes(file)
  if not text then return check.invalid("path", problem, READABLE) end
  if text:find "^\255\254" or text:find "^\254\255" then
    return check.invalid("path", file .. " is written in UTF-16, as PowerShell does; save it as UTF-8", "UTF-8")
  end
  self.variables = require("cdfworkflow.signin.dotenv").parse(text, of_environment)
  return self
end

--- The variable's value, and the path of the file that it fills, if it came in one of its own.
---@param name string
---@return string|nil value
---@return string? path
function Source:get(name)
  local value = of_environment(name)
  if value then return value end
  local path = credential_path(name)
  value = path and secret_file.text(path)
  if value then return value, path end
  local variable = self.variables[name]
  if not variable then return nil end
  if variable.problem and not self.problem then
    self.problem = ("%s, line %d: %s"):format(self.file, variable.line, variable.problem)
  end
  return some(variable.value)
end

--- The error of a variable that was asked for and cannot be read, or else the one given.
---@param err? cdfworkflow.Error
---@return cdfworkflow.Error? err
function Source:verdict(err)
  if not self.problem then return err end
  return select(2, check.invalid("path", self.problem, "NAME=value"))
end

--- What a value most likely has by mistake: what a shell takes off and others (`docker run --env-file`) keep, and what
--- comes along when it is copied. Blanks, where nobody but the identity provider looks at it.
local function oddity(name, value)
  if value:find "^([\"']).*%1$" then return "in quotes" end
  if value:find "[\r\n]$" then return "ends with a line end" end
  if name:find "^IDP_CLIENT_" and (value:find "^%s" or value:find "%s$") then return "begins or ends with a blank" end
end

--- What to call a variable that is set: "CDF_URL", "CDF_URL (.env, line 7)", "CDF_URL (in quotes)".
function Source:word(name)
  local variable = not of_environment(name) and self.variables[name]
  local notes = {}
  if variable then notes[1] = ("%s, line %d"):format(self.file, variable.line) end
  notes[#notes + 1] = oddity(name, self:get(name) or "")
  return notes[1] and ("%s (%s)"):format(name, table.concat(notes, ", ")) or name
end

--- Whether the file sets nothing at all, and so may be another than was meant.
local function sets_nothing(variables)
  for _, variable in pairs(variables) do
    if variable.value then return false end
  end
  return true
end

--- `nil, err` for a variable that is not set.
---@param why? string "LOGIN_FLOW is token"
function Source:missing(name, why)
  local message = ("the environment variable %s is not set"):format(name)
  if self.file then
    message = ("%s is not set, neither in the environment nor in %s%s"):format(name, self.file,
      sets_nothing(self.variables) and ", which has no NAME=value at all" or "")
  end
  local path = credential_path(name)
  if path then message = message .. ", nor can " .. path .. " be read" end
  return check.invalid(name, message .. (why and " (" .. why .. ")" or ""), "set, and not empty")
end

return Source
