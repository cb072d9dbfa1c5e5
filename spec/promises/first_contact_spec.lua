-- SPDX-License-Identifier: Apache-2.0
-- A server that a client has never reached is most likely a setting that is wrong: the call ends within five seconds,
-- unless its time was given. One that was reached before gets all the time there is.

local cdf = require "cdfworkflow"
local scripted = require "scripted_calls"

local TOKEN, SESSION, ACCEPTED = scripted.TOKEN, scripted.SESSION, scripted.ACCEPTED
local REFUSED = { failure = "connect", sent = false, message = "refused" }
local NAMELESS = { failure = "resolve", sent = false, message = "no such name" }
local PATIENCE = 5 -- seconds

--- First the answers given, then the same for ever.
local function then_always(answers, last)
  return setmetatable(answers, { __index = function() return last end })
end

--- How many seconds a run takes, and its error; the script with its requests.
local function run(answers, opts, run_options)
  local client, script = scripted.client_with(answers, opts)
  local execution, err = client:run("foo", "1", run_options)
  return script.clock - 1000, err, script, execution
end

local function assert_early(took, err, script)
  assert.is_true(took <= PATIENCE and took > PATIENCE - 2, took .. " s")
  assert.is_true(err.never_reached)
  assert.is_true(err.retryable)
  assert.equal("transport", err.kind)
  assert.is_true(#script.requests >= 5, #script.requests .. " requests")
end

describe("a server that was never reached", function()
  for name, trouble in pairs { ["refuses connections"] = REFUSED, ["has no name"] = NAMELESS } do
    it(name .. ": the call ends within five seconds, and says which setting to look at", function()
      for _ = 1, 50 do -- the pauses are spread by chance
        local took, err, script = run(then_always({}, trouble))
        assert_early(took, err, script)
        assert.matches("^the token request to https://idp%.example/token: .*; this client has never reached it, "
          .. "so check token_url$", err.message)
        took, err, script = run(then_always({ TOKEN }, trouble))
        assert_early(took, err, script)
        assert.matches("^POST /sessions: .*; this client has never reached it, so check base_url$", err.message)
      end
    end)
  end

  it("swallows what is sent to it: the call ends after the first attempt", function()
    local silent = { failure = "timeout", sent = false, takes = 10 }
    local took, err, script = run(then_always({}, silent))
    assert.equal(10, took)
    assert.equal("timeout", err.kind)
    assert.is_true(err.never_reached)
    assert.equal(1, #script.requests)
  end)

  it("comes up within the five seconds: all is well", function()
    local took, err, _, execution = run { REFUSED, REFUSED, REFUSED, TOKEN, REFUSED, SESSION, ACCEPTED }
    assert.is_nil(err)
    assert.equal("RUNNING", execution.status)
    assert.is_true(took < PATIENCE, took)
  end)

  it("gets all the time where `timeout` or `max_retries` was given, to the client or to the call", function()
    for _, given in ipairs { { { timeout = 60 } }, { { max_retries = 10 } }, { {}, { timeout = 60 } } } do
      local longest = 0
      for _ = 1, 20 do
        local took, err, script = run(then_always({}, REFUSED), given[1], given[2])
        longest = math.max(longest, took)
        assert.is_nil(err.never_reached)
        assert.is_true(#script.requests == 11 or took > 40, took .. " s")
      end
      assert.is_true(longest > 20, longest .. " s")
    end
  end)

  it("was the trouble of an attempt before, and says so in no other error", function()
    local _, err = run { TOKEN, REFUSED, scripted.status(403) }
    assert.equal(403, err.status)
    assert.is_nil(err.never_reached)
    assert.is_nil(err.message:find("never", 1, true))
  end)
end)

describe("a server that was reached before", function()
  it("gets all the time there is", function()
    local client, script = scripted.client_with(then_always({ TOKEN, SESSION, ACCEPTED }, REFUSED))
    assert(client:run("foo", "1"))
    local longest = 0
    for _ = 1, 2 do
      local begun = script.clock
      local _, err = client:run("foo", "1")
      longest = math.max(longest, script.clock - begun)
      assert.equal("transport", err.kind)
      assert.is_nil(err.never_reached)
      assert.is_nil(err.message:find("never reached", 1, true))
    end
    assert.is_true(longest > PATIENCE, longest)
  end)

  it("has been reached by whatever it answered, or by a connection that broke", function()
    for _, answer in ipairs { { status = 503, body = "" }, { status = 403, body = "" },
      { failure = "receive", sent = true } } do
      local client, script = scripted.client_with(then_always({ TOKEN, answer }, REFUSED), nil)
      client:run("foo", "1")
      local begun, most = script.clock, 0
      for _ = 1, 2 do
        local _, err = client:run("foo", "1")
        assert.is_nil(err.never_reached)
        most = math.max(most, script.clock - begun)
      end
      assert.is_true(most > PATIENCE, most)
    end
  end)

  it("is the identity provider, and says nothing of CDF", function()
    assert_early(run(then_always({ TOKEN }, NAMELESS)))
  end)

  it("is another client's: each has its own", function()
    local first = scripted.client_with { TOKEN, SESSION, ACCEPTED }
    assert(first:run("foo", "1"))
    assert_early(run(then_always({}, REFUSED)))
  end)
end)

describe("waiting for a run", function()
  local ID = "059edaa4-a17a-4102-910e-2c3591500cce"

  it("ends as early where CDF was never reached", function()
    local client, script = scripted.static(then_always({}, NAMELESS))
    local execution, err = client:wait(ID)
    assert.is_nil(execution)
    assert_early(script.clock - 1000, err, script)
    assert.has_error(function() for _ in client:watch(ID) do error "an event" end end)
  end)

  it("goes on for the time that was given to it", function()
    local client, script = scripted.static(then_always({}, NAMELESS))
    local _, err = client:wait(ID, { timeout = 300 })
    assert.is_true(err.waited)
    assert.is_true(script.clock - 1000 >= 300)
  end)

  it("goes on where CDF was reached before", function()
    local running = { status = 200, body = scripted.EXECUTION }
    local answers = { running }
    for i = 2, 40 do answers[i] = REFUSED end
    answers[41] = { status = 200, body = (scripted.EXECUTION:gsub("RUNNING", "COMPLETED")) }
    local client, script = scripted.static(answers)
    assert.equal("COMPLETED", assert(client:wait(ID)).status)
    assert.is_true(script.clock - 1000 > 30)
  end)
end)

describe("an upsert with a nonce of the caller's, which is repeated by hand,", function()
  it("ends as early", function()
    local client, script = scripted.static(then_always({}, REFUSED))
    local _, err = client.workflows.triggers:upsert({ externalId = "t", workflowExternalId = "w", workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = "0 6 * * *" } }, { nonce = "n" })
    assert_early(script.clock - 1000, err, script)
  end)
end)

describe("those who wait for another's token", function()
  --- Two calls of one client: the first fetches a token and gives up; what the second then gets to do.
  local function second_after_first(options)
    local core = require "cdfworkflow.core"
    local client = core.client { project = "p", base_url = "https://cdf.example", credentials = assert(cdf.credentials {
      client_id = "svc", client_secret = "s", token_url = "https://idp.example/token" }) }
    local first, second = core.auth(client), core.auth(client, options)
    first:step("start", 1000)
    assert.equal("join", (second:step("start", 1000)))
    local action, value
    local now = 1000
    repeat
      action, value = first:step("answer", now, 0, REFUSED)
      if action == "sleep" then
        now = now + value
        assert.equal("http", (first:step("woke", now)))
      end
    until action == "error"
    assert.is_true(value.never_reached)
    return second:step("woke", now)
  end

  it("are told that the provider was never reached", function()
    local action, err = second_after_first()
    assert.equal("error", action)
    assert.is_true(err.never_reached)
  end)

  it("see for themselves where they have been given time", function()
    assert.equal("http", (second_after_first { timeout = 300 }))
  end)
end)
