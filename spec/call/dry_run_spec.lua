-- SPDX-License-Identifier: Apache-2.0
-- dry_run = true: the very requests that would be sent, and not one of them sent.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local SECRET, BASE = "s3cr3t-of-mine", "https://westeurope-1.cognitedata.com"
local TOKEN = { status = 200, body = '{"access_token":"t0k3n-of-theirs","expires_in":3600}' }
local SESSION = { status = 200, body = '{"items":[{"id":1,"nonce":"n0nc3-of-theirs","status":"READY"}]}' }
local EXECUTION = {
  status = 202, body = '{"id":"059edaa4-a17b-4102-803d-03f9f4f9a9fb","workflowExternalId":"a b","status":"RUNNING"}',
}

local function client(answers, credentials, on_event)
  local script = Script.new(answers)
  return assert(cdf.client {
    project = "p", cluster = "westeurope-1", transport = script, on_event = on_event,
    credentials = assert(cdf.credentials(credentials
      or { tenant_id = "tenant", client_id = "me", client_secret = SECRET })),
  }), script
end

local function as_json(value) return assert(core.encode(value)) end

local function lines(requests)
  local list = {}
  for i, request in ipairs(requests) do list[i] = request.method .. " " .. request.url end
  return list
end

describe("dry_run", function()
  local RUN = { input = { site = "north", days = { 1, 2 } }, metadata = { by = "me" }, request_id = "order-1" }

  local function rehearsed(c)
    local options = { dry_run = true }
    for name, value in pairs(RUN) do options[name] = value end
    return assert(c:run("a b", "1/2", options))
  end

  it("gives the requests of a run, redacted as events are, and sends none", function()
    local c, script = client {}
    local requests = rehearsed(c)
    assert.same({
      "POST https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
      "POST " .. BASE .. "/api/v1/projects/p/sessions",
      "POST " .. BASE .. "/api/v1/projects/p/workflows/a%20b/versions/1%2F2/run",
    }, lines(requests))
    assert.equal(0, #script.requests)
    assert.equal("[redacted]", requests[3].headers.Authorization)
    assert.equal("20230101", requests[3].headers["cdf-version"])
    assert.same({
      authentication = { nonce = "[redacted]" }, input = { site = "north", days = { 1, 2 } },
      metadata = { by = "me", ["cdfworkflow.requestId"] = "order-1" },
    }, (core.decode(requests[3].body)))
    assert.same({ items = { { clientId = "me", clientSecret = "[redacted]" } } }, (core.decode(requests[2].body)))
    assert.is_nil(as_json(requests):find(SECRET, 1, true))
  end)

  it("gives what events tell of the real run, to the byte", function()
    local events = {}
    local c = client({ TOKEN, SESSION, EXECUTION }, nil, function(event)
      if event.type ~= "request" then return end
      event.type, event.phase = nil, nil
      events[#events + 1] = event
    end)
    local requests = rehearsed(c)
    assert.equal(0, #events) -- nobody is told of what is not sent
    assert(c:run("a b", "1/2", RUN))
    for i, event in ipairs(events) do
      assert.same(event.headers, requests[i].headers)
      assert.same(core.decode(event.body) or event.body, core.decode(requests[i].body) or requests[i].body)
    end
    assert.equal(3, #events)
  end)

  it("leaves the options as they were: a second call with them sends nothing either", function()
    local c, script = client {}
    local options = { dry_run = true }
    local trigger = { externalId = "t", workflowExternalId = "w", workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = "0 * * * *" } }
    local schedule = { workflow_external_id = "w", version = "1", cron = "0 * * * *", dry_run = true }
    for _ = 1, 2 do
      assert.equal(3, #assert(c:run("a b", "1", options)))
      assert.equal(3, #assert(c.workflows.executions:run("a b", "1", options)))
      assert.equal(3, #assert(c.workflows.triggers:upsert(trigger, options)))
      assert.equal(3, #assert(c:schedule(schedule)))
    end
    assert.same({ dry_run = true }, options)
    assert.equal(0, #script.requests)
  end)

  it("leaves the client as it was: its next call signs in", function()
    local c, script = client { TOKEN, SESSION, EXECUTION }
    rehearsed(c)
    assert(c:run("a b", "1", {}))
    assert.equal("Bearer t0k3n-of-theirs", script.requests[3].headers.authorization)
  end)

  it("asks no token function, and no token store", function()
    local c = client({}, { token = function() error "asked" end })
    c.token_store = setmetatable({}, { __index = function() error "asked" end })
    assert.same({ "POST " .. BASE .. "/api/v1/projects/p/sessions" , "POST " .. BASE
      .. "/api/v1/projects/p/workflows/w/versions/1/run" }, lines(assert(c:run("w", "1", { dry_run = true }))))
    assert.equal('{"items":[{"tokenExchange":true}]}', (c:run("w", "1", { dry_run = true }))[1].body)
  end)

  it("refuses what the call would refuse", function()
    local c = client {}
    local requests, err = c:run("w", "1", { dry_run = true, metadata = { note = ("x"):rep(300) } })
    assert.is_nil(requests)
    assert.equal("invalid", err.kind)
    assert.matches("dry_run_spec.lua:%d+: client:run: dry_run: expected true or false, got a string",
      select(2, pcall(function() c:run("w", "1", { dry_run = "yes" }) end)))
    assert.matches("unknown option \"dry_runs\"; did you mean \"dry_run\"", select(2, pcall(function()
      c:run("w", "1", { dry_runs = true })
    end)))
  end)

  it("false is as if it were not there", function()
    local c, script = client { TOKEN, SESSION, EXECUTION }
    assert.equal("RUNNING", assert(c:run("a b", "1", { dry_run = false })).status)
    assert.equal(3, #script.requests)
  end)

  it("is taken by triggers:upsert and client:schedule", function()
    local c, script = client {}
    local by_upsert = assert(c.workflows.triggers:upsert({
      externalId = "t", triggerRule = { triggerType = "schedule", cronExpression = "0 6 * * *" },
      workflowExternalId = "w", workflowVersion = "1",
    }, { dry_run = true }))
    local by_schedule = assert(c:schedule {
      name = "t", workflow_external_id = "w", version = "1", cron = "0 6 * * *", dry_run = true,
    })
    assert.equal("POST " .. BASE .. "/api/v1/projects/p/workflows/triggers", lines(by_upsert)[3])
    assert.same(lines(by_upsert), lines(by_schedule))
    assert.same((core.decode(by_upsert[3].body)), (core.decode(by_schedule[3].body)))
    assert.equal(0, #script.requests)
  end)

  it("of a schedule by function ends in the schedule", function()
    local c, script = client {}
    local requests = assert(c:schedule {
      workflow_external_id = "w", version = "1", cron = "0 6 * * *", via = "function", dry_run = true,
      client_credentials = { client_id = "runner", client_secret = "s3cr3t-of-runner" },
    })
    assert.equal("POST " .. BASE .. "/api/v1/projects/p/functions/schedules", lines(requests)[#requests])
    assert.matches('"workflow%-external%-id":"w"', requests[#requests].body)
    assert.is_nil(as_json(requests):find("s3cr3t", 1, true))
    assert.equal(0, #script.requests)
  end)
end)
