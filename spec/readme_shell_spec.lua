-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The README's commands are run, block by block, against cdfworkflow-sim: what people copy works. And its table of exit
-- statuses is the program's.

local exits = require "cdfworkflow.program.exits"
local program = require "program"
local shell = require "shell"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local README = read "README.md"
local SHELL = assert(README:match "\n## From a shell\n(.-)\n## ")

describe("README.md, from a shell:", function()
  local sim, folder, env

  setup(function()
    sim = program.world()
    folder = program.folder()
    env = program.settings(sim.url)
    program.install(folder)
    shell.run("mkdir " .. folder .. "/modules")
    program.write(folder .. "/site.json", '{"site":"north"}')
    program.write(folder .. "/modules/w.Workflow.yaml", "externalId: w\ndescription: of {{ site }}\n")
  end)

  teardown(function()
    sim:stop()
    shell.run("rm -r " .. folder)
  end)

  local function sh(script) return program.sh_in(folder, script, env) end

  it("the line at the top works", function()
    local said, status = sh(README:match "\n```sh\n(.-)\n```")
    assert.equal(0, status, said)
    assert.matches("\nCOMPLETED\nfine\n$", said)
  end)

  local count = 0
  for block in SHELL:gmatch "\n```sh\n(.-)\n```" do
    count = count + 1
    it(("block %d works"):format(count), function()
      program.run({ "run", "fails", "--wait" }, { env = env })
      local said, status = sh(block)
      -- What has failed fails again: xargs says 123 where one of its commands did.
      assert.equal(0, status, said)
      assert.is_nil(said:find "bug of the program", said)
    end)
  end

  it("the commands of the queue work", function()
    local said, status = sh(README:match "\n## A queue.-\n```sh\n(.-)\n```")
    assert.equal(0, status, said)
    assert.matches("^order%-4711\norder%-4711 %x+%-%x+%-%x+%-%x+%-%x+\n$", said)
  end)

  it("has the blocks that this spec expects, and says what .env holds", function()
    assert.equal(2, count)
    local names = {}
    for name in SHELL:match "\n```ini\n(.-)\n```":gmatch "([%w_]+)=" do names[#names + 1] = name end
    assert.same({ "CDF_CLUSTER", "CDF_PROJECT", "IDP_TENANT_ID", "IDP_CLIENT_ID", "IDP_CLIENT_SECRET" }, names)
  end)

  it("its exit statuses are the program's", function()
    local told = {}
    for codes, meaning in SHELL:gmatch "\n| ([%d, ]+) | ([^\n]*) |" do
      for code in codes:gmatch "%d+" do told[tonumber(code)] = meaning:gsub("`", "") end
    end
    for _, exit in ipairs(exits.TABLE) do
      local meaning = assert(told[exit.code], exit.code)
      local begins = meaning:find(exit.meaning:match "^[%w_]+", 1, true)
      assert.truthy(begins or exit.code == 143, exit.code .. ": " .. meaning)
    end
  end)
end)
