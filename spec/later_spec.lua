-- SPDX-License-Identifier: Apache-2.0
-- What a run does not need is loaded when it is first used, and looks no different.

local shell = require "shell"

--- Runs Lua source in a fresh state; what it prints.
local function fresh(source)
  local said, status = shell.run_lua([[
    local function loaded(name) return package.loaded["cdfworkflow." .. name] ~= nil end
    local function client_of(cdf)
      return assert(cdf.client {
        project = "p", base_url = "http://127.0.0.1:1", credentials = assert(cdf.credentials { token = "t" }),
        transport = { now = os.clock, sleep = function() end, http = function(_, request)
          return request.url:find "/sessions$" and { status = 200, body = '{"items":[{"id":1,"nonce":"n"}]}' }
            or { status = 202, body = '{"id":"e","workflowExternalId":"w","version":"1","status":"RUNNING"}' }
        end },
      })
    end
  ]] .. source)
  assert.equal(0, status, said)
  return said
end

describe("what a run does not need", function()
  it("is not loaded for it", function()
    assert.equal("RUNNING\n", fresh [[
      local cdf = require "cdfworkflow"
      print(assert(client_of(cdf):run("w", "1")).status)
      for _, name in ipairs { "definition", "definition.lint", "definition.graph", "definition.why", "signin", "queue",
        "api.triggers", "api.functions", "api.versions", "api.schedule", "transport.poll", "call.dry_run" } do
        if loaded(name) then print(name) end
      end
    ]])
  end)

  it("is there when it is used, and then as if it always had been", function()
    assert.equal("function\tfunction\tfalse\ttrue\ttrue\n", fresh [[
      local cdf = require "cdfworkflow"
      local lint = cdf.lint
      local client = client_of(cdf)
      local triggers = client.workflows.triggers
      local was = loaded "definition.lint"
      lint { tasks = {} }
      print(type(triggers.upsert), type(cdf.task.fn), was,
        cdf.lint ~= lint and cdf.lint == require "cdfworkflow.definition.lint",
        getmetatable(triggers) == require "cdfworkflow.api.triggers")
    ]])
  end)

  it("blames the program's line for the first mistake too", function()
    local said = fresh [[
      local cdf = require "cdfworkflow"
      local client = client_of(cdf)
      print(select(2, pcall(function() client:schedule { crom = "* * * * *" } end)))
      print(select(2, pcall(function() cdf.definition(1) end)))
    ]]
    assert.matches('^[^\n]-:%d+: client:schedule: unknown option "crom"; did you mean "cron"%?\n', said)
    assert.matches("\n[^\n]-:%d+: cdf%.definition: [^\n]+\n$", said)
    assert.is_nil(said:find("later.lua", 1, true))
  end)

  it("is loaded at once in nginx and HAProxy, whose workers may see no files", function()
    for _, host in ipairs { "ngx", "core" } do
      assert.equal("true\ttrue\ttrue\ttrue\n", fresh(([[
        %s = {}
        local cdf = require "cdfworkflow"
        client_of(cdf)
        package.path = ""
        print(loaded "definition.lint", loaded "signin", loaded "api.triggers", loaded "api.schedule")
      ]]):format(host)))
    end
  end)
end)
