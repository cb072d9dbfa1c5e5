-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

local ID = "059edaa4-a17a-4102-910e-2c3591500cce"

local function task(id, status, started, ended, reason)
  return { id = id, externalId = id, status = status, startTime = started, endTime = ended,
    reasonForIncompletion = reason }
end

local function execution(status, tasks, members)
  local made = { id = ID, status = status, executedTasks = tasks or {}, startTime = 10 }
  for member, value in pairs(members or {}) do made[member] = value end
  return made
end

local PASSING = fake.error { kind = "api", status = 503, retryable = true, message = "busy" }

local function events_of(client, opts)
  local said = {}
  for event in client.workflows.executions:watch(ID, opts) do
    said[#said + 1] = table.concat({ event.type, event.task and event.task.externalId or "-",
      tostring(event.time), event.reason }, " ")
  end
  return said
end

describe("executions:watch", function()
  it("tells the start of an attempt once, however its end is told", function()
    assert.same({ "execution_started - 10", "task_started a 11", "task_scheduled a 12", "task_canceled a 18",
      "execution_ended - nil" }, events_of(fake.new {
      execution("RUNNING", { task("a", "IN_PROGRESS", 11) }),
      execution("RUNNING", { task("a", "SCHEDULED", 11, 12) }),
      execution("TERMINATED", { task("a", "CANCELED", 11, 18) }),
    }))
  end)
end)

