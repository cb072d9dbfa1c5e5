-- SPDX-License-Identifier: Apache-2.0
-- Task builders: what they give means the same as what the Python SDK sent (golden cases 061–080), slips of the pen
-- raise at the user's line, and no list becomes an object on the wire.

local core = require "cdfworkflow.core"
local built = require "cdfworkflow.definition"
local task, definition = built.task, built.definition

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return assert(core.decode(text))
end

local function golden(name)
  return read("spec/contract/golden/" .. name .. ".json").requests
end

--- What goes over the wire and comes back.
local function sent(value)
  return assert(core.decode((assert(core.encode(value)))))
end

--- The SDK writes these members even when its caller did not ask for them; CDF assumes the same when they are absent.
local defaults = {
  task = { retries = 3, timeout = 3600, onFailure = "abortWorkflow" },
  parameters = { isAsyncComplete = false },
  transformation = { concurrencyPolicy = "fail", useTransformationCredentials = false },
  cdfRequest = { queryParameters = {}, body = {}, requestTimeoutInMillis = 10000 },
}

local function without(t, assumed)
  for name, default in pairs(assumed) do
    local empty = type(default) == "table" and type(t[name]) == "table" and next(t[name]) == nil
    if t[name] == default or empty then t[name] = nil end
  end
end

--- The meaning of a workflow definition: every member that holds what CDF assumes anyway is taken out.
local function meaning(def)
  for _, t in ipairs(def.tasks) do
    local parameters = t.parameters
    without(t, defaults.task)
    without(parameters, defaults.parameters)
    without(parameters.transformation or {}, defaults.transformation)
    without(parameters.cdfRequest or {}, defaults.cdfRequest)
    if parameters.subworkflow and parameters.subworkflow.tasks then meaning(parameters.subworkflow) end
  end
  return def
end

local function fn_a(members)
  local t = { externalId = "t1", functionExternalId = "fn-a" }
  for name, value in pairs(members or {}) do t[name] = value end
  return task.fn(t)
end

