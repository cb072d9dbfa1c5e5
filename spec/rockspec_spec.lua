-- SPDX-License-Identifier: Apache-2.0
-- The rock: both rockspecs, and what luarocks makes of them in a tree of its own.
-- Runs on: 5.4

local shell = require "shell"

local function luarocks(arguments)
  return shell.run(shell.unwatched .. "luarocks --lua-version=5.4 " .. arguments)
end

local function rockspec(path)
  local fields = {}
  assert(loadfile(path, "t", fields))()
  return fields
end

local function folder()
  return (shell.run "mktemp -d"):gsub("\n", "")
end

describe("the rock", function()
  local tree, elsewhere

  setup(function()
    tree, elsewhere = folder(), folder()
    local output, status = luarocks("make --deps-mode=none --tree " .. tree)
    assert(status == 0, output)
  end)

  teardown(function()
    shell.run(("rm -rf %s %s"):format(tree, elsewhere))
  end)

  -- Runs a command in a folder outside the checkout, with the tree and Debian's own modules in reach and nothing else.
  local function run_with_the_rock(command)
    local paths = ("LUA_PATH='%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua;;' LUA_CPATH='%s/lib/lua/5.4/?.so;;'")
      :format(tree, tree, tree)
    return shell.run(("cd %s && %s %s"):format(elsewhere, paths, command))
  end

  it("has rockspecs that luarocks finds right and that differ in the version only", function()
    local scm = rockspec "rockspec/cdfworkflow-scm-1.rockspec"
    local release = rockspec "rockspec/cdfworkflow-0.1.0-1.rockspec"
    assert.equal("scm-1", scm.version)
    assert.equal("0.1.0-1", release.version)
    release.version = scm.version
    assert.same(scm, release)
    for _, name in ipairs { "scm-1", "0.1.0-1" } do
      local output, status = luarocks(("lint rockspec/cdfworkflow-%s.rockspec"):format(name))
      assert.equal(0, status, output)
    end
  end)

  it("finds a libcurl of one's own again, and looks nowhere else than the system does without one", function()
    local function run_path(of)
      local said = shell.run(("readelf -d %s/lib/lua/5.4/cdfworkflow/core.so"):format(of))
      return said:match "R[UN]*PATH[^%[]*%[([^%]]*)%]"
    end
    local own, there = folder(), folder()
    finally(function() shell.run(("rm -rf %s %s"):format(own, there)) end)
    local said, status = shell.run(("mkdir %s/lib && cd %s/lib && for name in libcurl.so libcurl.so.4; do "
      .. "ln -s $(ldconfig -p | sed -n 's/.* //; /libcurl\\.so\\.4$/p' | head -n 1) $name; done"):format(own, own))
    assert(status == 0, said)
    said, status = luarocks(("make --deps-mode=none --tree %s CURL_DIR=%s"):format(there, own))
    assert(status == 0, said)
    assert.equal(own .. "/lib", run_path(there))
    assert.matches(own .. "/lib/libcurl.so.4", (shell.run(("ldd %s/lib/lua/5.4/cdfworkflow/core.so"):format(there))))
    assert.is_nil(run_path(tree))
  end)

  it("installs every Lua file", function()
    local ours = shell.run "cd lua && find . -name '*.lua' | sort"
    assert.equal(ours, (shell.run(("cd %s/share/lua/5.4 && find . -name '*.lua' | sort"):format(tree))))
    assert.truthy(ours:find("./cdfworkflow/init.lua", 1, true))
  end)

  it("works from the tree, outside the checkout", function()
    local output, status = run_with_the_rock("lua5.4 -e " .. shell.quote [[
      local cdf = require "cdfworkflow"
      local client = cdf.client {
        project = "my-project", cluster = "westeurope-1", credentials = cdf.credentials { token = "secret" },
      }
      print(package.searchpath("cdfworkflow", package.path))
      print(package.searchpath("cdfworkflow.core", package.cpath))
      print(tostring(client))
    ]])
    assert.equal(0, status, output)
    assert.truthy(output:find(tree .. "/share/lua/5.4/cdfworkflow/init.lua", 1, true), output)
    assert.truthy(output:find(tree .. "/lib/lua/5.4/cdfworkflow/core.so", 1, true), output)
    assert.truthy(output:find("my-project", 1, true), output)
  end)

  it("installs the embedded CDF as a program", function()
    local output, status = run_with_the_rock(tree .. "/bin/cdfworkflow-sim --help")
    assert.equal(0, status, output)
    assert.truthy(output:find("--project", 1, true), output)
  end)
end)