describe("executions:wait", function()
  it("does not wait for long for what it cancels at the end", function()
    local client = fake.new { execution "RUNNING", function(asked)
      assert.matches("/cancel$", asked.path)
      assert.is_true(asked.opts.timeout <= 5)
      return execution "TERMINATED"
    end }
    local result, err = client.workflows.executions:wait(ID, { timeout = 0, cancel = true })
    assert.is_nil(result)
    assert.equal("TERMINATED", err.execution.status)
  end)

  --- How far apart looks were, at most and at least, from `from` s to `to` s of waiting.
  local function apart(client, from, to)
    local waited, least, most = 0, math.huge, 0
    for _, slept in ipairs(client.slept) do
      if waited >= from and waited < to then least, most = math.min(least, slept), math.max(most, slept) end
      waited = waited + slept
    end
    return least, most
  end

  --- A client whose execution ends after so many seconds.
  local function ends_after(seconds)
    local client = fake.new()
    client.answers = setmetatable({}, { __index = function()
      return execution(client.clock - 1000 < seconds and "RUNNING" or "TIMED_OUT")
    end })
    return client
  end

  it("looks ever more seldom, up to the longest, until the end, whatever that is", function()
    local client = ends_after(4000)
    assert.equal("TIMED_OUT", client.workflows.executions:wait({ id = ID }).status)
    for _, expected in ipairs {
      { 0, 2, 0.63, 0.63 }, { 6, 20, 2, 2 }, { 40, 100, 10.4, 10.6 }, { 2100, 4000, 15, 15 },
    } do
      local least, most = apart(client, expected[1], expected[2])
      assert.is_true(least >= 0.8 * expected[3] and most <= expected[4],
        ("from %g s on: %g to %g s apart"):format(expected[1], least, most))
    end
  end)

  it("sees the end soon, by the measure of how long it took, without asking too often", function()
    for seconds, limit in pairs { [2] = { 0.3, 5 }, [20] = { 1, 20 }, [200] = { 5, 40 }, [2000] = { 7, 200 } } do
      local late, looks, trials = 0, 0, 200
      for _ = 1, trials do
        local client = ends_after(seconds)
        client.workflows.executions:wait(ID)
        late, looks = late + client.clock - 1000 - seconds, looks + #client.asked
      end
      assert.is_true(late / trials <= 1.2 * limit[1] and looks / trials <= limit[2],
        ("a run of %d s is seen to end %.2f s late after %.1f looks"):format(seconds, late / trials, looks / trials))
    end
  end)

  it("does not sleep when there is nothing to wait for", function()
    for _, status in ipairs { "COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED" } do
      local client = fake.new { execution(status) }
      assert.equal(status, client.workflows.executions:wait(ID).status)
      assert.same({}, client.slept)
    end
  end)

  it("takes intervals from its options", function()
    local client = ends_after(1000)
    client.workflows.executions:wait(ID, { interval = 100, max_interval = 110 })
    local least, most = apart(client, 0, 1000)
    assert.is_true(least >= 80 and most <= 110)
    client = ends_after(500)
    client.workflows.executions:wait(ID, { interval = 8, max_interval = 5 })
    assert.is_true(select(2, apart(client, 0, 500)) <= 5)
    client = ends_after(30000)
    client.workflows.executions:wait(ID, { max_interval = 60 })
    least, most = apart(client, 25000, 30000)
    assert.is_true(least >= 48 and most > 50 and most <= 60)
    client = ends_after(2)
    client.workflows.executions:wait(ID, { interval = 0.01 })
    assert.is_true(select(2, apart(client, 0, 2)) <= 0.01)
    client = fake.new { execution "RUNNING", execution "COMPLETED" }
    client.workflows.executions:wait(ID, { interval = math.huge, max_interval = math.huge, timeout = 7 })
    assert.same({ 7 }, client.slept)
  end)

  it("tells of each change, and of nothing else", function()
    local client = fake.new {
      execution "RUNNING", execution "RUNNING", execution("RUNNING", { task("a", "IN_PROGRESS") }),
      execution("RUNNING", { task("a", "IN_PROGRESS") }), execution("RUNNING", { task("a", "COMPLETED") }),
      execution("COMPLETED", { task("a", "COMPLETED") }),
    }
    local told = {}
    client.workflows.executions:wait(ID, { on_change = function(e)
      told[#told + 1] = e.status .. (e.executedTasks[1] and e.executedTasks[1].status or "")
    end })
    assert.same({ "RUNNING", "RUNNINGIN_PROGRESS", "RUNNINGCOMPLETED", "COMPLETEDCOMPLETED" }, told)
  end)

  it("goes on after an error that passes, and ends at one that does not", function()
    local client = fake.new { execution "RUNNING", PASSING, PASSING, execution "COMPLETED" }
    assert.equal("COMPLETED", client.workflows.executions:wait(ID).status)
    client = fake.new { execution "RUNNING", fake.error { kind = "api", status = 404, message = "gone" } }
    local found, err = client.workflows.executions:wait(ID)
    assert.is_nil(found)
    assert.equal(404, err.status)
    assert.equal("RUNNING", err.execution.status)
  end)

  it("gives up after its timeout, with the last execution seen, having looked once more at the end", function()
    local answers = {}
    for i = 1, 9 do answers[i] = execution("RUNNING", nil, { look = i }) end
    local client = fake.new(answers)
    local found, err = client.workflows.executions:wait(ID, { timeout = 5 })
    assert.is_nil(found)
    assert.same({ "timeout", true }, { err.kind, err.retryable })
    assert.equal(#client.asked, err.execution.look)
    assert.is_true(math.abs(client.clock - 1005) < 1e-6)
    assert.equal("execution " .. ID .. " is RUNNING, not over after 5 s of waiting", err.message)
  end)

  it("looks once with a timeout of zero", function()
    local client = fake.new { execution "RUNNING" }
    assert.equal("timeout", select(2, client.workflows.executions:wait(ID, { timeout = 0 })).kind)
    assert.same({}, client.slept)
  end)

  it("says what was in the way when it saw nothing before the timeout", function()
    local client = fake.new { PASSING, PASSING, PASSING, PASSING }
    local _, err = client.workflows.executions:wait(ID, { timeout = 1.5 })
    assert.equal("timeout", err.kind)
    assert.is_nil(err.execution)
    assert.matches("is not known, not over after 1.5 s of waiting; the last look failed: busy", err.message)
  end)

  it("cancels after its timeout only when it is told to", function()
    local client = fake.new { execution "RUNNING", execution "RUNNING", execution "TERMINATED" }
    local found, err = client.workflows.executions:wait(ID, { timeout = 0.5, cancel = true })
    assert.is_nil(found)
    assert.equal("timeout", err.kind)
    assert.equal("TERMINATED", err.execution.status)
    assert.matches("; cancelled$", err.message)
    assert.equal("/workflows/executions/" .. ID .. "/cancel", client.asked[3].path)
    assert.matches("^given up after", client.asked[3].body.reason)
  end)

  it("gives the execution that ended just before it would have been cancelled", function()
    local refusal = fake.error { kind = "api", status = 400, message = "Execution is not running" }
    local client = fake.new { execution "RUNNING", refusal, execution "COMPLETED" }
    assert.equal("COMPLETED", client.workflows.executions:wait(ID, { timeout = 0, cancel = true }).status)
  end)

  it("lets no look take longer than the time that is left", function()
    local client = fake.new { execution "RUNNING", execution "RUNNING", execution "RUNNING", execution "RUNNING" }
    client.workflows.executions:wait(ID, { timeout = 3.5, interval = 2 })
    assert.equal(3.5, client.asked[1].opts.timeout)
    assert.is_true(client.asked[2].opts.timeout <= 1.9)
    assert.equal(1, client.asked[#client.asked].opts.timeout)
    client = fake.new { execution "COMPLETED", execution "COMPLETED" }
    client.workflows.executions:wait(ID)
    assert.equal(60, client.asked[1].opts.timeout)
    client.timeout = 7
    client.workflows.executions:wait(ID)
    assert.equal(7, client.asked[2].opts.timeout)
  end)

  it("says so when cancelling failed", function()
    local refusal = fake.error { kind = "api", status = 403, message = "no" }
    local client = fake.new { execution "RUNNING", refusal, execution "RUNNING" }
    local found, err = client.workflows.executions:wait(ID, { timeout = 0, cancel = true })
    assert.is_nil(found)
    assert.equal("timeout", err.kind)
    assert.matches("cancelling it failed: no", err.message)
    assert.equal("RUNNING", err.execution.status)
  end)

  it("ends when its sleep is interrupted", function()
    local client = fake.new { execution "RUNNING" }
    client._sleep = function() return nil, fake.error { kind = "cancelled", message = "closed" } end
    local found, err = client.workflows.executions:wait(ID)
    assert.is_nil(found)
    assert.equal("cancelled", err.kind)
    assert.equal("RUNNING", err.execution.status)
  end)

  it("lets an error in on_change through", function()
    local client = fake.new { execution "RUNNING" }
    assert.error_matches(function()
      client.workflows.executions:wait(ID, { on_change = function() error "mine" end })
    end, "mine")
  end)
end)

describe("executions:watch", function()
  it("tells each task's start and end with its reason, in the order in which they happened, then the end", function()
    local client = fake.new {
      execution("RUNNING", {}, { startTime = false }),
      execution("RUNNING", { task("a", "IN_PROGRESS", 11), task("b", "SCHEDULED") }),
      execution("RUNNING", { task("a", "COMPLETED", 11, 20), task("b", "IN_PROGRESS", 21) }),
      execution("FAILED", { task("a", "COMPLETED", 11, 20), task("b", "FAILED", 21, 30, "boom") },
        { endTime = 31, reasonForIncompletion = "task b failed" }),
    }
    client.answers[1].startTime = nil
    assert.same({
      "execution_started - 10", "task_started a 11", "task_scheduled b nil", "task_completed a 20",
      "task_started b 21", "task_failed b 30 boom", "execution_ended - 31 task b failed",
    }, events_of(client))
  end)

  it("tells the whole story of what it first sees at its end", function()
    local client = fake.new { execution("COMPLETED", {
      task("b", "COMPLETED", 15, 30), task("a", "COMPLETED", 11, 14), task("c", "SKIPPED"),
    }, { endTime = 31 }) }
    assert.same({
      "execution_started - 10", "task_started a 11", "task_completed a 14", "task_started b 15",
      "task_completed b 30", "task_skipped c nil", "execution_ended - 31",
    }, events_of(client))
  end)

  it("tells a further attempt, seen or missed", function()
    local client = fake.new {
      execution("RUNNING", { task("a", "IN_PROGRESS", 11) }),
      execution("RUNNING", { task("a", "FAILED", 11, 12, "first") }),
      execution("RUNNING", { task("a", "SCHEDULED") }),
      execution("RUNNING", { task("a", "IN_PROGRESS", 13) }),
      execution("RUNNING", { task("a", "IN_PROGRESS", 15) }),
      execution("COMPLETED", { task("a", "COMPLETED", 17, 18) }, { endTime = 19 }),
    }
    assert.same({
      "execution_started - 10", "task_started a 11", "task_failed a 12 first", "task_scheduled a nil",
      "task_started a 13", "task_started a 15", "task_started a 17", "task_completed a 18", "execution_ended - 19",
    }, events_of(client))
  end)

  it("has a word for every status", function()
    local words = {
      COMPLETED_WITH_ERRORS = "task_failed", FAILED_WITH_TERMINAL_ERROR = "task_failed", TIMED_OUT = "task_failed",
      CANCELED = "task_canceled", CANCELLED = "task_canceled", SKIPPED = "task_skipped", BRAND_NEW = "task_changed",
    }
    for status, word in pairs(words) do
      local client = fake.new { execution("TERMINATED", { task("a", status) }) }
      assert.equal(word .. " a nil", events_of(client)[2])
    end
  end)

  it("keeps the tasks of dynamic and subworkflow tasks apart by id", function()
    local client = fake.new { execution("COMPLETED", {
      { id = "1", externalId = "same", status = "COMPLETED", startTime = 11, endTime = 12 },
      { id = "2", externalId = "same", status = "COMPLETED", startTime = 13, endTime = 14, parentTaskExternalId = "p" },
    }, { endTime = 15 }) }
    assert.equal(6, #events_of(client))
  end)

  it("raises the error table, after the events that came before", function()
    local client = fake.new {
      execution("RUNNING", { task("a", "IN_PROGRESS", 11) }), PASSING,
      fake.error { kind = "api", status = 401, message = "no" },
    }
    local iterator = client.workflows.executions:watch(ID)
    assert.same({ "execution_started", "task_started" }, { iterator().type, iterator().type })
    local ok, err = pcall(iterator)
    assert.is_false(ok)
    assert.same({ "api", 401 }, { err.kind, err.status })
    assert.equal("RUNNING", err.execution.status)
  end)

  it("raises for its timeout, and tells the end when it came meanwhile", function()
    local client = fake.new { execution "RUNNING", execution "TERMINATED" }
    local ok, err = pcall(events_of, client, { timeout = 0, cancel = true })
    assert.is_false(ok)
    assert.same({ "timeout", "TERMINATED" }, { err.kind, err.execution.status })
    local refusal = fake.error { kind = "api", status = 400, message = "not running" }
    client = fake.new { execution "RUNNING", refusal, execution("COMPLETED", {}, { endTime = 12 }) }
    assert.same({ "execution_started - 10", "execution_ended - 12" },
      events_of(client, { timeout = 0, cancel = true }))
  end)

  it("gives the execution with each event and nothing after the end", function()
    local last = execution("COMPLETED", {}, { endTime = 12 })
    local iterator = fake.new { last }.workflows.executions:watch { id = ID }
    assert.equal(last, iterator().execution)
    local event = iterator()
    assert.same({ type = "execution_ended", time = 12, execution = last }, event)
    assert.is_nil(iterator())
    assert.is_nil(iterator())
  end)

  it("raises at once for what is no id", function()
    local ok, err = pcall(function() fake.new().workflows.executions:watch "x" end)
    assert.is_false(ok)
    assert.equal("invalid", err.kind)
  end)
end)
