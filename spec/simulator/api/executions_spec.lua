-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"

local task = exchange.task
local UNKNOWN = "73ee6a8c-b544-4074-9636-18abff3cf125"

describe("simulator.executions", function()
  local x, answers

  before_each(function()
    answers = {}
    x = exchange.new {
      functions = {
        echo = function(data)
          return { got = data }
        end,
        slow = function()
          return { done = true }, 60
        end,
        scripted = function()
          return (table.remove(answers, 1) or error "no more answers")()
        end,
      },
    }
  end)

  local function detail(id)
    return x:call("GET", "/workflows/executions/" .. id)
  end

  local function list(body)
    return x:call("POST", "/workflows/executions/list", body)
  end

  local function retry(id, nonce)
    return x:try("POST", "/workflows/executions/" .. id .. "/retry", { authentication = { nonce = nonce } })
  end

  describe("run", function()
    it("answers 202 with a running execution, which then does its tasks", function()
      x:version("w", "1", {
        task("a", "echo", {
          parameters = { ["function"] = { externalId = "echo", data = { x = "${workflow.input.x}" } } },
        }),
      })
      local execution = x:run("w", "1", { input = { x = 3 }, metadata = { source = "spec" } })
      assert.same({
        id = execution.id, engineExecutionId = execution.engineExecutionId, workflowExternalId = "w", version = "1",
        status = "RUNNING", createdTime = x.sim:now(), startTime = x.sim:now(), metadata = { source = "spec" },
      }, execution)
      x.sim:advance(1)
      local found = detail(execution.id)
      assert.equal("COMPLETED", found.status)
      assert.same({ x = 3 }, found.input)
      assert.same({ got = { x = 3 } }, found.executedTasks[1].output.response)
      assert.equal("a", found.workflowDefinition.tasks[1].externalId)
    end)

    it("keeps the definition that it was started with", function()
      x:version("w", "1", { task("a", "slow") })
      local execution = x:run("w", "1")
      x:version("w", "1", { task("b", "echo") })
      assert.equal("a", detail(execution.id).workflowDefinition.tasks[1].externalId)
    end)

    it("is refused for a workflow, a version or ids that are not there", function()
      x:version("w", "1", {})
      local body = { authentication = { nonce = x:nonce() } }
      for path, wanted in pairs {
        ["nope/versions/1"] = 404, ["w/versions/2"] = 404, ["%20w/versions/1"] = 400, ["w/versions/1%20"] = 400,
        ["a%00b/versions/1"] = 400, [("w"):rep(256) .. "/versions/1"] = 400, ["w/versions/"] = 400,
        [("%C3%A6"):rep(255) .. "/versions/1"] = 404, [("%C3%A6"):rep(256) .. "/versions/1"] = 400,
      } do
        assert.equal(wanted, (x:try("POST", "/workflows/" .. path .. "/run", body)), path)
      end
    end)

    it("is refused for input over 100 KB and for metadata over its limits", function()
      x:version("w", "1", {})
      local function try(more)
        more.authentication = { nonce = x:nonce() }
        return x:try("POST", "/workflows/w/versions/1/run", more)
      end
      local pairs_of = {}
      for number = 1, 11 do
        pairs_of["k" .. number] = "v"
      end
      assert.equal(202, (try { input = { x = ("y"):rep(102400 - 8) } }))
      local status, answer = try { input = { x = ("y"):rep(102400 - 7) } }
      assert.equal(400, status)
      assert.equal("Input data is too large", answer.error.message)
      assert.equal(202, (try { metadata = { [("k"):rep(32)] = ("æ"):rep(255) } }))
      assert.equal(400, (try { metadata = pairs_of }))
      assert.equal(400, (try { metadata = { [("k"):rep(33)] = "v" } }))
      assert.equal(400, (try { metadata = { k = ("v"):rep(256) } }))
      assert.equal(400, (try { metadata = { k = 1 } }))
      assert.equal(400, (try { input = core.array { 1 } }))
      assert.equal(400, (try { unknown = 1 }))
    end)

    it("queues where the workflow allows no more at once", function()
      x:call("POST", "/workflows", { items = { { externalId = "w", maxConcurrentExecutions = 1 } } })
      x:version("w", "1", { task("a", "slow") })
      local first, second = x:run("w", "1"), x:run("w", "1")
      assert.is_nil(second.startTime)
      x.sim:advance(60)
      assert.equal("COMPLETED", detail(first.id).status)
      assert.equal(first.startTime + 60000, detail(second.id).startTime)
    end)
  end)

  describe("list", function()
    it("is newest first, filtered, page by page", function()
      for _, pair in ipairs { { "a", "1" }, { "a", "2" }, { "b", "1" } } do
        x:version(pair[1], pair[2], { task("t", pair[1] == "b" and "slow" or "echo") })
        x:run(pair[1], pair[2])
        x.sim:advance(10)
      end
      local function names(body)
        local found = {}
        local answer = list(body)
        for _, item in ipairs(answer.items) do
          found[#found + 1] = item.workflowExternalId .. item.version
        end
        return table.concat(found, " "), answer.nextCursor
      end
      local start = x.sim:now() - 30000
      assert.equal("b1 a2 a1", (names {}))
      assert.equal("a2 a1", (names { filter = { workflowFilters = { { externalId = "a" } } } }))
      assert.equal("a1", (names { filter = { workflowFilters = { { externalId = "a", version = "1" } } } }))
      assert.equal("b1", (names { filter = { status = { "RUNNING" } } }))
      assert.equal("a2 a1", (names { filter = { status = { "COMPLETED", "FAILED" } } }))
      assert.equal("b1 a2", (names { filter = { createdTimeStart = start + 10000 } }))
      assert.equal("a2 a1", (names { filter = { createdTimeEnd = start + 10000 } }))
      assert.equal("", (names { filter = { createdTimeStart = start + 1, createdTimeEnd = start + 9999 } }))
      local found, cursor = names { limit = 2 }
      assert.equal("b1 a2", found)
      x:run("a", "1")
      found, cursor = names { limit = 2, cursor = cursor }
      assert.equal("a1", found)
      assert.is_nil(cursor)
    end)

    it("refuses bad filters, limits and cursors", function()
      for _, body in ipairs {
        { limit = 0 }, { limit = 1001 }, { cursor = "x" }, { cursor = "" }, { filter = { status = "RUNNING" } },
        { filter = { status = { "running" } } }, { filter = { workflowFilters = { {} } } }, { sort = "x" },
      } do
        assert.equal(400, (x:try("POST", "/workflows/executions/list", body)), core.encode(body))
      end
      assert.equal(400, (x:try("POST", "/workflows/executions/list")))
    end)
  end)

  it("retrieve tells 400 for what is no id and 404 for what is not there", function()
    assert.equal(400, (x:try("GET", "/workflows/executions/not-a-uuid")))
    assert.equal(404, (x:try("GET", "/workflows/executions/a%20b/c")))
    local status, answer = x:try("GET", "/workflows/executions/" .. UNKNOWN)
    assert.equal(404, status)
    assert.equal("Workflow execution not found.", answer.error.message)
  end)

  describe("cancel", function()
    it("terminates with the reason given, and cancels the running tasks", function()
      x:version("w", "1", { task("a", "slow"), task("b", "echo", { dependsOn = { { externalId = "a" } } }) })
      local execution = x:run("w", "1")
      x.sim:advance(1)
      local answer = x:call("POST", "/workflows/executions/" .. execution.id .. "/cancel",
        { reason = "no longer needed" })
      assert.equal("TERMINATED", answer.status)
      assert.equal("no longer needed", answer.reasonForIncompletion)
      assert.equal("CANCELED", detail(execution.id).executedTasks[1].status)
      local status, refused = x:try("POST", "/workflows/executions/" .. execution.id .. "/cancel", {})
      assert.equal(400, status)
      assert.equal("Execution is not running", refused.error.message)
    end)

    it("needs neither a body nor a reason", function()
      x:version("w", "1", { task("a", "slow") })
      for _, body in ipairs { "", "{}" } do
        local execution = x:run("w", "1")
        local answer = x:call("POST", "/workflows/executions/" .. execution.id .. "/cancel", body)
        assert.same({ "TERMINATED", "cancelled" }, { answer.status, answer.reasonForIncompletion })
      end
    end)

    it("needs an execution that is there", function()
      assert.equal(404, (x:try("POST", "/workflows/executions/" .. UNKNOWN .. "/cancel", {})))
      assert.equal(400, (x:try("POST", "/workflows/executions/" .. UNKNOWN .. "/cancel", { reason = ("r"):rep(501) })))
    end)
  end)

  describe("retry", function()
    it("starts again under the same id, with a fresh nonce and a new session", function()
      answers = { function()
        error "boom"
      end, function()
        return { fine = true }
      end }
      x:version("w", "1", { task("a", "scripted", { retries = 0 }) })
      local execution = x:run("w", "1")
      x.sim:advance(1)
      assert.equal("FAILED", detail(execution.id).status)
      local nonce = x:nonce()
      local status, answer = retry(execution.id, nonce)
      assert.equal(200, status)
      assert.same({ execution.id, "RUNNING" }, { answer.id, answer.status })
      x.sim:advance(1)
      assert.equal("COMPLETED", detail(execution.id).status)
      status, answer = retry(execution.id, (x:nonce()))
      assert.equal(400, status)
      assert.truthy(answer.error.message:find "^Only failed")
    end)

    it("does not take a spent nonce, nor an execution that is not there", function()
      x:version("w", "1", { task("a", "scripted", { retries = 0 }) })
      local execution = x:run("w", "1")
      local nonce = x:nonce()
      x:call("POST", "/workflows/w/versions/1/run", { authentication = { nonce = nonce } })
      x.sim:advance(1)
      assert.equal("FAILED", detail(execution.id).status)
      assert.equal(400, (retry(execution.id, nonce)))
      assert.equal("FAILED", detail(execution.id).status)
      assert.equal(404, (retry(UNKNOWN, (x:nonce()))))
    end)
  end)

  describe("task update", function()
    local function start()
      x:version("w", "1", {
        task("a", "echo", {
          retries = 0,
          parameters = { ["function"] = { externalId = "echo" }, isAsyncComplete = true },
        }),
      })
      local execution = x:run("w", "1")
      local running = detail(execution.id).executedTasks[1]
      assert.equal("IN_PROGRESS", running.status)
      x.sim:advance(1)
      return execution.id, running.id
    end

    it("completes an asynchronous task, its output merged", function()
      local id, task_id = start()
      local answer = x:call("POST", "/workflows/tasks/" .. task_id .. "/update",
        { status = "COMPLETED", output = { approvedBy = "ø" } })
      assert.equal("COMPLETED", answer.status)
      assert.equal("ø", answer.output.approvedBy)
      assert.equal(task_id, answer.output.response.got.cogniteOrchestrationTaskId)
      assert.equal("COMPLETED", detail(id).status)
      assert.equal(400, (x:try("POST", "/workflows/tasks/" .. task_id .. "/update", { status = "COMPLETED" })))
    end)

    it("fails it", function()
      local id, task_id = start()
      local answer = x:call("POST", "/workflows/tasks/" .. task_id .. "/update",
        { status = "FAILED_WITH_TERMINAL_ERROR" })
      assert.equal("FAILED_WITH_TERMINAL_ERROR", answer.status)
      assert.equal("FAILED", detail(id).status)
    end)

    it("knows other tasks not, and takes no other status", function()
      assert.equal(404, (x:try("POST", "/workflows/tasks/" .. UNKNOWN .. "/update", { status = "COMPLETED" })))
      assert.equal(400, (x:try("POST", "/workflows/tasks/" .. UNKNOWN .. "/update", { status = "RUNNING" })))
      assert.equal(400, (x:try("POST", "/workflows/tasks/nope/update", { status = "COMPLETED" })))
    end)
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
