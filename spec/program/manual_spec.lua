-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The manual pages say what the programs say: every option, every command, every exit status; and scdoc and man take
-- them.

local arguments = require "cdfworkflow.program.arguments"
local exits = require "cdfworkflow.program.exits"
local program = require "program"
local server = require "server"
local shell = require "shell"

local FOLDER = "lua/cdfworkflow/program/man/"

local function read(name)
  local file = assert(io.open(FOLDER .. name .. ".scd"))
  local text = file:read "*a"
  file:close()
  return text
end

--- The options that a help lists, by any of their names.
local function options_in(help)
  local found = {}
  for line in help:gmatch "[^\n]+" do
    local names = line:match "^   +(%-.*)$"
    for name in (names or ""):gsub("  .*", ""):gmatch "%f[-]%-%-?[%a][%w-]*" do found[name] = true end
  end
  return found
end

local function section(page, title)
  return assert((page .. "\n# "):match("\n# " .. title .. "\n(.-)\n# "), title)
end

describe("cdfworkflow(1)", function()
  local page = read "cdfworkflow.1"

  --- The part of a command: from its own line to the next one that begins in the first column.
  local function part_of(command)
    local first = page:match("\n(%*" .. command .. "%*[^\n]*\n.-)\n[^%s]")
    return first or page:match("\n([^\n]*%*" .. command .. "%*[^\n]*\n.-)\n[^%s]")
  end

  it("has every command with every option that its help lists, and none that it does not", function()
    local parser, subs = arguments.parser()
    local globals = options_in(parser:get_help())
    for _, command in ipairs(arguments.COMMANDS) do
      local name = command[1]
      local part = assert(part_of(name), name)
      local options = options_in(subs[name]:get_help())
      for option in pairs(options) do
        local is_told = part:find("*" .. option .. "*", 1, true) or globals[option]
          or section(page, "GLOBAL OPTIONS"):find("*" .. option .. "*", 1, true)
        assert.truthy(is_told, name .. " " .. option)
      end
      for option in part:gmatch "%*(%-%-?[%a][%w-]*)%*" do
        assert.truthy(options[option] or globals[option], name .. " " .. option)
      end
    end
  end)

  it("has every command of a command, with every option that its help lists, and none that it does not", function()
    local _, subs = arguments.parser()
    local count = 0
    for name, command in pairs(subs) do
      if name:find " " then
        count = count + 1
        local part, options = assert(part_of(name), name), options_in(command:get_help())
        options["-h"], options["--help"] = nil, nil
        for option in pairs(options) do
          assert.truthy(part:find("*" .. option .. "*", 1, true), name .. " " .. option)
        end
        for option in part:gmatch "%*(%-%-?[%a][%w-]*)%*" do assert.truthy(options[option], name .. " " .. option) end
      end
    end
    assert.equal(5, count)
  end)

  it("has the global options of the help", function()
    local globals = section(page, "GLOBAL OPTIONS")
    local listed = options_in(arguments.parser():get_help())
    for option in pairs(listed) do assert.truthy(globals:find("*" .. option .. "*", 1, true), option) end
    for option in globals:gmatch "\n%*(%-%-?[%a][%w-]*)%*" do assert.truthy(listed[option], option) end
  end)

  it("has the exit statuses of the table, word for word", function()
    local told = section(page, "EXIT STATUS")
    local count = 0
    for code, meaning in (told .. "\n"):gmatch "%*(%d+)%*\n\t([^\n]*)\n" do
      count = count + 1
      assert.equal(tonumber(code), exits.TABLE[count].code)
      assert.equal(exits.TABLE[count].meaning, meaning)
    end
    assert.equal(#exits.TABLE, count)
  end)

  it("is what --help says of exit statuses too, wherever it stands", function()
    local help = program.run({ "--help" }, { env = {} }).out
    assert.equal(help, program.run({ "--help", "run" }, { env = {} }).out)
    assert.equal(help, program.run({ "-qh", "run" }, { env = {} }).out)
    assert.matches('unknown command .lsit.; did you mean "list"', program.run({ "lsit" }, { env = {} }).err)
    for _, exit in ipairs(exits.TABLE) do
      assert.matches(("\n%%s+%d  %s"):format(exit.code, exit.meaning:sub(1, 20):gsub("%p", "%%%0")), help)
    end
  end)
end)

describe("cdfworkflow-sim(1)", function()
  it("has every option that the program's help lists, and none that it does not", function()
    local page = read "cdfworkflow-sim.1"
    local told, listed = section(page, "OPTIONS"), options_in(shell.run(server.command { "--help" }))
    for option in pairs(listed) do assert.truthy(told:find("*" .. option .. "*", 1, true), option) end
    for option in told:gmatch "\n%*(%-%-?[%a][%w-]*)%*" do assert.truthy(listed[option], option) end
  end)

  it("shows a file for --load that works", function()
    local code = read("cdfworkflow-sim.1"):match "\n```\n(return {.-)```"
    local folder = program.folder()
    local sim = server.start { "--project", "p", "--client-id", "me", "--client-secret", "s3cr3t", "--load",
      program.write(folder .. "/functions.lua", code) }
    local outcome = program.run({ "run", "daily-report", "--wait" }, { env = program.settings(sim.url) })
    sim:stop()
    shell.run("rm -r " .. folder)
    assert.equal(0, outcome.status, outcome.err)
  end)
end)

describe("cdfworkflow(3)", function()
  it("names functions and methods that there are", function()
    local cdf = require "cdfworkflow"
    local page = read "cdfworkflow.3"
    local count = 0
    for name in page:gmatch "%*cdf%.([%w_]+)%*" do
      count = count + 1
      assert.truthy(cdf[name] ~= nil, name)
    end
    assert.is_true(count >= 10)
    local client = assert(cdf.client { project = "p", cluster = "c", credentials = cdf.credentials { token = "t" } })
    for path, methods in page:gmatch "\n%*client%.([%w.]+)%*\n\t(%*:[^\n]*)" do
      local namespace = client
      for part in path:gmatch "[^.]+" do namespace = namespace[part] end
      for method in methods:gmatch "%*:([%w_]+)%*" do assert.is_function(namespace[method], path .. ":" .. method) end
    end
    for method in section(page, "METHODS"):match("_client_ has ([^\n]*)"):gmatch "%*:([%w_]+)%*" do
      assert.is_function(client[method], method)
    end
    client:close()
  end)
end)

describe("the manual pages", function()
  it("are taken by scdoc and shown by man", function()
    local folder = program.folder()
    for _, name in ipairs { "cdfworkflow.1", "cdfworkflow-sim.1", "cdfworkflow.3" } do
      local said, status = shell.run(("scdoc <%s%s.scd >%s/page"):format(FOLDER, name, folder))
      assert.equal(0, status, said)
      said, status = shell.run(("MANWIDTH=80 LC_ALL=C.UTF-8 man -l %s/page"):format(folder))
      assert.equal(0, status, said)
      assert.matches("NAME\n +cdfworkflow", said)
      for line in said:gmatch "[^\n]+" do assert.is_true(#line <= 110, line) end
      local source = read(name)
      for block in source:gmatch "\n```\n(.-)\n```" do -- what is copied is not broken by hyphens
        for line in block:gmatch "[^\n]+" do assert.truthy(said:find(line, 1, true), line) end
      end
      assert.is_nil(source:match "\n\t(cdfworkflow[%w-]* [^\n]*)")
      for variable in source:gmatch "%*([%u_]+)%*" do assert.truthy(said:find(variable, 1, true), variable) end
    end
    shell.run("rm -r " .. folder)
  end)
end)
