-- SPDX-License-Identifier: Apache-2.0
-- What `on_event` sees of a request: everything but what is secret by its name.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local function credentials()
  return assert(cdf.credentials {
    client_id = "svc", client_secret = "s3cr3t", token_url = "https://idp.example/token", scopes = "a b",
  })
end

--- The redacted form of a request with this JSON body, as the first event of a call.
local function event_of(body, opts)
  local events = {}
  local client = assert(cdf.client {
    project = "p", base_url = "https://cdf.example", credentials = cdf.credentials { token = "static-token" },
    transport = Script.new { { status = 200, body = "{}" } },
    on_event = function(event) events[#events + 1] = event end,
  })
  assert(client:request("POST", "/timeseries/list?cursor=c", body, opts))
  return events[1], events[2]
end

local function body_of(body)
  return core.decode(event_of(body).body)
end

describe("a request as an event", function()
  it("has its method, its URL without the query, its headers and its body", function()
    local request, response = event_of({ filter = { a = 1 } }, { headers = { ["cdf-version"] = "beta" } })
    assert.equal("request", request.type)
    assert.equal("call", request.phase)
    assert.equal("POST", request.method)
    assert.equal("https://cdf.example/api/v1/projects/p/timeseries/list", request.url)
    assert.equal("beta", request.headers["cdf-version"])
    assert.equal("application/json", request.headers["Content-Type"])
    assert.equal('{"filter":{"a":1}}', request.body)
    assert.equal("response", response.type)
    assert.equal(request.url, response.url)
    assert.equal("POST", response.method)
  end)

  it("has no body where there is none", function()
    assert.is_nil(event_of(nil).body)
  end)

  it("may be changed by its receiver, which changes nothing else", function()
    local seen = {}
    local client = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", credentials = cdf.credentials { token = "static-token" },
      transport = Script.new { { status = 200, body = "{}" } },
      on_event = function(event)
        seen[#seen + 1] = event.url
        event.url = nil
      end,
    })
    assert(client:request("GET", "/files"))
    assert.equal(2, #seen)
  end)
end)

describe("redaction by name", function()
  it("covers the headers that carry a permission", function()
    local headers = { ["X-Api-Key"] = "k", ["x-custom-token"] = "t", ["x-plain"] = "shown" }
    local request = event_of(nil, { headers = headers })
    assert.equal("[redacted]", request.headers.Authorization)
    assert.equal("[redacted]", request.headers["X-Api-Key"])
    assert.equal("[redacted]", request.headers["x-custom-token"])
    assert.equal("shown", request.headers["x-plain"])
  end)

  it("covers a token request, a session and a nonce", function()
    local bodies = {}
    local client = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", credentials = credentials(),
      transport = Script.new {
        { status = 200, body = '{"access_token":"token-1"}' },
        { status = 200, body = '{"items":[{"id":1,"nonce":"nonce-1"}]}' },
        { status = 202, body = '{"id":"i","status":"RUNNING","workflowExternalId":"foo"}' },
      },
      on_event = function(event) bodies[#bodies + 1] = event.body end,
    })
    assert(client:run("foo", "1", { input = { a = 1 } }))
    assert.same({
      "grant_type=client_credentials&client_id=svc&client_secret=[redacted]&scope=a+b",
      '{"items":[{"clientId":"svc","clientSecret":"[redacted]"}]}',
      '{"authentication":{"nonce":"[redacted]"},"input":{"a":1}}',
    }, bodies)
  end)

  for _, name in ipairs {
    "clientSecret", "client_secret", "CLIENT-SECRET", "secret", "nonce", "access_token", "refreshToken", "token",
    "password", "dbPassword", "authorization", "apiKey", "api_key", "client_assertion", "privateKey", "Set-Cookie",
  } do
    it("covers " .. name, function()
      assert.same({ [name] = "[redacted]", z = "shown" }, body_of { [name] = "hidden", z = "shown" })
    end)
  end

  for _, name in ipairs { "secretary", "tokenExchange", "nextCursor", "clientId", "s", "ecret" } do
    it("leaves " .. name, function()
      assert.same({ [name] = "shown" }, body_of { [name] = "shown" })
    end)
  end

  it("covers all that a secret member holds, of whatever kind", function()
    local value = { secrets = { ["client-id"] = "a", nested = { "]}", { b = '"' } } }, after = { 1, 2 } }
    assert.same({ secrets = "[redacted]", after = { 1, 2 } }, body_of(value))
    for _, kind in ipairs { 12.5, true, cdf.null, cdf.array {}, { "a", "b" }, "" } do
      assert.same({ a = 1, token = "[redacted]", z = 2 }, body_of { a = 1, token = kind, z = 2 })
    end
  end)

  it("is not led astray by values that look like names, nor by quotes and brackets", function()
    local value = { list = { "token", ":" }, text = 'a "token":"x" \\', brackets = "}{][", ["a\"token\\"] = 1 }
    assert.same(value, body_of(value))
    assert.same({ token = "[redacted]", z = { 1 } }, body_of { token = 'x","y":"\\"]}', z = { 1 } })
  end)

  it("reaches every depth", function()
    local value = { token = "hidden" }
    for _ = 1, 100 do value = { value } end
    assert.is_nil(event_of({ deep = value }).body:find("hidden", 1, true))
  end)
end)

describe("a member with one of many secret names", function()
  it("is hidden, in the plural too", function()
    for _, name in ipairs {
      "tokens", "passwords", "nonces", "credentials", "credential", "passphrase", "secretValue", "accessKey",
      "signature",
    } do
      assert.is_nil(event_of({ deep = { [name] = { "hidden" } } }).body:find("hidden", 1, true), name)
    end
    assert.truthy(event_of({ tokenizer = "shown", address = "shown" }).body:find("shown", 1, true))
  end)
end)

describe("an upload as an event", function()
  local function upload(bytes, content_type)
    local events = {}
    local client = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", credentials = credentials(),
      transport = Script.new { { status = 200, body = "" } },
      on_event = function(event) events[#events + 1] = event end,
    })
    assert(client:_put("https://up.example/file?signature=hidden", bytes, { content_type = content_type }))
    return events[1]
  end

  it("shows how large it is, not what is in it, nor the signature of its URL", function()
    local event = upload("token=hidden", "application/zip")
    assert.equal("[12 bytes]", event.body)
    assert.equal("https://up.example", event.url)
    assert.equal("[0 bytes]", upload("").body)
  end)

  it("leaves out what cannot be understood of a text that is no JSON", function()
    for _, text in ipairs {
      '{"token":"hidden', '{"token":["hidden"', '{"token":"hidden\\', '"token":hidden', '{"token"  :\n"hidden"',
      '{"a":"b","token":{"x":"}","y":"hidden"', '"token":[[["hidden"]]}}}', '"token":\0hidden',
    } do
      assert.is_nil(upload(text, "application/json").body:find("hidden", 1, true), text)
    end
    for _, text in ipairs { '"', "", "{", '"\\', '"a', '"a":', '""', '"token"', '"token":', "\0\0" } do
      assert.is_string(upload(text, "application/json").body)
    end
  end)

  it("understands forms, also broken ones", function()
    local form = "application/x-www-form-urlencoded"
    assert.equal("a=1&token=[redacted]&b=&&c", upload("a=1&token=hidden&b=&&c", form).body)
    assert.equal("token=[redacted]", upload("token=", form).body)
    assert.equal("", upload("", form).body)
  end)
end)
