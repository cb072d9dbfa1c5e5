-- SPDX-License-Identifier: Apache-2.0
local example = require "example"

describe("the example follow_with_picture", function()
  local sim, on_terminal, written, snapshot

  before_each(function()
    snapshot = assert:snapshot()
    sim, on_terminal, written = example.simulator(), false, {}
    stub(os, "execute", function() return on_terminal end)
    stub(io, "write", function(text) written[#written + 1] = text end)
  end)

  after_each(function()
    snapshot:revert()
  end)

  it("prints each event and the finished tree, and writes the diagram", function()
    local path = os.tmpname()
    local printed, status = example.run("follow_with_picture", sim, { path })
    local file = assert(io.open(path))
    local diagram = file:read("*a")
    file:close()
    os.remove(path)
    assert.equal(0, status)
    assert.equal([[
execution_started  the execution
task_started       read-sensors
task_completed     read-sensors
task_started       clean-pressure
task_started       clean-temperature
task_completed     clean-pressure
task_completed     clean-temperature
task_started       report
task_completed     report
execution_ended    the execution

✓ cdfworkflow-branches version 1  completed in 2.4 s
└─ ✓ read-sensors  function  800 ms
   ├─ ✓ clean-pressure  function  1.2 s
   │  └─ ✓ report  function  400 ms
   └─ ✓ clean-temperature  function  1.2 s
      └─ ↑ report
]], printed)
    assert.matches('^%-%-%-\ntitle: "cdfworkflow%-branches version 1  completed in 2.4 s"\n%-%-%-\nflowchart', diagram)
    assert.truthy(diagram:find('("clean-pressure<br/>function<br/>1.2 s")', 1, true), diagram)
  end)

  it("draws the tree anew on a terminal", function()
    on_terminal = true
    local printed, status = example.run("follow_with_picture", sim)
    assert.equal(0, status)
    for _, text in ipairs(written) do assert.equal("\27[6A\27[J", text) end
    assert.truthy(#written > 2)
    assert.truthy(printed:find("\27[36m▶\27[0m clean-pressure", 1, true), printed)
    assert.truthy(printed:find("\27[32m✓\27[0m report", 1, true), printed)
  end)

  it("fails when the workflow fails", function()
    sim:function_handler("fn-report", function() error("no paper", 0) end)
    local printed, status = example.run("follow_with_picture", sim)
    assert.equal(1, status)
    assert.matches("task_failed        report: no paper\n", printed)
  end)
end)
