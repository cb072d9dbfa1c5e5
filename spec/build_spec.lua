-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- What `make` says where something is missing that it needs: what that is, and what to do.

local program = require "program"
local shell = require "shell"

describe("make", function()
  local folder

  before_each(function() folder = program.folder() end)
  after_each(function() shell.run("rm -rf " .. folder) end)

  local function make(variables)
    local said, status = shell.run(("cd %s && make -s build BUILD=%s/build %s"):format(
      shell.quote(program.ROOT), folder, variables))
    assert.not_equal(0, status)
    return said
  end

  it("names the packages where it finds no Lua", function()
    assert.matches("^No Lua headers found by pkg%-config. On Debian: apt%-get install pkg%-config liblua5.4%-dev "
      .. "libcurl4%-openssl%-dev; elsewhere: make LUAS=5.4 LUA_CFLAGS=%-I/its/include/folder\n", make "LUAS=")
  end)

  it("names the package where it finds no libcurl, before it compiles anything", function()
    assert.matches("^No libcurl headers found. On Debian: apt%-get install libcurl4%-openssl%-dev; elsewhere: make "
      .. "CURL_CFLAGS=%-I/its/include/folder\n", make "LUAS=5.4 CURL_CFLAGS=-nostdinc")
  end)

  it("refuses a libcurl that is too old, before it compiles anything", function()
    shell.run(("mkdir %s/curl"):format(folder))
    program.write(folder .. "/curl/curl.h", "#define CURL_AT_LEAST_VERSION(x, y, z) ((x) < 7 || (y) < 80)\n")
    assert.matches("^These libcurl headers are too old: cdfworkflow needs 7.80 or newer, since an older one may send a "
      .. "request twice; for another: make CURL_CFLAGS=%-I/its/include/folder\n",
      make("LUAS=5.4 CURL_CFLAGS=-I" .. folder))
  end)

  it("says what it is for, where it is the make of BSD", function()
    local said, status = shell.run(("cd %s && bmake install"):format(shell.quote(program.ROOT)))
    assert.not_equal(0, status)
    assert.matches("This is for GNU make: install gmake, and say gmake in place of make\n", said)
  end)
end)

describe("for other systems,", function()
  local folder

  setup(function() folder = shell.run("mkdir -p build && mktemp -d build/other-spec.XXXXXX"):gsub("\n", "") end)
  teardown(function() shell.run("rm -r " .. folder) end)

  it("the linker of macOS is told that Lua's functions are the program's, and hears nothing of ELF", function()
    local said, status = shell.run("make -n build LUAS=5.4 SYSTEM=Darwin BUILD=" .. folder)
    assert.equal(0, status, said)
    assert.matches(" %-bundle %-undefined dynamic_lookup ", said)
    assert.is_nil(said:match "[^\n]* %-shared[^\n]*" or said:match "[^\n]*%-z[ ,]?nodelete[^\n]*")
  end)

  it("it builds without epoll, sends and runs just so, and gives no descriptor", function()
    local said, status = shell.run(("%s make -s -j2 build-for-specs LUAS=5.4 BUILD=%s CFLAGS='-O0 -DCDFW_PORTABLE'")
      :format(shell.unwatched, folder))
    assert.equal(0, status, said)
    said = shell.run(("BUILD=%s spec/support/run.sh 5.4 spec/core/run_spec.lua"):format(folder))
    assert.matches("\n%d+ passed, 0 failed\n$", said)
    said = shell.run(("LUA_CPATH='%s/5.4/?.so;;' lua5.4 -e %s"):format(folder,
      shell.quote [[print(require("cdfworkflow.core").http():fd())]]))
    assert.equal("nil\tthis system has no epoll: call step as often as timeout says\n", said)
  end)
end)
