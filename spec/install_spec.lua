-- SPDX-License-Identifier: Apache-2.0
-- `make install`: what lies where, the programs that find it, and what is said where something is missing. On machines
-- that are made for it, as README.md tells it, each way is gone by `make fresh`.
-- Runs on: 5.4

local shell = require "shell"

local stage, prefix

--- Runs a command outside of the checkout, as somebody who has just logged in.
local function run(command, variables)
  return shell.run(("%s cd / && env -u LUA_PATH -u LUA_CPATH %s %s"):format(shell.unwatched, variables or "", command))
end

local function make(arguments)
  local said, status = shell.run(shell.unwatched .. "BUILD=build make -s LUA=/usr/bin/lua5.4 " .. arguments)
  assert(status == 0, said)
  return said
end

describe("make install", function()
  setup(function()
    stage = shell.run("mktemp -d"):gsub("\n", "")
    prefix = stage .. "/a prefix"
    make(("install PREFIX='%s'"):format(prefix))
  end)
  teardown(function() shell.run(("rm -rf '%s'"):format(stage)) end)

  it("puts everything below DESTDIR, where it will be found below PREFIX", function()
    make(("install DESTDIR=%s/root PREFIX=/opt/cdf"):format(stage))
    local found = shell.run(("cd %s/root && find . -path '*/lua/5.4/cdfworkflow/*' -prune -o -type f -print | sort")
      :format(stage))
    assert.equal([[
./opt/cdf/bin/cdfworkflow
./opt/cdf/bin/cdfworkflow-sim
./opt/cdf/share/bash-completion/completions/cdfworkflow
./opt/cdf/share/fish/vendor_completions.d/cdfworkflow.fish
./opt/cdf/share/man/man1/cdfworkflow-sim.1
./opt/cdf/share/man/man1/cdfworkflow.1
./opt/cdf/share/man/man3/cdfworkflow.3
./opt/cdf/share/zsh/site-functions/_cdfworkflow
]], found)
    local core = shell.run(("ls -l %s/root/opt/cdf/lib/lua/5.4/cdfworkflow/core.so"):format(stage))
    assert.equal("-rw-r--r--", core:sub(1, 10))
    assert.matches("\n#compdef cdfworkflow\n", "\n" .. shell.run(("cat %s/root/opt/cdf/share/zsh/*/*"):format(stage)))
  end)

  it("installs every Lua file, and what editors read", function()
    local ours = shell.run "cd lua && find . -name '*.lua' | sort"
    assert.equal(ours, (shell.run(("cd '%s/share/lua/5.4' && find . -name meta -prune -o -name '*.lua' -print | sort")
      :format(prefix))))
    local chunk = assert(loadfile(prefix .. "/share/lua/5.4/cdfworkflow/meta/cdfworkflow.lua"))
    assert.table(chunk())
  end)

  it("brings programs that find all of it, also by way of a link, whatever LUA_PATH says", function()
    shell.run(("ln -s '%s/bin/cdfworkflow' %s/linked"):format(prefix, stage))
    local of_another_lua = 'LUA_CPATH="$(lua5.3 -e "print(package.cpath)")"'
    for _, program in ipairs { ("'%s/bin/cdfworkflow'"):format(prefix), stage .. "/linked" } do
      for _, setting in ipairs { "", "LUA_PATH=/nowhere/?.lua LUA_CPATH='/nowhere/?.so;;'", of_another_lua } do
        local said, status = run(program .. " --version", setting)
        assert.equal(0, status, said)
        assert.matches("^cdfworkflow %d", said)
      end
    end
  end)

  it("brings programs that say in one line what is missing", function()
    local function says(line, program, before)
      local said, status = run(("%s '%s/bin/%s' run x --port 0"):format(before, prefix, program))
      assert.equal(line .. "\n", said)
      assert.equal(2, status)
    end
    local without = [[env LUA_INIT='package.preload["%s"] = function() error("not here", 0) end']]
    for _, program in ipairs { "cdfworkflow", "cdfworkflow-sim" } do
      says(program .. ": lua-cjson is needed: install the rock `lua-cjson`, or Debian's lua-cjson (not here)", program,
        without:format "cjson")
      says(program .. ": its modules for Lua 5.3 are not installed beside it", program, "lua5.3")
      says(program .. ": argparse is needed: install the rock `argparse`, or Debian's lua-argparse", program,
        without:format "argparse")
    end
  end)

  it("brings a program that tells a library which cannot be loaded", function()
    local spoiled = stage .. "/spoiled"
    shell.run(("cp -r '%s' %s && echo >%s/lib/lua/5.4/cdfworkflow/core.so"):format(prefix, spoiled, spoiled))
    local said, status = run(spoiled .. "/bin/cdfworkflow --version")
    assert.matches("^cdfworkflow: error loading module 'cdfworkflow.core' from file [^\n]* too short\n$", said)
    assert.equal(2, status)
  end)

  it("names the Lua that is not here", function()
    local said, status = shell.run(shell.unwatched .. "make install-modules LUA=no-lua PREFIX=" .. stage)
    assert.not_equal(0, status)
    assert.matches("\nno%-lua is not here: install it, or name another %(LUA=%)\n", "\n" .. said)
  end)
end)

describe("Lua 5.2", function()
  local REFUSAL = "cdfworkflow does not run on Lua 5.2, whose coroutines do not tell whether they can wait: "
    .. "use 5.1, LuaJIT, 5.3, 5.4 or 5.5"

  local function says(variables, module)
    local said = shell.run(("%s lua5.2 -e %s"):format(variables,
      shell.quote(("print(select(2, pcall(require, %q)))"):format(module))))
    return (said:gsub("\n$", ""))
  end

  it("is refused in one sentence by the modules, whichever core there is", function()
    local variables = "LUA_PATH='lua/?.lua;lua/?/init.lua' LUA_CPATH=build/5.1/?.so"
    assert.equal(REFUSAL, says(variables, "cdfworkflow"))
    assert.equal(REFUSAL, says(variables, "cdfworkflow.simulator"))
  end)

  it("is refused in the same sentence by `make install`, before anything is compiled", function()
    local said, status = shell.run(shell.unwatched .. "make -s install-modules LUA_VERSION=5.2 DESTDIR=/nowhere")
    assert.not_equal(0, status)
    assert.equal(REFUSAL, said:match "^[^\n]*")
  end)

  it("is refused in the same sentence by a core that was built for it", function()
    local build = shell.run("mktemp -d"):gsub("\n", "")
    finally(function() shell.run("rm -rf " .. build) end)
    local said, status = shell.run(shell.unwatched .. "make -s -j2 build LUAS=5.2 CFLAGS=-O0 BUILD=" .. build)
    assert.equal(0, status, said)
    assert.equal(REFUSAL, says(("LUA_CPATH='%s/5.2/?.so'"):format(build), "cdfworkflow.core"))
  end)
end)
