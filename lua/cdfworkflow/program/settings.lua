-- SPDX-License-Identifier: Apache-2.0
-- The client that the settings make: the environment, a .env file, an extractor's YAML, in this order.

local Progress = require "cdfworkflow.program.progress"
local exits = require "cdfworkflow.program.exits"
local interrupts = require "cdfworkflow.program.interrupts"

local settings = {}

--- Where a .env file is looked for when none is named (SIGNIN.md section 2).
local ENV_FILES = { ".env", "../.env" }

local NO_SUCH_FILE = 2 -- ENOENT

--- Whether it is a file. One that may not be read is left out, and told; a folder of that name is Python's.
local function is_file(context, path)
  local file, message, code = io.open(path)
  if not file then
    if code ~= NO_SUCH_FILE then context.out:note(message .. "; it is left out") end
    return false
  end
  local _, problem = file:read(0)
  file:close()
  return problem == nil
end

local function find_env_file(context)
  for _, path in ipairs(ENV_FILES) do
    if is_file(context, path) then return path end
  end
end

--- The variables of the environment and of the .env file, which is read once: it may be a pipe.
---@return cdfworkflow.signin.Source
local function source_of(context)
  local source, err = context.source, nil
  if not source then
    source, err = require("cdfworkflow.signin.source").new(context.args.env_file or find_env_file(context))
  end
  if not source then exits.fail(exits.INPUT, err.message) end ---@cast source cdfworkflow.signin.Source
  context.source = source
  return source
end

--- A function that gives a variable's value, or nil: of the environment, else of the .env file.
---@param context cdfworkflow.program.Context
---@return fun(name: string): string|nil
function settings.variables(context)
  local source = source_of(context)
  return function(name) return (source:get(name)) end
end

--- Whether there are no settings at all, as in a folder that was not meant.
local function sets_nothing(source)
  for _, name in ipairs { "CDF_PROJECT", "CDF_CLUSTER", "CDF_URL", "CDF_TOKEN", "IDP_CLIENT_ID" } do
    if source:get(name) then return false end
  end
  return not source.file
end

--- Tells those who want to know what the client does.
local function watch(context, progress, event)
  if event.type == "request" then
    progress:on_request(event)
  elseif event.type == "response" then
    progress:on_response(event)
  end
  if context.on_event then context.on_event(event) end
end

--- The client for a command. Settings that are missing or wrong end the program; from here on signals end waits.
---@param context cdfworkflow.program.Context
---@return cdfworkflow.Client
function settings.client(context)
  local args, progress, source = context.args, Progress.new(context.out), source_of(context)
  local client, err = require("cdfworkflow.signin").open({
    client_name = "cdfworkflow", on_event = function(event) watch(context, progress, event) end,
  }, { variables = true, source = source, config = args.config })
  if not client then
    local is_alone = not args.config and sets_nothing(source)
    local hint = is_alone and ", and there is no .env to be read here or one folder up" or ""
    exits.fail(exits.INPUT, err.message .. hint)
  end ---@cast client cdfworkflow.Client
  client.words.session = "sign in with IDP_CLIENT_ID and IDP_CLIENT_SECRET"
  client.transport.on_turn = function()
    interrupts.check()
    progress:tick()
    context.out:tick()
  end
  interrupts.note()
  return client
end

return settings
