-- SPDX-License-Identifier: Apache-2.0
-- The command line: what there is to be said, and what somebody has said. A command is only made when its name stands
-- in the command line, since most of a short run's time would go into the others. Help and complaints know them all.

local Output = require "cdfworkflow.program.output"
local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
local suggest = require "cdfworkflow.suggest"

local arguments = {}

--- Every command with its line of help; each has a room of its name in commands/.
---@type { [1]: string, [2]: string }[]
arguments.COMMANDS = {
  { "run", "Start a run of a workflow." },
  { "wait", "Wait for the end of runs." },
  { "watch", "Watch a run until its end." },
  { "show", "Show a run with its tasks." },
  { "why", "Say why runs did not succeed." },
  { "cancel", "Cancel runs." },
  { "retry", "Start runs again that did not succeed." },
  { "list", "List runs." },
  { "complete", "Complete a task that waits for it." },
  { "workflows", "List the workflows." },
  { "versions", "List the versions of a workflow." },
  { "definition", "Print the definition of a version." },
  { "lint", "Find what is wrong with definitions in files." },
  { "graph", "Draw a definition in a file, or a run." },
  { "deploy", "Put workflows, versions and triggers from files into CDF." },
  { "schedule", "Put a workflow on a schedule." },
  { "schedules", "List the schedules." },
  { "unschedule", "Remove a schedule or trigger." },
  { "pause", "Pause a schedule or trigger." },
  { "resume", "Let a paused schedule or trigger go on." },
  { "check", "Check settings, sign-in and rights, without starting anything." },
  { "queue", "Keep runs that cannot be started now, and start them." },
  { "completion", "Print the completion script of a shell." },
}

local EPILOG = "cdfworkflow COMMAND --help says what a command takes. cdfworkflow(1) is the manual."
local GLOBALS_TOO = "The options of cdfworkflow --help, such as -o and -q, are taken here too."
local NEEDED = "argparse is needed: install the rock `argparse`, or Debian's lua-argparse"
local WIDEST = 100

--- For argparse: a whole number above zero.
---@param most? integer
function arguments.count(most)
  return function(text)
    local number = text:find "^%d+$" and tonumber(text)
    if number and number > 0 and number <= (most or math.huge) then return number end
    return nil, ("'%s' is no whole number %s"):format(text, most and ("from 1 to %d"):format(most) or "above zero")
  end
end

--- For argparse: one of the words, in upper or lower case.
---@param words string[]
function arguments.word(words)
  return function(text)
    local given = text:upper()
    for _, word in ipairs(words) do
      if given == word then return word end
    end
    return nil, ("'%s' is none of %s%s"):format(text, table.concat(words, ", "), suggest.hint(given, words))
  end
end

--- Refuses an option that says nothing where another one is missing: it is a slip.
---@param option string
---@param given any
---@param other string
---@param present any
function arguments.needs(option, given, other, present)
  if given and not present then exits.fail(exits.INPUT, ("%s has no meaning without %s"):format(option, other)) end
end

local function add_globals(parser)
  parser:option("--env-file", "Settings as NAME=value lines (default: .env here, then one folder up).")
    :argname "FILE" :target "env_file"
  parser:option("--config", "Settings from an extractor's YAML.") :argname "FILE"
  parser:option("-o", "The form of the output: text, json, jsonl or id.") :argname "FORM" :target "form"
    :choices { "text", "json", "jsonl", "id" }
  parser:option("--color", "When to use colours: auto, always or never.") :argname "WHEN"
    :choices { "auto", "always", "never" }
  parser:flag("-q --quiet", "No progress and no notes on standard error.")
  parser:flag("-v --verbose", "Each request on standard error.")
end

--- How wide the help may be.
local function width()
  local columns = core.terminal(1) or 0
  return columns > 0 and math.min(columns, WIDEST) or WIDEST
end