-- Golden case → the definition that a user of this library writes for it.
local cases = {
  ["061-versions-upsert-function-minimal"] = function()
    return { tasks = { fn_a() } }
  end,
  ["062-versions-upsert-function-full"] = function()
    return {
      description = "one step",
      tasks = {
        fn_a {
          name = "First", description = "Does it", isAsyncComplete = true,
          retries = 0, timeout = 60, onFailure = "skipTask",
          data = {
            ["in"] = "${workflow.input}", k = "${workflow.input.key}",
            n = 1, f = 1.5, b = true, x = core.null, deep = { { ["å"] = "ø" } },
          },
        },
      },
    }
  end,
  ["063-versions-upsert-function-data-empty-object"] = function()
    return { tasks = { fn_a { data = {} } } }
  end,
  ["064-versions-upsert-function-data-reference"] = function()
    return {
      tasks = {
        task.fn { externalId = "t0", functionExternalId = "pick" },
        task.fn {
          externalId = "t1", functionExternalId = "${t0.output.response.fn}",
          data = "${t0.output.response.data}", isAsyncComplete = false, dependsOn = { "t0" },
        },
      },
    }
  end,
  ["065-versions-upsert-transformation-default"] = function()
    return { tasks = { task.transformation { externalId = "tr", transformationExternalId = "my-tr" } } }
  end,
  ["066-versions-upsert-transformation-full"] = function()
    return {
      tasks = {
        task.transformation {
          externalId = "tr", transformationExternalId = "my-tr",
          concurrencyPolicy = "restartAfterCurrent", useTransformationCredentials = true,
        },
      },
    }
  end,
  ["067-versions-upsert-cdf-minimal"] = function()
    return { tasks = { task.cdf { externalId = "req", resourcePath = "/timeseries", method = "GET" } } }
  end,
  ["068-versions-upsert-cdf-full"] = function()
    return {
      tasks = {
        task.cdf {
          externalId = "req", resourcePath = "/assets/list", method = "POST",
          queryParameters = { limit = 10, deep_key = "x" },
          body = { filter = { name_prefix = "p", camelCase = 1 }, limit = "${workflow.input.limit}" },
          requestTimeoutInMillis = 30000,
        },
      },
    }
  end,
  ["069-versions-upsert-cdf-references"] = function()
    return {
      tasks = {
        task.cdf {
          externalId = "req", resourcePath = "/${t0.output.path}", method = "${t0.output.method}",
          queryParameters = "${t0.output.query}", body = "${t0.output.body}",
          requestTimeoutInMillis = "${workflow.input.timeout}",
        },
      },
    }
  end,
  ["070-versions-upsert-subworkflow-inline"] = function()
    local s1 = task.fn { externalId = "s1", functionExternalId = "fn-a" }
    local s2 = task.transformation { externalId = "s2", transformationExternalId = "my-tr", dependsOn = { s1 } }
    return { tasks = { task.subworkflow { externalId = "sub", tasks = { s1, s2 } } } }
  end,
  ["071-versions-upsert-subworkflow-reference"] = function()
    return { tasks = { task.subworkflow { externalId = "sub", workflowExternalId = "other", version = "2" } } }
  end,
  ["072-versions-upsert-dynamic"] = function()
    return {
      tasks = {
        task.fn { externalId = "gen", functionExternalId = "make-tasks" },
        task.dynamic { externalId = "dyn", tasks = "${gen.output.response.tasks}", dependsOn = { "gen" } },
      },
    }
  end,
  ["073-versions-upsert-simulation-minimal"] = function()
    return { tasks = { task.simulation { externalId = "sim", routineExternalId = "routine-1" } } }
  end,
  ["074-versions-upsert-simulation-full"] = function()
    return {
      tasks = {
        task.simulation {
          externalId = "sim", routineExternalId = "routine-1", runTime = 1767225600000,
          inputs = {
            { referenceId = "CWT", value = 11, unit = { name = "F" } },
            { referenceId = "HWT", value = "0.1" },
            { referenceId = "ARR", value = { 1.0, 2.5 } },
          },
        },
      },
    }
  end,
  ["075-versions-upsert-unknown-task-type"] = function()
    return {
      tasks = {
        {
          externalId = "fa", type = "functionApp",
          parameters = { functionApp = { externalId = "app", path = "/run", method = "POST" } },
        },
      },
    }
  end,
  ["076-versions-upsert-graph"] = function()
    local a = task.fn { externalId = "a", functionExternalId = "fn-a" }
    local b = task.transformation {
      externalId = "b", transformationExternalId = "tr-b", retries = 10, timeout = 86400, dependsOn = { a },
    }
    local c = task.cdf {
      externalId = "c", resourcePath = "/raw/dbs", method = "GET", onFailure = "skipTask", dependsOn = { a },
    }
    local d = task.fn {
      externalId = "d", functionExternalId = "fn-d", dependsOn = { b, c },
      data = { b = "${b.output}", c = "${c.output.response}" },
    }
    return { description = "diamond", tasks = { a, b, c, d } }
  end,
  ["077-versions-upsert-task-defaults-absent"] = function()
    return { tasks = { fn_a() } }
  end,
  ["078-versions-upsert-no-dependencies-list"] = function()
    return { tasks = { fn_a { dependsOn = {} } } }
  end,
  ["079-versions-upsert-unicode"] = function()
    return { tasks = { task.fn { externalId = "oppgave-æ", functionExternalId = "fn/α" } } }
  end,
  ["080-versions-upsert-two"] = function()
    return { tasks = { task.fn { externalId = "t", functionExternalId = "f" } } }
  end,
}

describe("the builders give what the Python SDK sends:", function()
  for name, write in pairs(cases) do
    it(name, function()
      for _, request in ipairs(golden(name)) do
        assert.same(meaning(request.body.items[1].workflowDefinition), meaning(sent(definition(write()))))
      end
    end)
  end
end)

