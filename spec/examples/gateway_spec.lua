-- SPDX-License-Identifier: Apache-2.0
-- The gateway of spec/examples/gateway without a server: requests as tables, against the embedded CDF.

local core = require "cdfworkflow.core"
local simulator = require "cdfworkflow.simulator"

local SECRET = "sesame-sesame-sesame"
local FOLDER = debug.getinfo(1, "S").source:match "^@(.*)gateway_spec%.lua$"

local ENVIRONMENT = {
  GATEWAY_SECRET = SECRET, GATEWAY_WORKFLOWS = "daily-report=1 a/b=v2", CDF_PROJECT = "p",
  CDF_URL = "http://127.0.0.1", IDP_CLIENT_ID = "id", IDP_CLIENT_SECRET = "secret-of-client",
  IDP_TOKEN_URL = "http://127.0.0.1/oauth2/token",
}

local function new_memory()
  local values = {}
  return {
    values = values,
    get = function(_, key) return values[key] end,
    set = function(_, key, value) values[key] = value end,
    add = function(_, key, value)
      if values[key] then return false, "exists" end
      values[key] = value
      return true
    end,
  }
end

describe("the example gateway", function()
  local gateway, snapshot, environment, sim, runs, log, here

  before_each(function()
    snapshot, environment = assert:snapshot(), {}
    for name, value in pairs(ENVIRONMENT) do environment[name] = value end
    stub(os, "getenv", function(name) return environment[name] end)
    gateway = dofile(FOLDER .. "gateway/gateway.lua")
    sim = simulator.new {
      project = "p", client_id = "id", client_secret = "secret-of-client", functions = { f = function() return {} end },
      clock = math.floor(core.time() * 1000),
    }
    runs, log = new_memory(), {}
    here = gateway.new {
      runs = runs, transport = sim:transport(), log = function(level, text) log[#log + 1] = level .. ": " .. text end,
    }
    for workflow, version in pairs { ["daily-report"] = "1", ["a/b"] = "v2" } do
      assert(here.client.workflows:upsert { externalId = workflow })
      assert(here.client.workflows.versions:upsert {
        workflowExternalId = workflow, version = version, workflowDefinition = {
          tasks = { { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f" } } } },
        },
      })
    end
  end)

  after_each(function()
    snapshot:revert()
    assert.is_nil(table.concat(log, "\n"):match "secret")
    assert.is_nil(table.concat(log, "\n"):match "sesame")
  end)

  --- options: `method`, `path`, `body`, `key`, `secret`, `type`, and `headers` beside.
  local function ask(options)
    local headers = {
      authorization = "Bearer " .. (options.secret or SECRET), ["content-type"] = options.type or "application/json",
      ["content-length"] = options.body and tostring(#options.body), ["idempotency-key"] = options.key,
    }
    for name, value in pairs(options.headers or {}) do headers[name] = value or nil end
    local answer = here:answer {
      method = options.method or "POST", path = options.path or "/runs/daily-report", headers = headers,
      read_body = function(limit) return #(options.body or "") <= limit and (options.body or "") or nil end,
    }
    assert.equal("application/json", answer.headers["content-type"])
    return answer.status, assert(core.decode(answer.body)), answer.headers
  end

  local function assert_refused(status, code, options)
    local got, body, headers = ask(options)
    assert.equal(status, got)
    assert.equal(code, body.error.code)
    assert.equal("string", type(body.error.message))
    return headers, body.error.message
  end

  local function count_runs()
    return #assert(here.client.workflows.executions:list { limit = math.huge })
  end

  it("starts a workflow with the body as input, and tells where to look", function()
    local status, body, headers = ask { body = '{"a":[],"n":null,"i":9007199254740991}' }
    assert.equal(202, status)
    assert.equal("daily-report", body.workflow)
    assert.equal("/runs/daily-report/" .. body.id, body.url)
    assert.equal(body.url, headers.location)
    local execution = assert(here.client.workflows.executions:retrieve(body.id))
    assert.same({ a = {}, n = core.null, i = 9007199254740991 }, execution.input)
    assert.is_true(core.is_array(execution.input.a))
    sim:advance(10)
    local seen, shown = ask { method = "GET", path = body.url }
    assert.equal(200, seen)
    assert.equal("COMPLETED", shown.status)
    assert.same({ { externalId = "t", status = "COMPLETED" } }, shown.tasks)
    assert.is_nil(shown.input)
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
    assert.equal(1, count_runs())
  end)

  it("says that it is well to anybody", function()
    assert.equal(200, (ask { method = "GET", path = "/health", secret = "none" }))
  end)

  it("refuses what is no JSON object of a decent size", function()
    assert_refused(415, "content_type", { body = "{}", type = "text/plain" })
    assert_refused(415, "content_type", { body = "{}", headers = { ["content-type"] = false } })
    assert_refused(415, "content_type", { body = "{}", type = "application/jsonx" })
    assert.equal(202, (ask { body = "{}", type = "Application/JSON; charset=utf-8" }))
    for _, body in ipairs { "", "[]", "5", '"x"', "{", "null", '{"a":1}x', "\255" } do
      assert_refused(400, "body", { body = body })
    end
    local fits = '{"a":"' .. ("x"):rep(gateway.MAX_BODY - 8) .. '"}'
    assert.equal(202, (ask { body = fits }))
    assert_refused(413, "too_large", { body = fits .. " " })
    assert_refused(413, "too_large", { body = fits .. " ", headers = { ["content-length"] = false } })
    assert_refused(413, "too_large", { body = "{}", headers = { ["content-length"] = "1e9" } })
    assert.equal(2, count_runs())
  end)

  it("knows its routes and methods", function()
    assert_refused(404, "not_found", { path = "/runs/other", body = "{}" })
    assert_refused(404, "not_found", { path = "/", body = "{}" })
    assert_refused(404, "not_found", { path = "/runs/daily-report/x/y", body = "{}" })
    assert.equal("POST", assert_refused(405, "method", { method = "GET" }).allow)
    assert.equal("GET", assert_refused(405, "method", { path = "/runs/daily-report/x", body = "{}" }).allow)
  end)

  it("shows no run of another workflow", function()
    local _, body = ask { path = "/runs/a%2Fb", body = "{}" }
    for _, id in ipairs { body.id, "059edaa4-a17a-4102-910e-2c3591500cce", "x", "%2e%2e" } do
      assert_refused(404, "not_found", { method = "GET", path = "/runs/daily-report/" .. id })
    end
  end)

  it("starts one run however often a delivery comes", function()
    local _, first = ask { body = "{}", key = "delivery-1" }
    local status, again = ask { body = "{}", key = "delivery-1" }
    assert.equal(202, status)
    assert.equal(first.id, again.id)
    local _, other = ask { body = "{}", key = "delivery-2" }
    assert.not_equal(first.id, other.id)
    assert.equal(2, count_runs())
    local execution = assert(here.client.workflows.executions:retrieve(first.id))
    assert.equal("delivery-1", execution.metadata["cdfworkflow.requestId"])
    assert_refused(400, "invalid", { body = "{}", key = ("x"):rep(256) })
  end)

  it("refuses a delivery while another one with its key is under way", function()
    runs:add("daily-report delivery-1", ("open %.0f"):format(core.time() * 1000))
    assert.equal("5", assert_refused(409, "in_progress", { body = "{}", key = "delivery-1" })["retry-after"])
    assert.equal(0, count_runs())
  end)

  it("finds the run of a delivery that nobody brought to its end", function()
    local _, body = ask { body = "{}", key = "delivery-1" }
    for _, mark in ipairs { "open %.0f", "lost %.0f" } do
      runs.values["daily-report delivery-1"] = mark:format((core.time() - 300) * 1000)
      runs.values["daily-report delivery-2"] = mark:format((core.time() - 300) * 1000)
      local status, again = ask { body = "{}", key = "delivery-1" }
      assert.equal(202, status)
      assert.equal(body.id, again.id)
    end
    assert.equal(1, count_runs())
    local _, other = ask { body = "{}", key = "delivery-2" } -- there was none of this one
    assert.not_equal(body.id, other.id)
    assert.equal(2, count_runs())
  end)

  it("remembers a delivery whose answer was lost", function()
    here.client.transport = sim:transport()
    local http, lost = here.client.transport.http, false
    function here.client.transport:http(request)
      local response = http(self, request)
      if request.url:match "/run$" then lost = true end
      return lost and { failure = "receive", sent = true, message = "gone" } or response
    end
    local _, message = assert_refused(502, "ambiguous", { body = "{}", key = "delivery-1" })
    assert.matches("same Idempotency%-Key", message)
    assert.matches("^lost %d+$", runs:get "daily-report delivery-1")
    here.client.transport = sim:transport()
    local status, body = ask { body = "{}", key = "delivery-1" }
    assert.equal(202, status)
    assert.equal(1, count_runs())
    assert.equal("run " .. body.id, runs:get "daily-report delivery-1")
  end)

  it("settles a delivery without outcome in one request at a time", function()
    for _, mark in ipairs { "open %.0f", "lost %.0f" } do
      local name = "daily-report " .. mark
      runs.values[name] = mark:format((core.time() - 300) * 1000)
      here.client.transport = sim:transport()
      local http = here.client.transport.http
      function here.client.transport:http(request) -- another one is served before each answer, as in nginx
        local response = http(self, request)
        if request.url:match "/list$" then coroutine.yield() end
        return response
      end
      local statuses = {}
      local function deliver() table.insert(statuses, (ask { body = "{}", key = mark })) end
      local first, second = coroutine.create(deliver), coroutine.create(deliver)
      assert(coroutine.resume(first))
      assert(coroutine.resume(second))
      assert(coroutine.resume(first))
      assert.same({ 409, 202 }, statuses)
      here.client.transport = sim:transport()
    end
    assert.equal(2, count_runs())
  end)

  it("starts a delivery again only when nothing can come of the one before any more", function()
    for mark, seconds in pairs { ["open %.0f"] = 110, ["lost %.0f"] = 85 } do
      runs.values["daily-report " .. mark] = mark:format((core.time() - seconds + 5) * 1000)
      assert_refused(409, "in_progress", { body = "{}", key = mark })
      runs.values["daily-report " .. mark] = mark:format((core.time() - seconds - 1) * 1000)
      assert.equal(202, (ask { body = "{}", key = mark }))
    end
    assert.equal(2, count_runs())
  end)

  it("finds the run of a delivery that was answered with a 500, and remembers it in whatever version", function()
    here.client.transport = sim:transport()
    local http = here.client.transport.http
    function here.client.transport:http(request)
      local response = http(self, request)
      return request.url:match "/run$" and { status = 500, headers = {}, body = "{}" } or response
    end
    assert.equal(202, (ask { body = "{}", key = "delivery-1" }))
    here.client.transport = sim:transport()
    here.workflows["daily-report"] = "2"
    assert.equal(202, (ask { body = "{}", key = "delivery-1" }))
    assert.equal(1, count_runs())
  end)

  it("takes no key that comes twice for none", function()
    assert_refused(400, "invalid", { body = "{}", key = { "delivery-1", "delivery-1" } })
    assert.equal(0, count_runs())
  end)

  it("says so when it has to forget deliveries", function()
    local set = runs.set
    runs.set = function(...)
      set(...)
      return true, nil, true
    end
    assert.equal(202, (ask { body = "{}", key = "delivery-1" }))
    assert.matches("error: no room to remember", table.concat(log, "\n"))
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
      here.client.run = function()
        return nil, core.error {
          kind = case.kind, message = case.message or "inner workings", retryable = case.retryable,
        }
      end
      local headers, message = assert_refused(case.status, case.kind, { body = "{}", key = "k" .. case.kind })
      assert.matches(case.says, message, 1, true)
      assert.is_nil(message:match "inner workings")
      assert.equal(case.retryable and "5" or nil, headers["retry-after"])
    end
    assert.matches("error: starting daily%-report: ", table.concat(log, "\n"))
    here.client.run = function() return nil, core.error { kind = "api", status = 400, message = "CDF says no" } end
    assert.equal("CDF says no", select(2, assert_refused(400, "refused", { body = "{}" })))
    here.client.run = function() return nil, core.error { kind = "api", status = 403, message = "inner workings" } end
    assert_refused(502, "api", { body = "{}" })
  end)

  it("does not start without its settings", function()
    local function try(name, value, message)
      environment[name] = value
      assert.error_matches(function() gateway.new { runs = runs } end, message)
      environment[name] = ENVIRONMENT[name]
    end
    try("GATEWAY_SECRET", nil, "GATEWAY_SECRET must be set, and have at least 16 characters")
    try("GATEWAY_SECRET", "short", "GATEWAY_SECRET must be set")
    try("GATEWAY_WORKFLOWS", nil, "GATEWAY_WORKFLOWS must name a workflow")
    try("GATEWAY_WORKFLOWS", "daily-report", "expected name=version, got daily%-report")
    try("CDF_PROJECT", nil, "CDF_PROJECT")
  end)
end)
