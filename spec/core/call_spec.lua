-- SPDX-License-Identifier: Apache-2.0
-- Whole calls without network and clock: token → session → run, retries, deadlines, lost answers.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local SECRET = 's3cr3t/+ "quoted"'
local TOKEN = { status = 200, body = '{"access_token":"token-1","expires_in":3600}' }
local TOKEN_2 = { status = 200, body = '{"access_token":"token-2","expires_in":3600}' }
local SESSION =
  { status = 200, body = '{"items":[{"id":7001,"status":"READY","type":"CLIENT_CREDENTIALS","nonce":"nonce-1"}]}' }
local SESSION_2 =
  { status = 200, body = '{"items":[{"id":7002,"status":"READY","type":"CLIENT_CREDENTIALS","nonce":"nonce-2"}]}' }
local EXECUTION = '{"id":"059edaa4-a17a-4102-910e-2c3591500cce","workflowExternalId":"foo","version":"1",'
  .. '"status":"RUNNING","createdTime":1767225600000,"metadata":{}}'
local ACCEPTED = { status = 202, body = EXECUTION }
local LOST = { failure = "receive", sent = true, message = "closed" }
local UNREACHABLE = { failure = "connect", sent = false }
local RUN = "POST /workflows/foo/versions/1/run"

local function status(code, headers)
  return { status = code, headers = headers, body = '{"error":{"code":' .. code .. ',"message":"text of CDF"}}' }
end

local function client_with(answers, opts)
  local script = Script.new(answers)
  opts = opts or {}
  opts.project, opts.base_url, opts.transport = "p", "https://cdf.example", script
  opts.credentials = opts.credentials
    or assert(cdf.credentials {
      client_id = "svc",
      client_secret = SECRET,
      token_url = "https://idp.example/token",
      scopes = { "a", "b" },
    })
  return assert(cdf.client(opts)), script
end

--- A client with a static token, which needs no token request.
local function static(answers, opts)
  opts = opts or {}
  opts.credentials = assert(cdf.credentials { token = "static-token" })
  return client_with(answers, opts)
end

local function run_with_nonce(answers, run_options, opts)
  local client, script = static(answers, opts)
  run_options = run_options or {}
  run_options.nonce = "given-nonce"
  local execution, err = client:run("foo", "1", run_options)
  return execution, err, script
end

describe("a run", function()
  it("is a token, a session and the run", function()
    local client, script = client_with { TOKEN, SESSION, ACCEPTED }
    local execution = assert(client:run("foo", 1, { input = { a = 1 }, metadata = { k = "v" } }))
    assert.equal("RUNNING", execution.status)
    assert.equal(1767225600000, execution.createdTime)
    assert.equal("POST /token; POST /sessions; " .. RUN, script:story())
    local token, session, run = script.requests[1], script.requests[2], script.requests[3]
    assert.equal(
      "grant_type=client_credentials&client_id=svc&client_secret=s3cr3t%2F%2B+%22quoted%22&scope=a+b",
      token.body
    )
    assert.is_nil(token.headers.authorization)
    assert.same({ items = { { clientId = "svc", clientSecret = SECRET } } }, core.decode(session.body))
    assert.same(
      { authentication = { nonce = "nonce-1" }, input = { a = 1 }, metadata = { k = "v" } },
      core.decode(run.body)
    )
    assert.equal("Bearer token-1", run.headers.authorization)
    assert.equal("20230101", run.headers["cdf-version"])
    assert.equal("cdfworkflow", run.headers["x-cdp-app"])
    assert.matches("^cdfworkflow:", run.headers["x-cdp-sdk"])
    assert.matches("^cdfworkflow/", run.headers["user-agent"])
  end)

  it("sends an empty object for what was told to be one, and nothing for what was not given", function()
    local client, script = static { SESSION, ACCEPTED, SESSION, ACCEPTED }
    assert(client:run("foo", "1"))
    assert(client:run("foo", "1", { input = {}, metadata = {} }))
    assert.equal('{"authentication":{"nonce":"nonce-1"}}', script.requests[2].body)
    assert.equal('{"authentication":{"nonce":"nonce-1"},"input":{},"metadata":{}}', script.requests[4].body)
  end)

  it("keeps the token for the next one", function()
    local client, script = client_with { TOKEN, SESSION, ACCEPTED, SESSION, ACCEPTED }
    assert(client:run("foo", "1"))
    assert(client:run("foo", "1"))
    assert.equal("POST /token; POST /sessions; " .. RUN .. "; POST /sessions; " .. RUN, script:story())
  end)

  it("refuses an execution of another workflow", function()
    local execution, err = run_with_nonce { { status = 202, body = (EXECUTION:gsub("foo", "bar")) } }
    assert.is_nil(execution)
    assert.equal("ambiguous", err.kind)
    assert.matches("cannot be used: it holds an execution of another workflow", err.message, 1, true)
  end)
end)

