-- SPDX-License-Identifier: Apache-2.0
-- The program cdfworkflow: from a command line to an exit status. What a command does is in its room in commands/.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
local interrupts = require "cdfworkflow.program.interrupts"

local program = {}

--- What a command has at hand.
---@class cdfworkflow.program.Context
---@field args table the command line, as argparse gives it
---@field out cdfworkflow.program.Output
---@field source? cdfworkflow.signin.Source the variables that count, once they were asked for
---@field on_event? fun(event: table) told of requests and answers, as a client's `on_event`
local Context = {}
Context.__index = Context

--- The client that the settings make, made when it is first asked for.
---@return cdfworkflow.Client
function Context:client()
  self.made = self.made or require("cdfworkflow.program.settings").client(self)
  return self.made
end

local function say(message) io.stderr:write("cdfworkflow: ", message, "\n") end

local function carry_out(words)
  local arguments = require "cdfworkflow.program.arguments"
  local args = arguments.parse(words)
  local out = require("cdfworkflow.program.output").new(args)
  return arguments.room(args.command).run(setmetatable({ args = args, out = out }, Context), args)
end

--- What was raised: the end of a command, an error of the library, or a bug.
local function ending(err)
  if exits.is_failure(err) then return err.code, err.message end
  if type(err) == "table" and err.kind then return exits.of_error(err), err.message end
  return exits.BUG, "this is a bug of the program, please report it: " .. tostring(err):match "[^\n]*"
end

--- Runs the program.
---@param words string[] the command line
---@return integer status
function program.main(words)
  core.hold_streams()
  interrupts.end_at_once()
  local ok, result = pcall(carry_out, words)
  if ok then return result or exits.OK end
  local code, message = ending(result)
  if message then say(message) end
  return code
end

return program
