-- SPDX-License-Identifier: Apache-2.0
-- Between a client and CDF stand balancers and proxies that answer in CDF's place, and clocks that differ (CDF.md
-- section 20). What was seen to break there, each by its own world: the promises hold whoever answers.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local unreliable = require "unreliable"

local ENVOY = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
local real_time = core.time

after_each(function() core.time = real_time end)

--- CDF carries the request out, and a balancer answers in its place.
local function instead(status, body)
  return function(network, request, kind)
    unreliable.handle(network, request, kind)
    return { status = status, headers = {}, body = body or "<html><h1>" .. status .. "</h1></html>" }
  end
end

--- The request goes no further; a proxy answers.
local function kept(status)
  return function() return { status = status, headers = {}, body = "<html>not allowed here</html>" } end
end

local function by_cdf(status)
  return function()
    return { status = status, headers = {}, body = ('{"error":{"code":%d,"message":"no"}}'):format(status) }
  end
end

--- Nothing answers for so long, from the first request after it on.
local function outage(seconds)
  local ends
  return function(network, request, kind)
    ends = ends or network:now() + seconds
    if network:now() < ends then return { failure = "connect", sent = false, message = "refused" } end
    return unreliable.handle(network, request, kind)
  end
end

--- A world whose requests of each kind meet those faults one after the other, and a run of it.
local function world_with(faults, client_options, options)
  options = options or {}
  options.random, options.faults, options.client = unreliable.random(1), faults, client_options
  return unreliable.world(options)
end

local function run(w, opts) return w.client:run("w", "1", opts) end

local function starts(w)
  w.network:settle()
  local count = 0
  for _ in pairs(unreliable.executions(w.sim)) do count = count + 1 end
  return count
end

local function revoked(w)
  local count = 0
  for _, session in pairs(w.sim.projects["my-project"].state.sessions) do
    if session.status == "REVOKED" then count = count + 1 end
  end
  return count
end

describe("a balancer's 503 after the request was passed on", function()
  it("followed by an outage of 55 s starts a run with a request_id once", function()
    for timeout = 60, 600, 45 do
      for seed = 1, 8 do
        local w = world_with({ run = { instead(503, ENVOY) }, list = outage(55) }, { timeout = timeout },
          { lag = seed })
        local execution, err = run(w, { request_id = "r" })
        assert.equal(1, starts(w), timeout)
        assert.is_true(execution ~= nil or err.kind == "ambiguous", tostring(err))
        if timeout > 60 then assert(execution, err) end
      end
    end
  end)

  it("is looked for at once, and found", function()
    local w = world_with { run = { instead(503, ENVOY) } }
    assert(run(w, { request_id = "r" }))
    assert.equal(1, w.network.sent.run)
    assert.equal(1, starts(w))
  end)

  it("leaves a run without a request_id ambiguous, not refused", function()
    local w = world_with { run = { instead(503, ENVOY) } }
    local execution, err = run(w)
    assert.is_nil(execution)
    assert.equal("ambiguous", err.kind)
    assert.matches("answered with 503, but not by CDF", err.message, 1, true)
    assert.equal(1, w.network.sent.run)
  end)
end)

describe("clocks that differ by a quarter of an hour", function()
  for _, skew in ipairs { -890, -63, 63, 890 } do
    for _, front in ipairs { -890, 63, 890 } do
      it(("find the run: this machine %+d s, CDF's Date %+d s"):format(skew, front), function()
        local w = world_with({ run = { "answer_lost" } }, { timeout = 200 }, { skew = skew, dated = true })
        local http = w.network.http
        w.network.http = function(self, request)
          local response = http(self, request)
          if response.headers then
            response.headers.date = os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(self:now() + front))
          end
          return response
        end
        assert(run(w, { request_id = "r" }))
        assert.equal(1, w.network.sent.run)
        assert.equal(1, starts(w))
      end)
    end
  end
end)

describe("a page in CDF's place after the run was started", function()
  for _, status in ipairs { 408, 499, 500, 502, 504, 520, 524, 302 } do
    it(("leaves it alone, and its session: %d"):format(status), function()
      local w = world_with { run = { instead(status), instead(status) } }
      assert(run(w, { request_id = "r" }))
      local _, err = run(w)
      assert.equal("ambiguous", err.kind)
      assert.equal(status, err.status)
      assert.equal(2, w.network.sent.run)
      assert.equal(0, revoked(w))
      assert.equal(2, starts(w))
    end)
  end
end)