--- The complaint of `f`, which must blame the line in this file from which it was called.
local function complaint(f, argument)
  local ok, message = pcall(function()
    local result = f(argument)
    return result
  end)
  assert.is_false(ok)
  assert.truthy(message:find("init_spec.lua:%d+: "), message)
  return message
end

describe("a builder", function()
  it("adds nothing that was not asked for", function()
    assert.same({
      externalId = "a", type = "function", parameters = { ["function"] = { externalId = "f" } },
    }, task.fn { externalId = "a", functionExternalId = "f" })
  end)

  it("writes the newer task types as CDF names them", function()
    assert.same({
      externalId = "a", type = "functionApp", retries = 1, dependsOn = { { externalId = "z" } },
      parameters = { functionApp = {
        externalId = "app", path = "/rows", method = "POST", parameters = { site = "x" }, body = { 1 },
      } },
    }, task.function_app {
      externalId = "a", functionAppExternalId = "app", path = "/rows", method = "POST", parameters = { site = "x" },
      body = { 1 }, retries = 1, dependsOn = { "z" },
    })
    local mapping = task.json_mapping { externalId = "m", expression = "input.a", inputs = {}, input = { a = 1 } }
    assert.equal("jsonMapping", mapping.type)
    assert.equal('"inputs":[]', assert(core.encode(mapping.parameters)):match('"inputs":%[%]'))
    assert.same({ expression = "input.a", inputs = {}, input = { a = 1 } }, mapping.parameters.jsonMapping)
    assert.equal("beta", task.cdf { externalId = "c", resourcePath = "/x", method = "GET", cdfVersionHeader = "beta" }
      .parameters.cdfRequest.cdfVersionHeader)
  end)

  it("names the member that was probably meant", function()
    for _, case in ipairs {
      { task.fn, "dependOn", "dependsOn" }, { task.fn, "function_external_id", "functionExternalId" },
      { task.transformation, "concurencyPolicy", "concurrencyPolicy" }, { task.cdf, "resoucePath", "resourcePath" },
      { task.dynamic, "task", "tasks" }, { task.subworkflow, "workflowExternalID", "workflowExternalId" },
      { task.simulation, "input", "inputs" }, { task.function_app, "functionExternalId", "functionAppExternalId" },
      { task.json_mapping, "expresion", "expression" },
    } do
      local message = complaint(case[1], { externalId = "a", [case[2]] = "x" })
      local expected = ('unknown member "%s"; did you mean "%s"?'):format(case[2], case[3])
      assert.truthy(message:find(expected, 1, true), message)
    end
  end)

  it("asks for the members that its type cannot do without", function()
    for name, given in pairs {
      fn = { functionExternalId = true }, transformation = { transformationExternalId = true },
      cdf = { resourcePath = true, method = true }, dynamic = { tasks = true },
      simulation = { routineExternalId = true }, function_app = { functionAppExternalId = true, path = true },
      json_mapping = { expression = true },
    } do
      given.externalId = true
      for missing in pairs(given) do
        local t = {}
        for member in pairs(given) do t[member] = "x" end
        t[missing] = nil
        local expected = ("cdf.task.%s: %s: expected a string, got nil"):format(name, missing)
        assert.truthy(complaint(task[name], t):find(expected, 1, true))
      end
    end
  end)

  it("takes dependencies as ids, links or tasks, and refuses anything else", function()
    local a = task.fn { externalId = "a", functionExternalId = "f" }
    local t = task.fn { externalId = "c", functionExternalId = "f", dependsOn = { a, "b", { externalId = "x" } } }
    assert.same({ { externalId = "a" }, { externalId = "b" }, { externalId = "x" } }, t.dependsOn)
    for _, wrong in ipairs { "a", a, { after = "a" }, core.null } do
      local message = complaint(task.fn, { externalId = "c", functionExternalId = "f", dependsOn = wrong })
      assert.truthy(message:find("cdf.task.fn: dependsOn: expected a list of task ids", 1, true), message)
    end
    local message = complaint(task.fn, { externalId = "c", functionExternalId = "f", dependsOn = { "a", 7 } })
    assert.truthy(message:find("dependsOn[2]: expected a task's id or a task, got a number", 1, true), message)
  end)

  it("wants a subworkflow to hold tasks or to name a version, not both", function()
    local inner = { task.fn { externalId = "a", functionExternalId = "f" } }
    for _, wrong in ipairs {
      {}, { tasks = inner, version = "1" }, { tasks = inner, workflowExternalId = "w", version = "1" },
      { workflowExternalId = "w" }, { workflowExternalId = "w", version = 1 },
    } do
      wrong.externalId = "s"
      local message = complaint(task.subworkflow, wrong)
      assert.truthy(message:find("give either tasks, or workflowExternalId and version", 1, true), message)
    end
    local message = complaint(task.subworkflow, { externalId = "s", tasks = { "a" } })
    assert.truthy(message:find("tasks[1]: expected a task", 1, true), message)
  end)

  it("does not change the tables it was given", function()
    local inputs, depends_on = {}, {}
    task.simulation { externalId = "s", routineExternalId = "r", inputs = inputs, dependsOn = depends_on }
    assert.is_nil(getmetatable(inputs))
    assert.same({}, depends_on)
  end)
end)

