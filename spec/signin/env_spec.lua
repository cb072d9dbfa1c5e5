-- SPDX-License-Identifier: Apache-2.0
-- cdf.from_env: the variables of the CDF Toolkit.

local Script = require "script"
local cdf = require "cdfworkflow"

local variables
local getenv = os.getenv

local COMPLETE = {
  CDF_PROJECT = "p", CDF_CLUSTER = "westeurope-1", IDP_CLIENT_ID = "id", IDP_CLIENT_SECRET = "s3cr3t",
  IDP_TENANT_ID = "my-tenant",
}

local function with(changes)
  variables = {}
  for name, value in pairs(COMPLETE) do variables[name] = value end
  for name, value in pairs(changes or {}) do variables[name] = value or nil end
end

--- The first request of a client made from the environment.
local function first_request(overrides)
  local token = { status = 200, body = '{"access_token":"t","expires_in":60}' }
  local script = Script.new { token, { status = 200, body = "{}" } }
  overrides = overrides or {}
  overrides.transport = script
  local client = assert(cdf.from_env(overrides))
  assert(client:request("GET", "/x"))
  return script.requests[1], script.requests[2]
end

describe("cdf.from_env", function()
  setup(function() os.getenv = function(name) return variables[name] end end) -- luacheck: ignore 122
  teardown(function() os.getenv = getenv end) -- luacheck: ignore 122

  it("signs in at Entra ID, for the cluster", function()
    with()
    local token, call = first_request()
    assert.equal("https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token", token.url)
    assert.matches("scope=https%3A%2F%2Fwesteurope-1.cognitedata.com%2F.default", token.body, 1, true)
    assert.equal("https://westeurope-1.cognitedata.com/api/v1/projects/p/x", call.url)
  end)

  it("signs in at any other provider by its URL, with scopes and audience", function()
    with { PROVIDER = "other", IDP_TOKEN_URL = "https://idp.example/token", IDP_SCOPES = "a,b c", IDP_AUDIENCE = "aud" }
    local token = first_request()
    assert.equal("https://idp.example/token", token.url)
    assert.equal("grant_type=client_credentials&client_id=id&client_secret=s3cr3t&audience=aud&scope=a+b+c", token.body)
  end)

  it("takes a token, asked for or where there is nothing else", function()
    with { LOGIN_FLOW = "token", CDF_TOKEN = "ready" }
    assert.equal("Bearer ready", first_request().headers.authorization)
    with { CDF_TOKEN = "ready", IDP_CLIENT_ID = false }
    assert.equal("Bearer ready", first_request().headers.authorization)
  end)

  it("prefers CDF_URL to the cluster, and options to both", function()
    with { CDF_URL = "https://private.example/" }
    local _, call = first_request()
    assert.equal("https://private.example/api/v1/projects/p/x", call.url)
    _, call = first_request { base_url = "http://localhost:1", project = "q" }
    assert.equal("http://localhost:1/api/v1/projects/q/x", call.url)
  end)

  it("reads the timeout", function()
    with { CDF_CLIENT_TIMEOUT = "12.5" }
    assert.equal(12.5, first_request().timeout)
    assert.equal(5, first_request({ timeout = 5 }).timeout)
  end)

  for name, case in pairs {
    CDF_PROJECT = {}, CDF_CLUSTER = {}, IDP_CLIENT_ID = {}, IDP_CLIENT_SECRET = {}, IDP_TENANT_ID = {},
    IDP_TOKEN_URL = { PROVIDER = "auth0" }, CDF_TOKEN = { LOGIN_FLOW = "token" },
  } do
    it("names the variable that is missing or empty: " .. name, function()
      for _, value in ipairs { false, "", "  " } do
        case[name] = value
        with(case)
        local client, err = cdf.from_env()
        assert.is_nil(client)
        assert.equal("invalid", err.kind)
        assert.matches(name, err.message, 1, true)
      end
    end)
  end

  it("says so when a flow needs a person, a value is junk or an option unknown", function()
    with { LOGIN_FLOW = "interactive" }
    assert.matches("LOGIN_FLOW is interactive", select(2, cdf.from_env()).message)
    with { CDF_CLIENT_TIMEOUT = "soon" }
    assert.matches("CDF_CLIENT_TIMEOUT", select(2, cdf.from_env()).message)
    with { IDP_CLIENT_SECRET = "s3cr3t\255" }
    local _, err = cdf.from_env()
    assert.matches("client_secret", err.message)
    assert.is_nil(tostring(err):match("s3cr3t"))
    assert.has_error(function() cdf.from_env { projct = "x" } end)
  end)
end)
