-- SPDX-License-Identifier: Apache-2.0
-- Both ways to put a workflow on a schedule, against the embedded CDF: what is there afterwards, and that it fires.

local client_module = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local fake = require "fake_client"
local simulator = require "cdfworkflow.simulator"
local starter = require "cdfworkflow.api.starter"

local CREDENTIALS = { client_id = "svc-acme", client_secret = "s3cr3t" }
local HOUR = 3600

local function new_client(sim, base_url)
  return assert(client_module.new {
    project = "acme-dev", base_url = base_url or "http://127.0.0.1",
    credentials = core.credentials {
      client_id = "svc-acme", client_secret = "s3cr3t", token_url = "http://127.0.0.1/acme/oauth2/v2.0/token",
    },
    transport = sim:transport(),
  })
end

local function world()
  local sim = simulator.new { project = "acme-dev", client_id = "svc-acme", client_secret = "s3cr3t" }
  sim:function_handler("work", function(data) return data end)
  local client = new_client(sim)
  assert(client.workflows.versions:upsert {
    workflowExternalId = "daily-etl", version = "1",
    workflowDefinition = { tasks = { { externalId = "t", type = "function",
      parameters = { ["function"] = { externalId = "work", data = { day = "${workflow.input.day}" } } } } } },
  })
  return client, sim
end

--- What the Python handler does, done by a client in Lua with the secrets that the function was given.
local function stand_in_for_the_handler(sim)
  sim:function_handler(starter.EXTERNAL_ID, function(data, context)
    local secrets = context.secrets
    assert(secrets.project == "acme-dev")
    local execution = assert(new_client(sim):run(data["workflow-external-id"], data["workflow-version"], {
      input = data.input, metadata = data.metadata,
      client_credentials = { client_id = secrets["client-id"], client_secret = secrets["client-secret"] },
    }))
    return { executionId = execution.id }
  end)
end

local function operations(sim, since)
  local names = {}
  for i = since + 1, #sim.log do names[#names + 1] = sim.log[i].operation end
  return names
end

local function starter_schedule(changes)
  local opts = { via = "function", workflow_external_id = "daily-etl", version = "1", cron = "0 6 * * *",
    client_credentials = CREDENTIALS }
  for name, value in pairs(changes or {}) do opts[name] = value end
  return opts
end

local function function_schedules(client)
  return assert(client.functions.schedules:list { limit = math.huge })
end

