-- SPDX-License-Identifier: Apache-2.0
-- The client that the settings make: the environment, a .env file, an extractor's YAML, in this order.

local Progress = require "cdfworkflow.program.progress"
local exits = require "cdfworkflow.program.exits"
local interrupts = require "cdfworkflow.program.interrupts"

local settings = {}

--- Where a .env file is looked for when none is named (SIGNIN.md section 2).
local ENV_FILES = { ".env", "../.env" }

local REFUSED = 13 -- EACCES

--- Whether it is a file there, which is no folder (some keep a Python in `.env`). One that may not be read counts, so
--- that the error says so; one in a folder that may not be entered does not.
local function is_file(path)
  local file, _, code = io.open(path, "rb")
  if not file then
    local folder = code == REFUSED and io.open(path:match "^(.*)/" or ".")
    if folder then folder:close() end
    return folder and true or false
  end
  local _, problem = file:read(0)
  file:close()
  return problem == nil
end

--- The .env file that counts, if any.
local function env_file(args)
  if args.env_file then return args.env_file end
  for _, path in ipairs(ENV_FILES) do
    if is_file(path) then return path end
  end
end

--- The variables of the environment and of the .env file, which is read once: it may be a pipe.
---@param args table the command line
---@return cdfworkflow.signin.Source
local function source_of(args)
  local err
  if not args.source then args.source, err = require("cdfworkflow.signin.source").new(env_file(args)) end
  if not args.source then exits.fail(exits.INPUT, err.message) end
  return args.source
end

--- A function that gives a variable's value, or nil: of the environment, else of the .env file.
---@param args table the command line
---@return fun(name: string): string|nil
function settings.variables(args)
  local source = source_of(args)
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
  local args, progress = context.args, Progress.new(context.out)
  local source = source_of(args)
  local client, err = require("cdfworkflow.signin").open({
    client_name = "cdfworkflow", on_event = function(event) watch(context, progress, event) end,
  }, { variables = true, source = source, config = args.config })
  if not client then
    local hint = not args.config and sets_nothing(source) and ", and there is no .env here or one folder up" or ""
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
