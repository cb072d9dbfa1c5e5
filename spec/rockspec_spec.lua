-- SPDX-License-Identifier: Apache-2.0
-- The rock: its rockspec, the one that a release gets, and what luarocks makes of them in a tree of its own.
-- Runs on: 5.4

local core = require "cdfworkflow.core"
local shell = require "shell"

-- Not optimized, since that takes longest.
local function luarocks(arguments)
  return shell.run(shell.unwatched .. "export CFLAGS='-O0 -fPIC'; luarocks --lua-version=5.4 " .. arguments)
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

  it("brings what an editor needs, for the modules as they are", function()
    for _, module in ipairs { "cdfworkflow", "cdfworkflow/simulator" } do
      local chunk = assert(loadfile(("%s/share/lua/5.4/cdfworkflow/meta/%s.lua"):format(tree, module)))
      assert.table(chunk())
    end
  end)

  -- Runs a command in a folder outside the checkout, with the tree and Debian's own modules in reach and nothing else.
  local function run_with_the_rock(command)
    local paths = ("LUA_PATH='%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua;;' LUA_CPATH='%s/lib/lua/5.4/?.so;;'")
      :format(tree, tree, tree)
    return shell.run(("cd %s && %s %s"):format(elsewhere, paths, command))
  end

  it("has a rockspec that luarocks finds right, and the changelog's first part is of this version", function()
    local output, status = luarocks "lint rockspec/cdfworkflow-scm-1.rockspec"
    assert.equal(0, status, output)
    local changelog = shell.run "grep '^## ' CHANGELOG.md"
    assert.equal(core.version, changelog:match "^## ([%d.]+)")
  end)

  it("is for Lua 5.1 to 5.5, and luarocks refuses 5.2", function()
    local output, status = shell.run(shell.unwatched .. "luarocks --lua-version=5.2 make --tree " .. elsewhere)
    assert.not_equal(0, status)
    assert.matches("lua ~= 5%.2", output)
    output, status = shell.run(shell.unwatched .. "luarocks --lua-version=5.2 make --deps-mode=none --tree "
      .. elsewhere)
    assert.not_equal(0, status)
    assert.matches("^cdfworkflow does not run on Lua 5%.2, whose coroutines [^\n]*: use 5%.1, [^\n]*\nmake: ", output)
    local all = table.concat(rockspec("rockspec/cdfworkflow-scm-1.rockspec").dependencies, "\n")
    assert.matches("lua >= 5%.1, < 5%.6\n", all)
  end)

  -- A copy of what is here as a repository with its tag, as the public one will be.
  local function repository()
    local there = folder()
    local output, status = shell.run(("cp -r Makefile LICENSE lua src rockspec %s && cd %s && git init -q && "
      .. "git add -A && git -c user.name=spec -c user.email=spec@localhost commit -q -m spec && git tag v%s")
      :format(there, there, core.version))
    assert(status == 0, output)
    return there
  end

  it("gets a rockspec for its release, from which luarocks packs the source", function()
    local there, build = repository(), folder()
    finally(function() shell.run(("rm -rf %s %s"):format(there, build)) end)
    local name = ("cdfworkflow-%s-1"):format(core.version)
    local output, status = shell.run(("%s make rockspec BUILD=%s ADDRESS=file://%s && cd %s && "
      .. "luarocks lint %s.rockspec && luarocks --lua-version=5.4 pack %s.rockspec && unzip -l %s.src.rock")
      :format(shell.unwatched, build, there, build, name, name, name))
    assert.equal(0, status, output)
    assert.matches("/src/core%.c\n", output)
    local fields = rockspec(("%s/%s.rockspec"):format(build, name))
    assert.same({ url = "git+file://" .. there, tag = "v" .. core.version }, fields.source)
    assert.equal("file://" .. there, fields.description.homepage)
    assert.equal("file://" .. there .. "/issues", fields.description.issues_url)
    output, status = shell.run(shell.unwatched .. "make rockspec BUILD=" .. build)
    assert.not_equal(0, status)
    assert.matches("^Its public address is missing: make rockspec ADDRESS=https://", output)
  end)

  it("says how the rockspec gets an address where luarocks wants one", function()
    local output, status = shell.run(("cd %s && luarocks pack '%s/rockspec/cdfworkflow-scm-1.rockspec'"):format(
      elsewhere, (shell.run "pwd":gsub("\n", ""))))
    assert.not_equal(0, status)
    assert.matches("no address yet: `make rockspec ADDRESS=https:...` makes a rockspec that has one", output)
  end)

  -- What LuaRocks does for one Lua more (`make fresh` lets it do so), with the build that is there.
  it("can be in one tree for several Luas: the programs stay those of the first", function()
    local another = folder()
    finally(function() shell.run("rm -rf " .. another) end)
    local function programs(lua, scripts)
      local bin = ("%s/lib/luarocks/rocks-%s/cdfworkflow/scm-1/bin"):format(tree, lua)
      local output, status = shell.run(("rm -rf %s; %s make -s rock-install LUA=lua5.4 LIBDIR=%s LUADIR=%s BINDIR=%s "
        .. "SCRIPTS_DIR=%s && ls %s"):format(bin, shell.unwatched, another, another, bin, scripts, bin))
      return output, status
    end
    local output, status = programs("5.4", tree .. "/bin")
    assert.equal(0, status, output)
    assert.equal("cdfworkflow\ncdfworkflow-sim\n", output)
    output = programs("5.3", tree .. "/bin")
    assert.matches(("^%s/bin/cdfworkflow starts %s/lib/luarocks/rocks%%-5%%.4/[^\n]*, and stays\n")
      :format(tree, tree), output)
    assert.matches("rocks%-5%.3/[^\n]*: No such file or directory\n$", output)
    assert.equal("cdfworkflow\ncdfworkflow-sim\n", (programs("5.3", another)))
  end)

  it("finds a libcurl of one's own again, and looks nowhere else than the system does without one", function()
    local function run_path(of)
      local said = shell.run(("readelf -d %s/lib/lua/5.4/cdfworkflow/core.so"):format(of))
      return said:match "R[UN]*PATH[^%[]*%[([^%]]*)%]"
    end
    local own, there = folder(), folder()
    finally(function() shell.run(("rm -rf %s %s"):format(own, there)) end)
    local links = "for name in libcurl.so libcurl.so.4; do "
      .. "ln -s $(ldconfig -p | sed -n 's/.* //; /libcurl\\.so\\.4$/p' | head -n 1) $name; done"
    local said, status = shell.run(("mkdir %s/lib && cd %s/lib && PATH=$PATH:/sbin; %s"):format(own, own, links))
    assert(status == 0, said)
    said, status = luarocks(("make --deps-mode=none --tree %s CURL_DIR=%s CFLAGS='-O0 -fPIC'"):format(there, own))
    assert(status == 0, said)
    assert.equal(own .. "/lib", run_path(there))
    assert.matches(own .. "/lib/libcurl.so.4", (shell.run(("ldd %s/lib/lua/5.4/cdfworkflow/core.so"):format(there))))
    assert.is_nil(run_path(tree))
  end)

  it("installs every Lua file", function()
    local ours = shell.run "cd lua && find . -name '*.lua' | sort"
    assert.equal(ours, (shell.run(("cd %s/share/lua/5.4 && find . -name meta -prune -o -name '*.lua' -print | sort")
      :format(tree))))
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

  it("installs the programs, which find what they need whatever LUA_PATH says", function()
    local settings = { "", "LUA_PATH= ", "LUA_PATH=/nowhere/?.lua ", "LUA_PATH_5_4='/nowhere/5.3/?.lua;;' " }
    for _, setting in ipairs(settings) do
      local bin = ("env -u LUA_PATH -u LUA_CPATH %s%s/bin/"):format(setting, tree)
      local output, status = shell.run(("cd %s && %scdfworkflow --version"):format(elsewhere, bin))
      assert.equal(0, status, output)
      assert.matches("^cdfworkflow %d", output)
      local sim = assert(io.popen(("cd %s && echo $$; exec %scdfworkflow-sim --port 0 2>&1"):format(elsewhere, bin)))
      local pid, line = sim:read "*l", sim:read "*l"
      os.execute("kill " .. pid)
      sim:close()
      assert.matches("^cdfworkflow%-sim listening on ", line)
    end
  end)

  it("needs argparse, and names what is only recommended where it is missing", function()
    assert.truthy(table.concat(rockspec("rockspec/cdfworkflow-scm-1.rockspec").dependencies, " "):find "argparse")
    local preload = [[lua5.4 -e 'package.preload["%s"] = function() error "not here" end']]
    local script = tree .. "/lib/luarocks/rocks-5.4/cdfworkflow/scm-1/bin/cdfworkflow"
    local output, status = run_with_the_rock(preload:format "argparse" .. " " .. script .. " run x")
    assert.equal(2, status)
    assert.equal("cdfworkflow: argparse is needed: install the rock `argparse`, or Debian's lua-argparse\n", output)
    shell.run(("echo 'a: 1' >%s/a.yaml"):format(elsewhere))
    output, status = run_with_the_rock(preload:format "yaml" .. " " .. script .. " lint a.yaml")
    assert.equal(2, status)
    assert.equal("cdfworkflow: a.yaml: lyaml is needed to read YAML: install the rock `lyaml`, or Debian's lua-yaml\n",
      output)
  end)
end)
