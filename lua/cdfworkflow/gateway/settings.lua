-- SPDX-License-Identifier: Apache-2.0
-- The gateway's settings: a table, and the environment for what is not in it. Knows no host and sends nothing.

local check = require "cdfworkflow.check"
local client = require "cdfworkflow.client"
local options = require "cdfworkflow.options"
local redis_server = require "cdfworkflow.store.server"
local source = require "cdfworkflow.signin.source"

local settings = {}

local SHORTEST_SECRET = 16
local MOST_SECRET = "16 characters at least, and no blanks"

local function map_of(is_key, is_value)
  return function(value)
    if type(value) ~= "table" then return false end
    for key, member in pairs(value) do
      if not is_key(key) or not is_value(member) then return false end
    end
    return true
  end
end

local is_string = check.string.accepts

local SECRETS = options.one_or_list(check.string)

local CALLER = options.members {
  { "secret", SECRETS, required = true },
  { "workflows", options.list(check.string) },
}

local CALLERS = {
  word = "a table of callers by name", accepts = map_of(is_string, function(value) return type(value) == "table" end),
  look = function(given, path, method)
    for name, caller in pairs(given) do CALLER.look(caller, path .. "." .. name, method) end
  end,
}

local WORKFLOWS = {
  word = "a table of versions by workflow", accepts = map_of(is_string, function(value)
    return type(value) == "string" or type(value) == "number"
  end),
}

local CLIENT = {
  word = "a client", accepts = function(value) return getmetatable(value) == client.class end,
}

---@class cdfworkflow.gateway.Caller who may start workflows
---@field secret string|string[] what it shows as bearer token, 16 characters at least; several while one takes the
---  place of another
---@field workflows? string[] external ids that it may start and follow; all unless told

---@class cdfworkflow.gateway.Settings what is not given comes from the environment
---@field workflows? table<string, string|integer> what may be started: external id → version (GATEWAY_WORKFLOWS, as
---  `daily-report=1 calibrate=v3`)
---@field secret? string|string[] of the only caller (GATEWAY_SECRET; several with blanks between)
---@field callers? table<string, cdfworkflow.gateway.Caller> in its place: several, by name (GATEWAY_CALLERS, as
---  `scada=daily-report,calibrate lab`, and GATEWAY_SECRET_SCADA, GATEWAY_SECRET_LAB)
---@field mode? "run"|"queue" whether a delivery is answered once its run has started, or once it is safe on disk
---  (GATEWAY_MODE); "run" unless told
---@field spool? string a folder (GATEWAY_SPOOL): with `mode = "queue"` deliveries wait there, otherwise they are
---  remembered there, so that a restart does not lose what was under way
---@field redis? cdfworkflow.RedisSettings what several hosts share (GATEWAY_REDIS, as
---  `redis://user:password@host:6379`, or `rediss:` for TLS): tokens, and which deliveries there were; with
---  `mode = "queue"` the queue too
---@field concurrency? integer with `mode = "queue"`: runs that are started at the same time (GATEWAY_CONCURRENCY); 10
---  unless told; 1: one after another, oldest first
---@field max_running? integer with `mode = "queue"`: executions that may be running in the project, until others have
---  ended (GATEWAY_MAX_RUNNING); any number unless told
---@field client? cdfworkflow.Client unless given, one of the environment (`cdf.from_env`)
settings.MEMBERS = {
  { "workflows", WORKFLOWS },
  { "secret", SECRETS },
  { "callers", CALLERS },
  { "mode", check.choice { "run", "queue" } },
  { "spool", check.string },
  { "redis", options.of(redis_server.MEMBERS, redis_server.rule) },
  { "concurrency", check.whole(1, 1000) },
  { "max_running", check.whole(1, 1000000) },
  { "client", CLIENT },
}

--- What is wrong with the members together.
function settings.rule(given)
  if given.secret ~= nil and given.callers ~= nil then return "give either secret or callers" end
end

