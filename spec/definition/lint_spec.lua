-- SPDX-License-Identifier: Apache-2.0
-- cdf.lint: each thing it finds, where and in which words; nothing found in what CDF accepted or gave; never raises.

local core = require "cdfworkflow.core"
local definition = require "cdfworkflow.definition"
local lint = require "cdfworkflow.definition.lint"

local function fn(id, more)
  local t = {
    externalId = id, type = "function", parameters = { ["function"] = { externalId = "fn-" .. tostring(id) } },
  }
  for name, value in pairs(more or {}) do t[name] = value end
  return t
end

--- A function task with these data, after these tasks.
local function fn_with(id, data, ...)
  local links = {}
  for i, earlier in ipairs { ... } do links[i] = { externalId = earlier } end
  return fn(id, { dependsOn = links, parameters = { ["function"] = { externalId = "f", data = data } } })
end

local function task(task_type, own, id)
  local holder = task_type == "cdf" and "cdfRequest" or task_type
  return { externalId = id or "t", type = task_type, parameters = { [holder] = own } }
end

local function found(subject)
  local lines = {}
  for i, finding in ipairs(lint(subject)) do
    assert.truthy(finding.severity == "error" or finding.severity == "warning")
    assert.is_nil(finding.message:find("\n"))
    lines[i] = ("%s %s %s"):format(finding.severity, finding.code, finding.path)
  end
  return lines
end

--- Exactly these findings in a workflow of these tasks, in this order.
local function finds(expected, ...)
  assert.same(expected, found { tasks = { ... } })
end