describe("a proxy that refuses", function()
  it("is told from CDF, cannot be tried again, and costs no session", function()
    local w = world_with { run = { kept(403) } }
    local _, err = run(w)
    assert.equal("api", err.kind)
    assert.is_false(err.retryable)
    assert.equal("POST /workflows/w/versions/1/run was answered with 403, but not by CDF: something in between said so",
      err.message)
    assert.equal(0, revoked(w))
    assert.equal(1, w.network.sent.run)
  end)

  it("is not taken for a want of rights", function()
    local _, err = run(world_with { session = { kept(403) } })
    assert.equal("POST /sessions was answered with 403, but not by CDF: something in between said so", err.message)
    _, err = run(world_with { session = { by_cdf(403) } })
    assert.equal("POST /sessions was answered with 403: no; the credentials need the capability sessionsAcl CREATE",
      err.message)
  end)

  it("is believed where there is a request_id only after a look has found nothing", function()
    local w = world_with({ run = { kept(403) } }, { timeout = 60 })
    local began = w.network:now()
    local _, err = run(w, { request_id = "r" })
    assert.equal("api", err.kind)
    assert.equal(403, err.status)
    assert.matches("but not by CDF", err.message, 1, true)
    assert.is_true(w.network:now() - began < 15)
    assert.equal(0, starts(w))
    assert.equal(0, revoked(w))
  end)

  it("is not believed where the run is there", function()
    local w = world_with({ run = { instead(404) } }, { timeout = 60 }, { lag = 8 })
    assert(run(w, { request_id = "r" }))
    assert.equal(1, starts(w))
  end)

  it("is believed at once where looking is refused, and at the deadline", function()
    for _, looks in ipairs { { by_cdf(403) }, outage(99) } do
      local w = world_with({ run = { kept(403) }, list = looks }, { timeout = 30 })
      local _, err = run(w, { request_id = "r" })
      assert.equal("api", err.kind)
      assert.matches("answered with 403, but not by CDF", err.message, 1, true)
    end
  end)
end)

