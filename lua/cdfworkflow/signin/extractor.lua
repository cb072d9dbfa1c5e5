-- SPDX-License-Identifier: Apache-2.0
-- The YAML of Cognite's extractors (SIGNIN.md section 3), in both forms, as options of a client. Only what says where
-- CDF is and how to sign in is looked at.

local check = require "cdfworkflow.check"
local credentials = require "cdfworkflow.signin.credentials"
local secret_file = require "cdfworkflow.signin.secret_file"
local yaml = require "cdfworkflow.signin.yaml"

local HOST = "https://api.cognitedata.com"
local LARGEST = 4 * 1024 * 1024 -- bytes; some list each of their queries, tags or nodes

-- {==== A part of the file, that knows where it stands ====

local Part = {}
Part.__index = Part

local function part(file, path, value) return setmetatable({ file = file, path = path, value = value }, Part) end

--- "cognite.host" for a member as it is, or would be, written in the file.
function Part:path_of(name) return self.path == "" and name or self.path .. "." .. name end

---@return nil, cdfworkflow.Error
function Part:complain(name, why, limit)
  local path = self:path_of(name)
  return check.invalid(path, ("%s: %s %s"):format(self.file, path, why), limit or why)
end

--- The member of that name, with `-` or with `_`.
function Part:raw(name)
  local value = self.value[name]
  if value == nil then value = self.value[(name:gsub("-", "_"))] end
  return value
end

--- The text of a member; nil alone when it is not there, null or empty.
---@return string|nil text
---@return cdfworkflow.Error? err
function Part:text(name)
  local value = self:raw(name)
  if value == nil or value == "" then return nil end
  if type(value) == "string" then return value end
  local why = yaml.why_absent(value)
  if why then return self:complain(name, "cannot be had: " .. why) end
  if type(value) == "table" and next(value) ~= nil then return self:complain(name, "must be text", "text") end
  return nil -- null
end

--- The part below; nil alone when there is none, or nothing in it (as in null).
function Part:part(name)
  local value = self:raw(name)
  if type(value) ~= "table" or next(value) == nil or yaml.why_absent(value) then return nil end
  return part(self.file, self:path_of(name), value)
end

--- A list of texts, or one text.
function Part:list(name)
  local below = self:part(name)
  if not below or #below.value == 0 then return self:text(name) end
  local list = {}
  for i = 1, #below.value do
    local text, err = below:text(i)
    if err then return nil, err end
    list[i] = text
  end
  return list
end

-- }====

-- {==== Signing in ====

--- Options of the credentials by the member of the file that holds them: all texts that are there, or the error of
--- one that cannot be had.
local function texts(from, names)
  local found = {}
  for option, name in pairs(names) do
    local err
    found[option], err = from:text(name)
    if err then return nil, err end
  end
  return found
end

local function missing(from, name, why)
  local said = from:raw(name) == "" and "is empty" or "is missing"
  return from:complain(name, said .. (why and " (" .. why .. ")" or ""), "set, and not empty")
end

local function add_words(settings, from, names)
  for option, name in pairs(names) do
    settings.words[option] = ("%s: %s"):format(from.file, from:path_of(name))
  end
end

--- One PEM file holds both. Its path is taken from the folder that the program was started in, as by the extractors.
local function certificate(settings, from, login)
  local found, err = texts(from, { certificate = "path", authority_url = "authority-url" })
  if not found then return nil, err end
  if not found.certificate then return missing(from, "path") end
  add_words(settings, from, { certificate = "path", key = "path" })
  login.certificate, login.key = found.certificate, found.certificate
  if found.authority_url then
    add_words(settings, from, { token_url = "authority-url" })
    login.token_url = found.authority_url:gsub("/+$", "") .. "/oauth2/v2.0/token"
  end
  return login
end

local OLDER = { client_id = "client-id", client_secret = "secret", token_url = "token-url", audience = "audience",
  resource = "resource" }

--- `cognite.idp-authentication`.
local function older(settings, from)
  local login, err = texts(from, OLDER)
  if not login then return nil, err end
  add_words(settings, from, OLDER)
  local tenant
  tenant, err = texts(from, { id = "tenant", authority = "authority" })
  if not tenant then return nil, err end
  login.scopes, err = from:list "scopes"
  if err then return nil, err end
  if not login.client_id then return missing(from, "client-id") end
  local below = from:part "certificate"
  if below then
    login.client_secret, login.token_url, login.audience, login.resource = nil, nil, nil, nil
    login, err = certificate(settings, below, login)
    if not login then return nil, err end
  elseif not login.client_secret then
    return missing(from, "secret", "nor is there a certificate")
  end
  if not login.token_url then
    if not tenant.id then return missing(from, "token-url", "nor is there a tenant") end
    add_words(settings, from, { token_url = "tenant" })
    login.token_url = credentials.entra_url(tenant.authority, tenant.id)
  end
  return login
end

local NEWER = { client_id = "client-id", client_secret = "client-secret", token_url = "token-url",
  audience = "audience", resource = "resource" }
local TYPES = { ["client-credentials"] = true, ["client-certificate"] = true }

--- `authentication` of `connection_config.yaml`.
local function newer(settings, from)
  local kind, err = from:text "type"
  if err then return nil, err end
  if not TYPES[kind] then
    local known = "client-credentials or client-certificate"
    return from:complain("type", ("must be %s, not %s"):format(known, tostring(kind)), known)
  end
  local is_certificate = kind == "client-certificate"
  local names = is_certificate and { client_id = "client-id" } or NEWER
  local login
  login, err = texts(from, names)
  if not login then return nil, err end
  add_words(settings, from, names)
  login.scopes, err = from:list "scopes"
  if err then return nil, err end
  if not login.client_id then return missing(from, "client-id") end
  if is_certificate then
    login, err = certificate(settings, from, login)
    if not login then return nil, err end
    if not login.token_url then return missing(from, "authority-url") end
    return login
  end
  for _, option in ipairs { "client_secret", "token_url" } do
    if not login[option] then return missing(from, NEWER[option]) end
  end
  return login
end

-- }====

