-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"
local simulator = require "cdfworkflow.simulator"
local zlib = require "zlib"

local task = exchange.task

describe("simulator", function()
  describe("new", function()
    it("has a project and a client of its own unless told", function()
      local sim = simulator.new()
      local response = sim:handle {
        method = "POST", path = "/t/oauth2/v2.0/token", headers = exchange.FORM,
        body = "grant_type=client_credentials&client_id=client-id&client_secret=client-secret",
      }
      local token = core.decode(response.body).access_token
      response = sim:handle {
        method = "GET", path = "/api/v1/projects/my-project/workflows",
        headers = { authorization = "Bearer " .. token },
      }
      assert.equal(200, response.status)
      assert.equal(1767225600000, sim:now())
    end)

    it("refuses misspelt options, and handlers that are none", function()
      assert.has_error(function()
        simulator.new { projct = "p" }
      end)
      assert.has_error(function()
        simulator.new { functions = { f = "no function" } }
      end)
      assert.has_error(function()
        simulator.new():advance(-1)
      end)
    end)

    it("starts its clock where it is told", function()
      assert.equal(5, simulator.new({ clock = 5 }):now())
    end)
  end)

  describe("an answer", function()
    local x

    before_each(function()
      x = exchange.new()
    end)

    it("has a request id of its own, and JSON", function()
      local _, _, first = x:try("GET", "/workflows")
      local _, _, second = x:try("GET", "/workflows/nope")
      for _, response in ipairs { first, second } do
        assert.equal("application/json", response.headers["content-type"])
        assert.truthy(response.headers["x-request-id"]:find "^%x+%-%x+%-4%x+%-%x+%-%x+$")
      end
      assert.are_not.equal(first.headers["x-request-id"], second.headers["x-request-id"])
    end)

    it("is 404 for paths that CDF does not have, and 405 for methods", function()
      for _, path in ipairs { "", "/", "*", "/api/v1/projects/acme-dev", "/api/v1/projects/acme-dev/timeseries" } do
        local response = x:send { method = "GET", path = path, headers = {} }
        assert.equal(404, response.status, path)
        assert.equal(404, core.decode(response.body).error.code)
      end
      local response = x:send { method = "DELETE", path = x.root .. "/workflows", headers = {} }
      assert.equal(405, response.status)
      assert.equal("GET, POST", response.headers.allow)
    end)

    it("names the first thing that is wrong with a request", function()
      local _, answer = x:try("POST", "/workflows", { items = { { externalId = "w", maxConcurrentExecutions = "3" } } })
      assert.equal("Request had 1 constraint violations. Please fix the request and try again. "
        .. "[body.items[0].maxConcurrentExecutions must be an integer]", answer.error.message)
    end)

    it("is given to gzip bodies too", function()
      local body = zlib.deflate(6, 15 + 16)('{"items":[{"externalId":"zipped"}]}', "finish")
      assert.equal(200, (x:try("POST", "/workflows", body, { ["content-encoding"] = "gzip" })))
      assert.equal("zipped", x:call("GET", "/workflows/zipped").externalId)
    end)

    it("is given to every cdf-version that looks like one", function()
      for version, status in pairs {
        ["20230101"] = 200, ["20230101-beta"] = 200, ["20230101-alpha"] = 200, ["2023-01-01"] = 400, beta = 400,
        V20210406 = 200, ["20230101-beta-alpha"] = 400, [""] = 400,
      } do
        assert.equal(status, (x:try("GET", "/workflows", nil, { ["cdf-version"] = version })), version)
      end
    end)
  end)

  it("raises when it makes a mistake itself, rather than answering", function()
    local x = exchange.new()
    x.sim.projects["acme-dev"].state.workflows = nil
    assert.error_matches(function()
      x:try("GET", "/workflows")
    end, "traceback")
  end)

  it("notes the requests that it has handled, without headers and bodies", function()
    local x = exchange.new()
    x:call("GET", "/workflows?limit=1")
    x:try("GET", "/nowhere")
    assert.same({
      { method = "POST", path = exchange.TOKEN_PATH, operation = "issueToken", status = 200 },
      { method = "GET", path = x.root .. "/workflows?limit=1", operation = "listWorkflows", status = 200 },
      { method = "GET", path = x.root .. "/nowhere", status = 404 },
    }, x.sim.log)
    x.sim.log = nil
    assert.equal(200, x.sim:handle({ method = "GET", path = x.root .. "/workflows",
      headers = { authorization = "Bearer " .. x.token } }).status)
  end)

  it("carries out faults that were ordered for a request", function()
    local x = exchange.new()
    x.sim:fault { match = { operation = "session" }, status = 503, headers = { ["Retry-After"] = "1" } }
    local status, _, response = x:try("POST", "/sessions", { items = { { tokenExchange = true } } })
    assert.equal(503, status)
    assert.equal("1", response.headers["retry-after"])
    x.sim:fault { match = { operation = "upsertWorkflows" }, drop = "after" }
    response = x.sim:handle {
      method = "POST", path = x.root .. "/workflows", headers = { authorization = "Bearer " .. x.token },
      body = '{"items":[{"externalId":"w"}]}',
    }
    assert.equal("after", response.fault.drop)
    assert.equal("w", x:call("GET", "/workflows/w").externalId)
  end)

  it("forgets the older half of a log that has grown long", function()
    local sim = simulator.new()
    for n = 1, 20000 do sim.log[n] = { path = "/" .. n } end
    sim:handle { method = "GET", path = "/last", headers = {} }
    assert.same({ 10001, "/10001", "/last" }, { #sim.log, sim.log[1].path, sim.log[10001].path })
    assert.same({ none = { ["404"] = 1 } }, sim.counts)
  end)

  describe("reset", function()
    it("brings everything back but tokens, and gives no id twice", function()
      local x = exchange.new { functions = { f = function() return {}, 5 end } }
      x:version("w", "1", { task("a", "f") })
      local before = x:run("w", "1")
      x.sim:advance(100)
      x.sim:fault { status = 500 }
      x.sim:reset()
      assert.same({ 1767225600000, 0, 0 }, { x.sim:now(), #x.sim.log, #x.sim:list_faults() })
      assert.same({}, x:call("GET", "/workflows").items)
      assert.equal("f", x:call("GET", "/functions").items[1].externalId)
      x:version("w", "1", { task("a", "f") })
      local again = x:run("w", "1")
      assert.not_equal(before.id, again.id)
      x.sim:advance(5)
      assert.equal("COMPLETED", x:call("GET", "/workflows/executions/" .. again.id).status)
    end)

    it("is not for handlers", function()
      local x, problem
      x = exchange.new { functions = { f = function()
        problem = select(2, pcall(function()
          x.sim:reset()
        end))
      end } }
      x:version("w", "1", { task("a", "f") })
      x:run("w", "1")
      x.sim:advance(1)
      assert.matches("init_spec.lua:%d+: simulator reset: not from inside a handler", problem)
    end)
  end)

  describe("load", function()
    it("goes on from a state that was exported, in a simulator that is there", function()
      local x = exchange.new { functions = { f = function() return {}, 5 end } }
      x:version("w", "1", { task("a", "f") })
      local execution = x:run("w", "1")
      local state = x.sim:export()
      x.sim:advance(5)
      x.sim:reset()
      assert.is_true(x.sim:load(state))
      assert.equal("RUNNING", x:call("GET", "/workflows/executions/" .. execution.id).status)
      x.sim:advance(5)
      assert.equal("COMPLETED", x:call("GET", "/workflows/executions/" .. execution.id).status)
    end)

    it("brings projects along", function()
      local one, other = simulator.new { project = "one" }, simulator.new { project = "other" }
      assert.is_true(other:load(one:export()))
      assert.same({ "other", "one" }, other.project_names)
    end)

    it("leaves everything as it is where that is no state", function()
      local x = exchange.new()
      x:call("POST", "/workflows", { items = { { externalId = "kept" } } })
      local broken = x.sim:export()
      broken.projects.new = { api = 5 }
      local headless = x.sim:export()
      headless.tokens = nil
      for _, state in ipairs { {}, { clock = 1, random = 1, projects = 5 }, broken, headless } do
        local ok, message = x.sim:load(state)
        assert.is_nil(ok)
        assert.matches("^this is no state of a simulator: ", message)
        assert.same({ "acme-dev" }, x.sim.project_names)
        assert.equal("kept", x:call("GET", "/workflows").items[1].externalId)
      end
    end)
  end)

  describe("a fault", function()
    local x

    before_each(function()
      x = exchange.new { functions = { f = function() return {}, 10 end } }
      x:version("w", "1", { task("a", "f") })
    end)

    local function list(filter)
      return x:call("POST", "/workflows/executions/list", { filter = filter }).items
    end

    it("answers for CDF after the request was handled", function()
      local nonce = x:nonce()
      x.sim:fault { match = { operation = "run" }, status = 502, foreign = "after" }
      local response = x.sim:handle {
        method = "POST", path = x.root .. "/workflows/w/versions/1/run",
        headers = { authorization = "Bearer " .. x.token }, body = '{"authentication":{"nonce":"' .. nonce .. '"}}',
      }
      assert.same({ 502, "text/html" }, { response.status, response.headers["content-type"] })
      assert.equal(1, #list())
    end)

    it("makes lists show an earlier time, status and all", function()
      local function behind(seconds)
        x.sim:fault { behind = seconds, match = { operation = "listWorkflowExecutions" } }
      end
      x:run("w", "1") -- ends after ten seconds
      x.sim:advance(30)
      x:run("w", "1")
      assert.equal(2, #list())
      behind(10)
      local shown = list() -- the younger one is not there yet
      assert.same({ 1, "COMPLETED" }, { #shown, shown[1].status })
      behind(25)
      shown = list()
      assert.same({ 1, "RUNNING" }, { #shown, shown[1].status, shown[1].endTime })
      behind(25)
      assert.equal(1, #list { status = { "RUNNING" } })
      behind(25)
      assert.equal(0, #list { status = { "COMPLETED" } })
      assert.equal(1, #list { status = { "COMPLETED" } })
      x.sim:fault { behind = 5, match = { operation = "listSessions" } }
      x:nonce()
      assert.equal(1, #x:call("GET", "/sessions").items)
      assert.equal(3, #x:call("GET", "/sessions").items)
    end)

    it("makes the Date of an answer another one", function()
      local function date()
        local _, _, response = x:try("GET", "/workflows")
        return response.headers.date
      end
      x.sim:fault { date = -3723 }
      assert.equal("Wed, 31 Dec 2025 22:57:57 GMT", date())
      assert.equal("Thu, 01 Jan 2026 00:00:00 GMT", date())
      x.sim:advance(59 * 86400 + 3661)
      x.token = x:sign_in("svc-acme", "s3cr3t")
      assert.equal("Sun, 01 Mar 2026 01:01:01 GMT", date())
    end)

    it("gives no body where HTTP has none", function()
      for _, status in ipairs { 204, 304 } do
        x.sim:fault { status = status, headers = { etag = "1" } }
        local _, _, response = x:try("GET", "/workflows")
        assert.same({ status, "" }, { response.status, response.body })
        assert.same({ "1" }, { response.headers.etag, response.headers["content-type"] })
      end
    end)

    it("leaves no trace on later answers", function()
      local upload = { method = "PUT", path = "/upload/none", headers = {} }
      x.sim:fault { headers = { ["x-odd"] = "1" } }
      assert.equal("1", x.sim:handle(upload).headers["x-odd"])
      assert.is_nil(x.sim:handle(upload).headers["x-odd"])
    end)
  end)

  describe("the clock", function()
    it("lets everything happen at its time on the way", function()
      local times = {}
      local x = exchange.new {
        tokens = { "fixed" },
        functions = {
          f = function()
            times[#times + 1] = times.sim:now()
            return nil, 7
          end,
        },
      }
      times.sim, x.token = x.sim, "fixed"
      local start = x.sim:now()
      x:version("w", "1", { task("a", "f"), task("b", "f", { dependsOn = { { externalId = "a" } } }) })
      x:call("POST", "/workflows/triggers", { items = { {
        externalId = "t", triggerRule = { triggerType = "schedule", cronExpression = "*/10 * * * *" },
        workflowExternalId = "w", workflowVersion = "1", authentication = { nonce = x:nonce() },
      } } })
      assert.equal(start + 600000, x.sim:next_due())
      x.sim:advance(1200)
      times.sim = nil
      assert.same({ start + 600000, start + 607000, start + 1200000 }, times)
      assert.equal(start + 1200000, x.sim:now())
    end)

    it("stands still while requests come", function()
      local x = exchange.new()
      x:call("GET", "/workflows")
      assert.equal(1767225600000, x.sim:now())
    end)

    it("is not moved to where there are no dates", function()
      local sim = simulator.new()
      for _, seconds in ipairs { 1e300, math.huge, 0 / 0, 3155760001 } do
        assert.error_matches(function() sim:advance(seconds) end,
          "sim:advance: seconds: expected a number of seconds from 0 to 3155760000, got ")
      end
      assert.equal(1767225600000, sim:now())
      sim:advance(3155760000)
      local answer = sim:handle { method = "GET", path = "/", headers = {} }
      assert.equal("Wed, 02 Jan 2126 00:00:00 GMT", answer.headers.date)
    end)

    it("takes fractions of a second", function()
      local sim = simulator.new { clock = 0 }
      sim:advance(0.0125)
      assert.equal(13, sim:now())
      if math.type then
        assert.equal("integer", math.type(sim:now()))
      end
    end)
  end)

  it("can be asked again by a function that it calls, and slept in", function()
    local x, inner
    x = exchange.new {
      functions = {
        starter = function(data)
          local transport = x.sim:transport()
          transport:sleep(2)
          local nonce = x:nonce()
          inner = x:call("POST", "/workflows/inner/versions/1/run",
            { authentication = { nonce = nonce }, input = data })
          return { executionId = inner.id }
        end,
        f = function() end,
      },
    }
    x:version("inner", "1", { task("i", "f") })
    x:version("outer", "1", { task("o", "starter") })
    local outer = x:run("outer", "1")
    x:call("GET", "/workflows")
    assert.equal(1767225602000, x.sim:now())
    x.sim:advance(1)
    local detail = x:call("GET", "/workflows/executions/" .. outer.id)
    assert.equal("COMPLETED", detail.status)
    assert.equal(inner.id, detail.executedTasks[1].output.response.executionId)
    assert.equal("COMPLETED", x:call("GET", "/workflows/executions/" .. inner.id).status)
  end)

  describe("saved state", function()
    local OPTIONS = { project = "acme-dev", client_id = "svc-acme", client_secret = "s3cr3t" }

    local function reload(x, functions)
      local options = { state = core.decode(assert(core.encode(x.sim:export()))), functions = functions }
      for name, value in pairs(OPTIONS) do
        options[name] = value
      end
      x.sim = simulator.new(options)
    end

    it("goes on where it was: tokens, nonces, executions, triggers, schedules, calls", function()
      local count = 0
      local functions = {
        f = function()
          count = count + 1
          return { n = count }, 50
        end,
      }
      local x = exchange.new { functions = functions }
      x:version("w", "1", { task("a", "f"), task("b", "f", { dependsOn = { { externalId = "a" } } }) })
      local execution, nonce = x:run("w", "1", { input = { empty = core.array {}, none = core.null } }), x:nonce()
      local id = x:call("POST", "/functions/byids", { items = { { externalId = "f" } } }).items[1].id
      local call = x:call("POST", ("/functions/%.0f/call"):format(id), { nonce = x:nonce() })
      x:call("POST", "/functions/schedules", { items = { {
        name = "s", functionId = id, cronExpression = "0 * * * *", nonce = x:nonce(),
      } } })
      x:call("POST", "/workflows/triggers", { items = { {
        externalId = "t", triggerRule = { triggerType = "schedule", cronExpression = "30 * * * *" },
        workflowExternalId = "w", workflowVersion = "1", authentication = { nonce = x:nonce() },
      } } })
      x.sim:advance(20)
      assert.equal(2, count)

      reload(x, functions)
      x.sim:advance(30)
      assert.equal(3, count)
      assert.equal("Completed",
        x:call("POST", ("/functions/%.0f/calls/byids"):format(id), { items = { { id = call.id } } }).items[1].status)
      assert.equal(202,
        (x:try("POST", "/workflows/w/versions/1/run", { authentication = { nonce = nonce } })))
      x.sim:advance(50)
      local detail = x:call("GET", "/workflows/executions/" .. execution.id)
      assert.equal("COMPLETED", detail.status)
      assert.truthy(core.encode(detail.input):find('"empty":[]', 1, true))
      assert.equal(core.null, detail.input.none)
      x.sim:advance(3500 - 100)
      assert.equal(1, #x:call("GET", "/workflows/triggers/t/history").items)
      reload(x, functions)
      x.sim:advance(160)
      x.token = x:sign_in("svc-acme", "s3cr3t")
      local calls = x:call("POST", ("/functions/%.0f/calls/list"):format(id), { filter = { status = "Completed" } })
      assert.equal("Completed", calls.items[1].status)
      assert.is_number(calls.items[1].scheduleId)
    end)

    it("is a copy, of which the simulator makes no further use", function()
      local x = exchange.new()
      local saved = x.sim:export()
      x:call("POST", "/workflows", { items = { { externalId = "later" } } })
      reload({ sim = { export = function()
        return saved
      end } })
      assert.is_nil(saved.projects["acme-dev"].api.workflows.later)
    end)

    it("brings its projects along, beside those asked for", function()
      local sim = simulator.new { projects = { "b", "a" } }
      local loaded = simulator.new { state = sim:export(), project = "c" }
      assert.same({ "c", "a", "b" }, loaded.project_names)
      assert.same({ "a", "b" }, simulator.new({ state = sim:export() }).project_names)
    end)

    it("holds no secret of a client and no fixed token", function()
      local x = exchange.new { client_secret = "canary-1", tokens = { "canary-2" } }
      x:call("POST", "/sessions", { items = { { clientId = "svc-acme", clientSecret = "canary-1" } } })
      assert.is_nil(core.encode(x.sim:export()):find "canary")
    end)
  end)

  it("does the same for the same seed, and other things for another", function()
    local function story(seed)
      local x = exchange.new { seed = seed, functions = { b = function() end, a = function() end } }
      x:version("w", "1", { task("a", "a"), task("b", "b") })
      local id = x:run("w", "1").id
      return id .. x.token .. x:nonce() .. x:call("GET", "/workflows/executions/" .. id).executedTasks[2].output.callId
    end
    assert.equal(story(1), story(1))
    assert.are_not.equal(story(1), story(2))
  end)

  it("starts and finishes 5,000 executions in seconds #timed", function()
    local sim = simulator.new {
      project = "p", tokens = { "fixed" },
      functions = { f = function(data)
        return { n = data.n }
      end },
    }
    local headers = { authorization = "Bearer fixed" }
    local function call(method, path, body)
      local response = sim:handle {
        method = method, path = "/api/v1/projects/p" .. path, headers = headers, body = body,
      }
      assert(response.status < 300, response.body)
      return core.decode(response.body)
    end
    call("POST", "/workflows/versions", '{"items":[{"workflowExternalId":"w","version":"1","workflowDefinition":'
      .. '{"tasks":[{"externalId":"a","type":"function","parameters":{"function":{"externalId":"f",'
      .. '"data":{"n":"${workflow.input.n}"}}}}]}}]}')
    local before, last = os.clock(), nil
    for n = 1, 5000 do
      local nonce = call("POST", "/sessions", '{"items":[{"tokenExchange":true}]}').items[1].nonce
      last = call("POST", "/workflows/w/versions/1/run",
        ('{"authentication":{"nonce":"%s"},"input":{"n":%d}}'):format(nonce, n)).id
    end
    sim:advance(60)
    local list = call("POST", "/workflows/executions/list", '{"filter":{"status":["COMPLETED"]},"limit":1000}')
    assert.equal(1000, #list.items)
    assert.equal(last, list.items[1].id)
    assert.equal(5000, call("GET", "/workflows/executions/" .. last).executedTasks[1].output.response.n)
    assert.is_true(os.clock() - before < 15)
    local count = 0
    for _, execution in pairs(sim.projects.p.engine_state.executions) do
      count = count + (execution.status == "COMPLETED" and 1 or 0)
    end
    assert.equal(5000, count)
  end)

  -- What the Python SDK really sends.
  describe("the golden requests", function()
    local function replay(violating, judge)
      local count = 0
      for _, golden in ipairs(exchange.goldens()) do
        if (golden.violates_spec ~= nil) == violating then
          local x = exchange.new { principals = {
            { client_id = "other-id", client_secret = "other-secret" }, { client_id = "tid", client_secret = "tsec" },
          } }
          for _, request in ipairs(golden.requests) do
            local raw = request.raw_query and request.raw_query ~= core.null and request.raw_query ~= ""
              and "?" .. request.raw_query or ""
            if request.body_type ~= "form" and request.body_type ~= "bytes" then
              local body = request.body_type == "json" and request.body or nil
              local status, answer, response = x:try(request.method, request.path .. raw, body,
                { ["cdf-version"] = request.headers["cdf-version"] })
              judge(golden, status, answer, response)
              count = count + 1
            end
          end
        end
      end
      return count
    end

    it("that violate the contract are refused, all nine", function()
      local refused = replay(true, function(golden, status)
        assert.is_true(status >= 400 and status < 500, golden.case)
      end)
      assert.equal(9, refused)
    end)

    it("that keep to it are never refused for their form or their path", function()
      local count = replay(false, function(golden, status, answer)
        assert.are_not.equal(405, status, golden.case)
        local message = answer and answer.error and answer.error.message or ""
        assert.is_nil(message:find("constraint violations", 1, true), golden.case .. ": " .. message)
        assert.are_not.equal("Not found", message, golden.case)
      end)
      assert.is_true(count > 220)
    end)
  end)

  it("keeps to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
