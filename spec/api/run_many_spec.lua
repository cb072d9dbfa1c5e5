-- SPDX-License-Identifier: Apache-2.0
local Executions = require "cdfworkflow.api.executions"
local slow_cdf = require "slow_cdf"

--- Executions whose runs end at once.
local function executions(started)
  local function run(_, external_id)
    started[#started + 1] = external_id
    return { id = external_id }
  end
  return setmetatable({ client = {}, run = run }, Executions)
end

describe("executions:run_many", function()
  it("raises on what would be left out in silence", function()
    local function raises(message, list)
      assert.error_matches(function() executions({}):run_many(list) end, message)
    end
    raises("list%[1%] has a member input; options come in a table, third", { { "w", "1", input = { a = 1 } } })
    raises("list%[1%] has a member 4", { { "w", "1", {}, {} } })
    raises("list: expected a list, got a table", { north = { "w", "1" } })
  end)

  describe("with a slow CDF", function()
    local slow, client

    setup(function()
      slow = slow_cdf.start { delay = 0.02, token_delay = 0 }
      client = slow:client()
    end)

    teardown(function()
      client:close()
      slow:stop()
    end)

    it("gives results in order, each an execution or an error", function()
      local list, told = {}, {}
      for i = 1, 30 do list[i] = { "w" .. i, "1", { input = { n = i } } } end
      list[7] = { "w7", ("x"):rep(256) }
      local results, errors = client.workflows.executions:run_many(list, {
        concurrency = 8,
        on_progress = function(done, all, i, execution, err) told[done] = { all, i, execution, err } end,
      })
      assert.equal(30, #results)
      for i = 1, 30 do
        if i ~= 7 then assert.equal("w" .. i, results[i].workflowExternalId) end
      end
      assert.equal("invalid", results[7].kind)
      assert.same({ [7] = results[7] }, errors)
      assert.equal(30, #told)
      for _, call in ipairs(told) do
        assert.equal(30, call[1])
        assert.equal(results[call[2]], call[3] or call[4])
      end
      local counts = slow:counts()
      assert.equal(1, counts.tokens)
      assert.equal(29, counts.runs)
      assert.is_true(counts.peak > 1 and counts.peak <= 8, counts.peak)
    end)

    it("runs ten at the same time unless told", function()
      local list = {}
      for i = 1, 25 do list[i] = { "w", "1" } end
      assert.equal(25, #client.workflows.executions:run_many(list))
      assert.is_true(slow:counts().peak <= 10)
    end)
  end)

  it("takes an empty list", function()
    local results, errors = executions({}):run_many {}
    assert.same({}, results)
    assert.same({}, errors)
  end)

  it("raises for a mistake in the list before it starts anything", function()
    local started = {}
    for message, item in pairs {
      ["list%[2%]%.workflow_external_id: expected a string or a whole number, got nil"] = {},
      ["list%[2%]%.version: expected a string or a whole number, got nil"] = { "b" },
      ["list%[2%]%.timeout: expected a number of seconds"] = { "b", "1", { timeout = "1" } },
      ['run_many: unknown option "inptu"; did you mean "input"'] = { "b", "1", { inptu = {} } },
    } do
      assert.error_matches(function() executions(started):run_many { { "a", "1" }, item } end, message)
    end
    assert.same({}, started)
  end)

  it("raises for a mistake in on_progress, and starts no more runs", function()
    local started = {}
    assert.error_matches(function()
      executions(started):run_many({ { "a", "1" }, { "b", "1" } }, { on_progress = function() error("oops", 0) end,
        concurrency = 1 })
    end, "oops")
    assert.same({ "a" }, started)
  end)

  it("checks its arguments", function()
    local function try(message, list, opts)
      assert.error_matches(function() executions({}):run_many(list, opts) end, message)
    end
    try("list: expected a list, got a string", "w")
    try("list%[2%]: expected a table { workflow_external_id, version, options }, got a string", { { "v", "1" }, "w" })
    try('did you mean "concurrency"', {}, { concurency = 1 })
    for _, wrong in ipairs { 0, -1, 1.5, "2" } do
      try("concurrency: expected a whole number of at least 1, got ", {}, { concurrency = wrong })
    end
    try("on_progress: expected a function, got a boolean", {}, { on_progress = true })
  end)
end)
