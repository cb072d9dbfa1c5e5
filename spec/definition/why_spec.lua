-- SPDX-License-Identifier: Apache-2.0
-- cdf.why: executions that the simulator's engine made, those of the contract, and odd ones.

local cdf = require "cdfworkflow"
local replay = require "replay"
local support = require "engine_world"

local task, gives, fails = support.task, support.gives, support.fails

local function finished(tasks, options, run_options)
  local world = support.new(options)
  local record = world:run(tasks, run_options)
  return world.engine:detail(record), world
end

local function container(id, kind, inner, members)
  local definition = task(id, members)
  definition.type, definition.parameters, definition.retries = kind, { [kind] = inner }, 0
  return definition
end

describe("cdf.why", function()
  it("is nil where nothing failed", function()
    assert.is_nil(cdf.why(finished({ task "a" }, { functions = { a = gives(1) } })))
    assert.is_nil(cdf.why { status = "RUNNING", executedTasks = { { externalId = "a", status = "IN_PROGRESS" } } })
    assert.is_nil(cdf.why { status = "COMPLETED", executedTasks = { { externalId = "a", status = "FAILED" } } })
  end)

  it("names the task that failed and its reason", function()
    local execution = finished({ task "clean" }, { functions = { clean = fails("division by zero") } })
    assert.equal("FAILED", execution.status)
    assert.equal('task "clean" failed: division by zero', cdf.why(execution))
  end)

  it("finds the deepest one through subworkflows and dynamic tasks", function()
    local functions = { list = gives { { externalId = "n1", type = "function", retries = 0,
      parameters = { ["function"] = { externalId = "clean" } } } }, clean = fails "no such site" }
    local execution = finished({
      container("outer", "subworkflow", { tasks = { task "list", task("late", { after = { "list" } }) } }),
      container("each", "dynamic", { tasks = "${outer.output.response}" }, { after = { "outer" } }),
    }, { functions = { list = functions.list, late = fails "no such site" } })
    assert.equal('task "late" (in "outer") failed: no such site', cdf.why(execution))

    execution = finished({
      task "list",
      container("each", "dynamic", { tasks = "${list.output.response}" }, { after = { "list" } }),
    }, { functions = functions })
    assert.equal('task "n1" (in "each") failed: no such site', cdf.why(execution))

    local inner = { ["inner/1"] = { workflowDefinition = { tasks = { task "deep" } } } }
    execution = finished({ container("by", "subworkflow", { workflowExternalId = "inner", version = "1" }) },
      { functions = { deep = fails "disk full" }, versions = inner })
    assert.equal('task "deep" (in "by") failed: disk full', cdf.why(execution))
  end)

  it("does not blame what was skipped, stopped, or tried again with success", function()
    local execution = finished({
      task("optional", { onFailure = "skipTask" }), task("culprit", { after = { "optional" } }), task "slow",
    }, { functions = { optional = fails("not now"), culprit = fails("really"), slow = gives(1, 100) } })
    assert.equal('task "culprit" failed: really', cdf.why(execution))
    assert.equal('task "b" failed: again', cdf.why { status = "FAILED", executedTasks = {
      { externalId = "a", status = "FAILED", startTime = 1, endTime = 2, reasonForIncompletion = "first attempt" },
      { externalId = "a", status = "COMPLETED", startTime = 3, endTime = 4 },
      { externalId = "b", status = "FAILED", startTime = 7, endTime = 8, reasonForIncompletion = "again" },
      { externalId = "b", status = "FAILED", startTime = 5, endTime = 6, reasonForIncompletion = "before" },
    } })
    assert.equal('task "b" failed: this', cdf.why { status = "FAILED", executedTasks = {
      { externalId = "sub", status = "COMPLETED_WITH_ERRORS" },
      { externalId = "a", parentTaskExternalId = "sub", status = "FAILED", reasonForIncompletion = "skipped over" },
      { externalId = "b", status = "FAILED", reasonForIncompletion = "this" },
    } })
  end)

  it("takes the first of two that failed side by side", function()
    assert.equal('task "b" failed: one', cdf.why { status = "FAILED", executedTasks = {
      { externalId = "a", status = "FAILED", endTime = 20, reasonForIncompletion = "two" },
      { externalId = "b", status = "FAILED", endTime = 10, reasonForIncompletion = "one" },
    } })
  end)

  it("tells what a cdf request was answered", function()
    local execution = finished({ { externalId = "ask", type = "cdf", retries = 0, parameters = { cdfRequest = {
      resourcePath = "/timeseries/list", method = "POST" } } } },
      { respond = function() return 403, { error = { code = 403, message = "no access to this data set" } } end })
    assert.equal('task "ask" failed: Request was answered with status 403; POST /timeseries/list was answered with '
      .. "403: no access to this data set", cdf.why(execution))
    assert.equal('task "x" failed: it was answered with 500', cdf.why { status = "FAILED", executedTasks = {
      { externalId = "x", status = "FAILED", output = { statusCode = 500 } } } })
  end)

  for shape, output in pairs {
    ["a function's error"] = { response = { error = { message = "out of range" } } },
    ["its message"] = { response = { message = "out of range" } },
    ["the output of an async task"] = { error = "out of range" },
    ["a simulation"] = { statusMessage = "out of range" },
    ["an error in an error"] = { error = { message = { error = "out of range" } } },
  } do
    it("adds what the task itself said: " .. shape, function()
      local function line(reason)
        return cdf.why { status = "FAILED", executedTasks = {
          { externalId = "x", status = "FAILED_WITH_TERMINAL_ERROR", reasonForIncompletion = reason, output = output },
        } }
      end
      assert.equal('task "x" failed for good: Function call failed; out of range', line "Function call failed")
      assert.equal('task "x" failed for good: out of range', line(nil))
      assert.equal('task "x" failed for good: value out of range here', line "value out of range here") -- not twice
    end)
  end

  it("tells why the run itself ended", function()
    assert.equal("the run was terminated: wrong day",
      cdf.why { status = "TERMINATED", reasonForIncompletion = "wrong day", executedTasks = {
        { externalId = "a", status = "FAILED" } } })
    assert.equal("the run timed out: CDF gives no reason", cdf.why { status = "TIMED_OUT", executedTasks = {} })
    assert.equal("the run failed: Task fetch failed", -- out of a list
      cdf.why { status = "FAILED", reasonForIncompletion = "Task fetch failed" })
    assert.equal('task "a" timed out: CDF gives no reason',
      cdf.why { status = "FAILED", executedTasks = { { externalId = "a", status = "TIMED_OUT" } } })
  end)

  it("is one line that is not too long", function()
    local line = cdf.why { status = "FAILED", executedTasks = { { externalId = "a", status = "FAILED",
      reasonForIncompletion = "  Traceback:\r\n\tFile x\n\27[31m\194\15531m" .. ("é"):rep(600) } } }
    assert.matches('^task "a" failed: Traceback: File x %[31m 31mé', line)
    assert.is_true(#line <= 504)
    assert.matches("é…$", line)
  end)

  it("survives odd shapes", function()
    for _, odd in ipairs {
      {}, { status = 5 }, { status = "FAILED", executedTasks = 5 }, { status = "NEW_WORD", executedTasks = {} },
      { status = "FAILED", executedTasks = { 5, "x", {}, { externalId = {} }, { externalId = "a" } } },
      { status = "FAILED", reasonForIncompletion = cdf.null, executedTasks = cdf.null },
      { status = "FAILED", executedTasks = {
        { externalId = "a", status = "FAILED", parentTaskExternalId = "b", output = 5, input = cdf.null },
        { externalId = "b", status = "FAILED", parentTaskExternalId = "a", output = { response = "x" } },
        { externalId = "c", status = "FAILED", parentTaskExternalId = "gone", output = { error = cdf.null },
          endTime = "soon" },
        { externalId = "d", status = {}, parentTaskExternalId = 7 },
      } },
    } do
      local line = cdf.why(odd)
      assert.is_true(line == nil or type(line) == "string")
      if odd.status == "FAILED" then assert.is_string(line) end
    end
  end)

  it("blames who gives it none", function()
    assert.matches("why_spec.lua:%d+: cdf.why: execution: expected an execution, .* got a string",
      select(2, pcall(function() cdf.why "059edaa4-a17b-4102-803d-03f9f4f9a9fb" end)))
  end)

  it("says something of every execution in the contract that did not succeed", function()
    local told = 0
    for _, file in ipairs(replay.files "responses") do
      local body = file.content.body
      if type(body) == "table" and body.executedTasks then
        local line = cdf.why(body)
        if body.status == "FAILED" or body.status == "TIMED_OUT" or body.status == "TERMINATED" then
          assert.is_string(line, file.name)
          told = told + 1
        end
      end
    end
    assert.is_true(told >= 3)
  end)
end)