--- Adds a text behind `first`; lines after the first one begin where it does.
local function add_hanging(lines, first, text, room)
  local line = first
  for word in text:gmatch "%S+" do
    if #line + 1 + #word > room then
      lines[#lines + 1] = line
      line = (" "):rep(#first)
    end
    line = line .. " " .. word
  end
  lines[#lines + 1] = line
end

local function exit_lines()
  local lines, room = { "Exit status:" }, width()
  for _, exit in ipairs(exits.TABLE) do add_hanging(lines, ("  %3d "):format(exit.code), exit.meaning, room) end
  return table.concat(lines, "\n")
end

--- Prints what was asked for in place of a command, and ends the program.
local function answer(text)
  local ok, failure = pcall(Output.raw, nil, text .. "\n")
  if not ok and failure.message then io.stderr:write("cdfworkflow: ", failure.message, "\n") end
  os.exit(ok and exits.OK or failure.code)
end

--- In place of argparse's own, which does not look whether it was written.
---@param command table
---@param more fun(): string the last lines
local function add_help(command, more)
  command:add_help {
    description = "Show this help message and exit.",
    action = function() answer(command:epilog(more()):get_help()) end,
  }
end

local function globals_too() return GLOBALS_TOO end

--- The room of a command.
---@param name string
function arguments.room(name) return require("cdfworkflow.program.commands." .. name) end

--- Gives a command its options, and those of its own commands.
local function define(name, subs)
  add_help(subs[name], globals_too)
  for inner_name, inner in pairs(arguments.room(name).define(subs[name]) or {}) do
    subs[name .. " " .. inner_name] = inner
    add_help(inner, globals_too)
  end
end

--- The parser; with `wanted`, the options of those commands only.
---@param wanted? table<string, boolean>
---@param alone? boolean without any other command
---@return table parser
---@return table<string, table> commands by name, those of a command too: "queue add"
function arguments.parser(wanted, alone)
  local found, argparse = pcall(require, "argparse")
  if not found then exits.fail(exits.INPUT, NEEDED) end
  local parser = argparse("cdfworkflow", "Start, follow and schedule data workflows in Cognite Data Fusion.")
  parser:usage_max_width(width()):help_max_width(width()):command_target "command"
  add_help(parser, function() return exit_lines() .. "\n\n" .. EPILOG end)
  add_globals(parser)
  parser:flag("--version", "Print the version."):action(function()
    answer("cdfworkflow " .. core.version)
  end)
  local subs = {}
  for _, command in ipairs(arguments.COMMANDS) do
    local name = command[1]
    local is_wanted = not wanted or wanted[name]
    if is_wanted or not alone then subs[name] = parser:command(name, command[2]) end
    if is_wanted then define(name, subs) end
  end
  return parser, subs
end

--- The command that was meant, as far as it can be told: "run", "queue add".
local function command_in(words, subs)
  local name
  for _, word in ipairs(words) do
    local longer = name and name .. " " .. word or word
    if subs[longer] then name = longer end
  end
  return name
end

--- The commands there are, or those of a command.
local function commands_of(name, subs)
  local names = {}
  for one in pairs(subs) do
    local inner = one:match "^%S+ (.*)$"
    if name and one == name .. " " .. (inner or "") or not name and not inner then names[#names + 1] = inner or one end
  end
  return names
end

--- What could have been meant: commands, or the options that stand in the help.
local function candidates(noun, helps, commands)
  if noun == "command" then return commands end
  local names = {}
  for name in table.concat(helps, " "):gmatch "%-%-%a[%w-]*" do names[#names + 1] = name end
  return names
end

--- argparse's complaint as one sentence.
local function sentence(complaint, helps, commands)
  complaint = complaint:gsub("\n.*", "")
  local noun, word = complaint:match "^unknown (%l+) '(.*)'$"
  return noun and complaint .. suggest.hint(word, candidates(noun, helps, commands)) or complaint
end

--- What a command line says that asks for no help; nil where that needs all commands, or cannot be understood.
local function parse_quickly(words, wanted)
  for _, word in ipairs(words) do
    if word == "--help" or word:find "^%-%a*h" then return nil end
  end
  local parser, subs = arguments.parser(wanted, true)
  if not next(subs) then return nil end
  local understood, args = parser:pparse(words)
  return understood and args or nil
end

--- What somebody has said.
---@param words string[]
---@return table args `args.command` is the command's name
function arguments.parse(words)
  local wanted = {}
  for _, word in ipairs(words) do wanted[word] = true end
  local quick = parse_quickly(words, wanted)
  if quick then return quick end
  local parser, subs = arguments.parser(wanted)
  local understood, args = parser:pparse(words)
  if understood then return args end
  local name = command_in(words, subs)
  local helps = { parser:get_help(), name and subs[name]:get_help() }
  exits.fail(exits.INPUT, ("%s (see cdfworkflow%s --help)"):format(sentence(args, helps, commands_of(name, subs)),
    name and " " .. name or ""))
end

return arguments
