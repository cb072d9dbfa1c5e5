-- SPDX-License-Identifier: Apache-2.0
-- The README's Lua is run, block by block, against the embedded CDF: what people copy works.

local cdf = require "cdfworkflow"
local shell = require "shell"
local simulator = require "cdfworkflow.simulator"
local transport = require "cdfworkflow.transport"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function blocks(text)
  local found = {}
  for block in text:gmatch("\n```lua\n(.-)\n```") do found[#found + 1] = block end
  return found
end

local TASKS = {
  { externalId = "read", type = "function", parameters = { ["function"] = { externalId = "fn-read", data = {} } } },
}

--- A client of a CDF where the workflow of the README is there.
local function furnish(sim)
  local client = assert(cdf.client {
    project = "my-project", base_url = "http://localhost", transport = sim:transport(),
    credentials = assert(cdf.credentials {
      client_id = "my-client", client_secret = "secret", token_url = "http://localhost/oauth2/token",
    }),
  })
  assert(client.workflows:upsert { externalId = "daily-report" })
  assert(client.workflows.versions:upsert {
    workflowExternalId = "daily-report", version = "1", workflowDefinition = { tasks = TASKS },
  })
  return client
end

local function environment(sim, printed)
  local env = {
    cdf = cdf, client = furnish(sim),
    print = function(...)
      local words = { ... }
      for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
      printed[#printed + 1] = table.concat(words, "   ")
    end,
    os = setmetatable({ getenv = function() return "secret" end }, { __index = os }),
  }
  env.execution = assert(env.client:run("daily-report", "1"))
  return setmetatable(env, { __index = _G })
end

local function load_block(block, name, env)
  if setfenv then -- luacheck: ignore
    return setfenv(assert(loadstring(block, name)), env) -- luacheck: ignore
  end
  return assert(load(block, name, "t", env))
end

describe("README.md", function()
  local of_host = transport.of_host
  local sim
  before_each(function()
    sim = simulator.new {
      project = "my-project", client_id = "my-client", client_secret = "secret",
      functions = { ["fn-read"] = function() return { values = { 1 } } end, ["fn-report"] = function() return {} end },
    }
    transport.of_host = function() return sim:transport() end -- luacheck: ignore 122
  end)
  after_each(function()
    transport.of_host = of_host -- luacheck: ignore 122
    shell.run "rm -rf deliveries"
  end)

  local all = blocks(read("README.md"))

  it("has the blocks that this spec expects", function()
    assert.is_true(#all >= 9)
  end)

  for i, block in ipairs(all) do
    it(("block %d runs: %s"):format(i, block:match("[^\n]+")), function()
      local printed = {}
      load_block(block, "@README.md block " .. i, environment(sim, printed))()
      for line in block:gmatch("%-%-> +([^\n]*)") do
        local words = line:gsub("%p", "%%%0"):gsub("059edaa4%%%-…", "%%x+%%-[%%x-]+"):gsub("%s+", "%%s+")
        assert.matches(words, table.concat(printed, "\n"))
      end
    end)
  end
end)

describe("the first program of the README", function()
  it("is the first block", function()
    local first = blocks(read("README.md"))[1]
    for _, word in ipairs { "cdf.client", "cdf.credentials", "client:run", "client:wait" } do
      assert.is_truthy(first:find(word, 1, true))
    end
  end)
end)