describe("client:schedule by a trigger", function()
  it("upserts a trigger that fires, and says what it has done", function()
    local client, sim = world()
    local made = assert(client:schedule {
      workflow_external_id = "daily-etl", version = 1, cron = "0 6 * * *", timezone = "Europe/Oslo",
      input = { day = "mon" }, metadata = { source = "cron" } })
    assert.equal("Scheduled trigger: daily-etl", made.resource.externalId)
    made.resource = nil
    assert.same({ via = "trigger", name = "Scheduled trigger: daily-etl", workflow_external_id = "daily-etl",
      version = "1", cron = "0 6 * * *", timezone = "Europe/Oslo" }, made)
    sim:advance(24 * HOUR)
    local runs = assert(client.workflows.executions:list())
    assert.equal(1, #runs)
    assert.equal("cron", runs[1].metadata.source)
    local history = assert(client.workflows.triggers:history(made.name))
    assert.equal(runs[1].id, history[1].workflowExecutionId)
  end)

  it("replaces the schedule of the same name", function()
    local client = world()
    local opts = { workflow_external_id = "daily-etl", version = "1", cron = "0 6 * * *", name = "nightly" }
    assert(client:schedule(opts))
    opts.cron = "0 7 * * *"
    assert(client:schedule(opts))
    local all = assert(client:schedules { via = "trigger" })
    assert.equal(1, #all)
    assert.equal("0 7 * * *", all[1].cron)
  end)
end)

describe("client:schedule by a function", function()
  it("deploys the starter, waits until it is ready, puts it on its schedule, which starts the version", function()
    local client, sim = world()
    local made = assert(client:schedule(starter_schedule { input = { day = "mon" }, metadata = { source = "cron" } }))
    assert.same({ "Scheduled trigger: daily-etl", "daily-etl", "1", "0 6 * * *", "UTC" },
      { made.name, made.workflow_external_id, made.version, made.cron, made.timezone })
    local fn = assert(client.functions:retrieve(starter.EXTERNAL_ID))
    assert.equal("Ready", fn.status)
    assert.same({ ["client-id"] = "***", ["client-secret"] = "***", project = "***" }, fn.secrets)
    stand_in_for_the_handler(sim)
    sim:advance(24 * HOUR)
    local calls = assert(client.functions.calls:list(starter.EXTERNAL_ID))
    assert.equal(1, #calls)
    local answer = assert(client.functions.calls:response(starter.EXTERNAL_ID, calls[1].id))
    local execution = assert(client.workflows.executions:retrieve(answer.response.executionId))
    assert.same({ "daily-etl", "cron", "mon", "COMPLETED" }, { execution.workflowExternalId, execution.metadata.source,
      execution.input.day, execution.status })
  end)

  it("uploads the zip that holds the handler", function()
    local client, sim = world()
    assert(client:schedule(starter_schedule()))
    local stored
    for _, upload in pairs(sim.state.uploads) do stored = upload end
    assert.is_table(stored)
    local file = assert(client:request("POST", "/files/byids", { items = { { externalId = starter.EXTERNAL_ID } } }))
    assert.same({ starter.EXTERNAL_ID .. ".zip", true }, { file.items[1].name, file.items[1].uploaded })
  end)

  it("changes nothing when it runs again", function()
    local client, sim = world()
    local inputs = {
      { list = core.array {}, nested = { 1, 2 } }, { nested = {}, list = core.array { {} } }, {}, { none = core.null },
      { 2 ^ 53, -2 ^ 53, 1e16, 1e300, 0.1, 1 / 3 }, { text = "é\n" },
    }
    if math.type then -- luacheck: ignore 143
      inputs[#inputs + 1] = { id = 9007199254740993, most = math.maxinteger, least = math.mininteger } -- luacheck: ignore
    end
    for i, input in ipairs(inputs) do
      local opts = starter_schedule { name = "n" .. i, input = i == 5 and { list = input } or input }
      local first = assert(client:schedule(opts))
      local since = #sim.log
      local again = assert(client:schedule(opts))
      assert.same(first.resource, again.resource)
      local names = operations(sim, since)
      assert.equal("retrieveFunctions listFunctionSchedules readFunctionScheduleInputData", table.concat(names, " "))
    end
  end)

  it("tells [] from {}, and each integer from the next", function()
    local client = world()
    local inputs = { { list = {} }, { list = core.array {} }, { list = { {} } }, { list = { core.array {} } } }
    if math.type then -- luacheck: ignore 143
      inputs[#inputs + 1] = { id = 9007199254740992 }
      inputs[#inputs + 1] = { id = 9007199254740993 }
    end
    local before
    for _, input in ipairs(inputs) do
      local made = assert(client:schedule(starter_schedule { input = input }))
      assert.not_equal(before, made.resource.id)
      before = made.resource.id
      assert.equal(core.encode(input), core.encode(client.functions.schedules:input_data(before).data.input))
    end
    assert.equal(1, #function_schedules(client))
  end)

  it("replaces a schedule of the same name that is another, without a second deployment", function()
    local client, sim = world()
    local first = assert(client:schedule(starter_schedule()))
    local since = #sim.log
    local second = assert(client:schedule(starter_schedule { cron = "0 7 * * *" }))
    assert.same({ "retrieveFunctions", "listFunctionSchedules", "readFunctionScheduleInputData", "createSessions",
      "createFunctionSchedules", "deleteFunctionSchedules" }, operations(sim, since))
    assert.not_equal(first.resource.id, second.resource.id)
    assert.equal(1, #function_schedules(client))
    assert(client:schedule(starter_schedule { cron = "0 7 * * *", version = "2", name = "other" }))
    assert.equal(2, #function_schedules(client))
  end)

  it("takes another input for another schedule, added, changed or taken away", function()
    local client = world()
    local input_of = function()
      return client.functions.schedules:input_data(function_schedules(client)[1].id).data.input
    end
    for _, input in ipairs { { day = "mon" }, { day = "tue" }, { day = "tue", hour = 6 }, { hour = 6 } } do
      assert(client:schedule(starter_schedule { input = input }))
      assert.same(input, input_of())
    end
    assert(client:schedule(starter_schedule()))
    assert.is_nil(input_of())
    assert.equal(1, #function_schedules(client))
  end)

  it("leaves one of several that a crash may have left", function()
    local client = world()
    local kept = assert(client:schedule(starter_schedule()))
    local copy = { name = kept.name, cronExpression = kept.cron, functionId = kept.resource.functionId,
      data = { ["workflow-external-id"] = "daily-etl", ["workflow-version"] = "1" } }
    assert(client.functions.schedules:create(copy))
    copy.cronExpression = "0 8 * * *"
    assert(client.functions.schedules:create(copy))
    assert.equal(3, #function_schedules(client))
    assert(client:schedule(starter_schedule()))
    local left = function_schedules(client)
    assert.equal(1, #left)
    assert.equal("0 6 * * *", left[1].cronExpression)
  end)

  it("keeps the old schedule when no session can be made for the new one", function()
    local client = world()
    local first = assert(client:schedule(starter_schedule()))
    local made, err = client:schedule(starter_schedule { cron = "0 7 * * *",
      client_credentials = { client_id = "svc-acme", client_secret = "wrong" } })
    assert.is_nil(made)
    assert.is_table(err)
    assert.is_nil(tostring(err):find("wrong", 1, true))
    assert.equal(first.resource.id, function_schedules(client)[1].id)
  end)

  it("does not touch a schedule of that name that starts no workflow", function()
    local client = world()
    local first = assert(client:schedule(starter_schedule()))
    assert(client:unschedule(first))
    assert(client.functions.schedules:create { name = first.name, cronExpression = "0 1 * * *",
      functionId = first.resource.functionId, data = { other = true } })
    assert(client:schedule(starter_schedule()))
    assert.equal(2, #function_schedules(client))
  end)
end)

describe("a starter that is not ready", function()
  local FN = { id = 5, name = "cdfworkflow-starter-1" }

  local function fn(status, members)
    local made = { id = FN.id, name = FN.name, status = status }
    for member, value in pairs(members or {}) do made[member] = value end
    return { items = { made } }
  end

  it("is waited for, when an earlier call gave up waiting", function()
    local client = fake.new {
      fn "Queued", fn "Deploying", fn "Ready", { items = {} }, { nonce = "n" },
      { items = { { id = 51, name = "x", cronExpression = "0 6 * * *" } } },
    }
    local made = assert(client:schedule(starter_schedule()))
    assert.equal(51, made.resource.id)
    assert.equal("SESSION", client.asked[5].method)
    assert.equal("n", client.asked[6].opts.nonce)
  end)

  it("is given up after deploy_timeout, which says how to go on", function()
    local client = fake.new { fn "Queued", fn "Deploying", fn "Deploying" }
    local made, err = client:schedule(starter_schedule { deploy_timeout = 1 })
    assert.is_nil(made)
    assert.equal("timeout", err.kind)
    assert.matches("is Deploying, not over after 1 s of waiting; calling again waits on", err.message)
  end)

  it("is an error when its build fails, and is deployed anew by the next call", function()
    local client = fake.new { fn "Queued", fn("Failed", { error = { code = 400, message = "no handler" } }) }
    local made, err = client:schedule(starter_schedule())
    assert.is_nil(made)
    assert.same({ "api", 400, "the function cdfworkflow-starter-1 could not be deployed: no handler" },
      { err.kind, err.code, err.message })
    client = fake.new {
      fn "Failed", {}, { id = 9, uploadUrl = "https://store.example/9" }, true,
      { items = { { id = 9, uploaded = true } } }, fn "Ready", { items = {} }, { nonce = "n" },
      { items = { { id = 51, name = "x", cronExpression = "0 6 * * *" } } },
    }
    assert(client:schedule(starter_schedule()))
    assert.equal("/functions/delete", client.asked[2].path)
    assert.equal(starter.zip, client.asked[4].bytes)
    assert.equal("/functions", client.asked[6].path)
  end)
end)

describe("a schedule by a function that is replaced", function()
  --- A world with one schedule at 6 o'clock; each request is followed by a look at what there is.
  local function watched()
    local client, sim = world()
    assert(client:schedule(starter_schedule()))
    local seen = { least = math.huge, most = 0 }
    local http = client.transport.http
    function client.transport:http(request)
      local response = http(self, request)
      local count = 0
      for _ in pairs(sim.projects["acme-dev"].state.schedules) do count = count + 1 end
      seen.least, seen.most = math.min(seen.least, count), math.max(seen.most, count)
      return response
    end
    return client, sim, seen
  end

  local function crons(sim)
    local found = {}
    for _, one in pairs(sim.projects["acme-dev"].state.schedules) do found[#found + 1] = one.resource.cronExpression end
    table.sort(found)
    return table.concat(found, ", ")
  end

  local function unused_sessions(sim)
    local count = 0
    for _, session in pairs(sim.projects["acme-dev"].state.sessions) do
      if session.status == "READY" then count = count + 1 end
    end
    return count
  end

  local NEW, OLD = "0 7 * * *", "0 6 * * *"
  local HTML = { status = 503, body = "<html>upstream connect error</html>" }
  local KINDS = {
    before = { drop = "before" }, after = { drop = "after" }, html = HTML, broken = { status = 500 },
    refused = { status = 403 }, busy = { status = 429 }, cut = { truncate = 3 },
    elsewhere = { status = 404, body = "<html>not here</html>" },
    odd = { status = 200, body = { items = {} } },
  }
  local OPERATIONS = {
    "createSessions", "createFunctionSchedules", "deleteFunctionSchedules", "listFunctionSchedules",
    "retrieveFunctionSchedules", "readFunctionScheduleInputData", "revokeSessions",
  }

  local function order(sim, operation, kind, times)
    local fault = { match = { operation = operation, times = times } }
    for name, value in pairs(KINDS[kind]) do fault[name] = value end
    sim:fault(fault)
  end

  --- Whatever happens: there is one all the time, a success means the new one alone, and asking again ends so.
  local function replace(faults)
    local client, sim, seen = watched()
    local what = {}
    for i, fault in ipairs(faults) do
      order(sim, fault[1], fault[2], fault[3])
      what[i] = ("%s %s %d"):format(fault[1], fault[2], fault[3])
    end
    what = table.concat(what, ", ")
    local made, err = client:schedule(starter_schedule { cron = NEW })
    assert.is_true(seen.least >= 1, what)
    assert.is_true(seen.most <= 2, what)
    local there = crons(sim)
    if made then assert.equal(NEW, there, what) end
    if not made then
      assert.is_string(err.kind, what)
      assert.is_truthy(there == OLD or there == NEW or there == OLD .. ", " .. NEW, there)
    end
    sim.faults.ordered = {}
    local again, trouble = client:schedule(starter_schedule { cron = NEW })
    assert.is_truthy(again, what .. ": " .. tostring(trouble))
    assert.equal(NEW, crons(sim), what)
    return made, err, there, sim
  end

  it("is never gone and never there twice for good, whatever goes wrong once, twice or always", function()
    local count = 0
    for _, operation in ipairs(OPERATIONS) do
      for kind in pairs(KINDS) do
        -- «Done», where nothing was done, or «none», where there is one, would be a lie, and is believed.
        local is_lie = kind == "odd" and not operation:find "^create"
        for _, times in ipairs(is_lie and {} or { 1, 2, 99 }) do
          replace { { operation, kind, times } }
          count = count + 1
        end
      end
    end
    assert.equal((#OPERATIONS * 9 - 5) * 3, count)
  end)

  it("nor when two things go wrong", function()
    local some = { "createFunctionSchedules", "deleteFunctionSchedules", "listFunctionSchedules" }
    for _, first in ipairs(some) do
      for _, second in ipairs { "deleteFunctionSchedules", "retrieveFunctionSchedules", "createFunctionSchedules" } do
        for _, kind in ipairs { "before", "after", "refused", "broken" } do
          for _, other in ipairs { "before", "after", "refused" } do
            replace { { first, kind, 1 }, { second, other, first == second and 1 or 99 } }
          end
        end
      end
    end
  end)

  it("is made once though CDF's answer is lost, before it arrived or after", function()
    for _, kind in ipairs { "before", "after", "html", "broken", "cut" } do
      local made, err, _, sim = replace { { "createFunctionSchedules", kind, 1 } }
      assert.is_truthy(made, kind .. ": " .. tostring(err))
      assert.equal(0, unused_sessions(sim))
    end
    local made, err, there = replace { { "createFunctionSchedules", "before", 2 } }
    assert.is_nil(made)
    assert.same({ "transport", true, OLD }, { err.kind, err.retryable, there })
    assert.matches("the schedule was not made", err.message)
    assert.is_truthy((replace { { "createFunctionSchedules", "after", 2 } }))
  end)

  it("stays, and no session is left, when CDF refuses the new one", function()
    local made, err, there, sim = replace { { "createFunctionSchedules", "refused", 1 } }
    assert.is_nil(made)
    assert.same({ "api", 403, OLD }, { err.kind, err.status, there })
    assert.equal(0, unused_sessions(sim))
  end)

  it("stays, and the new one goes, when it cannot be deleted", function()
    local client, sim = watched()
    order(sim, "deleteFunctionSchedules", "refused", 1)
    local old = function_schedules(client)[1].id
    local made, err = client:schedule(starter_schedule { cron = NEW })
    assert.is_nil(made)
    assert.equal(403, err.status)
    assert.matches(("the old schedule %.0f could not be deleted: .*; the new one was taken back$"):format(old),
      err.message)
    assert.equal(OLD, crons(sim))
    assert.equal(0, unused_sessions(sim))
  end)

  it("is told of with the new one when neither can be deleted", function()
    local made, err, there = replace { { "deleteFunctionSchedules", "refused", 99 } }
    assert.is_nil(made)
    assert.equal(OLD .. ", " .. NEW, there)
    assert.matches("the one that was asked for, %d+, is there as well; calling again leaves one of them$", err.message)
  end)

  it("does not take away the one that was asked for and was there before", function()
    local client, sim = watched()
    local kept = function_schedules(client)[1]
    assert(client.functions.schedules:create { name = kept.name, cronExpression = NEW, functionId = kept.functionId,
      data = { ["workflow-external-id"] = "daily-etl", ["workflow-version"] = "1" } })
    order(sim, "deleteFunctionSchedules", "refused", 1)
    local made, err = client:schedule(starter_schedule())
    assert.is_nil(made)
    assert.equal(403, err.status)
    assert.equal(OLD .. ", " .. NEW, crons(sim))
  end)

  it("is left alone when the cron is none, and nothing is sent", function()
    local client, sim = watched()
    local since = #sim.log
    for cron, problem in pairs {
      ["0 25 * * *"] = "cron: hour 25 is not in 0 to 23", ["0 6 * *"] = "cron: .*five fields, this one has 4",
      ["every day"] = "five fields", ["@daily"] = "five fields", ["0 6 * * MOO"] = '"MOO" is not a day of week',
    } do
      local made, err = client:schedule(starter_schedule { cron = cron })
      assert.is_nil(made)
      assert.same({ "invalid", "cron" }, { err.kind, err.field })
      assert.matches(problem, err.message)
    end
    assert.equal(since, #sim.log)
  end)
end)

describe("client:schedules", function()
  it("lists both ways, and unschedule removes what it lists", function()
    local client = world()
    assert.same({}, client:schedules())
    assert(client:schedule { workflow_external_id = "daily-etl", version = "1", cron = "0 6 * * *" })
    assert(client:schedule(starter_schedule()))
    local all = assert(client:schedules())
    assert.same({ "trigger", "function" }, { all[1].via, all[2].via })
    assert.same({ "daily-etl", "1", "0 6 * * *" }, { all[2].workflow_external_id, all[2].version, all[2].cron })
    assert.equal("function", client:schedules({ via = "function" })[1].via)
    assert.equal(1, #client:schedules { via = "trigger" })
    assert.same({}, client:schedules { via = "function", function_external_id = "other" })
    for _, one in ipairs(all) do assert.is_true(client:unschedule(one)) end
    assert.same({}, client:schedules())
    for _, one in ipairs(all) do assert.is_true(client:unschedule(one)) end
    assert.equal("Ready", client.functions:retrieve(starter.EXTERNAL_ID).status)
  end)
end)

describe("client:pause and client:resume", function()
  it("take a schedule, its trigger or its name", function()
    local client = world()
    local made = assert(client:schedule { workflow_external_id = "daily-etl", version = "1", cron = "0 6 * * *" })
    for _, one in ipairs { made, made.resource, made.name } do
      assert.is_true(client:pause(one))
      assert.is_true(client:schedules({ via = "trigger" })[1].resource.isPaused)
      assert.is_true(client:resume(one))
      assert.is_false(client:schedules({ via = "trigger" })[1].resource.isPaused)
    end
  end)
end)

describe("client:unschedule by name", function()
  it("removes the trigger, or where there is none the schedule of the starter function", function()
    local client = world()
    assert(client:schedule { workflow_external_id = "daily-etl", version = "1", cron = "0 6 * * *", name = "nightly" })
    assert(client:schedule(starter_schedule { name = "nightly" }))
    assert(client:schedule(starter_schedule { name = "weekly" }))
    assert.is_true(client:unschedule "nightly")
    assert.same({}, client:schedules { via = "trigger" })
    assert.equal(2, #function_schedules(client))
    assert.is_true(client:unschedule "nightly")
    assert.equal("weekly", function_schedules(client)[1].name)
  end)

  it("is no mistake where there is neither", function()
    local client, sim = world()
    assert.is_true(client:unschedule "nightly")
    assert(client:schedule(starter_schedule()))
    assert.is_true(client:unschedule "nightly")
    assert.equal(1, #function_schedules(client))
    for _, fault in ipairs { { status = 403 }, { status = 404, body = "<html>not here</html>" } } do
      fault.match = { operation = "deleteTriggers" }
      sim:fault(fault)
      assert.equal(fault.status, select(2, client:unschedule "nightly").status)
    end
  end)
end)

describe("the options of client:schedule", function()
  it("are checked before anything is sent", function()
    local client = fake.new()
    local function invalid(changes)
      local made, err = client:schedule(starter_schedule(changes))
      assert.is_nil(made)
      assert.equal("invalid", err.kind)
      return err.field
    end
    local opts = starter_schedule()
    opts.client_credentials = nil
    assert.equal("client_credentials", select(2, client:schedule(opts)).field)
    assert.equal("timezone", invalid { timezone = "Europe/Oslo" })
    invalid { workflow_external_id = " w" }
    invalid { version = "" }
    assert.equal("cron", invalid { cron = "* * * *" })
    assert.equal("name", invalid { name = "" })
    assert.equal("name", invalid { name = ("n"):rep(141) })
    assert.equal("function_external_id", invalid { function_external_id = "" })
    assert.equal("function_external_id", invalid { function_external_id = ("n"):rep(141) })
    assert.equal("data_set_id", invalid { data_set_id = 1.5 })
    assert.equal("input", invalid { input = { 1, 2 } })
    assert.equal("input.f", invalid { input = { f = print } })
    assert.equal("input", invalid { input = { text = ("x"):rep(102400) } })
    assert.matches("^metadata", invalid { metadata = { a = 1 } })
    assert.matches("^metadata", invalid { metadata = { [("k"):rep(33)] = "" } })
    client.refusal = function() return nil, fake.error { kind = "invalid", field = "client_credentials" } end
    assert.equal("client_credentials", invalid {})
    assert.same({}, client.asked)
  end)

  it("raise at the user's line when they make no sense", function()
    local client = fake.new()
    for expected, opts in pairs {
      ["workflow_external_id: expected a string or a whole number, got nil"] = { cron = "* * * * *" },
      ["cron: expected a string, got nil"] = { workflow_external_id = "w", version = 1 },
      ['via: expected "trigger" or "function", got a string'] = starter_schedule { via = "both" },
      ["client_credentials: expected credentials with a client_id and a client_secret"] =
        starter_schedule { client_credentials = { client_id = "i" } },
      ['session has no meaning with via = "function"'] = starter_schedule { session = "oneshot" },
      ['deploy_timeout has no meaning with via = "trigger"'] = starter_schedule { via = "trigger", deploy_timeout = 1 },
      ["deploy_timeout: expected a number of seconds"] = starter_schedule { deploy_timeout = "long" },
      ["deploy_timeout: expected a number of seconds of at least 0, got -1"] = starter_schedule { deploy_timeout = -1 },
      ["data_set_id: expected a number, got a string"] = starter_schedule { data_set_id = "7" },
      ['did you mean "cron"'] = { workflow_external_id = "w", crom = "* * * * *" },
    } do
      local ok, message = pcall(function() client:schedule(opts) end)
      assert.is_false(ok)
      assert.is_truthy(message:find("schedule_spec.lua", 1, true), message)
      assert.is_truthy(message:find(expected, 1, true), message)
    end
    assert.error_matches(function() client:schedules { via = "x" } end, "via: expected")
    assert.error_matches(function() client:unschedule { id = 1 } end, "expected a schedule or its name, got a table")
  end)
end)
