-- SPDX-License-Identifier: Apache-2.0
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local server = require "server"
local slow_cdf = require "slow_cdf"

local DELAY = 0.1

describe("cdf.gather", function()
  local slow, client

  setup(function() slow = slow_cdf.start { delay = DELAY, token_delay = 0 } end)
  teardown(function() slow:stop() end)

  before_each(function()
    client = slow:client()
    assert(client:auth())
  end)

  after_each(function() client:close() end)

  local function run() return client:run("w", "1") end

  --- Seconds that the function takes, and what it returns.
  local function timed(fn)
    local begun = core.now()
    local a, b = fn()
    return core.now() - begun, a, b
  end

  local function assert_at_the_same_time(count, seconds)
    assert.is_true(seconds >= 2 * DELAY and seconds < count * 2 * DELAY, seconds)
  end

  it("runs functions at the same time", function()
    local seconds, results, errors = timed(function() return cdf.gather(run, run, run, run) end)
    assert_at_the_same_time(4, seconds)
    assert.same({}, errors)
    for i = 1, 4 do assert.equal("RUNNING", results[i].status) end
  end)

  it("fetches one token for all of them", function()
    local before, other = slow:counts().tokens, slow:client()
    local function run_other() return other:run("w", "1") end
    local results = cdf.gather(run_other, run_other, run_other)
    assert.equal(3, #results)
    assert.equal(before + 1, slow:counts().tokens)
    other:close()
  end)

  it("keeps results and errors in their places, and lets an error disturb nobody", function()
    local oops = {}
    local results, errors = cdf.gather(
      run,
      function() error(oops) end,
      function() return client:run("w", ("x"):rep(256)) end,
      function() return false end,
      function() end,
      run)
    assert.equal("RUNNING", results[1].status)
    assert.equal(oops, errors[2])
    assert.equal("invalid", errors[3].kind)
    assert.is_false(results[4])
    assert.equal("RUNNING", results[6].status)
    for _, i in ipairs { 1, 4, 5, 6 } do assert.is_nil(errors[i]) end
    for _, i in ipairs { 2, 3, 5 } do assert.is_nil(results[i]) end
  end)

  it("can be nested", function()
    local seconds, results = timed(function()
      return cdf.gather(run, function()
        local inner, inner_errors = cdf.gather(run, run, function() error("inner", 0) end)
        assert(cdf.gather())
        return { inner, inner_errors }
      end)
    end)
    assert_at_the_same_time(3, seconds)
    assert.equal("RUNNING", results[1].status)
    assert.equal("RUNNING", results[2][1][2].status)
    assert.equal("inner", results[2][2][3])
  end)

  it("sleeps at the same time, and in the right order", function()
    local order = {}
    local function sleeper(seconds)
      return function()
        client:_sleep(seconds)
        order[#order + 1] = seconds
        return true
      end
    end
    local seconds = timed(function() return cdf.gather(sleeper(0.15), sleeper(0.05), sleeper(0.1)) end)
    assert.is_true(seconds >= 0.15 and seconds < 0.29, seconds)
    assert.same({ 0.05, 0.1, 0.15 }, order)
  end)

  it("moves the transfers of several clients", function()
    local other = slow:client()
    assert(other:auth())
    local seconds, results = timed(function()
      return cdf.gather(run, function() return other:run("w", "1") end, run)
    end)
    assert_at_the_same_time(3, seconds)
    assert.equal(3, #results)
    other:close()
  end)

  it("blocks in a coroutine of the user's, which nobody could resume", function()
    local co = coroutine.create(run)
    local ok, execution = coroutine.resume(co)
    assert.is_true(ok)
    assert.equal("dead", coroutine.status(co))
    assert.equal("RUNNING", execution.status)
    local results = cdf.gather(run, function() return coroutine.wrap(run)() end)
    assert.equal("RUNNING", results[1].status)
    assert.equal("RUNNING", results[2].status)
  end)

  it("blocks where Lua cannot yield", function()
    local results, errors = cdf.gather(run, function()
      local list, seen = { 2, 1 }, nil
      table.sort(list, function(a, b)
        seen = seen or run()
        return a < b
      end)
      return seen
    end)
    assert.same({}, errors)
    assert.equal("RUNNING", results[2].status)
  end)

  it("says so when a function yields by itself", function()
    local results, errors = cdf.gather(run, function() coroutine.yield() end)
    assert.equal("RUNNING", results[1].status)
    assert.equal("a function given to gather may not yield by itself", errors[2])
  end)

  --- As Ctrl-C does: raises in the main program, once so many transfers are under way.
  local function interrupt_with(err, count)
    debug.sethook(function()
      local co, is_main = coroutine.running()
      if (not co or is_main) and client.transport.handle:pending() == count then
        debug.sethook()
        error(err, 0)
      end
    end, "", 1)
  end

  it("gives everything up after an interrupt", function()
    local interrupt = {}
    interrupt_with(interrupt, 2)
    local ok, err = pcall(cdf.gather, run, run)
    debug.sethook()
    assert.is_false(ok)
    assert.equal(interrupt, err)
    assert.equal(0, client.transport.handle:pending())
    assert.equal("RUNNING", run().status)
  end)

  it("leaves nobody waiting for a token that was being fetched at an interrupt", function()
    client:close()
    client = slow:client()
    interrupt_with("interrupt", 1)
    assert.is_false(pcall(cdf.gather, run, run))
    debug.sethook()
    assert.is_true(timed(run) < 5)
  end)

  it("raises on what is no function", function()
    assert.error_matches(function() cdf.gather(run, {}) end, "cdf.gather: argument 2: expected a function, got table")
    assert.error_matches(function() cdf.gather(nil, run) end, "cdf.gather: argument 1: expected a function, got nil")
    assert.same({}, (cdf.gather()))
  end)

  it("runs the functions before it returns to its caller, and keeps none of them", function()
    local kept = setmetatable({}, { __mode = "v" })
    do
      local big = {}
      kept[1] = big
      cdf.gather(function() return run() and big and nil end, run)
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(kept[1])
  end)
end)

describe("cdf.gather with the embedded CDF", function()
  local sim, client

  setup(function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write "return { functions = { f = function() return {} end } }"
    file:close()
    sim = server.start { "--project", "p", "--token", "a-good-token", "--load", name }
    os.remove(name)
    client = assert(cdf.client {
      project = "p", base_url = sim.url, credentials = assert(cdf.credentials { token = "a-good-token" }),
    })
    assert(client.workflows:upsert { externalId = "w" })
    assert(client.workflows.versions:upsert {
      workflowExternalId = "w", version = "1", workflowDefinition = cdf.definition { tasks = {
        cdf.task.fn { externalId = "t", functionExternalId = "f", isAsyncComplete = true },
      } },
    })
  end)

  teardown(function()
    client:close()
    sim:stop()
  end)

  it("waits, watches, lists and completes at the same time", function()
    local ids, waited, seen = {}, nil, {}
    for i = 1, 2 do ids[i] = assert(client:run("w", "1")).id end
    local function complete(id)
      local execution
      repeat
        client:_sleep(0.05)
        execution = assert(client.workflows.executions:retrieve(id))
      until execution.executedTasks[1] and execution.executedTasks[1].status == "IN_PROGRESS"
      return assert(client.workflows.tasks:update(execution.executedTasks[1].id, "COMPLETED", {}))
    end
    local _, errors = cdf.gather(
      function() waited = assert(client:wait(ids[1], { interval = 0.05, timeout = 10 })) end,
      function()
        local next_event = client.workflows.executions:watch(ids[2], { interval = 0.05, timeout = 10 })
        local event = next_event()
        while event do -- a for loop would block on plain Lua 5.1
          seen[#seen + 1] = event.type
          event = next_event()
        end
      end,
      function()
        local count = 0
        for _ in client.workflows:each() do count = count + 1 end
        assert(count == 1)
      end,
      function() return complete(ids[1]) end,
      function() return complete(ids[2]) end)
    assert.same({}, errors)
    assert.equal("COMPLETED", waited.status)
    assert.equal("execution_ended", seen[#seen])
  end)
end)
