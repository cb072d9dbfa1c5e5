-- SPDX-License-Identifier: Apache-2.0
-- The gateway without a server: requests as tables, against the embedded CDF.

local core = require "cdfworkflow.core"
local gateway = require "cdfworkflow.gateway"
local gateway_world = require "gateway_world"

local SECRET = gateway_world.SECRET
local MOST_BODY = 102400

describe("the gateway", function()
  local world

  before_each(function() world = gateway_world.new() end)

  after_each(function()
    for _, secret in ipairs { SECRET, "secret-of-client", "Bearer" } do
      assert.is_nil(world:all_log():find(secret, 1, true), world:all_log())
    end
  end)

  local function ask(options) return world:ask(options) end

  local function assert_refused(status, code, options)
    local got, body, headers = ask(options)
    assert.equal(status, got)
    assert.equal(code, body.error.code)
    assert.equal("string", type(body.error.message))
    return headers, body.error.message
  end

  local function retrieve(id) return assert(world.here.client.workflows.executions:retrieve(id)) end

  it("starts a workflow with the body as input, and tells where to look", function()
    local status, body, headers = ask { body = '{"a":[],"n":null,"i":9007199254740991}' }
    assert.equal(202, status)
    assert.equal("daily-report", body.workflow)
    assert.equal("RUNNING", body.status)
    assert.equal("/runs/daily-report/" .. body.id, body.url)
    assert.equal(body.url, headers.location)
    local execution = retrieve(body.id)
    assert.same({ a = {}, n = core.null, i = 9007199254740991 }, execution.input)
    assert.is_true(core.is_array(execution.input.a))
    world.sim:advance(10)
    local seen, shown = ask { method = "GET", path = body.url }
    assert.equal(200, seen)
    assert.equal("COMPLETED", shown.status)
    assert.same({ { externalId = "t", status = "COMPLETED" } }, shown.tasks)
    assert.is_nil(shown.input)
    assert.is_nil(shown.why)
  end)

  it("hands the body on byte for byte", function()
    local sent
    world:hook(function(request, go_on)
      if request.url:match "/run$" then sent = request.body end
      return go_on()
    end)
    local body = '{ "big" : 12345678901234567890123, "deep":[[],{}], "real":1.50, "text":"\\u00e6\\/" }'
    assert.equal(202, (ask { body = body, key = "k" }))
    assert.truthy(sent:find(body, 1, true), sent)
  end)

  it("knows workflows whose names must be encoded", function()
    local status, body = ask { path = "/runs/a%2Fb", body = "{}" }
    assert.equal(202, status)
    assert.equal("a/b", body.workflow)
    assert.equal(200, (ask { method = "GET", path = body.url }))
  end)

  it("lets in only who has the secret", function()
    for _, wrong in ipairs { "", "sesame", SECRET .. "x", SECRET:upper(), ("x"):rep(#SECRET) } do
      local headers = assert_refused(401, "unauthorized", { secret = wrong, body = "{}" })
      assert.equal("Bearer", headers["www-authenticate"])
    end
    assert_refused(401, "unauthorized", { headers = { authorization = false } })
    assert_refused(401, "unauthorized", { headers = { authorization = "Basic " .. SECRET } })
    assert_refused(401, "unauthorized", { headers = { authorization = { "Bearer " .. SECRET, "Bearer x" } } })
    assert_refused(401, "unauthorized", { secret = "wrong", path = "/runs/unknown" })
    assert.equal(202, (ask { body = "{}", headers = { authorization = "bearer " .. SECRET } }))
    assert.equal(1, world:count())
  end)

  it("lets several callers in, each with the workflows that are its own", function()
    world:restart(nil, { callers = {
      scada = { secret = { "old-secret-of-scada", "new-secret-of-scada" }, workflows = { "daily-report" } },
      lab = { secret = "only-secret-of-lab" },
    } })
    for _, secret in ipairs { "old-secret-of-scada", "new-secret-of-scada", "only-secret-of-lab" } do
      assert.equal(202, (ask { secret = secret, body = "{}" }))
      assert.is_nil(world:all_log():find(secret, 1, true))
    end
    assert.equal(202, (ask { secret = "only-secret-of-lab", path = "/runs/a%2Fb", body = "{}" }))
    local _, message = assert_refused(403, "forbidden", {
      secret = "old-secret-of-scada", path = "/runs/a%2Fb", body = "{}",
    })
    assert.matches("may not use the workflow a/b", message, 1, true)
    assert_refused(401, "unauthorized", { body = "{}" })
    assert.matches('"caller":"scada"', world:all_log())
  end)

  it("takes the keys of several callers for different ones, and those of one caller's secrets for the same", function()
    world:restart(nil, { callers = {
      scada = { secret = { "old-secret-of-scada", "new-secret-of-scada" } }, lab = { secret = "only-secret-of-lab" },
    } })
    local _, old = ask { secret = "old-secret-of-scada", body = "{}", key = "k" }
    local _, new = ask { secret = "new-secret-of-scada", body = "{}", key = "k" }
    local _, other = ask { secret = "only-secret-of-lab", body = "{}", key = "k" }
    assert.equal(old.id, new.id)
    assert.not_equal(old.id, other.id)
    assert.equal("scada:k", retrieve(old.id).metadata["cdfworkflow.requestId"])
    assert_refused(400, "invalid", { secret = "only-secret-of-lab", body = "{}", key = ("x"):rep(252) })
    assert.equal(202, (ask { secret = "only-secret-of-lab", body = "{}", key = ("x"):rep(251) }))
  end)

  it("says that it is well to anybody", function()
    assert.equal(200, (ask { method = "GET", path = "/health", secret = "none" }))
    assert.equal("GET", assert_refused(405, "method", { path = "/health" }).allow)
  end)

  it("refuses what is no JSON object of a decent size", function()
    assert_refused(415, "content_type", { body = "{}", type = "text/plain" })
    assert_refused(415, "content_type", { body = "{}", headers = { ["content-type"] = false } })
    assert_refused(415, "content_type", { body = "{}", type = "application/jsonx" })
    assert.equal(202, (ask { body = "{}", type = "Application/JSON; charset=utf-8" }))
    for _, body in ipairs { "", "[]", "5", '"x"', "{", "null", '{"a":1}x', "\255" } do
      assert_refused(400, "body", { body = body })
    end
    local fits = '{"a":"' .. ("x"):rep(MOST_BODY - 8) .. '"}'
    assert.equal(202, (ask { body = fits }))
    assert_refused(413, "too_large", { body = fits .. " " })
    assert_refused(413, "too_large", { body = fits .. " ", headers = { ["content-length"] = false } })
    assert_refused(413, "too_large", { body = "{}", headers = { ["content-length"] = "1e9" } })
    assert.equal(2, world:count())
  end)

  it("knows its routes and methods", function()
    local _, message = assert_refused(404, "not_found", { path = "/runs/other", body = "{}" })
    assert.matches("no workflow other here", message)
    assert_refused(404, "not_found", { path = "/", body = "{}" })
    assert_refused(404, "not_found", { path = "/runs/", body = "{}" })
    assert_refused(404, "not_found", { path = "/runs//x", method = "GET" })
    assert_refused(404, "not_found", { path = "/runs/daily-report/x/y", body = "{}" })
    assert_refused(404, "not_found", { path = "/runs/daily-report/x/cancel/y", body = "{}" })
    assert.equal("POST", assert_refused(405, "method", { method = "GET" }).allow)
    assert.equal("GET", assert_refused(405, "method", { path = "/runs/daily-report/x", body = "{}" }).allow)
    assert.equal("POST", assert_refused(405, "method", {
      path = "/runs/daily-report/x/cancel", method = "GET",
    }).allow)
  end)

  it("shows no run of another workflow, and ends none", function()
    local _, body = ask { path = "/runs/a%2Fb", body = "{}" }
    for _, id in ipairs { body.id, "059edaa4-a17a-4102-910e-2c3591500cce", "x", "%2e%2e" } do
      assert_refused(404, "not_found", { method = "GET", path = "/runs/daily-report/" .. id })
      assert_refused(404, "not_found", { path = "/runs/daily-report/" .. id .. "/cancel" })
    end
    assert.equal("RUNNING", retrieve(body.id).status)
  end)

  it("tells why a run failed, task by task", function()
    world:restart(nil, { workflows = { ["daily-report"] = "2" } })
    assert(world.here.client.workflows.versions:upsert {
      workflowExternalId = "daily-report", version = "2", workflowDefinition = { tasks = {
        { externalId = "good", type = "function", parameters = { ["function"] = { externalId = "f" } } },
        { externalId = "bad", type = "function", retries = 0,
          parameters = { ["function"] = { externalId = "f", data = { fail = true } } } },
      } },
    })
    local _, body = ask { body = "{}" }
    world.sim:advance(60)
    local _, shown = ask { method = "GET", path = body.url }
    assert.equal("FAILED", shown.status)
    assert.matches("bad.*the pump is dry", shown.why)
    local by_name = {}
    for _, task in ipairs(shown.tasks) do by_name[task.externalId] = task end
    assert.matches("the pump is dry", by_name.bad.reason)
    assert.is_nil(by_name.good.reason)
  end)

  it("ends a run, once", function()
    local _, body = ask { body = "{}" }
    local status, cancelled = ask { path = body.url .. "/cancel" }
    assert.equal(200, status)
    assert.same({ id = body.id, workflow = "daily-report", status = "TERMINATED" }, cancelled)
    assert.matches("cancelled through the gateway", retrieve(body.id).reasonForIncompletion)
    local _, message = assert_refused(409, "ended", { path = body.url .. "/cancel" })
    assert.matches("TERMINATED", message)
  end)

  it("says which workflow CDF does not have", function()
    world:restart(nil, { workflows = { ["not-there"] = "7" } })
    local _, message = assert_refused(404, "not_found", { path = "/runs/not-there", body = "{}", key = "k" })
    assert.equal("CDF has no version 7 of the workflow not-there", message)
    world:hook(function(request, go_on)
      if not request.url:match "/run$" then return go_on() end
      return { status = 404, headers = { ["content-type"] = "text/html" }, body = "<html>nothing here</html>" }
    end)
    assert_refused(502, "api", { path = "/runs/not-there", body = "{}" }) -- somebody else's 404 says nothing of CDF
  end)

  it("turns errors into answers, and tells the caller only what it can change", function()
    local cases = {
      { kind = "invalid", message = "input is odd", status = 400, says = "input is odd" },
      { kind = "auth", status = 502, says = "could not sign in" },
      { kind = "transport", status = 502, says = "could not be used" },
      { kind = "tls", status = 502, says = "could not be used" },
      { kind = "protocol", status = 502, says = "could not be used" },
      { kind = "throttled", status = 503, says = "too much to do", retryable = true },
      { kind = "timeout", status = 504, says = "in time", retryable = true },
    }
    for _, case in ipairs(cases) do
      world.here.client.run = function()
        return nil, core.error {
          kind = case.kind, message = case.message or "inner workings", retryable = case.retryable,
        }
      end
      local headers, message = assert_refused(case.status, case.kind, { body = "{}", key = "k" .. case.kind })
      assert.matches(case.says, message, 1, true)
      assert.is_nil(message:match "inner workings")
      assert.equal(case.retryable and "5" or nil, headers["retry-after"])
    end
    assert.matches('"outcome":"tls".*"error":"inner workings', world:all_log())
    world.here.client.run = function()
      return nil, core.error { kind = "api", status = 400, message = "CDF says no" }
    end
    assert.equal("CDF says no", select(2, assert_refused(400, "refused", { body = "{}" })))
    world.here.client.run = function()
      return nil, core.error { kind = "api", status = 403, message = "inner workings" }
    end
    assert_refused(502, "api", { body = "{}" })
  end)

  it("answers although something in it fails, and says nothing of what", function()
    world.here.client.run = function() error "inner workings" end
    local _, message = assert_refused(500, "internal", { body = "{}", key = "k" })
    assert.is_nil(message:match "inner workings")
    assert.matches("error: the gateway failed: .*inner workings", world:all_log())
  end)

  it("writes one line a delivery, with neither body nor secret", function()
    local _, body = ask { body = '{"password":"of-a-pump"}', key = 'de"livery\\1' }
    assert.equal(1, #world.log)
    local level, line = world.log[1]:match "^(%a+): (.*)$"
    assert.equal("info", level)
    assert.matches('^{"event":"delivery","status":202,"outcome":"started","workflow":"daily%-report",', line)
    local record = assert(core.decode(line))
    assert.equal(body.id, record.execution)
    assert.equal('de"livery\\1', record.key)
    assert.equal(24, record.bytes)
    assert.equal("number", type(record.seconds))
    assert.is_nil(line:find("of-a-pump", 1, true))
    ask { body = "{}", secret = "who-are-you-who-are-you" }
    ask { body = "[]" }
    ask { method = "GET", path = body.url }
    assert.equal(3, #world.log)
    assert.matches('"status":401,"outcome":"unauthorized"', world.log[2])
    assert.is_nil(world.log[2]:find("who-are-you", 1, true))
    assert.matches('"status":400,"outcome":"body"', world.log[3])
  end)

  it("tells whether it could start a run", function()
    local function ready() return ask { method = "GET", path = "/ready", secret = "none" } end
    assert.equal("ready", select(2, ready()).status)
    local asked = 0
    world:hook(function()
      asked = asked + 1
      return { failure = "connect", sent = false, message = "inner workings" }
    end)
    assert.equal(200, (ready())) -- it is asked ten seconds later
    assert.equal(0, asked)
    world.memory:passes(10)
    local status, body = ready()
    assert.equal(503, status)
    assert.same({ status = "not ready", reasons = { "CDF cannot be used" } }, body)
    world:unhook()
    assert.equal(503, (ready()))
    world.memory:passes(10)
    assert.equal(200, (ready()))
    world:start()
    status, body = ready()
    assert.equal(503, status)
    assert.same({ "the runs of the last day are not read yet" }, body.reasons)
  end)

  it("names the rights that lack", function()
    world:hook(function(request, go_on)
      local response = go_on()
      if request.url:match "/token/inspect$" then
        response.body = core.encode { subject = "x", projects = { { projectUrlName = "p" } }, capabilities = {
          { workflowOrchestrationAcl = { actions = { "READ" }, scope = { all = {} } },
            projectScope = { allProjects = {} } } } }
      end
      return response
    end)
    local status, body = ask { method = "GET", path = "/ready" }
    assert.equal(503, status)
    assert.same({ "missing: sessionsAcl:CREATE, workflowOrchestrationAcl:WRITE" }, body.reasons)
  end)

  it("does not start without its settings", function()
    local made, err = gateway.new({ secret = "short", workflows = { w = "1" }, client = world:client() }, {
      shared = world.memory, log = print, spawn = print,
    })
    assert.is_nil(made)
    assert.matches("secret must be set, and have at least 16 characters", err.message)
    assert.error_matches(function() gateway.new({ secrets = "x" }, { shared = {}, log = print, spawn = print }) end,
      "gateway.new: unknown option \"secrets\"; did you mean \"secret\"", 1, true)
  end)
end)
