-- SPDX-License-Identifier: Apache-2.0
-- Who may run: the project's limit, the workflow's own limit, first come first served.

local Admission = require "cdfworkflow.simulator.engine.admission"

local order = 0

local function execution(workflow, own_limit)
  order = order + 1
  return { workflowExternalId = workflow, maxConcurrentExecutions = own_limit, order = order }
end

local function taken(admission)
  local list = {}
  local record = admission:take()
  while record do
    list[#list + 1] = record
    record = admission:take()
  end
  return list
end

local function added(admission, ...)
  local list = {}
  for index, record in ipairs { ... } do
    list[index] = record
    admission:add(record)
  end
  return list
end

describe("simulator.engine_admission", function()
  local admission
  before_each(function() admission = Admission.new { concurrent_executions = 3 } end)

  it("lets as many run as the project may, in order", function()
    local all = added(admission, execution "a", execution "b", execution "c", execution "d", execution "e")
    assert.same({ all[1], all[2], all[3] }, taken(admission))
    admission:release(all[2])
    assert.same({ all[4] }, taken(admission))
    admission:release(all[1])
    admission:release(all[3])
    assert.same({ all[5] }, taken(admission))
  end)

  it("lets a full workflow hold nobody else back", function()
    local all = added(admission, execution("a", 1), execution("a", 1), execution("b", 1), execution("a", 1))
    assert.same({ all[1], all[3] }, taken(admission))
    admission:release(all[1])
    assert.same({ all[2] }, taken(admission))
    admission:release(all[2])
    assert.same({ all[4] }, taken(admission))
  end)

  it("keeps the turn of what was held back", function()
    local all = added(admission, execution("a", 1), execution("a", 1), execution "b", execution "c")
    assert.same({ all[1], all[3], all[4] }, taken(admission))
    local late = added(admission, execution "d")
    admission:release(all[1])
    assert.same({ all[2] }, taken(admission))
    admission:release(all[3])
    assert.same(late, taken(admission))
  end)

  it("takes out what is in the line, held back, or about to have its turn", function()
    local all = added(admission, execution("a", 1), execution("a", 1), execution("a", 1), execution "b", execution "c",
      execution "d", execution "e")
    assert.same({ all[1], all[4], all[5] }, taken(admission))
    admission:remove(all[2]) -- held back
    admission:remove(all[6]) -- in the line
    admission:release(all[1]) -- gives all[3] its turn
    admission:remove(all[3])
    assert.same({ all[7] }, taken(admission))
    admission:release(all[4])
    assert.same({}, taken(admission))
  end)

  it("counts what runs already", function()
    local record = execution("a", 1)
    admission:count(record)
    added(admission, execution("a", 1))
    assert.same({}, taken(admission))
    admission:release(record)
    assert.equal(1, #taken(admission))
  end)

  it("reads the project's limit anew each time", function()
    local limits = { concurrent_executions = 1 }
    admission = Admission.new(limits)
    added(admission, execution "a", execution "b")
    assert.equal(1, #taken(admission))
    limits.concurrent_executions = 2
    assert.equal(1, #taken(admission))
  end)
end)
