-- SPDX-License-Identifier: Apache-2.0
local Script = require "script"
local cdf = require "cdfworkflow"
local run_many = require "cdfworkflow.api.run_many"
local slow_cdf = require "slow_cdf"

describe("executions:run_many", function()
  it("raises on what would be left out in silence", function()
    local function raises(message, list)
      assert.error_matches(function() run_many({}, list) end, message)
    end
    raises("item 1 has a member input; options come in a table, third", { { "w", "1", input = { a = 1 } } })
    raises("item 1 has a member 4", { { "w", "1", {}, {} } })
    raises("expected a list", { north = { "w", "1" } })
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

  --- Executions whose runs end at once.
  local function executions(started)
    return {
      client = { _check_run = function() return true end },
      run = function(_, external_id)
        started[#started + 1] = external_id
        return { id = external_id }
      end,
    }
  end

  it("takes an empty list", function()
    local results, errors = run_many(executions {}, {})
    assert.same({}, results)
    assert.same({}, errors)
  end)

  it("raises for a mistake in any item before it sends anything, at the caller's line", function()
    local script = Script.new {}
    local client = assert(cdf.client { project = "p", base_url = "https://cdf.example", transport = script,
      credentials = assert(cdf.credentials { token = "t" }) })
    for message, item in pairs {
      ["item 3: version must be a string, not nil"] = { "c" },
      ["item 3: workflow_external_id must be a string, not boolean"] = { true, "1" },
      ['item 3: run: unknown option "imput"; did you mean "input"?'] = { "c", "1", { imput = {} } },
      ["item 3: input must be a table, not string"] = { "c", "1", { input = "text" } },
      ["item 3: timeout must be a number of seconds"] = { "c", "1", { timeout = "soon" } },
      ["item 3: session must be \"client_credentials\""] = { "c", "1", { session = "mine" } },
      ["item 3: client_credentials must be credentials"] = { "c", "1", { client_credentials = "mine" } },
    } do
      local ok, raised = pcall(function()
        client.workflows.executions:run_many { { "a", "1" }, { "b", ("x"):rep(256) }, item, { "d" } }
      end)
      assert.is_false(ok)
      assert.truthy(raised:find(message, 1, true), raised)
      assert.truthy(raised:find("^[^:]*run_many_spec.lua:%d+: run_many: "), raised)
    end
    assert.same({}, script.requests)
  end)

  it("keeps nothing of what it has checked", function()
    local script = Script.new {}
    local client = assert(cdf.client { project = "p", base_url = "https://cdf.example", transport = script,
      credentials = assert(cdf.credentials { token = "t" }) })
    local list, input = {}, { text = ("x"):rep(100000) }
    for i = 1, 3000 do list[i] = { "w", "1", { input = input } } end
    list[#list + 1] = {}
    local function resident()
      local text = assert(io.open "/proc/self/status"):read "*a"
      return tonumber(text:match "VmRSS:%s+(%d+)")
    end
    collectgarbage()
    local before = resident()
    assert.is_false(pcall(run_many, client.workflows.executions, list))
    assert.is_true(resident() - before < 100000, resident() - before)
  end)

  it("starts no more runs once the caller's own function has raised", function()
    local started = {}
    assert.error_matches(function()
      run_many(executions(started), { { "a" }, { "b" } }, { on_progress = function() error("oops", 0) end,
        concurrency = 1 })
    end, "oops")
    assert.same({ "a" }, started)
  end)

  it("checks its arguments", function()
    local function try(message, list, opts)
      assert.error_matches(function() run_many(executions {}, list, opts) end, message)
    end
    try("the list must be a table, not string", "w")
    try("item 2 must be a table { external_id, version, options }, not string", { {}, "w" })
    try('did you mean "concurrency"', {}, { concurency = 1 })
    for _, wrong in ipairs { 0, -1, 1.5, "2" } do
      try("concurrency must be a whole number above 0", {}, { concurrency = wrong })
    end
    try("on_progress must be a function, not boolean", {}, { on_progress = true })
  end)
end)
