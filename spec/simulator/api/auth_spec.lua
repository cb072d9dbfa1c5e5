-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"
local simulator = require "cdfworkflow.simulator"

local PRINCIPALS = {
  { client_id = "reader", client_secret = "r", capabilities = { workflowOrchestrationAcl = { "READ" } } },
  { client_id = "other", client_secret = "o", projects = { "other-project" } },
}

local function caller(more)
  local given = { projects = { "acme-dev", "other-project" }, principals = PRINCIPALS, tokens = { "fixed-token" } }
  for name, value in pairs(more or {}) do
    given[name] = value
  end
  return exchange.new(given)
end

local function ask(x, form, more)
  local request = { method = "POST", path = exchange.TOKEN_PATH, headers = exchange.FORM, body = form }
  for name, value in pairs(more or {}) do
    request[name] = value
  end
  local response = x:send(request)
  return response.status, core.decode(response.body), response
end

describe("simulator.auth", function()
  local x

  before_each(function()
    x = caller()
  end)

  describe("the token endpoint", function()
    local GOOD = "grant_type=client_credentials&client_id=svc-acme&client_secret=s3cr3t"

    it("gives an opaque token and its lifetime, with the scopes and members that CDF's clients send", function()
      for _, more in ipairs {
        "", "&scope=https%3A%2F%2Fgreenfield.cognitedata.com%2F.default", "&audience=https%3A%2F%2Fx",
        "&scope=IDENTITY+user_impersonation",
      } do
        local status, answer, response = ask(x, GOOD .. more)
        assert.equal(200, status)
        assert.equal("no-store", response.headers["cache-control"])
        assert.equal("Bearer", answer.token_type)
        assert.equal(3600, answer.expires_in)
        assert.is_true(#answer.access_token > 20)
      end
    end)

    it("is there under any tenant, and under /oauth2/token", function()
      assert.equal(200, (ask(x, GOOD, { path = "/some-tenant/oauth2/v2.0/token" })))
      assert.equal(200, (ask(x, GOOD .. "&scope=their+own", { path = "/oauth2/token" })))
    end)

    it("takes ids and secrets with any characters, form-encoded", function()
      local sim = simulator.new { client_id = "id with:colon&amp", client_secret = "p@ss w0rd/+=%?~\"'<>" }
      local response = sim:handle {
        method = "POST", path = "/t/oauth2/v2.0/token", headers = exchange.FORM,
        body = "grant_type=client_credentials&client_secret=p%40ss+w0rd%2F%2B%3D%25%3F%7E%22%27%3C%3E"
          .. "&client_id=id+with%3Acolon%26amp",
      }
      assert.equal(200, response.status)
    end)

    it("refuses as an identity provider does", function()
      local cases = {
        { "grant_type=client_credentials&client_id=svc-acme&client_secret=no", 401, "invalid_client" },
        { "grant_type=client_credentials&client_id=nobody&client_secret=s3cr3t", 400, "unauthorized_client" },
        { "grant_type=password&client_id=svc-acme&client_secret=s3cr3t", 400, "unsupported_grant_type" },
        { GOOD .. "&scope=nonsense", 400, "invalid_scope" },
        { "client_id=svc-acme&client_secret=s3cr3t", 400, "invalid_request" },
        { "grant_type=client_credentials&client_id=svc-acme", 401, "invalid_client" },
        { "grant_type=client_credentials&client_secret=s3cr3t", 400, "invalid_request" },
        { "", 400, "invalid_request" },
      }
      for _, case in ipairs(cases) do
        local status, answer = ask(x, case[1])
        assert.equal(case[2], status, case[1])
        assert.equal(case[3], answer.error, case[1])
        assert.is_string(answer.error_description)
      end
    end)

    it("refuses JSON and wants POST", function()
      local status = ask(x, '{"grant_type":"client_credentials"}', { headers = {} })
      assert.equal(400, status)
      local response = x.sim:handle { method = "GET", path = exchange.TOKEN_PATH, headers = {} }
      assert.equal(405, response.status)
      assert.equal("POST", response.headers.allow)
    end)

    it("shows no secret of anybody", function()
      local _, _, response = ask(x, "grant_type=client_credentials&client_id=svc-acme&client_secret=canary")
      assert.is_nil(response.body:find("canary", 1, true))
      assert.is_nil(response.body:find("s3cr3t", 1, true))
      assert.is_nil(core.encode(x.sim.state):find("s3cr3t", 1, true))
    end)
  end)

  it("lets nobody in without a token that is good", function()
    assert.equal(200, (x:try("GET", "/workflows")))
    for _, header in ipairs { "Bearer", "Bearer  ", "Bearer nonsense", "Basic " .. x.token, x.token } do
      local status, answer = x:try("GET", "/workflows", nil, { authorization = header })
      assert.equal(401, status, header)
      assert.equal(401, answer.error.code)
    end
    x.token = nil
    assert.equal(401, (x:try("GET", "/workflows")))
  end)

  it("takes the scheme in any case", function()
    assert.equal(200, (x:try("GET", "/workflows", nil, { authorization = "bearer " .. x.token })))
  end)

  it("lets tokens expire, and fixed tokens not", function()
    x.sim:advance(3599.9)
    assert.equal(200, (x:try("GET", "/workflows")))
    x.sim:advance(0.1)
    assert.equal(401, (x:try("GET", "/workflows")))
    assert.equal(401, (x:try("GET", "/api/v1/token/inspect")))
    x.token = "fixed-token"
    assert.equal(200, (x:try("GET", "/workflows")))
  end)

  it("gives tokens of the lifetime asked for, and forgets those that have expired", function()
    x = caller { token_lifetime = 20 }
    assert.equal(200, (x:try("GET", "/workflows")))
    x.sim:advance(20)
    assert.equal(401, (x:try("GET", "/workflows")))
    x:sign_in("svc-acme", "s3cr3t")
    local size = 0
    for _ in pairs(x.sim.state.tokens) do
      size = size + 1
    end
    assert.equal(1, size)
  end)

  it("keeps projects apart", function()
    x:call("POST", "/workflows", { items = { { externalId = "mine" } } })
    assert.equal(0, #x:call("GET", "/api/v1/projects/other-project/workflows").items)
    assert.equal(401, (x:try("GET", "/api/v1/projects/no-such-project/workflows")))
    x.token = x:sign_in("other", "o")
    assert.equal(401, (x:try("GET", "/workflows")))
    assert.equal(200, (x:try("GET", "/api/v1/projects/other-project/workflows")))
  end)

  it("refuses with 403 what the capabilities do not hold", function()
    x.token = x:sign_in("reader", "r")
    assert.equal(200, (x:try("GET", "/workflows")))
    local cases = {
      { "POST", "/workflows", { items = { { externalId = "w" } } }, "workflowOrchestrationAcl:WRITE" },
      { "POST", "/sessions", { items = { { tokenExchange = true } } }, "sessionsAcl:CREATE" },
      { "GET", "/sessions", nil, "sessionsAcl:LIST" },
      { "POST", "/sessions/revoke", { items = { { id = 1 } } }, "sessionsAcl:DELETE" },
      { "POST", "/workflows/w/versions/1/run", { authentication = { nonce = "n" } }, "workflowOrchestrationAcl:WRITE" },
      { "POST", "/functions/1/call", { nonce = "n" }, "functionsAcl:RUN" },
      { "POST", "/functions/list", {}, "functionsAcl:READ" },
      { "POST", "/files", { name = "f" }, "filesAcl:WRITE" },
    }
    for _, case in ipairs(cases) do
      local status, answer = x:try(case[1], case[2], case[3])
      assert.equal(403, status, case[2])
      assert.truthy(answer.error.message:find(case[4], 1, true), answer.error.message)
    end
  end)

  it("tells what a token gives access to", function()
    local answer = x:call("GET", "/api/v1/token/inspect")
    assert.equal("svc-acme", answer.subject)
    assert.same({ "acme-dev", "other-project" },
      { answer.projects[1].projectUrlName, answer.projects[2].projectUrlName })
    assert.equal(4, #answer.capabilities)
    x.token = x:sign_in("reader", "r")
    answer = x:call("GET", "/api/v1/token/inspect")
    assert.same({ "READ" }, answer.capabilities[1].workflowOrchestrationAcl.actions)
    assert.equal(1, #answer.capabilities)
  end)

  it("keeps to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)

  it("refuses misspelt members of a principal", function()
    assert.has_error(function()
      simulator.new { principals = { { client_id = "a", client_secret = "b", project = "p" } } }
    end)
    assert.has_error(function()
      simulator.new { principals = { { client_id = "a" } } }
    end)
  end)
end)