-- {==== The environment ====

local function words_of(text)
  local found = {}
  for word in text:gmatch "[^%s]+" do found[#found + 1] = word end
  return found
end

local function workflows_of(variables)
  local text = variables:get "GATEWAY_WORKFLOWS"
  if not text then
    return check.invalid("GATEWAY_WORKFLOWS", "GATEWAY_WORKFLOWS must name a workflow, such as daily-report=1",
      "name=version")
  end
  local workflows = {}
  for _, pair in ipairs(words_of(text)) do
    local workflow, version = pair:match "^(.-)=(.+)$"
    if not workflow or workflow == "" then
      return check.invalid("GATEWAY_WORKFLOWS", "GATEWAY_WORKFLOWS: expected name=version, got " .. pair,
        "name=version")
    end
    workflows[workflow] = version
  end
  return workflows
end

local function secrets_of(variables, name)
  local text = variables:get(name)
  if text then return words_of(text) end
  return check.invalid(name, ("%s must be set, and have at least %d characters"):format(name, SHORTEST_SECRET),
    MOST_SECRET)
end

local function callers_of(variables, text)
  local callers = {}
  for _, word in ipairs(words_of(text)) do
    local name, list = word:match "^([^=]+)=?(.*)$"
    local secrets, err = secrets_of(variables, "GATEWAY_SECRET_" .. tostring(name):upper())
    if not secrets then return nil, err end
    local workflows = {}
    for workflow in list:gmatch "[^,]+" do workflows[#workflows + 1] = workflow end
    callers[name] = { secret = secrets, workflows = workflows[1] and workflows or nil }
  end
  return callers
end

local URL = "redis://[user:password@]host[:port]"

local function decoded(text)
  return text and (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- The settings in a URL. It may hold a password, so no error repeats it.
local function redis_of(text)
  local scheme, rest = text:match "^(rediss?)://([^/?#]+)/?$"
  local user, at = (rest or ""):match "^(.*)@(.*)$"
  local host, port = (at or rest or ""):match "^([^:]+):?(%d*)$"
  if not host then return check.invalid("GATEWAY_REDIS", "GATEWAY_REDIS must be " .. URL, URL) end
  local name, password = (user or ""):match "^([^:]*):(.*)$"
  if user and not password then return check.invalid("GATEWAY_REDIS", "GATEWAY_REDIS must be " .. URL, URL) end
  return {
    host = host, port = tonumber(port), tls = scheme == "rediss" or nil, password = decoded(password),
    username = name ~= "" and decoded(name) or nil,
  }
end

--- How much at the same time.
local function figures(taken, variables)
  for name, variable in pairs { concurrency = "GATEWAY_CONCURRENCY", max_running = "GATEWAY_MAX_RUNNING" } do
    local text = not taken[name] and variables:get(variable)
    if text and not text:find "^[1-9]%d?%d?$" then
      return check.invalid(variable, variable .. " must be a whole number from 1 to 999", 999)
    end
    taken[name] = taken[name] or text and tonumber(text)
  end
  taken.concurrency = taken.concurrency or 10
  return true
end

--- What the environment says where the table says nothing.
---@return true|nil, cdfworkflow.Error? err
local function complete(taken)
  local variables = source.new()
  local err
  if not taken.workflows then taken.workflows, err = workflows_of(variables) end
  if err then return nil, err end
  local names = not taken.secret and not taken.callers and variables:get "GATEWAY_CALLERS"
  if names then
    taken.callers, err = callers_of(variables, names)
  elseif not taken.secret and not taken.callers then
    taken.secret, err = secrets_of(variables, "GATEWAY_SECRET")
  end
  if err then return nil, err end
  taken.mode = taken.mode or variables:get "GATEWAY_MODE" or "run"
  taken.spool = taken.spool or variables:get "GATEWAY_SPOOL"
  local url = not taken.redis and variables:get "GATEWAY_REDIS"
  if url then taken.redis, err = redis_of(url) end
  if err then return nil, err end
  return figures(taken, variables)
end

-- }====

-- {==== What must hold, wherever it came from ====

--- How a setting is called: as a variable where it came from one.
local function word_of(given, name, variable) return given[name] == nil and variable or name end

local function check_workflows(taken, word)
  if next(taken.workflows) == nil then return check.invalid(word, word .. " must name a workflow", 1) end
  for workflow, version in pairs(taken.workflows) do
    local text, err = check.identifier.use(version, ("%s.%s"):format(word, workflow))
    if not text then return nil, err end
    taken.workflows[workflow] = text
    local _, problem = check.identifier.use(workflow, word)
    if problem then return nil, problem end
  end
  return true
end

local function check_secrets(secrets, word)
  for _, secret in ipairs(secrets) do
    if #secret < SHORTEST_SECRET or secret:find "%s" then
      return check.invalid(word, ("%s must be set, and have at least %d characters and no blanks"):format(
        word, SHORTEST_SECRET), MOST_SECRET)
    end
  end
  if not secrets[1] then return check.invalid(word, word .. " holds no secret", MOST_SECRET) end
  return true
end

local NAME = "1 to 32 letters, digits and _"

local function check_caller(name, caller, taken, from_variables)
  local word = from_variables and "GATEWAY_CALLERS" or "callers"
  if not name:find "^[%w_]+$" or #name > 32 then
    return check.invalid(word, ("%s: the name %s must be %s"):format(word, name, NAME), NAME)
  end
  local secrets = type(caller.secret) == "table" and caller.secret or { caller.secret }
  local fine, err = check_secrets(secrets, from_variables and "GATEWAY_SECRET_" .. name:upper()
    or ("callers.%s.secret"):format(name))
  if not fine then return nil, err end
  for _, workflow in ipairs(caller.workflows or {}) do
    if not taken.workflows[workflow] then
      return check.invalid(word, ("%s: %s may start %s, which is not among the workflows"):format(
        word, name, workflow), "one of the workflows")
    end
  end
  return true
end

local function check_callers(given, taken)
  if taken.secret then
    local secrets = type(taken.secret) == "table" and taken.secret or { taken.secret }
    return check_secrets(secrets, word_of(given, "secret", "GATEWAY_SECRET"))
  end
  if next(taken.callers) == nil then return check.invalid("callers", "callers must name a caller", 1) end
  for name, caller in pairs(taken.callers) do
    local fine, err = check_caller(name, caller, taken, given.callers == nil)
    if not fine then return nil, err end
  end
  return true
end

local function check_mode(given, taken)
  local word = word_of(given, "mode", "GATEWAY_MODE")
  if taken.mode ~= "run" and taken.mode ~= "queue" then
    return check.invalid(word, ('%s must be "run" or "queue", got "%s"'):format(word, taken.mode), "run or queue")
  end
  if taken.mode == "queue" and not taken.spool and not taken.redis then
    return check.invalid("GATEWAY_SPOOL", "the environment variable GATEWAY_SPOOL is not set (nor is GATEWAY_REDIS): "
      .. "with the mode queue it names the folder where deliveries wait", "a folder")
  end
  return true
end

-- }====

local function copy_of(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for name, member in pairs(value) do copy[name] = member end
  return copy
end

--- The settings, whole and checked.
---@param given cdfworkflow.gateway.Settings
---@return cdfworkflow.gateway.Settings|nil taken
---@return cdfworkflow.Error? err names the setting, by its variable where it came from one
function settings.read(given)
  local taken = copy_of(given)
  taken.workflows = given.workflows and copy_of(given.workflows) or nil
  local fine, err = complete(taken)
  if fine then fine, err = check_workflows(taken, word_of(given, "workflows", "GATEWAY_WORKFLOWS")) end
  if fine then fine, err = check_callers(given, taken) end
  if fine then fine, err = check_mode(given, taken) end
  if not fine then return nil, err end
  return taken
end

return settings