local function message(...)
  local findings = lint { tasks = { ... } }
  assert.equal(1, #findings)
  return findings[1].message
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return assert(core.decode(text))
end

describe("lint finds nothing", function()
  it("in a sound workflow of every task type", function()
    local new = definition.task
    assert.same({}, lint(definition.definition {
      description = "one of each",
      tasks = {
        new.fn { externalId = "plan", functionExternalId = "fn-plan", data = { day = "${workflow.input.day}" } },
        new.transformation { externalId = "load", transformationExternalId = "tr", dependsOn = { "plan" } },
        new.cdf {
          externalId = "ask", resourcePath = "/timeseries/${plan.output.response.path}", method = "POST",
          body = { limit = "${workflow.input.limit}", all = "${workflow.input}" }, dependsOn = { "plan" },
        },
        new.dynamic { externalId = "each", tasks = "${plan.output.response.tasks}", dependsOn = { "plan", "load" } },
        new.subworkflow {
          externalId = "close", dependsOn = { "ask" },
          tasks = {
            new.fn { externalId = "s1", functionExternalId = "f", data = { code = "${ask.output.statusCode}" } },
            new.fn {
              externalId = "s2", functionExternalId = "f", data = "${s1.output.response}", dependsOn = { "s1" },
            },
          },
        },
        new.subworkflow { externalId = "other", workflowExternalId = "other", version = "2" },
        new.simulation {
          externalId = "simulate", routineExternalId = "r", runTime = "${plan.output.response.time}",
          inputs = { { referenceId = "CWT", value = "${load.output.jobId}", unit = { name = "F" } } },
          dependsOn = { "each", "load" },
        },
        new.function_app {
          externalId = "app", functionAppExternalId = "app", path = "/rows", dependsOn = { "plan" },
          parameters = { day = "${workflow.input.day}" }, body = "${plan.output.response}",
        },
        new.json_mapping {
          externalId = "map", expression = "input.rows", inputs = { "input" }, input = "${app.output.response}",
          dependsOn = { "app" },
        },
        new.fn { externalId = "last", functionExternalId = "f", data = "${map.output.result}", dependsOn = { "map" } },
      },
    }))
  end)

  it("wrong in what the Python SDK sends", function()
    for _, name in ipairs {
      "061-versions-upsert-function-minimal", "062-versions-upsert-function-full",
      "064-versions-upsert-function-data-reference", "066-versions-upsert-transformation-full",
      "067-versions-upsert-cdf-minimal", "068-versions-upsert-cdf-full", "070-versions-upsert-subworkflow-inline",
      "071-versions-upsert-subworkflow-reference", "072-versions-upsert-dynamic",
      "074-versions-upsert-simulation-full", "075-versions-upsert-unknown-task-type", "076-versions-upsert-graph",
      "079-versions-upsert-unicode",
    } do
      for _, finding in ipairs(lint(read("spec/contract/golden/" .. name .. ".json").requests[1].body.items[1])) do
        assert.equal("warning", finding.severity, name .. ": " .. finding.message)
      end
    end
  end)

  it("wrong in versions and executions read back, with hash and defaults filled in", function()
    for _, name in ipairs {
      "version-retrieved-every-task-type", "version-retrieved-unknown-task-type", "version-upserted-minimal",
      "execution-completed-every-task-type", "execution-every-task-status-simulation", "execution-just-started",
    } do
      local resource = read("spec/contract/responses/" .. name .. ".json").body
      for _, subject in ipairs { resource.items and resource.items[1] or resource } do
        assert.truthy(subject.workflowDefinition.hash)
        for _, finding in ipairs(lint(subject)) do
          assert.equal("warning", finding.severity, name .. ": " .. finding.message)
        end
        assert.same(#lint(subject), #lint(subject.workflowDefinition))
      end
    end
  end)
end)

describe("ids:", function()
  it("missing, of the wrong type, or none that CDF takes", function()
    finds({ "error missing-member tasks[1]" }, { type = "function", parameters = fn("a").parameters })
    finds({ "error wrong-type tasks[1].externalId" }, fn(7))
    finds({ "error bad-id tasks[1].externalId" }, fn "")
    finds({ "error bad-id tasks[1].externalId" }, fn " a")
    finds({ "error bad-id tasks[1].externalId" }, fn "a\n")
    finds({ "error bad-id tasks[1].externalId" }, fn "a\0b")
    finds({ "error wrong-type tasks[1].externalId" }, fn("\255", { parameters = fn("a").parameters }))
    finds({ "error too-long tasks[1].externalId" }, fn(("å"):rep(256)))
    finds({}, fn(("å"):rep(255)))
  end)

  it("twice in one list, or once in each of two lists", function()
    finds({ "error duplicate-id tasks[3].externalId" }, fn "a", fn "b", fn "a")
    assert.equal('"a" is the id of tasks[1] already', message(fn "a", fn "a"))
    finds({ "warning duplicate-id tasks[2].parameters.subworkflow.tasks[1].externalId" },
      fn "a", task("subworkflow", { tasks = { fn "a" } }))
  end)

  it("of a whole version", function()
    local good = { tasks = { fn "a" } }
    assert.same({}, found { workflowExternalId = "w", version = "1", workflowDefinition = good, createdTime = 1 })
    assert.same({}, found { workflowExternalId = "w", version = 1, workflowDefinition = good })
    assert.same({ "error missing-member ", "warning unknown-member hash", "error wrong-type version" },
      found { hash = "A", version = 1.5, workflowDefinition = good })
    assert.same({ "error duplicate-id workflowDefinition.tasks[2].externalId" },
      found { workflowExternalId = "w", version = "1", workflowDefinition = { tasks = { fn "a", fn "a" } } })
  end)
end)

describe("dependencies:", function()
  local function after(id, ...)
    local links = {}
    for i, earlier in ipairs { ... } do links[i] = { externalId = earlier } end
    return fn(id, { dependsOn = links })
  end

  it("unknown, with the task that was probably meant", function()
    finds({ "error unknown-dependency tasks[2].dependsOn[2].externalId" }, fn "fetch", after("b", "fetch", "fetsh"))
    assert.equal('there is no task "fetsh" to wait for; did you mean "fetch"?',
      message(fn "fetch", after("b", "fetsh")))
  end)

  it("on a task of another list", function()
    local sub = task("subworkflow", { tasks = { after("s", "a") } })
    finds({ "error unknown-dependency tasks[2].parameters.subworkflow.tasks[1].dependsOn[1].externalId" }, fn "a", sub)
    assert.truthy(message(fn "a", sub):find("it stands in another list of tasks", 1, true))
  end)

  it("on the task itself, twice on the same, or in another shape", function()
    finds({ "error self-dependency tasks[1].dependsOn[1].externalId" }, after("a", "a"))
    finds({ "warning duplicate-dependency tasks[2].dependsOn[2].externalId" }, fn "a", after("b", "a", "a"))
    finds({ "error wrong-type tasks[2].dependsOn[1]" }, fn "a", fn("b", { dependsOn = { "a" } }))
    finds({ "error missing-member tasks[1].dependsOn[1]", "warning unknown-member tasks[1].dependsOn[1].id" },
      fn("a", { dependsOn = { { id = "b" } } }))
    finds({ "error wrong-type tasks[1].dependsOn" }, fn("a", { dependsOn = "b" }))
    finds({}, fn("a", { dependsOn = core.array {} }), fn("b", { dependsOn = {} }))
  end)

  it("in a ring, named from the task that comes first", function()
    finds({ "error cycle tasks[1].dependsOn[1]" },
      after("a", "b"), after("b", "c"), after("c", "a"), after("d", "c"))
    finds({ "error cycle tasks[1].dependsOn[1]" }, after("a", "b"), after("b", "x", "a"), fn "x")
    assert.equal("these tasks wait for each other: a → b → a", message(fn "x", after("a", "x", "b"), after("b", "a")))
  end)

  it("in several rings, and in one that hangs on another", function()
    finds({ "error cycle tasks[1].dependsOn[1]", "error cycle tasks[4].dependsOn[2]" },
      after("a", "b"), after("b", "a"), fn "x", after("c", "b", "d"), after("d", "x", "c"))
  end)

  it("in a ring inside a subworkflow", function()
    finds({ "error cycle tasks[1].parameters.subworkflow.tasks[1].dependsOn[1]" },
      task("subworkflow", { tasks = { after("a", "b"), after("b", "a") } }))
  end)

  it("more than CDF takes", function()
    local tasks, ids = {}, {}
    for i = 1, 101 do
      ids[i] = "t" .. i
      tasks[i] = fn(ids[i])
    end
    tasks[102] = after("end", (unpack or table.unpack)(ids))
    assert.same({ "warning too-many tasks", "error too-many tasks[102].dependsOn" }, found { tasks = tasks })
  end)
end)

describe("references:", function()
  local function refers(data, ...)
    return fn_with("here", { x = data }, ...)
  end
  local where = "tasks[2].parameters.function.data.x"

  it("to tasks that have run, in any depth and any place", function()
    for _, data in ipairs {
      "${a.output}", "${a.input}", "${a.input.data.x}", "${a.output.response.rows[2].name}",
      "from ${a.output.callId} to ${workflow.input.list[1]}", "no ${workflow.input}", "costs 5 $ {or so}",
    } do
      finds({}, fn "a", refers(data, "a"))
      finds({}, fn "a", refers({ deep = { "x", { data } } }, "a"))
    end
    finds({}, fn "a", fn("b", { dependsOn = { { externalId = "a" } } }), fn_with("c", "${a.output.response}", "b"))
  end)

  it("to ids that hold dots and words of references", function()
    finds({}, fn "a.output", refers("${a.output.output.response}", "a.output"))
    finds({}, fn "v1.2", refers("${v1.2.output.response.input.x}", "v1.2"))
    finds({}, fn "måling 1/β", refers("${måling 1/β.output.response}", "måling 1/β"))
  end)

  it("to unknown tasks", function()
    finds({ "error unknown-task " .. where }, fn "fetch", refers("${fetsh.output.response}", "fetch"))
    assert.equal('"${fetsh.output}": there is no task "fetsh"; did you mean "fetch"?',
      message(fn "fetch", refers("${fetsh.output}", "fetch")))
  end)

  it("to tasks that an earlier task may make", function()
    local makers = {
      task("dynamic", { tasks = "${workflow.input.tasks}" }, "maker"),
      task("subworkflow", { workflowExternalId = "w", version = "1" }, "maker"),
    }
    for _, maker in ipairs(makers) do
      finds({ "warning unknown-task " .. where }, maker, refers("${made.output.response}", "maker"))
      finds({ "error unknown-task " .. where }, maker, refers("${made.output.response}"))
    end
  end)

  it("to tasks that need not have run", function()
    finds({ "error not-upstream " .. where }, fn "a", refers "${a.output.response}")
    assert.equal('"${a.output}": "a" need not have run when "here" starts; put it in dependsOn',
      message(fn "a", refers "${a.output}"))
    finds({ "error not-upstream tasks[1].parameters.function.data" }, fn_with("a", "${b.output}"), fn "b")
    finds({ "error not-upstream tasks[1].parameters.function.data" }, fn_with("a", "${a.output}"))
    assert.truthy(message(fn_with("a", "${a.output}")):find("refers to the task that it stands in", 1, true))
  end)

  it("into and out of subworkflows", function()
    local function sub(...) return task("subworkflow", { tasks = { ... } }, "sub") end
    local after_a = sub(fn_with("s", { x = "${a.output.response}" }))
    after_a.dependsOn = { { externalId = "a" } }
    finds({}, fn "a", after_a)
    finds({ "error not-upstream tasks[2].parameters.subworkflow.tasks[1].parameters.function.data.x" },
      fn "a", sub(fn_with("s", { x = "${a.output.response}" })))
    finds({ "warning duplicate-id tasks[2].externalId" },
      sub(fn "a", fn_with("s", { x = "${a.output.response}" }, "a")), fn "a")
    finds({ "warning inner-task " .. where }, sub(fn "s"), refers("${s.output.response}", "sub"))
    finds({ "error not-upstream " .. where }, sub(fn "s"), refers "${s.output.response}")
  end)

  it("that are none", function()
    for _, data in ipairs {
      "${}", "${a}", "${workflow}", "${workflow.output}", "${workflow.inputs.x}", "${a.outputs.x}", "${ a.output}",
      "${a.output }", "${a.output", "x ${a.output.response} ${", "${a${b}", "${a${a.output}", "${a.output..x}",
      "${a.output.}", "${$x}",
    } do
      finds({ "error malformed-reference " .. where }, fn "a", refers(data, "a"))
    end
  end)

  it("to output that the task's type does not have", function()
    local cases = {
      ["function"] = { { "callId", "functionId", "response" }, { externalId = "f" } },
      transformation = { { "jobId" }, { externalId = "tr" } },
      cdf = { { "response", "statusCode" }, { resourcePath = "/x", method = "GET" } },
      simulation = { { "runId", "logId", "statusMessage" }, { routineExternalId = "r" } },
      dynamic = { {}, { tasks = "${workflow.input.t}" } },
      subworkflow = { {}, { workflowExternalId = "w", version = "1" } },
      jsonMapping = { { "result" }, { expression = "input" } },
    }
    for task_type, case in pairs(cases) do
      local earlier = task(task_type, case[2], "a")
      for _, member in ipairs(case[1]) do finds({}, earlier, refers("${a.output." .. member .. "}", "a")) end
      finds({ "error unknown-output " .. where }, earlier, refers("${a.output.rows}", "a"))
    end
    assert.equal('"${a.output.rows}": the output of a function task has callId, functionId and response; '
      .. "did you mean output.response.rows?", message(fn "a", refers("${a.output.rows}", "a")))
    assert.equal('"${a.output.rows}": the output of a transformation task has jobId',
      message(task("transformation", { externalId = "tr" }, "a"), refers("${a.output.rows}", "a")))
    assert.equal('"${a.output.rows}": the output of a dynamic task is always empty',
      message(task("dynamic", { tasks = "${workflow.input}" }, "a"), refers("${a.output.rows}", "a")))
  end)

  it("to what an asynchronous function or an unknown type may give", function()
    local waits = fn "a"
    waits.parameters.isAsyncComplete = true
    finds({}, waits, refers("${a.output.approvedBy}", "a"))
    finds({ "warning unknown-type tasks[1].type" }, task("agent", {}, "a"), refers("${a.output.answer}", "a"))
    finds({}, task("functionApp", { externalId = "app", path = "/" }, "a"), refers("${a.output.rows}", "a"))
  end)

  it("in members with any name, and once in a table that is used twice", function()
    local shared = { ["odd\nkey"] = { "${nobody.output}" } }
    finds({ 'error unknown-task tasks[1].parameters.function.data.x["odd\\10key"][1]' },
      fn_with("a", { x = shared, y = shared }))
  end)

  it("only in parameters", function()
    finds({}, fn("a", { name = "${nobody.output}", description = "${" }))
  end)
end)

describe("task types:", function()
  it("unknown ones are pointed at", function()
    finds({ "warning unknown-type tasks[1].type" }, task("agent", { goal = "x" }))
    assert.equal('"cdfRequest" is no task type known here; it is passed on as it is; did you mean "cdf"?',
      message(task("cdfRequest", {})))
    finds({ "error wrong-type tasks[1].type" }, { externalId = "a", type = 7, parameters = {} })
  end)

  it("cannot do without their parameters", function()
    finds({ "error missing-member tasks[1]" }, { externalId = "a", type = "function" })
    finds({ "error missing-member tasks[1]", "warning unknown-type tasks[1].type" },
      { externalId = "a", type = "agent" })
    finds({ "error wrong-type tasks[1].parameters" }, { externalId = "a", type = "function", parameters = "f" })
    finds({ "warning unknown-type tasks[1].type", "error wrong-type tasks[1].parameters" },
      { externalId = "a", type = "agent", parameters = "f" })
    finds({ "error missing-member tasks[1].parameters" }, { externalId = "a", type = "function", parameters = {} })
    finds({ "error missing-member tasks[1].parameters", "warning unknown-member tasks[1].parameters.cdf" },
      { externalId = "a", type = "cdf", parameters = { cdf = {} } })
    finds({ "error missing-member tasks[1].parameters.function" }, task("function", {}))
    finds({ "error missing-member tasks[1].parameters.transformation" }, task("transformation", {}))
    finds({ "error missing-member tasks[1].parameters.cdfRequest" }, task("cdf", { method = "GET" }))
    finds({ "error missing-member tasks[1].parameters.dynamic" }, task("dynamic", {}))
    finds({ "error missing-member tasks[1].parameters.subworkflow" }, task("subworkflow", { version = "1" }))
    finds({ "error missing-member tasks[1].parameters.simulation" }, task("simulation", {}))
    finds({ "error missing-member tasks[1].parameters.functionApp" }, task("functionApp", { externalId = "app" }))
    finds({ "error missing-member tasks[1].parameters.jsonMapping" }, task("jsonMapping", { input = {} }))
  end)

  it("take values of their own", function()
    finds({ "error bad-value tasks[1].parameters.transformation.concurrencyPolicy" },
      task("transformation", { externalId = "t", concurrencyPolicy = "waitForcurrent" }))
    finds({ "error wrong-type tasks[1].parameters.transformation.useTransformationCredentials" },
      task("transformation", { externalId = "t", useTransformationCredentials = "yes" }))
    finds({ "error wrong-type tasks[1].parameters.isAsyncComplete" }, {
      externalId = "a", type = "function", parameters = { ["function"] = { externalId = "f" }, isAsyncComplete = 1 },
    })
    finds({ "error wrong-type tasks[1].parameters.dynamic.tasks" }, task("dynamic", { tasks = "tasks" }))
    finds({ "error wrong-type tasks[1].parameters.function.data" }, task("function", { externalId = "f", data = "x" }))
    finds({ "error wrong-type tasks[1].parameters.function.data" },
      task("function", { externalId = "f", data = { 1 } }))
    finds({ "error wrong-type tasks[1].parameters.function.externalId" }, task("function", { externalId = "" }))
  end)

  it("cdf: method, time, query and body", function()
    local function request(more)
      local own = { resourcePath = "/x", method = "GET" }
      for name, value in pairs(more) do own[name] = value end
      return task("cdf", own)
    end
    local own = "tasks[1].parameters.cdfRequest."
    finds({}, request { method = "${workflow.input.m}", requestTimeoutInMillis = "${workflow.input.t}",
      queryParameters = "${workflow.input.q}", body = "${workflow.input.b}", cdfVersionHeader = "beta" })
    finds({ "error bad-value " .. own .. "method" }, request { method = "DELETE" })
    assert.equal('method must be GET, POST or PUT, not "post"; did you mean "POST"?',
      message(request { method = "post" }))
    finds({ "error wrong-type " .. own .. "requestTimeoutInMillis" }, request { requestTimeoutInMillis = 1.5 })
    finds({ "error wrong-type " .. own .. "queryParameters" }, request { queryParameters = "limit=1" })
    finds({ "warning unknown-member " .. own .. "resoucePath" }, request { resoucePath = "/y" })
    finds({}, request { body = { text = ("x"):rep(102400 - 11) } })
    finds({ "warning too-long " .. own .. "body" }, request { body = { text = ("x"):rep(102400 - 10) } })
    finds({ "warning too-long " .. own .. "body" }, request { body = { text = ("x"):rep(1024 * 1024 - 11) } })
    finds({ "error too-long " .. own .. "body" }, request { body = { text = ("x"):rep(1024 * 1024 - 10) } })
  end)

  it("cdf: what CDF's own API description allows", function()
    local function request(more)
      local own = { resourcePath = "/x", method = "GET" }
      for name, value in pairs(more) do own[name] = value end
      return task("cdf", own)
    end
    local own = "tasks[1].parameters.cdfRequest."
    finds({}, request { resourcePath = ("/"):rep(128), requestTimeoutInMillis = 100, cdfVersionHeader = "alpha",
      queryParameters = { a = ("å"):rep(50), b = "", c = "", d = "", e = "${workflow.input." .. ("x"):rep(50) .. "}" },
    })
    finds({ "warning too-long " .. own .. "resourcePath" }, request { resourcePath = ("/"):rep(129) })
    finds({ "warning out-of-range " .. own .. "requestTimeoutInMillis" }, request { requestTimeoutInMillis = 99 })
    finds({ "warning bad-value " .. own .. "cdfVersionHeader" }, request { cdfVersionHeader = "20230101-beta" })
    finds({ "warning too-many " .. own .. "queryParameters" },
      request { queryParameters = { a = "", b = "", c = "", d = "", e = "", f = "" } })
    finds({ "warning too-long " .. own .. "queryParameters.a", "warning wrong-type " .. own .. "queryParameters.b" },
      request { queryParameters = { a = ("x"):rep(51), b = 5 } })
    assert.equal("resourcePath has 129 characters; CDF's own API description allows 128",
      message(request { resourcePath = ("/"):rep(129) }))
  end)

  it("functionApp: path, parameters and body", function()
    local function call(more)
      local own = { externalId = "app", path = "/x" }
      for name, value in pairs(more) do own[name] = value end
      return task("functionApp", own)
    end
    local own = "tasks[1].parameters.functionApp."
    finds({}, call {})
    finds({}, call { path = ("p"):rep(255), method = "PATCH", body = { 1 }, parameters = { site = "x" } })
    finds({ "error too-long " .. own .. "path" }, call { path = ("p"):rep(256) })
    finds({ "error wrong-type " .. own .. "method" }, call { method = 5 })
    finds({ "error wrong-type " .. own .. "parameters.n" }, call { parameters = { n = 5 } })
    local many = {}
    for i = 1, 11 do many["p" .. i] = "" end
    finds({ "error too-many " .. own .. "parameters" }, call { parameters = many })
    finds({ "error unknown-task " .. own .. "body.x" }, call { body = { x = "${nobody.output}" } })
  end)

  it("jsonMapping: expression and inputs", function()
    local own = "tasks[1].parameters.jsonMapping."
    finds({}, task("jsonMapping", { expression = "input.a", inputs = { "input" }, input = { a = 1 } }))
    finds({}, task("jsonMapping", { expression = "x", inputs = "${workflow.input.i}", input = "${workflow.input}" }))
    finds({ "error wrong-type " .. own .. "expression" }, task("jsonMapping", { expression = "" }))
    finds({ "error wrong-type " .. own .. "inputs" }, task("jsonMapping", { expression = "x", inputs = "input" }))
  end)

  it("function: large data", function()
    finds({ "warning too-long tasks[1].parameters.function.data" },
      task("function", { externalId = "f", data = { text = ("x"):rep(102400) } }))
  end)

  it("simulation: inputs", function()
    local own = "tasks[1].parameters.simulation."
    local function simulation(inputs) return task("simulation", { routineExternalId = "r", inputs = inputs }) end
    finds({}, simulation "${workflow.input.list}")
    finds({ "error wrong-type " .. own .. "inputs" }, simulation { value = 1 })
    finds({ "error missing-member " .. own .. "inputs[1]" }, simulation { { referenceId = "a" } })
    finds({ "error missing-member " .. own .. "inputs[1].unit" },
      simulation { { referenceId = "a", value = { 1, "2" }, unit = {} } })
    finds({ "error wrong-type " .. own .. "inputs[1].value" }, simulation { { referenceId = "a", value = true } })
    local many = {}
    for i = 1, 200 do many[i] = { referenceId = "a" .. i, value = i } end
    finds({}, simulation(many))
    many[201] = many[1]
    finds({ "error too-many " .. own .. "inputs" }, simulation(many))
    finds({ "error wrong-type " .. own .. "runTime" }, task("simulation", { routineExternalId = "r", runTime = "now" }))
    finds({}, task("simulation", { routineExternalId = "r", runTime = core.null,
      inputs = { { referenceId = "a", value = "x", unit = core.null } } }))
    for _, empty in ipairs { "", {} } do
      finds({ "warning bad-value " .. own .. "inputs[1].value" }, simulation { { referenceId = "a", value = empty } })
    end
    local long = {}
    for i = 1, 201 do long[i] = i end
    finds({ "warning too-many " .. own .. "inputs[1].value" }, simulation { { referenceId = "a", value = long } })
  end)

  it("stand inside one another only where CDF allows it", function()
    local inner = {
      task("dynamic", { tasks = "${workflow.input.t}" }, "d"), task("subworkflow", { tasks = { fn "x" } }, "s"),
    }
    finds({
      "error nesting tasks[1].parameters.subworkflow.tasks[1].type",
      "error nesting tasks[1].parameters.subworkflow.tasks[2].type",
    }, task("subworkflow", { tasks = inner }))
    finds({
      "warning bad-value tasks[1].parameters.dynamic.tasks",
      "error nesting tasks[1].parameters.dynamic.tasks[1].type",
      "error nesting tasks[1].parameters.dynamic.tasks[2].type",
    }, task("dynamic", { tasks = inner }))
    assert.truthy(lint({ tasks = { task("dynamic", { tasks = inner }) } })[2].message
      :find("a dynamic task must not stand inside a dynamic task", 1, true))
  end)

  it("subworkflow: tasks or a version, and not the version that it stands in", function()
    finds({ "error bad-value tasks[1].parameters.subworkflow" },
      task("subworkflow", { tasks = { fn "a" }, workflowExternalId = "w" }))
    finds({ "error wrong-type tasks[1].parameters.subworkflow.version" },
      task("subworkflow", { workflowExternalId = "w", version = 1 }))
    assert.same({ "error nesting workflowDefinition.tasks[1].parameters.subworkflow" }, found {
      workflowExternalId = "w", version = "1",
      workflowDefinition = { tasks = { task("subworkflow", { workflowExternalId = "w", version = "1" }) } },
    })
  end)
end)

describe("limits:", function()
  it("members of every task", function()
    finds({}, fn("a", { retries = 0, timeout = 100, onFailure = "skipTask", name = "", description = "" }))
    finds({}, fn("a", { retries = 10, timeout = 43200, name = ("å"):rep(255), description = ("å"):rep(500) }))
    finds({ "error out-of-range tasks[1].retries" }, fn("a", { retries = 11 }))
    finds({ "error out-of-range tasks[1].retries" }, fn("a", { retries = -1 }))
    finds({ "error out-of-range tasks[1].retries" }, fn("a", { retries = 0.5 }))
    finds({ "error out-of-range tasks[1].retries" }, fn("a", { retries = 0 / 0 }))
    finds({ "error wrong-type tasks[1].retries" }, fn("a", { retries = "3" }))
    finds({ "error wrong-type tasks[1].retries" }, fn("a", { retries = core.null }))
    finds({ "error out-of-range tasks[1].timeout" }, fn("a", { timeout = 59 }))
    finds({ "error out-of-range tasks[1].timeout" }, fn("a", { timeout = math.huge }))
    assert.equal("retries must be a whole number from 0 to 10, not null", message(fn("a", { retries = core.null })))
    assert.equal("retries must be a whole number from 0 to 10, not a table", message(fn("a", { retries = {} })))
    assert.equal("retries must be a whole number from 0 to 10, not 11", message(fn("a", { retries = 11 })))
    for _, doubtful in ipairs { 60, 99, 43201, 86400 } do
      finds({ "warning out-of-range tasks[1].timeout" }, fn("a", { timeout = doubtful }))
    end
    finds({ "error too-long tasks[1].name" }, fn("a", { name = ("å"):rep(256) }))
    finds({ "error too-long tasks[1].description" }, fn("a", { description = ("å"):rep(501) }))
    finds({ "error bad-value tasks[1].onFailure" }, fn("a", { onFailure = "skip" }))
    assert.equal('onFailure must be abortWorkflow or skipTask, not "skip_task"; did you mean "skipTask"?',
      message(fn("a", { onFailure = "skip_task" })))
    assert.equal('"dependOn" is no known member here; did you mean "dependsOn"?', message(fn("a", { dependOn = {} })))
  end)

  it("200 tasks, those inside others too", function()
    local function some(n, prefix)
      local tasks = {}
      for i = 1, n do tasks[i] = fn(prefix .. i) end
      return tasks
    end
    assert.same({}, found { tasks = some(100, "a") })
    assert.same({ "warning too-many tasks" }, found { tasks = some(101, "a") })
    assert.same({ "warning too-many tasks" }, found { tasks = some(200, "a") })
    assert.same({ "error too-many tasks" }, found { tasks = some(201, "a") })
    local tasks = some(99, "a")
    tasks[100] = task("subworkflow", { tasks = some(100, "b") })
    assert.same({}, found { tasks = tasks })
    tasks[100] = task("subworkflow", { tasks = some(101, "b") })
    assert.same({ "error too-many tasks", "warning too-many tasks[100].parameters.subworkflow.tasks" },
      found { tasks = tasks })
    assert.equal("the subworkflow has 101 tasks; CDF's own API description allows 100",
      message(task("subworkflow", { tasks = some(101, "b") })))
    finds({ "warning no-tasks tasks[1].parameters.subworkflow.tasks" }, task("subworkflow", { tasks = {} }))
  end)

  it("ids that CDF keeps for itself", function()
    for _, id in ipairs { "workflow", "__a", "__" } do finds({ "error bad-id tasks[1].externalId" }, fn(id)) end
    finds({}, fn "Workflow", fn "_a", fn "workflow_", fn "a__")
    finds({ "error bad-id tasks[1].parameters.subworkflow.tasks[1].externalId" },
      task("subworkflow", { tasks = { fn "__inner" } }))
    assert.equal('"workflow" is a task id that CDF keeps for itself', message(fn "workflow"))
  end)

  it("the definition itself", function()
    assert.same({ "error too-long description" }, found { description = ("å"):rep(501), tasks = { fn "a" } })
    assert.same({ "error missing-member ", 'warning unknown-member task' }, found { task = { fn "a" } })
    assert.same({ "warning no-tasks tasks" }, found { tasks = {} })
  end)
end)

describe("odd shapes are findings too:", function()
  it("no definition at all", function()
    for _, odd in ipairs { 1, "x", true, print, core.null } do
      assert.same({ "error wrong-type " }, found(odd))
    end
    assert.same({ "error wrong-type " }, found(nil))
    assert.same({ "error wrong-type workflowDefinition" },
      found { workflowExternalId = "w", version = "1", workflowDefinition = "x" })
    assert.same("error missing-member ", found({ fn "a" })[1])
  end)

  it("tasks that are no list of tasks", function()
    assert.same({ "error wrong-type tasks" }, found { tasks = "x" })
    assert.same({ "error wrong-type tasks" }, found { tasks = { externalId = "a" } })
    assert.same({ "error wrong-type tasks[1]", "error wrong-type tasks[2]" }, found { tasks = { "a", 7 } })
    assert.same({ "error wrong-type tasks" }, found { tasks = { fn "a", [3] = fn "b" } })
    assert.truthy(lint({ tasks = { fn "a", [3] = fn "b" } })[1].message:find("has nothing at [2]", 1, true))
  end)

  it("values that are no JSON", function()
    for _, odd in ipairs { print, 0 / 0, "\255", { 1, x = 2 } } do
      finds({ "error not-json tasks[1].parameters" }, fn_with("a", { x = odd }))
    end
    local ring = {}
    ring.ring = ring
    finds({ "error not-json tasks[1].parameters" }, fn_with("a", ring))
    local loop = task("subworkflow", {})
    loop.parameters.subworkflow.tasks = { loop }
    assert.truthy(#found { tasks = { loop } } > 0)
  end)

  it("every value in every place", function()
    local places = {
      function(v) return { tasks = v } end, function(v) return { tasks = { v } } end,
      function(v) return { workflowDefinition = v, version = v, workflowExternalId = v } end,
      function(v) return { tasks = { { externalId = v, type = v, parameters = v, dependsOn = v, retries = v } } } end,
      function(v) return { tasks = { fn("a", { dependsOn = { v, { externalId = v } }, timeout = v, name = v }) } } end,
      function(v) return { tasks = { fn_with(v, v) } } end,
      function(v) return { [v == nil and 1 or v] = v, tasks = { [v == nil and 1 or v] = fn "a" } } end,
    }
    for _, task_type in ipairs { "function", "transformation", "cdf", "dynamic", "subworkflow", "simulation", "x" } do
      for _, member in ipairs {
        "externalId", "data", "concurrencyPolicy", "method", "body", "requestTimeoutInMillis", "tasks", "version",
        "inputs", "runTime",
      } do
        table.insert(places, function(v) return { tasks = { task(task_type, { [member] = v }) } } end)
      end
      table.insert(places, function(v) return { tasks = { task(task_type, v) } } end)
    end
    local values = {
      false, true, 0, -1, 1.5, math.huge, "", "${", "${a.output}", "\255\0", {}, { {} }, { { {} } }, { [1.5] = 1 },
      { [{}] = 1 }, { x = { y = 1 } }, core.array {}, core.null, print, coroutine.create(function() end), io.stdout,
    }
    for _, place in ipairs(places) do
      for _, value in ipairs(values) do
        for _, finding in ipairs(lint(place(value))) do assert.equal("string", type(finding.message)) end
      end
    end
  end)

  it("a very long chain and a very long ring", function()
    local chain = { fn "t1" }
    for i = 2, 1000 do chain[i] = fn_with("t" .. i, nil, "t" .. (i - 1)) end
    chain[1001] = fn_with("end", "${t1.output.response}", "t1000")
    assert.same({ "error too-many tasks" }, found { tasks = chain })
    chain[1].dependsOn = { { externalId = "end" } }
    assert.same({ "error too-many tasks", "error cycle tasks[1].dependsOn[1]" }, found { tasks = chain })
  end)

  it("the subject is not changed", function()
    local subject = {
      tasks = { fn_with("a", { x = "${b.output}" }, "c"), fn "b", task("subworkflow", { tasks = {} }) },
    }
    local before = core.encode(subject)
    lint(subject)
    assert.same(core.decode(before), core.decode(core.encode(subject)))
  end)
end)
