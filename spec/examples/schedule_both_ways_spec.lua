-- SPDX-License-Identifier: Apache-2.0
local example = require "example"
local starter = require "cdfworkflow.api.starter"

describe("the example schedule_both_ways", function()
  local sim

  before_each(function()
    sim = example.simulator()
  end)

  it("leaves both schedules, which start the workflow, and changes nothing when it runs again", function()
    local printed = [[
trigger   0 6 * * 1-5   Europe/Oslo  starts cdfworkflow-scheduled version 1
function  30 5 * * 1-5  UTC          starts cdfworkflow-scheduled version 1
]]
    assert.same({ printed, 0 }, { example.run("schedule_both_ways", sim) })
    assert.same({ printed, 0 }, { example.run("schedule_both_ways", sim) })
    local client = example.client(sim)
    assert.equal(1, #client.functions.schedules:list())
    local calls = 0
    sim:function_handler(starter.EXTERNAL_ID, function(data, context)
      calls = calls + 1
      assert.equal("temperature", data.input.sensors[1])
      assert.equal(example.SECRET, context.secrets["client-secret"])
      return {}
    end)
    sim:advance(24 * 3600)
    assert.equal(1, calls)
    local runs = client.workflows.executions:list()
    assert.same({ 1, "COMPLETED" }, { #runs, runs[1].status })
  end)

  it("takes them away again", function()
    example.run("schedule_both_ways", sim)
    local printed, status = example.run("schedule_both_ways", sim, { "remove" })
    assert.equal(0, status)
    assert.equal("Removed Scheduled trigger: cdfworkflow-scheduled, by trigger\n"
      .. "Removed Scheduled trigger: cdfworkflow-scheduled, by function\n", printed)
    assert.same({}, example.client(sim):schedules())
  end)
end)