describe("cdf.definition", function()
  it("puts no empty list on the wire as an object", function()
    local text = assert(core.encode(definition {
      tasks = {
        task.fn { externalId = "a", functionExternalId = "f", dependsOn = {} },
        task.simulation { externalId = "b", routineExternalId = "r", inputs = {} },
        task.subworkflow { externalId = "c", tasks = {} },
        { externalId = "d", type = "agent", parameters = { agent = { goal = "x" } }, dependsOn = {} },
        {
          externalId = "e", type = "subworkflow", dependsOn = core.array {},
          parameters = { subworkflow = { tasks = { { externalId = "f", type = "agent", dependsOn = {} } } } },
        },
        { externalId = "g", type = "subworkflow", parameters = { subworkflow = { tasks = {} } } },
      },
    }))
    assert.is_nil(text:find("{}", 1, true), text)
    assert.is_nil(text:find("dependsOn", 1, true), text)
    assert.equal('{"tasks":[]}', core.encode(definition { tasks = {} }))
  end)

  it("lets tasks written by hand name their dependencies by id, and leaves those tables alone", function()
    local by_hand = { externalId = "b", type = "agent", parameters = {}, dependsOn = { "a" }, novelty = 1 }
    local whole = definition { tasks = { task.fn { externalId = "a", functionExternalId = "f" }, by_hand } }
    assert.same({
      externalId = "b", type = "agent", parameters = {}, dependsOn = { { externalId = "a" } }, novelty = 1,
    }, whole.tasks[2])
    assert.same({ "a" }, by_hand.dependsOn)
  end)

  it("refuses what is no list of tasks", function()
    local a = task.fn { externalId = "a", functionExternalId = "f" }
    for expected, wrong in pairs {
      ["cdf.definition: tasks: expected a list of tasks"] = { tasks = a },
      ["cdf.definition: tasks[2]: expected a task"] = { tasks = { a, "b" } },
      ["cdf.definition: tasks[1]: expected a task"] = { tasks = { { type = "function" } } },
      ["cdf.definition: tasks[1].parameters.subworkflow.tasks[2]: expected a task"] = {
        tasks = { { externalId = "s", parameters = { subworkflow = { tasks = { a, {} } } } } },
      },
      ["cdf.definition: tasks[1].dependsOn: expected a list"] = { tasks = { { externalId = "a", dependsOn = "b" } } },
      ['cdf.definition: unknown member "task"; did you mean "tasks"?'] = { task = { a } },
    } do
      assert.truthy(complaint(definition, wrong):find(expected, 1, true), expected)
    end
    assert.truthy(complaint(definition, nil):find("cdf.definition: t: expected a table of members, got nil", 1, true))
  end)
end)
