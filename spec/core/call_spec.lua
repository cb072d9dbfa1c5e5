-- SPDX-License-Identifier: Apache-2.0
-- Whole calls without network and clock: token → session → run, retries, deadlines, lost answers.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local scripted = require "scripted_calls"

local SECRET, TOKEN, SESSION, SESSION_2 = scripted.SECRET, scripted.TOKEN, scripted.SESSION, scripted.SESSION_2
local EXECUTION, ACCEPTED = scripted.EXECUTION, scripted.ACCEPTED
local LOST, UNREACHABLE, RUN = scripted.LOST, scripted.UNREACHABLE, scripted.RUN
local status, client_with, static = scripted.status, scripted.client_with, scripted.static
local run_with_nonce = scripted.run_with_nonce

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
