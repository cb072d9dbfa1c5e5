-- SPDX-License-Identifier: Apache-2.0
-- For specs of the program cdfworkflow: runs it as a shell does, against a cdfworkflow-sim or anything else, in a plain
-- environment, in a pseudo-terminal, or in the background.

local server = require "server"
local shell = require "shell"

local program = {}

program.ROOT = debug.getinfo(1, "S").source:match "^@(.*)spec/support/program%.lua$"
if program.ROOT == "" then program.ROOT = shell.run("pwd"):match "[^\n]+" .. "/" end

-- As a word of a shell's command line.
local SCRIPT = shell.quote(program.ROOT .. "lua/cdfworkflow/program/bin/cdfworkflow")

--- Starts a cdfworkflow-sim with the workflows of program_world.lua.
---@param ... string more options
---@return spec.Server
function program.world(...)
  return server.start { "--project", "p", "--client-id", "me", "--client-secret", "s3cr3t", "--load",
    program.ROOT .. "spec/support/program_world.lua", ... }
end

--- The variables that lead to a server.
---@param url string
---@return table<string, string>
function program.settings(url)
  return {
    CDF_URL = url, CDF_PROJECT = "p", IDP_TOKEN_URL = url .. "/oauth2/token", IDP_CLIENT_ID = "me",
    IDP_CLIENT_SECRET = "s3cr3t",
  }
end

--- A folder of its own, empty.
---@return string
function program.folder() return (shell.run("mktemp -d"):gsub("\n", "")) end

---@param path string
---@param text string
---@return string path
function program.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  return path
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- Where Lua finds things, and what a watcher (watched.sh) tells the programs that it watches.
local PASSED = { "PATH", "LUA_PATH", "LUA_CPATH", "BUILD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
  "VALGRIND_OPTS", "GC_PAUSE" }

--- An environment with nothing of the spec's own in it, as words for a shell: `env -i NAME=value …`.
---@param variables? table<string, string>
---@return string
function program.environment(variables)
  local words = { "env", "-i" }
  local all = { LC_ALL = "C.UTF-8", TERM = "xterm", HOME = "/nonexistent" }
  for _, name in ipairs(PASSED) do all[name] = os.getenv(name) end
  for name, value in pairs(variables or {}) do all[name] = value end
  for name, value in pairs(all) do words[#words + 1] = name .. "=" .. shell.quote(value) end
  return table.concat(words, " ")
end

--- The shell's command line for the program.
---@param words string[]
---@param variables table<string, string>
---@return string
function program.command(words, variables)
  local parts = { program.environment(variables), shell.lua, SCRIPT }
  for _, word in ipairs(words) do parts[#parts + 1] = shell.quote(word) end
  return table.concat(parts, " ")
end

--- Puts the program into a folder as it is once installed: `bin/cdfworkflow`.
---@param folder string
function program.install(folder)
  shell.run("mkdir -p " .. folder .. "/bin")
  program.write(folder .. "/bin/cdfworkflow", ("#!/bin/sh\nexec %s %s \"$@\"\n"):format(shell.lua, SCRIPT))
  shell.run(("chmod +x %s/bin/cdfworkflow"):format(folder))
end

--- Runs shell text in a folder with `program.install`, as a person, cron or systemd would.
---@param folder string
---@param script string
---@param variables table<string, string>
---@return string output of both streams
---@return integer status
function program.sh_in(folder, script, variables)
  local all = { PATH = folder .. "/bin:" .. os.getenv "PATH" }
  for name, value in pairs(variables) do all[name] = value end
  return shell.run(("cd %s && %s sh -ec %s"):format(folder, program.environment(all), shell.quote(script)))
end

---@class spec.program.Outcome
---@field out string
---@field err string
---@field status integer

--- Runs shell text with `$CDFWORKFLOW` for the program.
---@param script string
---@param opts { env?: table<string, string>, folder?: string }
---@return spec.program.Outcome
function program.shell(script, opts)
  local folder = program.folder()
  local command = ("cd %s && { %s\n} >%s/out 2>%s/err; echo $?"):format(shell.quote(opts.folder or folder),
    script:gsub("%$CDFWORKFLOW", (program.command({}, opts.env):gsub("%%", "%%%%"))), folder, folder)
  local said = shell.run(command)
  local outcome = { out = read(folder .. "/out"), err = read(folder .. "/err") }
  outcome.status = tonumber(said:match "(%d+)\n$")
  shell.run("rm -rf " .. folder)
  return outcome
end

--- Runs the program to its end.
---@param words string[]
---@param opts { env?: table<string, string>, folder?: string, input?: string }
---@return spec.program.Outcome
function program.run(words, opts)
  local parts = { "$CDFWORKFLOW" }
  for _, word in ipairs(words) do parts[#parts + 1] = shell.quote(word) end
  local line = table.concat(parts, " ")
  if opts.input then line = "printf %s " .. shell.quote(opts.input) .. " | " .. line end
  return program.shell(line .. (opts.input and "" or " </dev/null"), opts)
end

--- Runs the program in a pseudo-terminal (spec/support/terminal.py says what happens there).
---@param words string[]
---@param opts { env?: table<string, string>, columns: integer, rows: integer, when?: string, send?: string }
---  `send`: the keys, or "SIGTERM" and the like, that are sent once the text `when` was written
---@return string written everything that came to the terminal, escapes and all
---@return integer status
function program.on_terminal(words, opts)
  return program.in_terminal("cd / && exec " .. program.command(words, opts.env), opts)
end

--- Runs any shell command there.
---@param command string
---@param opts { columns: integer, rows: integer, when?: string, send?: string }
---@return string written
---@return integer status
function program.in_terminal(command, opts)
  local arguments = { ("%d %d"):format(opts.columns, opts.rows), shell.quote(opts.when or ""),
    shell.quote(opts.send or "") }
  local helper = program.ROOT .. "spec/support/terminal.py"
  local said = shell.run(("python3 %s %s sh -c %s"):format(shell.quote(helper), table.concat(arguments, " "),
    shell.quote(command)))
  local written, status = said:match "^(.*)\nstatus (%-?%d+)\n$"
  return assert(written, said), tonumber(status)
end

return program