describe("the session of a run", function()
  local function session_body(run_options, opts)
    local client, script = (opts or static) { opts and TOKEN or SESSION, opts and SESSION or ACCEPTED, ACCEPTED }
    assert(client:run("foo", "1", run_options))
    for _, request in ipairs(script.requests) do
      if request.path:match("/sessions$") then return core.decode(request.body).items[1] end
    end
  end

  it(
    "is token exchange for a login without client credentials",
    function() assert.same({ tokenExchange = true }, session_body()) end
  )

  it("is of the kind that was asked for", function()
    assert.same({ oneshotTokenExchange = true }, session_body { session = "oneshot" })
    assert.same({ tokenExchange = true }, session_body({ session = "token_exchange" }, client_with))
    assert.same({ clientId = "svc", clientSecret = SECRET }, session_body(nil, client_with))
  end)

  it("takes the credentials given to the run before the client's own", function()
    local given = { client_id = "other", client_secret = "their secret" }
    assert.same(
      { clientId = "other", clientSecret = "their secret" },
      session_body({ client_credentials = given }, client_with)
    )
    local credentials =
      assert(cdf.credentials { client_id = "o", client_secret = "t", token_url = "https://idp.example/" })
    assert.same({ clientId = "o", clientSecret = "t" }, session_body { client_credentials = credentials })
  end)

  it("cannot be of client credentials where there are none", function()
    local client, script = static {}
    local execution, err = client:run("foo", "1", { session = "client_credentials" })
    assert.is_nil(execution)
    assert.equal("invalid", err.kind)
    assert.equal("", script:story())
  end)

  it("is not made for a nonce of the caller's, and an empty nonce is none", function()
    local client, script = static { ACCEPTED, SESSION, ACCEPTED }
    assert(client:run("foo", "1", { nonce = 'my"nonce' }))
    assert(client:run("foo", "1", { nonce = "" }))
    assert.equal(RUN .. "; POST /sessions; " .. RUN, script:story())
    assert.same({ authentication = { nonce = 'my"nonce' } }, core.decode(script.requests[1].body))
  end)

  it("is taken back when the run is refused at once", function()
    local client, script = static { SESSION, status(404), { status = 200, body = "{}" } }
    local _, err = client:run("foo", "1")
    assert.equal(404, err.status)
    assert.equal("POST /sessions; " .. RUN .. "; POST /sessions/revoke", script:story())
    assert.same({ items = { { id = 7001 } } }, core.decode(script.requests[3].body))
    assert.equal(5, script.requests[3].timeout) -- the error is ready, and may not be held up for long
  end)

  it("is taken back where CDF was only too busy, or not there, before it refused", function()
    for _, answers in ipairs {
      { status(429), status(429) },
      { status(429), status(404) },
      { UNREACHABLE, status(404) },
    } do
      local revoked = { status = 200, body = "{}" }
      local client, script = static({ SESSION, answers[1], answers[2], revoked }, { max_retries = 1 })
      local _, err = client:run("foo", "1")
      assert.equal(answers[2].status, err.status)
      assert.equal("POST /sessions; " .. RUN .. "; sleep; " .. RUN .. "; POST /sessions/revoke", script:story())
    end
  end)

  it("is left alone where CDF gave it no proper id", function()
    for _, id in ipairs { "12.6", "1e300", "-7", "0", '"7"' } do
      local session = { status = 200, body = '{"items":[{"id":' .. id .. ',"nonce":"n"}]}' }
      local client, script = static { session, status(404) }
      assert.is_nil((client:run("foo", "1")))
      assert.equal(2, #script.requests)
    end
  end)

  it("gives the run's own error, however taking it back ends", function()
    for _, answer in ipairs { status(500), LOST, UNREACHABLE } do
      local client = static { SESSION, status(400, { ["x-request-id"] = "r-1" }), answer }
      local _, err = client:run("foo", "1")
      assert.equal(400, err.status)
      assert.equal("r-1", err.requestId)
    end
  end)

  it("is left alone where its nonce may be in use, or no answer came from CDF", function()
    for name, answers in pairs {
      ["after a 503"] = { SESSION, status(503), status(400) },
      ["after a marked answer"] = { SESSION, status(500, { ["cdf-is-auto-retryable"] = "true" }), status(400) },
      ["after a lost answer"] = { SESSION, LOST },
      ["when it never came to CDF"] = { SESSION, UNREACHABLE, UNREACHABLE },
      ["when not signed in"] = { SESSION, status(401) },
    } do
      local client, script = static(answers, { max_retries = 1 })
      assert.is_nil((client:run("foo", "1")), name)
      assert.is_nil(script:story():match("revoke"), name)
    end
  end)
end)

describe("a run that CDF cannot have started", function()
  for name, answer in pairs {
    ["429"] = status(429),
    ["503"] = status(503),
    ["500 marked"] = status(500, { ["cdf-is-auto-retryable"] = "true" }),
    ["no connection"] = { failure = "connect", sent = false },
    ["a connection that broke before sending"] = { failure = "send", sent = false },
  } do
    it("is repeated with the same nonce: " .. name, function()
      local client, script = static { SESSION, answer, answer, ACCEPTED }
      assert(client:run("foo", "1"))
      assert.equal("POST /sessions; " .. RUN .. "; sleep; " .. RUN .. "; sleep; " .. RUN, script:story())
      assert.equal(script.requests[2].body, script.requests[4].body)
    end)
  end

  it("is repeated with a new session once the nonce is 50 s old", function()
    local client, script = static(
      { SESSION, status(503, { ["retry-after"] = "55" }), SESSION_2, ACCEPTED },
      { timeout = 120 }
    )
    assert(client:run("foo", "1"))
    assert.equal("POST /sessions; " .. RUN .. "; sleep; POST /sessions; " .. RUN, script:story())
    assert.matches("nonce%-2", script.requests[4].body)
  end)

  it("is sent with a new session where the nonce took so long to come that it may be dead", function()
    local slow = { status = 200, body = SESSION.body, takes = 55 }
    local client, script = static({ slow, SESSION_2, ACCEPTED }, { timeout = 120 })
    assert(client:run("foo", "1"))
    assert.equal("POST /sessions; POST /sessions; " .. RUN, script:story())
    assert.matches("nonce%-2", script.requests[3].body)
  end)

  it("obeys Retry-After", function()
    local _, _, script = run_with_nonce { status(429, { ["Retry-After"] = "7" }), ACCEPTED }
    assert.is_true(script:slept() >= 7 and script:slept() < 8)
  end)

  it("is given up at once when Retry-After is beyond the deadline", function()
    local _, err, script = run_with_nonce({ status(429, { ["retry-after"] = "61" }) }, nil, { timeout = 60 })
    assert.equal("throttled", err.kind)
    assert.is_true(err.retryable)
    assert.equal(0, script:slept())
  end)

  it("is not repeated when the mark says false, as a value of its own", function()
    local _, err = run_with_nonce { status(500, { ["cdf-is-auto-retryable"] = "false" }) }
    assert.equal("ambiguous", err.kind)
    assert.equal(500, err.status)
    assert.matches("CDF answered with 500", err.message, 1, true)
  end)

  it("ends after max_retries", function()
    local _, err, script = run_with_nonce({ status(503), status(503), status(503) }, nil, { max_retries = 2 })
    assert.equal(503, err.status)
    assert.equal(3, err.attempts)
    assert.equal(3, #script.requests)
  end)
end)

describe("a run that may have started", function()
  for name, answer in pairs {
    ["the connection broke"] = LOST,
    ["no answer in time"] = { failure = "timeout", sent = true },
    ["502"] = status(502),
    ["504"] = { status = 504, body = "<html>gateway</html>" },
  } do
    it("is not repeated, and the error says ambiguous: " .. name, function()
      local execution, err, script = run_with_nonce { answer }
      assert.is_nil(execution)
      assert.equal("ambiguous", err.kind)
      assert.is_false(err.retryable)
      assert.equal(1, #script.requests)
    end)
  end

  it("says what the gateway said", function()
    local _, err = run_with_nonce { status(502, { ["x-request-id"] = "r-2" }) }
    assert.equal(502, err.status)
    assert.equal("r-2", err.requestId)
  end)
end)

describe("a run with a request_id", function()
  local FOUND = '{"id":"059edaa4-a17a-4102-910e-2c3591500cce","workflowExternalId":"foo","status":"COMPLETED",'
    .. '"metadata":{"cdfworkflow.requestId":"req-1"}}'
  local OTHER = '{"id":"1","workflowExternalId":"foo","status":"RUNNING","metadata":{"cdfworkflow.requestId":"req-2"}},'
    .. '{"id":"2","workflowExternalId":"foo","status":"RUNNING"}'
  local NONE = { status = 200, body = '{"items":[]}' }
  local LIST = "POST /workflows/executions/list"

  local function page(items, cursor)
    return {
      status = 200,
      body = '{"items":[' .. items .. "]" .. (cursor and ',"nextCursor":"' .. cursor .. '"' or "") .. "}",
    }
  end

  --- None found, as often as it is looked; then the last answers.
  local function none_until(seconds, ...)
    local rest = { ... }
    return function(_, script)
      script.first_look = script.first_look or script.clock
      if script.clock - script.first_look < seconds then
        table.insert(script.answers, #script.requests + 1, script.answers[#script.requests])
        return NONE
      end
      for i, answer in ipairs(rest) do
        script.answers[#script.requests + i] = answer
      end
      return NONE
    end
  end

  it("bears it in its metadata, beside nine pairs of the caller's", function()
    local metadata = {}
    for i = 1, 9 do
      metadata["k" .. i] = "v"
    end
    local client, script = static { SESSION, ACCEPTED }
    assert(client:run("foo", "1", { request_id = "req-1", metadata = metadata }))
    assert.equal("req-1", core.decode(script.requests[2].body).metadata["cdfworkflow.requestId"])
    assert.is_nil(metadata["cdfworkflow.requestId"])
    metadata.k10 = "v"
    local _, err = client:run("foo", "1", { request_id = "req-1", metadata = metadata })
    assert.equal("invalid", err.kind)
  end)

  it("is found after a lost answer, on whichever page", function()
    local client, script = static { SESSION, LOST, page(OTHER, "c-2"), page(OTHER .. "," .. FOUND) }
    local execution = assert(client:run("foo", "1", { request_id = "req-1" }))
    assert.equal("COMPLETED", execution.status)
    assert.equal("POST /sessions; " .. RUN .. "; " .. LIST .. "; " .. LIST, script:story())
    local first, second = core.decode(script.requests[3].body), core.decode(script.requests[4].body)
    assert.same({ { externalId = "foo", version = "1" } }, first.filter.workflowFilters)
    assert.equal("c-2", second.cursor)
    second.cursor = nil
    assert.same(first, second)
  end)

  it("is looked for at an easy pace where the pages have no end", function()
    for _, cursor in ipairs { "", "c-1", "c-%d" } do
      local pages = 0
      local client, script = static(setmetatable({ SESSION, LOST }, { __index = function()
        pages = pages + 1
        return page(OTHER, cursor:format(pages))
      end }), { timeout = 60 })
      local _, err = client:run("foo", "1", { request_id = "req-1" })
      assert.is_true(err == nil or err.kind == "ambiguous", tostring(err))
      assert.is_true(#script.requests < 120, #script.requests)
    end
  end)

  it("is looked for from a quarter of an hour before, by CDF's clock where that is behind this machine's", function()
    local dated = { status = 200, body = SESSION.body, headers = { date = "Thu, 01 Jan 2026 00:00:00 GMT" } }
    local client, script = static { dated, LOST, page(FOUND) }
    assert(client:run("foo", "1", { request_id = "req-1" }))
    assert.equal(1767225600000 - 900000, core.decode(script.requests[3].body).filter.createdTimeStart)
  end)

  it("is looked for by this machine's clock where that is behind CDF's, or CDF's is not known", function()
    local dated = { status = 200, body = SESSION.body, headers = { date = "Thu, 01 Jan 2037 00:00:00 GMT" } }
    for _, session in ipairs { dated, SESSION } do
      local client, script = static { session, LOST, page(FOUND) }
      assert(client:run("foo", "1", { request_id = "req-1" }))
      local start = core.decode(script.requests[3].body).filter.createdTimeStart
      assert.near(core.time() - 900, start / 1000, 5)
    end
  end)

  it("is looked for in the last quarter of an hour where a first look tells that CDF's clock is behind", function()
    local client, script = static { SESSION, LOST, {
      status = 200, body = NONE.body, headers = { date = "Thu, 01 Jan 2026 00:00:00 GMT" },
    }, page(FOUND) }
    assert(client:run("foo", "1", { request_id = "req-1" }))
    local start = core.decode(script.requests[4].body).filter.createdTimeStart
    assert.near(1767225600000 - 900000, start, 1000)
  end)

  it("was looked for in the last quarter of an hour", function()
    local client, script = static { SESSION, LOST, page(FOUND) }
    assert(client:run("foo", "1", { request_id = "req-1" }))
    local start = core.decode(script.requests[3].body).filter.createdTimeStart
    assert.near(core.time() - 900, start / 1000, 5)
  end)

  it("is found when it shows up late", function()
    local client, script = static { SESSION, LOST, NONE, NONE, NONE, page(FOUND) }
    assert(client:run("foo", "1", { request_id = "req-1" }))
    local looks = (LIST .. "; sleep; "):rep(3) .. LIST
    assert.equal("POST /sessions; " .. RUN .. "; " .. looks, script:story())
  end)

  it("is started again with the same nonce when there is none", function()
    local client, script = static { SESSION, LOST, none_until(10, ACCEPTED) }
    assert(client:run("foo", "1", { request_id = "req-1" }))
    assert.equal(script.requests[2].body, script.requests[#script.requests].body)
    assert.is_true(script:slept() > 9.99)
  end)

  it("is started again with a new session when the nonce is too old", function()
    local client, script = static(
      { SESSION, { failure = "timeout", sent = true, takes = 55 }, none_until(25, SESSION_2, ACCEPTED) },
      { timeout = 120 }
    )
    assert(client:run("foo", "1", { request_id = "req-1" }))
    assert.matches("nonce%-2", script.requests[#script.requests].body)
    assert.is_true(script.clock >= 1080)
  end)

  it("whose repeat is refused is looked for again, and found", function()
    local client, script = static { SESSION, LOST, none_until(10, status(400), NONE, page(FOUND)) }
    assert(client:run("foo", "1", { request_id = "req-1" }))
    local looks = ("; sleep; " .. LIST):rep(2):gsub("%p", "%%%0")
    assert.matches("run" .. looks .. "$", script:story())
  end)

  --- Answers a lost run, a refusal of its repeat, and looks in vain; then all is well.
  local function refused_once(refusal, timeout)
    local runs = 0
    local client, script = static({ SESSION, LOST }, { timeout = timeout })
    setmetatable(script.answers, { __index = function()
      return function(request)
        if request.path:find "/sessions$" then return SESSION_2 end
        if not request.path:find "/run$" then return NONE end
        runs = runs + 1
        return runs == 1 and refusal or ACCEPTED
      end
    end })
    local execution, err = client:run("foo", "1", { request_id = "req-1" })
    return execution, err, script
  end

  it("whose repeat is refused and which is not found in time is ambiguous, not sent a third time", function()
    local execution, err, script = refused_once(status(400), 40)
    assert.is_nil(execution)
    assert.equal("ambiguous", err.kind)
    local _, runs = script:story():gsub("/run", "")
    assert.equal(2, runs)
  end)

  for code, seconds in pairs { [400] = 81, [403] = 45, [500] = 45 } do
    it(("whose repeat was answered once by %d is started within %d s"):format(code, seconds), function()
      local execution, err, script = refused_once(status(code), 600)
      assert(execution, err)
      assert.is_true(script.clock - 1000 <= seconds, script.clock)
      assert.is_true(#script.requests < 20, #script.requests)
    end)
  end

  it("whose repeat CDF is too busy for keeps its session, which the lost one may be using", function()
    local client, script = static({ SESSION, LOST, none_until(10) }, { max_retries = 0, timeout = 40 })
    setmetatable(script.answers, { __index = function()
      return function(request) return request.path:find "/run$" and status(429) or NONE end
    end })
    local _, err = client:run("foo", "1", { request_id = "req-1" })
    assert.equal("ambiguous", err.kind)
    assert.matches("run; sleep; ", script:story())
    assert.is_nil(script:story():match "revoke")
  end)

  it("keeps time to look when no answer comes", function()
    local client, script = static { SESSION, { failure = "timeout", sent = true }, page(FOUND) }
    assert(client:run("foo", "1", { request_id = "req-1", timeout = 30 }))
    assert.equal(15, script.requests[2].timeout)
  end)

  it("keeps time for another look when none comes of one", function()
    local silence = { failure = "timeout", sent = true }
    local client, script = static { SESSION, LOST, silence, page(FOUND) }
    assert(client:run("foo", "1", { request_id = "req-1", timeout = 30 }))
    assert.equal(15, script.requests[3].timeout)
  end)

  it("is not looked for beyond the deadline", function()
    for _, timeout in ipairs { 0.2, 0.5, 3.05, 12.1 } do
      local client, script = static(setmetatable({ SESSION, LOST }, { __index = function() return NONE end }))
      local _, err = client:run("foo", "1", { request_id = "req-1", timeout = timeout })
      assert.is_true(err == nil or err.kind == "ambiguous")
      assert.is_true(script.clock <= 1000 + timeout + 1e-6, script.clock)
    end
  end)

  it("that may not be looked up is ambiguous, and told which capability is lacking", function()
    local client, script = static({ SESSION, LOST, status(403) })
    local _, err = client:run("foo", "1", { request_id = "req-1" })
    assert.equal("ambiguous", err.kind)
    assert.matches("answered with 403, and needs the capability workflowOrchestrationAcl READ", err.message, 1, true)
    assert.is_nil(tostring(err):match("give a request_id"))
    assert.equal(0, script:slept())
  end)

  --- The answer to each request that `is_hit` until the clock has gone so far; `after` from then on.
  local function trouble_for(seconds, trouble, after)
    return setmetatable({ SESSION, LOST }, { __index = function()
      return function(_, script) return script.clock < 1000 + seconds and trouble or after end
    end })
  end

  for name, trouble in pairs {
    ["a 500"] = status(500), ["a 503"] = status(503), ["a page"] = { status = 200, body = "<html>" },
    ["no connection"] = UNREACHABLE, ["no answer"] = LOST, ["a 429"] = status(429),
  } do
    it("is looked for until there is an answer, whatever the retries and the budget: " .. name, function()
      local client, script = static(trouble_for(100, trouble, page(FOUND)), { max_retries = 2, timeout = 200 })
      assert(client:run("foo", "1", { request_id = "req-1" }))
      assert.is_true(#script.requests < 30, #script.requests)
    end)

    it("is ambiguous when there is none before the deadline: " .. name, function()
      local client, script = static(trouble_for(1e9, trouble), { max_retries = 2, timeout = 200 })
      local _, err = client:run("foo", "1", { request_id = "req-1" })
      assert.equal("ambiguous", err.kind)
      assert.is_true(script.clock > 1190 and script.clock <= 1200.1, script.clock)
      assert.is_true(#script.requests < 45, #script.requests)
    end)
  end

  it("is looked for no sooner than CDF asks to wait", function()
    local function busy(seconds) return status(503, { ["retry-after"] = tostring(seconds) }) end
    local client, script = static({ SESSION, LOST, busy(40), page(FOUND) }, { max_retries = 0, timeout = 60 })
    assert(client:run("foo", "1", { request_id = "req-1" }))
    assert.is_true(script:slept() >= 40)
    client, script = static({ SESSION, LOST, busy(61) }, { max_retries = 0, timeout = 60 })
    local _, err = client:run("foo", "1", { request_id = "req-1" })
    assert.equal("ambiguous", err.kind)
    assert.equal(0, script:slept())
  end)

  it("is looked for with a new token, however long that takes to come", function()
    local functioning = false
    local client, script = client_with({
      { status = 200, body = '{"access_token":"t","expires_in":1}' }, SESSION,
      { failure = "timeout", sent = true, takes = 5 },
    }, { timeout = 120 })
    setmetatable(script.answers, { __index = function()
      return function(request)
        functioning = functioning or script.clock > 1060
        if not request.path:find "token" then return page(FOUND) end
        return functioning and TOKEN or status(500)
      end
    end })
    assert(client:run("foo", "1", { request_id = "req-1" }))
    assert.is_true(functioning)
  end)

  it("is looked for after an answer that cannot be read", function()
    local client = static { SESSION, { status = 202, body = "<html>" }, page(FOUND) }
    assert(client:run("foo", "1", { request_id = "req-1" }))
  end)
end)

describe("a retry of an execution", function()
  local ID = "059edaa4-a17a-4102-910e-2c3591500cce"
  local FAILED = { status = 200, body = (EXECUTION:gsub("RUNNING", "FAILED")) }
  local RETRY, GET = "POST /workflows/executions/" .. ID .. "/retry", "GET /workflows/executions/" .. ID

  it("needs a nonce like a run, and is ambiguous like one", function()
    local client, script = static { SESSION, ACCEPTED, SESSION, LOST }
    assert(client.workflows.executions:retry(ID))
    assert.equal("POST /sessions; " .. RETRY, script:story())
    local _, err = client.workflows.executions:retry(ID)
    assert.equal("ambiguous", err.kind)
  end)

  it("with a request_id looks at the execution before, and after a lost answer", function()
    local client, script = static { FAILED, SESSION, LOST, ACCEPTED }
    assert(client.workflows.executions:retry(ID, { request_id = "r" }))
    assert.equal(GET .. "; POST /sessions; " .. RETRY .. "; " .. GET, script:story())
  end)

  it("with a request_id knows by other times that the execution has run again meanwhile", function()
    local again = { status = 200, body = (FAILED.body:gsub('"createdTime"', '"startTime":1767225700000,%0')) }
    local client = static { FAILED, SESSION, LOST, again }
    assert.equal("FAILED", assert(client.workflows.executions:retry(ID, { request_id = "r" })).status)
  end)

  it("with a request_id is repeated when the execution does not run again", function()
    local function failed(_, script)
      if script.clock < 1010 then
        table.insert(script.answers, #script.requests + 1, script.answers[#script.requests])
      end
      return FAILED
    end
    local client, script = static { FAILED, SESSION, LOST, failed, ACCEPTED }
    assert(client.workflows.executions:retry(ID, { request_id = "r" }))
    assert.matches("/retry$", script:story())
  end)

  --- Whatever is asked of the execution, it has FAILED; the first retry is lost, the others get `answer`.
  local function never_again(answer, timeout)
    local retries = 0
    local client, script = static({}, { timeout = timeout })
    setmetatable(script.answers, { __index = function()
      return function(request)
        if request.path:find "/sessions$" then return SESSION end
        if not request.path:find "/retry$" then return FAILED end
        retries = retries + 1
        return retries == 1 and LOST or answer
      end
    end })
    local execution, err = client.workflows.executions:retry(ID, { request_id = "r" })
    assert.is_nil(execution)
    return err, script
  end

  it("with a request_id whose repeat is refused is not taken for done while the execution has not run again", function()
    local err = never_again(status(400), 60)
    assert.equal("ambiguous", err.kind)
  end)

  it("with a request_id that has surely not been carried out says so, and is not sent with another nonce", function()
    for _, answer in ipairs { status(400), status(500), LOST } do
      local err, script = never_again(answer, 600)
      assert.equal("transport", err.kind)
      assert.is_true(err.retryable)
      assert.matches("it has not been carried out; it can be tried again", err.message, 1, true)
      assert.is_true(script.clock - 1000 <= 130, script.clock)
      local _, sessions = script:story():gsub("/sessions", "")
      assert.equal(1, sessions)
    end
  end)

  it("with a request_id and a hung answer is settled, whatever the timeout", function()
    for _, timeout in ipairs { 60, 100, 150, 600 } do
      local client, script = static({ FAILED, SESSION, { failure = "timeout", sent = true } }, { timeout = timeout })
      setmetatable(script.answers, { __index = function()
        return function(request) return request.path:find "/retry$" and ACCEPTED or FAILED end
      end })
      assert(client.workflows.executions:retry(ID, { request_id = "r" }))
      assert.is_true(script.clock - 1000 < 45, script.clock)
    end
  end)
end)

describe("the deadline", function()
  it("is over everything, and each attempt gets what is left", function()
    local client, script = client_with({
      { status = 200, body = TOKEN.body, takes = 10 },
      { status = 200, body = SESSION.body, takes = 20 },
      { failure = "timeout", sent = true },
    }, { timeout = 60 })
    local _, err = client:run("foo", "1")
    assert.equal("ambiguous", err.kind)
    assert.same({ 30, 30, 30 }, { script.requests[1].timeout, script.requests[2].timeout, script.requests[3].timeout })
    assert.equal(60, err.elapsed)
  end)

  it("leaves an attempt that can be repeated 30 s, and one that cannot all there is", function()
    local client, script = client_with({ TOKEN, SESSION, ACCEPTED, { status = 200, body = "{}" } }, { timeout = 600 })
    assert(client:run("foo", "1"))
    assert(client:request("GET", "/x"))
    local timeouts = {}
    for i, request in ipairs(script.requests) do timeouts[i] = request.timeout end
    assert.same({ 30, 30, 600, 30 }, timeouts)
  end)

  it("of a call wins over the client's", function()
    local _, err, script = run_with_nonce({ { failure = "timeout", sent = false } }, { timeout = 5 })
    assert.equal(5, script.requests[1].timeout)
    assert.equal("timeout", err.kind)
    assert.is_true(err.retryable)
  end)

  it("ends repeats before the next one would begin too late", function()
    local answers = {}
    for i = 1, 50 do
      answers[i] = status(503)
    end
    local _, err, script = run_with_nonce(answers, { timeout = 3 }, { max_retries = 50 })
    assert.equal("api", err.kind)
    assert.equal(503, err.status)
    assert.is_true(script.clock - 1000 < 3)
  end)

  it("that passes before the first request is an error of its own", function()
    local client, script = client_with({ { status = 200, body = TOKEN.body, takes = 61 } })
    local _, err = client:run("foo", "1")
    assert.equal("timeout", err.kind)
    assert.equal(1, #script.requests)
  end)
end)

describe("a call that can be repeated", function()
  for name, answer in pairs {
    ["502"] = status(502),
    ["504"] = status(504),
    ["a lost answer"] = LOST,
    ["a timeout with time left"] = { failure = "timeout", sent = true, takes = 1 },
  } do
    it("is repeated after " .. name, function()
      local client, script = static { answer, { status = 200, body = '{"items":[]}' } }
      assert(client:request("POST", "/timeseries/list", {}))
      assert.equal(2, #script.requests)
    end)
  end

  it("ends with the budget of the client, whatever each call may do", function()
    local answers = {}
    for i = 1, 200 do
      answers[i] = status(503)
    end
    local client, script = static(answers, { max_retries = 10 })
    for _ = 1, 50 do
      client:request("GET", "/x", nil, { timeout = 1000 })
    end
    assert.equal(50 + 20, #script.requests)
  end)

  it("is not repeated after a refused certificate", function()
    local client, script = static { { failure = "tls", sent = false, message = "self-signed certificate" } }
    local _, err = client:request("GET", "/x")
    assert.equal("tls", err.kind)
    assert.is_false(err.retryable)
    assert.matches("ca_file", err.message)
    assert.equal(1, #script.requests)
  end)
end)

describe("a deletion", function()
  it("whose answer was lost takes a 404 on the repeat for done", function()
    local client, script = static { LOST, status(404) }
    assert.is_true(client.workflows:delete "foo")
    assert.equal(2, #script.requests)
  end)

  it("of something unknown is an error all the same", function()
    local client = static { status(404), status(503), status(404) }
    for _ = 1, 2 do
      local done, err = client.workflows:delete "foo"
      assert.is_nil(done)
      assert.equal(404, err.status)
    end
  end)
end)

describe("the nonce of a resource", function()
  it("goes into the item, from a session under the same deadline", function()
    local client, script = static { SESSION, { status = 200, body = '{"items":[{"externalId":"t"}]}' } }
    assert(client.workflows.triggers:upsert({
      externalId = "t",
      workflowExternalId = "foo",
      workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = "* * * * *" },
    }))
    assert.equal("POST /sessions; POST /workflows/triggers", script:story())
    assert.same({ nonce = "nonce-1" }, core.decode(script.requests[2].body).items[1].authentication)
  end)
end)

describe("a POST elsewhere in CDF", function()
  it("is not repeated when its answer is lost, unless it only reads", function()
    for path, requests in pairs {
      ["/assets"] = 1,
      ["/assets/list"] = 2,
      ["/assets/byids?x=1"] = 2,
      ["/workflows"] = 2,
      ["/workflows/triggers"] = 1,
      ["/workflows/a/versions/1/run"] = 1,
      ["/workflows/a/versions/1/run/?x=1"] = 1,
      ["/workflowsx"] = 1,
      ["/sessions/revoke"] = 2,
    } do
      local client, script = static { LOST, { status = 200, body = "{}" } }
      client:request("POST", path, {})
      assert.equal(requests, #script.requests, path)
    end
  end)
end)

describe("the access token", function()
  it("is fetched again after a 401, once", function()
    local client, script = client_with { TOKEN, status(401), TOKEN_2, { status = 200, body = "{}" } }
    assert(client:request("GET", "/x"))
    assert.equal("Bearer token-2", script.requests[4].headers.authorization)
    client, script = client_with { TOKEN, status(401), TOKEN_2, status(401, { ["x-request-id"] = "r-9" }) }
    local _, err = client:request("GET", "/x")
    assert.equal("auth", err.kind)
    assert.equal("r-9", err.requestId)
    assert.equal("POST /token; GET /x; POST /token; GET /x", script:story())
  end)

  it("of a static login is not fetched again", function()
    local client, script = static { status(401) }
    local _, err = client:request("GET", "/x")
    assert.equal("auth", err.kind)
    assert.equal(1, #script.requests)
  end)

  it("stays in use while it is good when its renewal fails", function()
    local client, script = client_with {
      { status = 200, body = '{"access_token":"old","expires_in":100}' },
      { status = 200, body = "{}" },
      status(503),
      { status = 200, body = "{}" },
    }
    assert(client:request("GET", "/x"))
    script.clock = script.clock + 80
    assert(client:request("GET", "/x"))
    assert.equal("Bearer old", script.requests[4].headers.authorization)
    assert.is_true(script.requests[3].timeout <= 10)
    assert.equal(0, script:slept())
  end)

  for text, expected in pairs { ['"3599"'] = 3599, ["3599"] = 3599, ["3599.5"] = 3599.5 } do
    it("has expires_in as " .. text, function()
      local client = client_with { { status = 200, body = '{"access_token":"t","expires_in":' .. text .. "}" } }
      assert.near(core.time() + expected, assert(client:auth()).expiresAt / 1000, 2)
    end)
  end

  for _, text in ipairs { "0", "-5", '"0"' } do
    it("with expires_in " .. text .. " serves the call that fetched it, and no other", function()
      local answer = { status = 200, body = '{"access_token":"t","expires_in":' .. text .. "}" }
      local client, script =
        client_with { answer, { status = 200, body = "{}" }, answer, { status = 200, body = "{}" } }
      assert(client:request("GET", "/x"))
      assert(client:request("GET", "/x"))
      assert.equal("POST /token; GET /x; POST /token; GET /x", script:story())
    end)
  end

  it("without expires_in is taken for good for five minutes", function()
    local client = client_with { { status = 200, body = '{"access_token":"t"}' } }
    assert.near(core.time() + 300, assert(client:auth()).expiresAt / 1000, 2)
  end)

  for name, body in pairs {
    ["no token"] = '{"expires_in":5}',
    ["a token that is no string"] = '{"access_token":5}',
    ["junk in expires_in"] = '{"access_token":"t","expires_in":"soon"}',
    ["a line break in the token"] = '{"access_token":"a\\r\\nX: y"}',
    ["HTML"] = "<html>",
    ["nothing"] = "",
    ["an array"] = "[]",
  } do
    it("that comes with " .. name .. " is a protocol error, and nothing else is sent", function()
      local client, script = client_with { { status = 200, body = body } }
      local result, err = client:run("foo", "1")
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal(1, #script.requests)
    end)
  end

  it("that the provider refuses is an auth error with the provider's words", function()
    local client =
      client_with { { status = 401, body = '{"error":"invalid_client","error_description":"AADSTS7000215"}' } }
    local result, err = client:auth()
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.equal("invalid_client", err.code)
    assert.matches("invalid_client: AADSTS7000215", err.message, 1, true)
  end)

  it("is asked for again when the provider is not there for a moment", function()
    local client, script = client_with { status(503), { failure = "connect", sent = false }, TOKEN }
    assert(client:auth())
    assert.equal("POST /token; sleep; POST /token; sleep; POST /token", script:story())
  end)
end)

describe("a token function", function()
  local function by_function(fn, answers)
    return client_with(answers, { credentials = assert(cdf.credentials { token = fn }) })
  end
  local OK = { status = 200, body = "{}" }

  it("is asked once while its token is good", function()
    local calls = 0
    local client, script = by_function(function()
      calls = calls + 1
      return "fn-token", core.time() + 3600
    end, { OK, OK })
    assert(client:request("GET", "/x"))
    assert(client:request("GET", "/x"))
    assert.equal(1, calls)
    assert.equal("Bearer fn-token", script.requests[1].headers.authorization)
  end)

  it("is asked for each call when it does not say how long its token is good", function()
    local calls = 0
    local client = by_function(function()
      calls = calls + 1
      return "t" .. calls
    end, { OK, OK })
    assert(client:request("GET", "/x"))
    assert(client:request("GET", "/x"))
    assert.equal(2, calls)
  end)

  it("is asked again after a 401", function()
    local calls = 0
    local client, script = by_function(function()
      calls = calls + 1
      return "t" .. calls, core.time() + 3600
    end, { status(401), OK })
    assert(client:request("GET", "/x"))
    assert.equal("Bearer t2", script.requests[2].headers.authorization)
  end)

  it("that gives more than a header can hold is an auth error, and the token at hand stays", function()
    local size = 10
    local client = by_function(function() return ("x"):rep(size), core.time() + 3600 end, { OK, status(401), OK })
    assert(client:request("GET", "/x"))
    size = 33 * 1024
    local result, err = client:request("GET", "/x")
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.matches("32768 bytes", err.message)
  end)

  it("that fails, gives nothing or gives junk is an auth error", function()
    for _, fn in ipairs {
      function() error("no network") end,
      function() return nil, "no network" end,
      function() end,
      function() return 5 end,
      function() return "a\r\nb" end,
    } do
      local client, script = by_function(fn, {})
      local result, err = client:request("GET", "/x")
      assert.is_nil(result)
      assert.equal("auth", err.kind)
      assert.equal(0, #script.requests)
    end
  end)
end)

describe("an answer that is not CDF's", function()
  for name, answer in pairs {
    ["not JSON"] = { status = 202, body = "accepted" },
    ["HTML of a proxy"] = { status = 202, body = "<html>" },
    ["empty"] = { status = 202, body = "" },
    ["truncated"] = { status = 202, body = EXECUTION:sub(1, -10) },
    ["without an id"] = { status = 202, body = '{"status":"RUNNING","workflowExternalId":"foo"}' },
    ["without a status"] = { status = 202, body = '{"id":"a","workflowExternalId":"foo"}' },
    ["an array"] = { status = 202, body = "[]" },
    ["a string"] = { status = 202, body = '"x"' },
    ["invalid UTF-8"] = { status = 202, body = '{"id":"\255"}' },
    ["with a BOM"] = { status = 202, body = "\239\187\191" .. EXECUTION },
  } do
    it("leaves a run in doubt, with status and request id: " .. name, function()
      answer.headers = { ["X-Request-ID"] = "r-5" }
      local execution, err, script = run_with_nonce { answer }
      assert.is_nil(execution)
      assert.equal("ambiguous", err.kind)
      assert.matches("the answer with 202 cannot be used: ", err.message, 1, true)
      assert.equal(202, err.status)
      assert.equal("r-5", err.requestId)
      assert.equal(1, #script.requests)
    end)
  end

  it("is too large for a run, which may have been carried out", function()
    local _, err = run_with_nonce({ { status = 202, body = ("x"):rep(2000) } }, nil, { max_response_size = 1000 })
    assert.equal("ambiguous", err.kind)
    assert.matches("the answer is larger than max_response_size", err.message, 1, true)
  end)

  it("is too large", function()
    local client = static({ { status = 200, body = ("x"):rep(1001) } }, { max_response_size = 1000 })
    local result, err = client:request("GET", "/x")
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
  end)

  it("is a redirect, which is never followed", function()
    local client, script = static { { status = 307, headers = { location = "https://elsewhere.example/" }, body = "" } }
    local _, err = client:request("GET", "/x")
    assert.equal("protocol", err.kind)
    assert.equal(307, err.status)
    assert.equal(1, #script.requests)
  end)
end)

describe("an error of CDF", function()
  it("is passed on as it was said", function()
    local client = static {
      {
        status = 409,
        headers = { ["x-request-id"] = "r" },
        body = '{"error":{"code":409,"message":"dup","duplicated":[{"externalId":"a"}],'
          .. '"missing":[{"id":1}],"extra":{"hint":"h"}}}',
      },
    }
    local _, err = client:request("GET", "/x")
    assert.same({ { externalId = "a" } }, err.duplicated)
    assert.same({ { id = 1 } }, err.missing)
    assert.same({ hint = "h" }, err.extra)
    assert.equal(409, err.code)
    assert.equal("GET /x was answered with 409: dup (api, request id r)", tostring(err))
  end)

  it("may be a text, or nothing at all", function()
    local client = static {
      { status = 400, body = '{"error":"plain words"}' },
      { status = 400, body = "<h1>secret page</h1>" },
      { status = 403, body = "[]" },
    }
    assert.matches("plain words", select(2, client:request("GET", "/x")).message)
    assert.is_nil(select(2, client:request("GET", "/x")).message:match("secret page"))
    assert.equal(403, select(2, client:request("GET", "/x")).status)
  end)

  it("is one line, however it was written", function()
    local client = static { { status = 400, body = '{"error":{"message":"a\\nb\\u0000c ' .. ("x"):rep(5000) .. '"}}' } }
    local _, err = client:request("GET", "/x")
    assert.is_nil(tostring(err):find("[%c]"))
    assert.is_true(#tostring(err) < 1200)
  end)

  it("never shows a secret, even one that CDF repeats", function()
    local echo = "token-1 nonce-1 " .. SECRET:gsub('"', '\\"')
    local client = client_with {
      TOKEN,
      SESSION,
      {
        status = 400,
        headers = { ["x-request-id"] = "token-1" },
        body = '{"error":{"code":"nonce-1","message":"'
          .. echo
          .. '","missing":[{"a":"'
          .. echo
          .. '"}],"extra":{"token-1":1,"x":{"y":["\\u0000'
          .. echo
          .. '"]}}}}',
      },
      status(500),
    }
    local _, err = client:run("foo", "1")
    local seen = tostring(err) .. core.encode({ err.code, err.missing, err.requestId, err.extra })
    for _, secret in ipairs { "token-1", "nonce-1", SECRET, "s3cr3t" } do
      assert.is_nil(seen:find(secret, 1, true), secret)
    end
  end)
end)

--- Whoever is refused is told which field, and which limit.
local function assert_invalid(err)
  assert.equal("invalid", err.kind)
  assert.equal("string", type(err.field))
  assert.is_not_nil(err.limit, err.field)
  assert.equal(1, err.message:find(err.field, 1, true), err.message)
end

describe("values that CDF would refuse", function()
  local function refused(run_options, workflow, version)
    local client, script = static {}
    local result, err = client:run(workflow or "foo", version or "1", run_options)
    assert.is_nil(result)
    assert_invalid(err)
    assert.equal(0, #script.requests)
    return err.message
  end

  it("are named with field and limit", function()
    assert.matches("^workflow_external_id .*255", refused(nil, ("x"):rep(256)))
    assert.matches("^version .*white space", refused(nil, "foo", " 1"))
    assert.matches("^version ", refused(nil, "foo", ".."))
    assert.matches("^workflow_external_id .*NUL", refused(nil, "a\0b"))
    assert.matches("^workflow_external_id is empty", refused(nil, ""))
  end)

  it("of metadata", function()
    local eleven = {}
    for i = 1, 11 do
      eleven["k" .. i] = "v"
    end
    assert.matches("11 pairs.*at most 10", refused { metadata = eleven })
    assert.matches("32 characters", refused { metadata = { [("k"):rep(33)] = "v" } })
    assert.matches("metadata%.k is longer than 255", refused { metadata = { k = ("\195\164"):rep(256) } })
    assert.matches("must be a string, not number", refused { metadata = { k = 1 } })
    assert.matches("no string but a number", refused { metadata = { "v" } })
    assert.matches("UTF%-8", refused { metadata = { k = "\255" } })
  end)

  it("of input", function()
    assert.matches("input.*102400", refused { input = { a = ("x"):rep(102400) } })
    assert.matches("^input%.sensors%[3%]%.value", refused { input = { sensors = { 1, 2, { value = 0 / 0 } } } })
    assert.matches("^input", refused { input = { math.huge } })
    assert.matches("^input%.f", refused { input = { f = print } })
    assert.matches("^input must be a JSON object", refused { input = { 1, 2 } })
    assert.matches("^input", refused { input = { 1, a = 2 } })
    assert.matches("^input", refused { input = { a = { [1] = 1, [3] = 3 } } })
    assert.matches("^input%.s", refused { input = { s = "\255" } })
    local cycle = {}
    cycle.me = cycle
    assert.matches("^input", refused { input = cycle })
    local deep = {}
    for _ = 1, 200 do
      deep = { d = deep }
    end
    assert.matches("^input", refused { input = deep })
  end)

  it("just within the limits are sent", function()
    local client, script = static { SESSION, { status = 202, body = (EXECUTION:gsub("foo", ("x"):rep(255))) } }
    local metadata = {}
    for i = 1, 10 do
      metadata[("k"):rep(31) .. (i % 10)] = ("\195\164"):rep(255)
    end
    assert(client:run(("x"):rep(255), "1", { metadata = metadata, input = { a = ("x"):rep(102400 - 8) } }))
    assert.equal(102400, #script.requests[2].body:match('"input":(.-),"metadata"'))
  end)

  it("of the client and its credentials", function()
    local credentials = assert(cdf.credentials { token = "t" })
    for field, value in pairs {
      project = "a\r\nb ",
      base_url = "http://cdf.example",
      client_name = "x\r\nEvil: y",
      cluster = "evil.example/",
    } do
      local opts = { project = "p", credentials = credentials, base_url = "https://cdf.example" }
      if field == "cluster" then opts.base_url = nil end
      opts[field] = value
      local client, err = cdf.client(opts)
      assert.is_nil(client, field)
      assert_invalid(err)
      assert.matches(field, err.message)
    end
    for _, opts in ipairs {
      { token = "a\nb" },
      { token = "" },
      { client_id = "a", client_secret = "b", token_url = "http://idp.example" },
      { client_id = "a", client_secret = "b", token_url = "https://idp.example", scopes = "a\r\nb" },
      { client_id = "a\0", client_secret = "b", token_url = "https://idp.example" },
      { client_id = "a", client_secret = "\255", token_url = "https://idp.example" },
      { client_id = "a", client_secret = "b", tenant_id = ".." },
    } do
      local made, err = cdf.credentials(opts)
      assert.is_nil(made)
      assert_invalid(err)
    end
  end)
end)

describe("mistakes in the program", function()
  it("raise", function()
    local client = static {}
    for _, mistake in ipairs {
      function() client:run(nil, "1") end,
      function() client:run("foo", {}) end,
      function() client:run("foo", "1", { inptu = {} }) end,
      function() client:run("foo", "1", { input = "text" }) end,
      function() client:run("foo", "1", { metadata = "text" }) end,
      function() client:run("foo", "1", { timeout = 0 }) end,
      function() client:run("foo", "1", { timeout = 0 / 0 }) end,
      function() client:run("foo", "1", { session = "none" }) end,
      function() client:run("foo", "1", { client_credentials = "x" }) end,
      function() client:run("foo", "1", { client_credentials = { client_id = "a" } }) end,
      function() client:run("foo", "1", { nonce = 5 }) end,
      function() client:request("HEAD", "/x") end,
      function() client:request("GET", 5) end,
      function() cdf.client {} end,
      function() cdf.client { project = "p", cluster = "c", credentials = "t" } end,
      function()
        local credentials = cdf.credentials { token = "t" }
        cdf.client { project = "p", cluster = "c", base_url = "https://x", credentials = credentials }
      end,
      function() cdf.client { project = 5, cluster = "c", credentials = cdf.credentials { token = "t" } } end,
      function()
        cdf.client { project = "p", cluster = "c", credentials = cdf.credentials { token = "t" }, timeout = -1 }
      end,
      function()
        cdf.client { project = "p", cluster = "c", credentials = cdf.credentials { token = "t" }, on_event = 1 }
      end,
      function() cdf.credentials {} end,
      function() cdf.credentials { token = "a", client_id = "b" } end,
      function() cdf.credentials { client_id = "a" } end,
      function() cdf.credentials { client_id = "a", client_secret = "b" } end,
      function() cdf.credentials { token = 5 } end,
      function() cdf.credentials { tokn = "x" } end,
    } do
      assert.has_error(mistake)
    end
  end)

  it("after close raise, and closing twice is none", function()
    local client = static {}
    client:close()
    client:close()
    assert.error_matches(function() client:run("foo", "1") end, "client:run: this cdfworkflow client is closed")
  end)
end)

describe("paths of other endpoints", function()
  it("are refused when they could mean another place", function()
    local client, script = static {}
    for _, path in ipairs { "x", "/a b", "/a#b", "/\195\164", "/a/../b", "/..", "/a/./b", "/a\r\nb",
      "/%2e%2e/b", "/a/%2E", "/a/.%2e?x" } do
      local result, err = client:request("GET", path)
      assert.is_nil(result, path)
      assert_invalid(err)
    end
    assert.equal(0, #script.requests)
  end)

  it("take a query, headers of the caller's and another API version", function()
    local client, script = static { { status = 200, body = "{}" } }
    assert(
      client:request(
        "GET",
        "/x",
        nil,
        { query = { b = "ä +", a = 1, c = true }, headers = { ["cdf-version"] = "20230101-beta", ["X-Extra"] = "yes" } }
      )
    )
    assert.matches("/x%?a=1&b=%%C3%%A4%+%%2B&c=true$", script.requests[1].url)
    assert.equal("20230101-beta", script.requests[1].headers["cdf-version"])
    assert.equal("yes", script.requests[1].headers["x-extra"])
    for _, odd in ipairs { 0 / 0, math.huge, {}, print } do
      assert.is_false(pcall(client.request, client, "GET", "/x", nil, { query = { a = odd } }))
    end
    for name, value in pairs { Authorization = "x", ["a b"] = "x", ["X-A"] = "a\r\nb", ["content-length"] = "5" } do
      local _, err = client:request("GET", "/x", nil, { headers = { [name] = value } })
      assert_invalid(err)
    end
  end)
end)

describe("what a caller gives", function()
  it("joins a query that the path has already", function()
    local client, script = static { { status = 200, body = "{}" } }
    assert(client:request("GET", "/x?a=1", nil, { query = { b = 2 } }))
    assert.matches("/x%?a=1&b=2$", script.requests[1].url)
  end)

  it("takes the place of the library's own headers, in that request only", function()
    local client = assert(core.client {
      project = "p", base_url = "https://cdf.example", credentials = assert(cdf.credentials { token = "t" }),
    })
    local given = { ["User-Agent"] = "mine", accept = "text/csv", ["X-CDP-App"] = "mine" }
    local call = core.request(client, "POST", "/x", {}, { headers = given, nonce_in = "nonce" })
    local _, session = call:step("start", 1)
    assert.matches("^cdfworkflow/", session.headers["User-Agent"])
    assert.equal("20230101", session.headers["cdf-version"])
    local _, request = call:step("answer", 1, 1, { status = 200, body = SESSION.body })
    local seen = {}
    for name, value in pairs(request.headers) do
      assert.is_nil(seen[name:lower()], name)
      seen[name:lower()] = value
    end
    assert.same({ "mine", "text/csv", "mine" }, { seen["user-agent"], seen.accept, seen["x-cdp-app"] })
  end)

  it("names versions by whole numbers exactly, or not at all", function()
    local exact, digits = 2 ^ 53, "9007199254740992"
    if math.type then exact, digits = math.maxinteger, "9223372036854775807" end -- luacheck: ignore 143
    local client, script = static { ACCEPTED }
    client:run("foo", exact, { nonce = "n" })
    assert.matches("/versions/" .. digits .. "/", script.requests[1].path, 1, true)
    assert.equal(digits, core.identifier("version", exact))
    assert.is_false(pcall(client.run, client, "foo", 2 ^ 53 + 2, { nonce = "n" }))
    assert.equal(1, #script.requests)
  end)

  it("may come from metamethods that leave nothing behind", function()
    local client = static {}
    local made = setmetatable({}, { __index = function(_, name)
      if name == "session" then return ("tohseno"):reverse() end
      if name ~= "client_credentials" then return nil end
      collectgarbage()
      collectgarbage()
      return { client_id = "a", client_secret = "b" }
    end })
    local ok, message = pcall(core.run, client.core, "foo", "1", made)
    assert.is_false(ok)
    assert.matches('session = "oneshot"', message, 1, true)
  end)

  it("of a token's end is a number, or the token is none", function()
    for _, odd in ipairs { "soon", true, {} } do
      local function give() return "t", odd end
      local client = client_with({}, { credentials = assert(cdf.credentials { token = give }) })
      local result, err = client:request("GET", "/x")
      assert.is_nil(result)
      assert.equal("auth", err.kind)
    end
  end)

  it("steps no upload with a token", function()
    local client = static {}
    for event, value in pairs { token = "t", token_failed = "no" } do
      local call = core.upload(client.core, "https://up.example/", "bytes")
      call:step("start", 1)
      assert.is_false(pcall(call.step, call, event, 2, value))
    end
  end)
end)

describe("tostring", function()
  it("of everything shows no secret", function()
    local credentials =
      assert(cdf.credentials { client_id = "svc", client_secret = SECRET, token_url = "https://idp.example/" })
    assert.equal("cdfworkflow.credentials: client credentials, client id svc", tostring(credentials))
    assert.equal("cdfworkflow.credentials: token", tostring(cdf.credentials { token = "top-secret" }))
    local requests = {}
    local client, script = client_with { TOKEN, SESSION, ACCEPTED }
    local http = script.http
    function script:http(request)
      requests[#requests + 1] = tostring(request)
      return http(self, request)
    end
    assert(client:run("foo", "1"))
    local all = tostring(client) .. tostring(client.core) .. table.concat(requests)
    for _, secret in ipairs { "s3cr3t", "token-1", "nonce-1" } do
      assert.is_nil(all:find(secret, 1, true))
    end
  end)
end)

describe("on_event", function()
  it("is told of requests, answers and retries, and of no secret", function()
    local events = {}
    local client = client_with(
      { TOKEN, SESSION, status(503), ACCEPTED },
      { on_event = function(event) events[#events + 1] = event end }
    )
    assert(client:run("foo", "1"))
    local types = {}
    for i, event in ipairs(events) do
      types[i] = event.type
    end
    assert.same(
      { "request", "response", "request", "response", "request", "response", "retry", "request", "response" },
      types
    )
    local all = core.encode(events)
    for _, secret in ipairs { "s3cr3t", "token-1", "nonce-1" } do
      assert.is_nil(all:find(secret, 1, true))
    end
  end)
end)
