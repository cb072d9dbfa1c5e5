-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The examples of tests in Python and JavaScript run as their users run them, and would notice a program gone wrong.

local server = require "server"
local shell = require "shell"

local folder

local function read(name)
  local file = assert(io.open("spec/examples/" .. name))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  assert(file:close())
end

-- In a folder of its own, where cdfworkflow-sim is on the path and packages are as in a user's project.
local function run(command)
  return shell.run(("cd '%s' && PATH=\"$PWD:$PATH\" timeout 60 %s"):format(folder, command))
end

describe("the example of a test", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute(("mkdir '%s' && ln -s \"$PWD/spec/support/node_modules\" '%s/node_modules'"):format(folder, folder))
    local here = assert(io.popen("pwd")):read("*l")
    write("cdfworkflow-sim", "#!/bin/sh\ncd '" .. here .. "'\nexec " .. server.command {} .. ' "$@"\n')
    os.execute("chmod +x '" .. folder .. "/cdfworkflow-sim'")
    for _, name in ipairs { "functions.lua", "use_the_simulator_test.py", "use_the_simulator.test.mjs" } do
      write(name, read(name))
    end
  end)

  teardown(function() os.execute("rm -r '" .. folder .. "'") end)

  it("in Python runs", function()
    local said, status = run("python3 -m unittest use_the_simulator_test")
    assert.equal(0, status, said)
    assert.matches("Ran 3 tests in .*OK", said)
  end)

  it("in JavaScript runs", function()
    local said, status = run("node --test use_the_simulator.test.mjs")
    assert.equal(0, status, said)
    assert.matches("# pass 3\n# fail 0\n", said, 1, true)
  end)

  it("notices a program that is wrong", function()
    write("use_the_simulator_test.py", (read("use_the_simulator_test.py"):gsub('"readings"%]', '"reading"]', 1)))
    assert.equal(1, (select(2, run("python3 -m unittest use_the_simulator_test"))))
    write("use_the_simulator.test.mjs", (read("use_the_simulator.test.mjs"):gsub("response%.readings", "response", 1)))
    assert.equal(1, (select(2, run("node --test use_the_simulator.test.mjs"))))
  end)
end)
