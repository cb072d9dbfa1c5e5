-- SPDX-License-Identifier: Apache-2.0
-- The client that the settings make: the environment, a .env file, an extractor's YAML.

local Progress = require "cdfworkflow.program.progress"
local exits = require "cdfworkflow.program.exits"
local interrupts = require "cdfworkflow.program.interrupts"

local settings = {}

--- A variable of the environment.
---@param name string
---@return string|nil
function settings.variable(name) return os.getenv(name) end

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
  local progress = Progress.new(context.out)
  local client, err = require("cdfworkflow").from_env {
    client_name = "cdfworkflow", on_event = function(event) watch(context, progress, event) end,
  }
  if not client then exits.fail(exits.INPUT, err.message) end ---@cast client cdfworkflow.Client
  client.transport.on_turn = function()
    interrupts.check()
    progress:tick()
    context.out:tick()
  end
  interrupts.note()
  return client
end

return settings