--- Where the parts of each form are, and how they are called.
local FORMS = {
  older = { host = "host", default = HOST, login = "idp-authentication", sign_in = older },
  newer = { host = "base-url", login = "authentication", sign_in = newer },
}

--- Sets an option from a member that must be there, or have a default.
local function required(settings, option, place, name, default)
  local opts = settings.opts
  local text, err = place:text(name)
  if err then return nil, err end
  opts[option] = text or default
  if not opts[option] then return missing(place, name) end
  add_words(settings, place, { [option] = name })
  return true
end

---@class cdfworkflow.signin.Extractor an opened file
---@field at table the part with project and host
---@field form table which of the two forms it has
local Extractor = {}
Extractor.__index = Extractor

--- Opens a file and finds out which form it has.
---@param file string
---@param source cdfworkflow.signin.Source for `${NAME}`
---@return cdfworkflow.signin.Extractor|nil
---@return cdfworkflow.Error? err names the file, and the line or the key
function Extractor.open(file, source)
  local text, problem = secret_file.bytes(file, LARGEST)
  if not text then return check.invalid("path", problem, "a file that can be read") end
  local document
  document, problem = yaml.parse(text, function(name) return source:get(name) or os.getenv(name) end) -- "" is set, too
  if problem then return check.invalid("path", ("%s: %s"):format(file, problem), "YAML") end
  local root = part(file, "", type(document) == "table" and document or {})
  local cognite = root:part "cognite"
  if cognite then return setmetatable({ at = cognite, form = FORMS.older }, Extractor) end
  if root:part "authentication" or root:raw "project" ~= nil then
    return setmetatable({ at = root, form = FORMS.newer }, Extractor)
  end
  return check.invalid("path", file .. " is no configuration of an extractor: it has neither cognite nor "
    .. "authentication", "cognite, or authentication")
end

--- Adds what the file says of project and host where the options do not.
---@param settings { opts: table, words: table<string, string> }
---@return true|nil, cdfworkflow.Error? err
function Extractor:place(settings)
  local opts, form, ok, err = settings.opts, self.form, true, nil
  if not opts.project then ok, err = required(settings, "project", self.at, "project") end
  if ok and not opts.base_url and not opts.cluster then
    ok, err = required(settings, "base_url", self.at, form.host, form.default)
  end
  return ok, err
end

--- The credentials that the file describes.
---@param settings { opts: table, words: table<string, string> }
---@return userdata|nil credentials
---@return cdfworkflow.Error? err
function Extractor:credentials(settings)
  local from = self.at:part(self.form.login)
  if not from then return missing(self.at, self.form.login) end
  local login, err = self.form.sign_in(settings, from)
  if not login then return nil, err end
  return credentials.new(login)
end

return Extractor
