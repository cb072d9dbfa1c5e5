-- SPDX-License-Identifier: Apache-2.0
-- rockspec/deb.sh: what `make deb` makes. Installed on new machines they are by `make fresh`.
-- Runs on: 5.4

local core = require "cdfworkflow.core"
local shell = require "shell"

describe("make deb", function()
  local build, files

  setup(function()
    build = shell.run("mkdir -p build && mktemp -d build/deb-spec.XXXXXX"):gsub("\n", "")
    local said, status = shell.run(("%s DEB_BUILD_OPTIONS=noopt DEBFULLNAME=Spec DEBEMAIL=spec@localhost "
      .. "make -s deb LUAS='5.4 luajit' BUILD=%s ADDRESS=https://cdfworkflow.example"):format(shell.unwatched, build))
    assert(status == 0, said)
    files = said:match "([^\n]+%.deb\n[^\n]+%.deb)\n$"
  end)
  teardown(function() shell.run("rm -r " .. build) end)

  local function field(package, name)
    local said = shell.run(("dpkg-deb -f %s/deb/%s_*.deb %s"):format(build, package, name))
    return (said:gsub("\n$", ""))
  end

  local function contents(package)
    local said = shell.run(("dpkg-deb -c %s/deb/%s_*.deb"):format(build, package))
    return said
  end

  it("makes one for each Lua, LuaJIT's being 5.1's, and one for the programs, of this version", function()
    local architecture = shell.run("dpkg --print-architecture"):gsub("\n", "")
    assert.equal(("%s/deb/lua5.4-cdfworkflow_%s-1_%s.deb\n%s/deb/cdfworkflow_%s-1_all.deb"):format(build, core.version,
      architecture, build, core.version), files)
    assert.equal("Spec <spec@localhost>", field("cdfworkflow", "Maintainer"))
    assert.equal("https://cdfworkflow.example", field("cdfworkflow", "Homepage"))
  end)

  it("declares what each needs", function()
    local module = field("lua5.4-cdfworkflow", "Depends")
    assert.matches("^libc6 %(>= [%d.]+%), libcurl[^,]* %(>= 7%.80%), lua%-cjson$", module)
    local programs = ("lua5.4, lua5.4-cdfworkflow (= %s-1), lua-argparse"):format(core.version)
    assert.equal(programs, field("cdfworkflow", "Depends"))
    assert.matches("lua%-http", field("cdfworkflow", "Recommends"))
  end)

  it("puts the module where LuaJIT looks too, and the programs in the other package alone", function()
    local folder = shell.run("dpkg-architecture -qDEB_HOST_MULTIARCH"):gsub("\n", "")
    local module, programs = contents "lua5.4-cdfworkflow", contents "cdfworkflow"
    assert.truthy(module:find(("./usr/lib/%s/lua/5.4/cdfworkflow/core.so\n"):format(folder), 1, true), module)
    assert.truthy(module:find("./usr/share/lua/5.4/cdfworkflow/init.lua\n", 1, true))
    assert.is_nil(module:find("/bin/", 1, true))
    for _, path in ipairs { "bin/cdfworkflow", "bin/cdfworkflow-sim", "share/man/man1/cdfworkflow.1.gz",
      "share/bash-completion/completions/cdfworkflow", "share/zsh/vendor-completions/_cdfworkflow" } do
      assert.truthy(programs:find(("root/root [^\n]* %%./usr/%s\n"):format((path:gsub("%p", "%%%0")))), path)
    end
    assert.is_nil(programs:find("core.so", 1, true))
  end)
end)
