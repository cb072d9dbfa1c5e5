-- SPDX-License-Identifier: Apache-2.0
-- One token for all who wait, renewed in time, and kept while its renewal fails; whatever the clock on the wall does.

local Script = require "script"
local cdf = require "cdfworkflow"
local clock = require "clock"
local core = require "cdfworkflow.core"
local stub_cdf = require "stub_cdf"

local servers = {}
local real_time = core.time

after_each(function()
  core.time = real_time
  for _, server in ipairs(servers) do server:stop() end
  servers = {}
end)

local function serve(behave)
  local server = stub_cdf.serve(behave)
  servers[#servers + 1] = server
  return server
end

--- Makes the same call so many times at once.
local function at_once(count, fn)
  local functions = {}
  for i = 1, count do functions[i] = function() return fn(i) end end
  return cdf.gather((table.unpack or unpack)(functions)) -- luacheck: ignore 113
end

describe("many operations that wait for a token", function()
  it("make one token request", function()
    local server = serve [[
      function behave(kind, plan, answer, connection)
        if kind == "token" then sleep(0.2) end
        send(connection, answer)
      end
    ]]
    local client = server:client "p"
    local results, errors = at_once(50, function() return client:run("w", "1") end)
    assert.is_nil(next(errors))
    assert.equal(50, #results)
    assert.same({ ["token p"] = 1, ["session p"] = 50, ["run p"] = 50 }, server:stop())
  end)

  it("are all told of its failure, after one token request", function()
    local server = serve [[
      function behave(kind, plan, answer, connection)
        sleep(0.2)
        reply(connection, 401, '{"error":"invalid_client","error_description":"wrong"}')
      end
    ]]
    local client = server:client "p"
    local results, errors = at_once(50, function() return client:run("w", "1") end)
    assert.is_nil(next(results))
    for i = 1, 50 do
      assert.equal("auth", errors[i].kind)
      assert.equal("invalid_client", errors[i].code)
    end
    assert.same({ ["token p"] = 1 }, server:stop())
  end)

  it("are not told that another one had no time for it", function()
    local server = serve [[
      function behave(kind, plan, answer, connection)
        if kind == "token" then sleep(1) end
        send(connection, answer)
      end
    ]]
    local client = server:client "p"
    local results, errors = at_once(3, function(i)
      return client:run("w", "1", { timeout = i == 1 and 0.5 or 60 })
    end)
    assert.equal("timeout", errors[1].kind)
    assert.is_table(results[2], tostring(errors[2]))
    assert.is_table(results[3], tostring(errors[3]))
    assert.equal(2, server:stop()["token p"])
  end)

  it("do not wait for its renewal while the old one is good", function()
    local server = serve [[
      function behave(kind, plan, answer, connection)
        if kind ~= "token" then return send(connection, answer) end
        asked = (asked or 0) + 1
        if asked > 1 then sleep(0.4) end
        send(connection, answer_of(kind, '{"access_token":"token-' .. asked .. '","expires_in":3}'))
      end
    ]]
    local client = server:client "p"
    assert(client:auth())
    clock.pass(1.6) -- past half of its life, when it is renewed
    local waits = {}
    local _, errors = at_once(10, function(i)
      local begun = core.now()
      local result, err = client:request("GET", "/x")
      waits[i] = core.now() - begun
      return result, err
    end)
    assert.is_nil(next(errors))
    table.sort(waits)
    assert.is_true(waits[9] < 0.3, "the ninth waited " .. waits[9])
    assert.is_true(waits[10] >= 0.35) -- who renews it waits
    assert.equal(2, server:stop()["token p"])
  end)
end)

local OK = { status = 200, body = "{}" }

--- A client without network whose token requests are answered by `token(i)`, and everything else with {}.
local function scripted(token)
  local tokens = 0
  local script = Script.new(setmetatable({}, { __index = function()
    return function(request)
      if request.path ~= "/token" then return OK end
      tokens = tokens + 1
      return token(tokens)
    end
  end }))
  local client = assert(cdf.client {
    project = "p", base_url = "https://cdf.example", transport = script, max_retries = 0,
    credentials = assert(cdf.credentials {
      client_id = "svc", client_secret = "s", token_url = "https://idp.example/token" }),
  })
  return client, script, function() return tokens end
end

local function token_for(seconds)
  return function(i)
    return { status = 200, body = ('{"access_token":"token-%d","expires_in":%s}'):format(i, seconds) }
  end
end

--- Calls to be stepped by hand.
local function core_client()
  return core.client { project = "p", base_url = "https://cdf.example", max_retries = 0, timeout = 60,
    credentials = assert(cdf.credentials {
      client_id = "svc", client_secret = "s", token_url = "https://idp.example/token" }) }
end

--- Three calls that need a token: the first fetches it, the others wait. `options`: of the first.
local function calls_for_token(options)
  local client, calls = core_client(), {}
  for i = 1, 3 do
    calls[i] = core.request(client, "GET", "/x", nil, i == 1 and options or {})
    assert.equal(i == 1 and "http" or "join", (calls[i]:step("start", 100)))
  end
  return (table.unpack or unpack)(calls) -- luacheck: ignore 113
end

local function answer(code, body) return { status = code, headers = {}, body = body or "" } end

local BROKEN, FRESH = answer(500), answer(200, '{"access_token":"t1","expires_in":3600}')

describe("a call that waits for another's token", function()
  it("learns whether trying again can help", function()
    for code, retryable in pairs { [503] = true, [400] = false } do
      local first, second = calls_for_token()
      local _, own = first:step("answer", 101, 1e9, answer(code))
      local _, told = second:step("woke", 101.01)
      assert.same({ retryable, retryable }, { own.retryable, told.retryable })
      assert.equal(own.message, told.message)
    end
  end)

  it("fetches one itself where the other was cancelled, or had no time for another try", function()
    for _, ending in ipairs { { failure = "cancelled", sent = true }, answer(503) } do
      local first, second = calls_for_token { timeout = 1 }
      assert.equal("error", (first:step("answer", 101 - 1e-9, 1e9, ending)))
      local action, _, phase = second:step("woke", 101)
      assert.same({ "http", "token" }, { action, phase })
    end
  end)

  it("waits for one that hangs half a minute at most, whatever time there is", function()
    for timeout, most in pairs { [10] = 10, [60] = 30, [600] = 30 } do
      local call = core.request(core_client(), "GET", "/x", nil, { timeout = timeout })
      local _, request = call:step("start", 100)
      assert.is_true(math.abs(request.timeout - most) < 0.01, request.timeout)
    end
  end)

  it("is not ended by the late failure of one who has been replaced", function()
    local first, second, third = calls_for_token()
    assert.equal("http", (second:step("woke", 115.1)))
    assert.equal("error", (first:step("answer", 116, 1e9, BROKEN)))
    assert.equal("join", (third:step("woke", 116.1)))
    second:step("answer", 117, 1e9, FRESH)
    local action, _, phase = third:step("woke", 117.1)
    assert.same({ "http", "call" }, { action, phase })
  end)

  it("takes a token that is there, whoever failed meanwhile", function()
    local first, second, third = calls_for_token()
    assert.equal("http", (second:step("woke", 115.1)))
    second:step("answer", 116, 1e9, FRESH)
    first:step("answer", 116.1, 1e9, BROKEN)
    local action, _, phase = third:step("woke", 116.2)
    assert.same({ "http", "call" }, { action, phase })
  end)
end)

describe("a 401", function()
  it("for a token that has been replaced meanwhile costs no third one", function()
    local client = core_client()
    local first, second = core.request(client, "GET", "/x", nil, {}), core.request(client, "GET", "/x", nil, {})
    local function take(call, code, body)
      local action, _, phase = call:step("answer", 1, 1e9, answer(code, body or "{}"))
      return action .. " " .. phase
    end
    first:step("start", 1)
    assert.equal("http call", take(first, 200, FRESH.body))
    assert.equal("http", (second:step("start", 1)))
    assert.equal("http token", take(first, 401))
    assert.equal("http call", take(first, 200, FRESH.body))
    assert.equal("http call", take(second, 401))
    assert.equal("done call", take(second, 200))
    assert.equal("done call", take(first, 200))
  end)
end)

describe("a call that looks for its lost run, and has no token to look with", function()
  it("lets those who waited for its token see for themselves why there is none", function()
    local client = core_client()
    local lost, other = core.run(client, "w", "1", { request_id = "r" }), core.request(client, "GET", "/x", nil, {})
    assert.equal("http", (lost:step("start", 0)))
    lost:step("answer", 0, 1e9, answer(200, '{"access_token":"t","expires_in":10}'))
    lost:step("answer", 0, 1e9, answer(200, '{"items":[{"id":1,"nonce":"n"}]}'))
    local action, _, phase = lost:step("answer", 20, 1e9, { failure = "receive", sent = true })
    assert.same({ "http", "token" }, { action, phase })
    assert.equal("join", (other:step("start", 20)))
    assert.equal("sleep", (lost:step("answer", 20, 1e9, answer(500, '{"error":"broken"}'))))
    action, _, phase = other:step("woke", 20)
    assert.same({ "http", "token" }, { action, phase })
    local _, err = other:step("answer", 20, 1e9, answer(500, '{"error":"broken"}'))
    assert.same({ "auth", 500 }, { err.kind, err.status })
    action, _, phase = lost:step("woke", 21)
    assert.same({ "http", "token" }, { action, phase })
    action, _, phase = lost:step("answer", 21, 1e9, answer(200, '{"access_token":"t","expires_in":10}'))
    assert.same({ "http", "look" }, { action, phase })
  end)
end)

describe("a token that is about to end", function()
  it("is renewed 30 to 45 seconds before, each client at its own time", function()
    local ends = {}
    local different = 0
    for _ = 1, 100 do
      local client, script, tokens = scripted(token_for(3600))
      assert(client:request("GET", "/x"))
      script.clock = script.clock + 3600 - 46
      assert(client:request("GET", "/x"))
      assert.equal(1, tokens())
      local left = 46
      while tokens() == 1 do
        script.clock = script.clock + 1
        left = left - 1
        assert(client:request("GET", "/x"))
      end
      assert.is_true(left >= 29 and left <= 45, tostring(left))
      if not ends[left] then different = different + 1 end
      ends[left] = true
    end
    assert.is_true(different >= 8, "all are renewed within the same seconds")
  end)

  local FAILURES = {
    ["500"] = { status = 500, body = "" },
    ["503"] = { status = 503, body = "" },
    ["429"] = { status = 429, body = "" },
    ["a refusal"] = { status = 401, body = '{"error":"invalid_client"}' },
    ["garbage"] = { status = 200, body = "<html>" },
    ["an empty answer"] = { status = 200, body = "" },
    ["a proxy's page"] = { status = 403, body = "<html>" },
    ["a balancer's page"] = { status = 524, body = "<html>" },
    ["a redirect"] = { status = 302, body = "<html>" },
    ["a refused stream"] = { failure = "receive", sent = false },
    ["an answer that breaks off"] = { failure = "protocol", sent = true, status = 200 },
    ["no connection"] = { failure = "connect", sent = false },
    ["silence"] = { failure = "timeout", sent = true },
    ["a broken connection"] = { failure = "receive", sent = true },
    ["a certificate"] = { failure = "tls", sent = false },
  }

  for name, failure in pairs(FAILURES) do
    it("serves to its very end when it cannot be renewed: " .. name, function()
      local client, script, tokens = scripted(function(i) return i == 1 and token_for(3600)(1) or failure end)
      assert(client:request("GET", "/x"))
      local began = 1000
      script.clock = began + 3600 - 25
      assert(client:request("GET", "/x"))
      assert.equal(2, tokens())
      assert(client:request("GET", "/x"))
      assert.equal(2, tokens()) -- not asked for again at once
      while script.clock < began + 3599 do
        assert(client:request("GET", "/x"))
        script.clock = script.clock + 1
      end
      assert.is_true(tokens() <= 5, tokens() .. " token requests")
      script.clock = began + 3601
      local result, err = client:request("GET", "/x")
      assert.is_nil(result)
      assert.is_string(err.kind)
      for _, request in ipairs(script.requests) do
        if request.path ~= "/token" then assert.equal("Bearer token-1", request.headers.authorization) end
      end
    end)
  end

  it("is renewed as soon as that works again", function()
    local down = true
    local client, script, tokens = scripted(function(i)
      return i > 1 and down and { status = 503, body = "" } or token_for(3600)(i)
    end)
    assert(client:request("GET", "/x"))
    script.clock = 1000 + 3600 - 25
    assert(client:request("GET", "/x"))
    down = false
    script.clock = script.clock + 11
    assert(client:request("GET", "/x"))
    assert.equal(3, tokens())
    assert.equal("Bearer token-3", script.requests[#script.requests].headers.authorization)
  end)
end)

describe("a token request that ends in an error raised by the caller's own code", function()
  -- Each raises once; an interrupt of the host raises in the same way.
  local RAISING = {
    on_event = function(client, raise)
      client.on_event = raise
    end,
    transport = function(client, raise)
      local http = client.transport.http
      client.transport.http = function(...)
        raise()
        return http(...)
      end
    end,
    token_store = function(client, raise)
      client.token_store = { get = raise, set = raise, add = function() return true end }
    end,
  }

  for name, install in pairs(RAISING) do
    it("holds nobody up: " .. name, function()
      local client, script, tokens = scripted(token_for(3600))
      local raised = false
      install(client, function()
        if raised then return end
        raised = true
        error("from " .. name, 0)
      end)
      local ok, message = pcall(client.request, client, "GET", "/x")
      assert.is_false(ok)
      assert.equal("from " .. name, message)
      assert(client:request("GET", "/x"))
      assert.equal(1, tokens())
      assert.equal(0, script:slept())
    end)
  end
end)

describe("a clock that jumps", function()
  local DAY = 86400

  it("neither ages a token nor keeps it alive", function()
    for _, jump in ipairs { -400 * DAY, -DAY, -60, 60, DAY, 400 * DAY } do
      local client, script, tokens = scripted(token_for(3600))
      local offset = 0
      core.time = function() return real_time() + offset end
      assert(client:request("GET", "/x"))
      offset = jump
      assert(client:request("GET", "/x"))
      assert.equal(1, tokens())
      script.clock = script.clock + 3601
      assert(client:request("GET", "/x"))
      assert.equal(2, tokens())
    end
  end)

  it("does not matter to a token of a function either, once it was given", function()
    for _, jump in ipairs { -DAY, DAY } do
      local calls, offset = 0, 0
      core.time = function() return real_time() + offset end
      local script = Script.new(setmetatable({}, { __index = function() return OK end }))
      local client = assert(cdf.client { project = "p", base_url = "https://cdf.example", transport = script,
        credentials = assert(cdf.credentials { token = function()
          calls = calls + 1
          return "t" .. calls, core.time() + 3600
        end }) })
      assert(client:request("GET", "/x"))
      offset = jump
      assert(client:request("GET", "/x"))
      assert.equal(1, calls)
      script.clock = script.clock + 3601
      assert(client:request("GET", "/x"))
      assert.equal(2, calls)
    end
  end)

  it("does not stretch a Retry-After that is a date", function()
    local answers = { { status = 503, body = "", headers = {
      date = "Thu, 01 Jan 2026 00:00:00 GMT", ["retry-after"] = "Thu, 01 Jan 2026 00:00:07 GMT" } }, OK }
    for _, jump in ipairs { -DAY, DAY } do
      core.time = function() return real_time() + jump end
      local script = Script.new(answers)
      local client = assert(cdf.client { project = "p", base_url = "https://cdf.example", transport = script,
        credentials = assert(cdf.credentials { token = "t" }) })
      assert(client:request("GET", "/x"))
      assert.is_true(script:slept() >= 7 and script:slept() < 8)
    end
  end)
end)