describe("a lost answer to what needs a nonce and is safe to repeat", function()
  local TRIGGER = {
    externalId = "t", workflowExternalId = "w", workflowVersion = "1",
    triggerRule = { triggerType = "schedule", cronExpression = "0 6 * * *" },
  }
  --- `before`: the request itself is lost, not the answer.
  local function world_that_loses_an_upsert(before)
    local events, lost = {}, false
    local function lose(network, request, kind)
      local hit = not lost and request.method == "POST" and request.url:find "/workflows/triggers$"
      local answer = not (hit and before) and unreliable.handle(network, request, kind)
      if not hit then return answer end
      lost = true
      return { failure = "receive", sent = true, message = "reset" }
    end
    return world_with({ other = lose }, { on_event = function(event) events[#events + 1] = event end }), events
  end

  it("is repeated with a fresh session: triggers:upsert", function()
    local w, events = world_that_loses_an_upsert()
    assert.equal("t", assert(w.client.workflows.triggers:upsert(TRIGGER)).externalId)
    assert.equal(2, w.network.sent.session)
    assert.equal(0, revoked(w))
    local surplus
    for _, event in ipairs(events) do surplus = event.type == "surplus_session" and event or surplus end
    assert.is_number(surplus.id)
  end)

  it("is repeated with a fresh session: client:schedule", function()
    local w = world_that_loses_an_upsert()
    local schedule = assert(w.client:schedule { workflow_external_id = "w", version = "1", cron = "0 6 * * *" })
    assert.equal("trigger", schedule.via)
    assert.equal(1, #assert(w.client:schedules { via = "trigger" }))
  end)

  it("is read back where the nonce is the caller's own", function()
    local w = world_that_loses_an_upsert()
    local session = assert(w.client.sessions:create())
    assert.equal("t", assert(w.client.workflows.triggers:upsert(TRIGGER, { nonce = session.nonce })).externalId)
    assert.equal(1, w.network.sent.session)
  end)

  it("is sent again where the nonce is the caller's own and the request was lost", function()
    local w = world_that_loses_an_upsert(true)
    assert(w.quiet.workflows.triggers:upsert(TRIGGER))
    w.network:sleep(5)
    local session = assert(w.client.sessions:create())
    local trigger = assert(w.client.workflows.triggers:upsert(TRIGGER, { nonce = session.nonce }))
    assert.is_true(trigger.lastUpdatedTime > trigger.createdTime)
  end)

  it("is ambiguous, and harmless to repeat, where its repeat is refused", function()
    local w = world_that_loses_an_upsert()
    local http, upserts = w.network.http, 0
    function w.network:http(request)
      local is_upsert = request.method == "POST" and request.url:find "/workflows/triggers$"
      upserts = upserts + (is_upsert and 1 or 0)
      return upserts > 1 and is_upsert and by_cdf(403)() or http(self, request)
    end
    local _, err = w.client.workflows.triggers:upsert(TRIGGER)
    assert.equal("ambiguous", err.kind)
    assert.equal(403, err.status)
    assert.is_true(err.retryable)
    assert.matches("repeating it does no harm", err.message, 1, true)
    assert.equal(1, revoked(w)) -- the refused one's, not the lost one's
    assert.is_table((w.quiet.workflows.triggers:list())[1])
  end)
end)

describe("a retry with a request_id", function()
  local function failed_execution(w)
    local execution = assert(w.quiet:run("w", "fails"))
    w.network:sleep(1)
    return execution.id
  end

  it("that never arrived, and whose repeat is refused, is not told as done", function()
    for _, refusal in ipairs { by_cdf(400), by_cdf(403), kept(403) } do
      local w = world_with({ retry = { "request_lost", refusal } }, { timeout = 30 })
      local execution, err = w.client.workflows.executions:retry(failed_execution(w), { request_id = "r" })
      local carried_out = w.network.accepted.retry or 0
      assert.equal(execution and 1 or 0, carried_out, tostring(err))
    end
  end)
end)

describe("a token request that hangs", function()
  it("holds nobody longer than half a minute", function()
    local silent = function(network, request)
      network:sleep(request.timeout)
      return { failure = "timeout", sent = true, message = "no answer" }
    end
    local w = world_with({ token = { silent } }, { timeout = 600 })
    local began = w.network:now()
    assert(run(w))
    assert.is_true(w.network:now() - began < 35, w.network:now() - began)
  end)
end)

describe("a success that cannot be read", function()
  for name, body in pairs { truncated = '{"id":"059edaa4', empty = "", ["a page"] = "<html>" } do
    it("is looked for where there is a request_id: " .. name, function()
      local w = world_with { run = { instead(202, body) } }
      assert(run(w, { request_id = "r" }))
      assert.equal(1, starts(w))
    end)
  end
end)

describe("look_back", function()
  it("makes a second call with the same request_id find what the first one started", function()
    local w = world_with {}
    local first = assert(run(w, { request_id = "r" }))
    local again = assert(run(w, { request_id = "r", look_back = 60 }))
    assert.equal(first.id, again.id)
    assert.equal(1, starts(w))
    assert.equal(1, w.network.sent.session)
  end)

  it("finds it from another process, and whatever became of it", function()
    local w = world_with {}
    local first = assert(run(w, { request_id = "r" }))
    w.network:sleep(7200)
    local again = assert(w.quiet:run("w", "1", { request_id = "r", look_back = 86400 }))
    assert.equal(first.id, again.id)
    assert.not_equal("RUNNING", again.status)
  end)

  it("reaches as far back as it says, and not further than the margin for clocks beyond", function()
    local w = world_with {}
    local first = assert(run(w, { request_id = "r" }))
    w.network:sleep(7200)
    assert.not_equal(first.id, assert(run(w, { request_id = "r", look_back = 3600 })).id)
  end)

  it("starts what is not there, and settles a loss as ever", function()
    local w = world_with({ run = { "answer_lost" } }, { timeout = 200 })
    assert(run(w, { request_id = "r", look_back = 60 }))
    assert.equal(1, starts(w))
    assert.equal(2, w.network.sent.list)
  end)

  it("begins early enough where CDF's clock turns out to be behind this machine's", function()
    local w = world_with({}, nil, { skew = 7200, dated = true })
    local first = assert(run(w, { request_id = "r" }))
    local other = assert(cdf.client {
      project = "my-project", base_url = "https://cdf.example", transport = w.network,
      credentials = assert(cdf.credentials {
        client_id = "client-id", client_secret = "client-secret", token_url = "https://cdf.example/oauth2/token",
      }),
    })
    assert.equal(first.id, assert(other:run("w", "1", { request_id = "r", look_back = 60 })).id)
    assert.equal(1, starts(w))
  end)

  it("sends nothing where looking fails", function()
    local w = world_with({ list = { by_cdf(403) } })
    local execution, err = run(w, { request_id = "r", look_back = 60 })
    assert.is_nil(execution)
    assert.equal("api", err.kind)
    assert.equal(403, err.status)
    assert.is_nil(w.network.sent.run)
  end)

  it("needs a request_id, and a number of seconds", function()
    local w = world_with {}
    assert.has_error(function() return run(w, { look_back = 60 }) end)
    for _, wrong in ipairs { -1, 7948801, "60", 0 / 0 } do
      assert.has_error(function() return run(w, { request_id = "r", look_back = wrong }) end)
    end
    assert(run(w, { request_id = "r", look_back = 0 }))
  end)
end)
