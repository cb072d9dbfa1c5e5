-- SPDX-License-Identifier: Apache-2.0
-- Calls that may have been carried out: a run with a request_id, found again, and a retry of an execution.

local core = require "cdfworkflow.core"
local scripted = require "scripted_calls"

local TOKEN, SESSION, SESSION_2 = scripted.TOKEN, scripted.SESSION, scripted.SESSION_2
local EXECUTION, ACCEPTED, LOST = scripted.EXECUTION, scripted.ACCEPTED, scripted.LOST
local UNREACHABLE, RUN = scripted.UNREACHABLE, scripted.RUN
local status, client_with, static = scripted.status, scripted.client_with, scripted.static

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
