-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/running.lua: how many executions are running, as far as it is known.

local Running = require "cdfworkflow.queue.running"

local now, answer, asked, clock

local client = { workflows = { executions = {
  list = function(_, opts)
    asked[#asked + 1] = opts
    return answer.list, answer.err
  end,
} } }

local function running(...)
  local list = {}
  for i, workflow in ipairs { ... } do list[i] = { id = "r" .. i, workflowExternalId = workflow } end
  answer = { list = list }
end

before_each(function()
  now, asked = 0, {}
  clock = { now = function() return now end }
  running()
end)

local function with(limits) return Running.new(client, clock, limits) end

describe("running", function()
  it("asks nobody where nothing is limited", function()
    assert.is_true(with({}):room "w")
    assert.equal(0, #asked)
  end)

  it("asks CDF for what is running before the first start, and not again while there is room", function()
    running("w", "other")
    local one = with { max_running = 4 }
    assert.is_true(one:room "w")
    assert.same({ { status = { "RUNNING" }, limit = math.huge } }, asked)
    one:begins(one, "w")
    assert.is_true(one:room "w")
    one:ends(one, { id = "new" })
    assert.is_true(one:room "w")
    assert.equal(1, #asked)
    one:begins(one, "w")
    assert.is_false(one:room "w")
  end)

  it("asks again after a look that was interrupted", function()
    local one = with { max_running = 4 }
    local list = client.workflows.executions.list
    client.workflows.executions.list = function() error("interrupted", 0) end
    local ok, raised = pcall(one.room, one, "w")
    client.workflows.executions.list = list
    assert.is_false(ok)
    assert.equal("interrupted", raised)
    assert.is_true(one:room "w")
  end)

  it("asks ever less often until some have ended", function()
    running("w", "w")
    local one = with { max_running = 2 }
    local when = {}
    for second = 0, 300 do
      now = second
      local before = #asked
      assert.is_false(one:room "w")
      if #asked > before then when[#when + 1] = second end
    end
    assert.equal("0 2 5 10 17 28 44 67 97 127", table.concat(when, " ", 1, 10))
    running "w"
    now = 1000
    assert.is_true(one:room "w")
  end)

  it("counts what was started just now and the list does not show yet, for 15 s", function()
    local one = with { max_running = 1 }
    assert.is_true(one:room "w")
    one:begins(one, "w")
    one:ends(one, { id = "new" })
    now = 10
    assert.is_false(one:room "w")
    now = 20
    assert.is_true(one:room "w")
  end)

  it("counts an attempt that failed no longer", function()
    local one = with { max_running = 1 }
    assert.is_true(one:room "w")
    one:begins(one, "w")
    assert.is_false(one:room "w")
    one:ends(one, nil)
    assert.is_true(one:room "w")
  end)

  it("keeps workflows apart", function()
    running("full", "full", "free")
    local one = with { max_running_per_workflow = 2 }
    assert.is_true(one:room "free")
    assert.is_false(one:room "full")
    assert.is_true(one:room "another")
  end)

  it("says when CDF cannot be asked", function()
    answer = { err = { kind = "transport" } }
    local room, err = with({ max_running = 1 }):room "w"
    assert.is_nil(room)
    assert.same({ kind = "transport" }, err)
  end)
end)
