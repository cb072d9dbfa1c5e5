-- SPDX-License-Identifier: Apache-2.0
-- src/client.c: what the calls of a client share (its token above all), and what is told and shown of them.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local scripted = require "scripted_calls"

local SECRET, TOKEN, TOKEN_2, SESSION = scripted.SECRET, scripted.TOKEN, scripted.TOKEN_2, scripted.SESSION
local ACCEPTED = scripted.ACCEPTED
local status, client_with, static = scripted.status, scripted.client_with, scripted.static

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
