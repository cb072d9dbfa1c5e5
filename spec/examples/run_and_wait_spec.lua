-- SPDX-License-Identifier: Apache-2.0
local example = require "example"

local pages = [[

Morning report of pump station 4
  pressure       6.15 bar on average, 6.0 to 6.3
  temperature   72.76 °C on average, 71.5 to 74.0
  3 values left out
]]

describe("the example run_and_wait", function()
  local sim, on_terminal, written, snapshot

  before_each(function()
    snapshot = assert:snapshot()
    sim, on_terminal, written = example.simulator(), false, {}
    stub(os, "execute", function() return on_terminal end)
    stub(io, "write", function(...)
      for _, text in ipairs { ... } do written[#written + 1] = text end
      return { flush = function() end }
    end)
  end)

  after_each(function()
    snapshot:revert()
  end)

  it("prints a line for each change, the finished execution and the report", function()
    local printed, status = example.run("run_and_wait", sim)
    assert.equal(0, status)
    assert.matches("^Started execution %x+%-%x+%-%x+%-%x+%-%x+\n  read%-sensors: ", printed)
    for _, id in ipairs { "read-sensors", "clean", "report" } do
      assert.truthy(printed:find(("\n  %s: completed\n"):format(id), 1, true), printed)
    end
    assert.truthy(printed:find([[

✓ cdfworkflow-demo version 1  completed in 2.4 s
└─ ✓ read-sensors  function  800 ms
   └─ ✓ clean  function  1.2 s
      └─ ✓ report  function  400 ms
]] .. pages, 1, true), printed)
    assert.same({}, written)
  end)

  it("writes one line anew on a terminal", function()
    on_terminal = true
    local printed, status = example.run("run_and_wait", sim)
    assert.equal(0, status)
    local progress, all = table.concat(written), "read-sensors: completed, clean: completed, report: completed"
    assert.truthy(progress:find("\r\27[K  " .. all .. "\r\27[K", 1, true), progress)
    assert.is_nil(progress:find("\n", 1, true))
    assert.truthy(printed:find("\27[32m✓\27[0m report", 1, true), printed)
  end)

  it("leaves the workflow, its input and its metadata in CDF", function()
    example.run("run_and_wait", sim)
    local client = example.client(sim)
    local execution = client.workflows.executions:retrieve(client.workflows.executions:list()[1].id)
    assert.equal("pump station 4", execution.input.site)
    assert.equal("run_and_wait.lua", execution.metadata.startedBy)
    assert.same({}, require "cdfworkflow.definition.lint"(client.workflows.versions:retrieve("cdfworkflow-demo", "1")))
  end)

  it("fails when the workflow fails", function()
    sim:function_handler("fn-clean", function() error("the valve is shut", 0) end)
    local printed, status = example.run("run_and_wait", sim)
    assert.equal(1, status)
    assert.matches("✗ cdfworkflow%-demo version 1  failed", printed)
    assert.matches("✗ clean  function  failed.-: the valve is shut\n", printed)
    assert.is_nil(printed:find("Morning report", 1, true))
  end)
end)
