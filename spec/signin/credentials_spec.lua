-- SPDX-License-Identifier: Apache-2.0
-- cdf.credentials: each form, the token request that it makes, and what it says when it cannot be.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local temp_folder = require "temp_folder"

local TOKEN = { status = 200, body = '{"access_token":"t0k3n","expires_in":3600}' }
local OK = { status = 200, body = "{}" }
local SESSION = { status = 200, body = '{"items":[{"id":1,"nonce":"n","status":"READY"}]}' }
local EXECUTION = {
  status = 202, body = '{"id":"059edaa4-a17b-4102-803d-03f9f4f9a9fb","workflowExternalId":"w","status":"RUNNING"}',
}
local ASSERTED = "grant_type=client_credentials&client_id=me%s&client_assertion_type="
  .. "urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&client_assertion=%s"

local folder

local function client(credentials, answers, options)
  local script = Script.new(answers)
  script.clock = core.now() -- what is put into a token store is counted by this machine's clock
  local opts = { project = "p", cluster = "c", transport = script, credentials = assert(cdf.credentials(credentials)) }
  for name, value in pairs(options or {}) do opts[name] = value end
  return assert(cdf.client(opts)), script
end

--- The token request's URL and form.
local function asked(credentials)
  local c, script = client(credentials, { TOKEN, OK })
  assert(c:request("GET", "/x"))
  assert.equal("Bearer t0k3n", script.requests[2].headers.authorization)
  return script.requests[1].url, script.requests[1].body
end

describe("cdf.credentials", function()
  before_each(function() folder = temp_folder.new() end)
  after_each(function() folder:remove() end)

  it("sends a secret, at a tenant, a token URL or Cognite's own provider", function()
    local url, body = asked { client_id = "me", client_secret = "s3cr3t", tenant_id = "my-tenant" }
    assert.equal("https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token", url)
    assert.equal("grant_type=client_credentials&client_id=me&client_secret=s3cr3t"
      .. "&scope=https%3A%2F%2Fc.cognitedata.com%2F.default", body)
    url, body = asked { client_id = "me", client_secret = "s3cr3t", token_url = "https://idp.example/token",
      audience = "aud", resource = "https://res", scopes = { "a", "b" } }
    assert.equal("https://idp.example/token", url)
    assert.equal("grant_type=client_credentials&client_id=me&client_secret=s3cr3t&audience=aud"
      .. "&resource=https%3A%2F%2Fres&scope=a+b", body)
    url, body = asked { client_id = "me", client_secret = "s3cr3t", provider = "cdf" }
    assert.equal("https://auth.cognite.com/oauth2/token", url)
    assert.equal("grant_type=client_credentials&client_id=me&client_secret=s3cr3t", body)
  end)

  it("sends the assertion in a file, as it is at each token request", function()
    local path = folder:write("federated", "header.claims.first\n")
    local c, script = client({ client_id = "me", tenant_id = "my-tenant", client_assertion_file = path },
      { TOKEN, { status = 401, body = "{}" }, TOKEN, OK })
    folder:write("federated", "header.claims.second\n")
    assert(c:auth())
    folder:write("federated", "header.claims.third\n")
    assert(c:request("GET", "/x")) -- the 401 makes it ask for another token
    assert.equal(ASSERTED:format("&scope=https%3A%2F%2Fc.cognitedata.com%2F.default", "header.claims.second"),
      script.requests[1].body)
    assert.matches("client_assertion=header.claims.third$", script.requests[3].body)
    assert.is_nil(script.requests[3].body:find("client_secret", 1, true))
  end)

  it("repeats a token request with the assertion in it, and keeps it out of events and errors", function()
    local secret = "header.claims.s1gn4ture"
    local path = folder:write("federated", secret)
    local events = {}
    local c, script = client({ client_id = "me", token_url = "https://idp.example/t", client_assertion_file = path },
      { { status = 503, body = "" }, { status = 400, body = core.encode {
        error = "invalid_client", error_description = "no: " .. secret } } },
      { on_event = function(event) events[#events + 1] = core.encode(event) end })
    local result, err = c:auth()
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.equal(2, err.attempts)
    assert.matches("the provider knows the certificate or the issuer", err.message)
    for _, request in ipairs(script.requests) do assert.matches("client_assertion=header", request.body) end
    assert.is_nil(table.concat(events):find(secret, 1, true))
    assert.matches("client_assertion=%[redacted%]", table.concat(events))
    for _, value in pairs(err) do assert.is_nil(tostring(value):find(secret, 1, true)) end
  end)

  it("says that an assertion's file is gone, without asking for a token", function()
    local path = folder:write("federated", "a.b.c")
    local c, script = client({ client_id = "me", tenant_id = "t", client_assertion_file = path }, {})
    os.remove(path)
    local result, err = c:run("w", "1")
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.equal(("no access token: %s cannot be read: No such file or directory"):format(path), err.message)
    assert.equal(0, err.attempts)
    assert.equal(0, #script.requests)
  end)

  it("reads a token's file for every request, so that a new one is used at once", function()
    local path = folder:write("token", " first\n")
    local c, script = client({ token_file = path }, { OK, OK, { status = 401, body = "{}" }, OK })
    assert(c:request("GET", "/x"))
    folder:write("token", "second")
    assert(c:request("GET", "/x"))
    assert(c:request("GET", "/x"))
    for i, token in ipairs { "first", "second", "second", "second" } do
      assert.equal("Bearer " .. token, script.requests[i].headers.authorization)
    end
    folder:write("token", " \n")
    local _, err = c:request("GET", "/x")
    assert.equal("no access token: " .. path .. " is empty", err.message)
  end)

  it("shows its form and the client id, never a secret", function()
    local token, assertion = folder:write("token", "t0k3n"), folder:write("federated", "a.b.s1gn4ture")
    for text, options in pairs {
      ["token"] = { token = "t0k3n" },
      ["token function"] = { token = function() end },
      ["token file"] = { token_file = token },
      ["client credentials, client id me"] = { client_id = "me", client_secret = "s3cr3t", provider = "cdf" },
      ["client assertion, client id me"] = { client_id = "me", tenant_id = "t", client_assertion_file = assertion },
    } do
      assert.equal("cdfworkflow.credentials: " .. text, tostring(assert(cdf.credentials(options))))
    end
  end)

  it("refuses files that cannot be used, by option and path", function()
    local function problem(options)
      local made, err = cdf.credentials(options)
      assert.is_nil(made)
      assert.equal("invalid", err.kind)
      return err.message, err.field
    end
    local message, field = problem { token_file = folder.path .. "/none" }
    assert.equal("token_file", field)
    assert.equal(("token_file: %s/none cannot be read: No such file or directory"):format(folder.path),
      message)
    assert.matches("^token_file: .* cannot be read: Is a directory$",
      problem { token_file = folder.path })
    assert.matches("is empty$", problem { token_file = folder:write("empty", "\n") })
    assert.matches("is larger than 65536 bytes$", problem { token_file = folder:write("large", ("x"):rep(65537)) })
    assert.matches("^client_assertion_file: ", problem { client_id = "me", tenant_id = "t",
      client_assertion_file = folder.path .. "/none" })
  end)

  it("blames the line that gives what makes no form", function()
    local path = folder:write("token", "t")
    for text, options in pairs {
      ["give one of token, token_file, client_secret, client_assertion_file, certificate"] = {},
      ["give either token or client_secret, not both"] = { token = "t", client_id = "i", client_secret = "s" },
      ["give either client_secret or certificate, not both"] = { client_id = "i", client_secret = "s",
        certificate = path, key = path, tenant_id = "t" },
      ["client_id has no meaning with token_file"] = { token_file = path, client_id = "i" },
      ["certificate and key belong together"] = { client_id = "i", certificate = path, tenant_id = "t" },
      ["client_id is missing"] = { client_secret = "s", tenant_id = "t" },
      ["client_id needs one of tenant_id, token_url and provider"] = { client_id = "i", client_secret = "s" },
      ['provider: expected "cdf", got a string'] = { client_id = "i", client_secret = "s", provider = "entra_id" },
      ["token_file: expected a string, got a number"] = { token_file = 5 },
      ['unknown option "secret"'] = { secret = "s" },
    } do
      local ok, message = pcall(function() cdf.credentials(options) end)
      assert.is_false(ok)
      assert.matches("credentials_spec.lua:%d+: cdf.credentials: ", message)
      assert.matches(text, message, 1, true)
    end
    assert.has_error(function() cdf.credentials {
      client_id = "i", client_secret = "s", tenant_id = "t", token_url = "https://x" } end)
  end)
end)

describe("a login without a secret", function()
  local path

  before_each(function()
    folder = temp_folder.new()
    path = folder:write("federated", "a.b.c")
  end)
  after_each(function() folder:remove() end)

  local function federated(answers)
    return client({ client_id = "me", tenant_id = "t", client_assertion_file = path }, answers)
  end

  it("makes its sessions by token exchange, or of a pair given for the run", function()
    local c, script = federated { TOKEN, SESSION, EXECUTION, SESSION, EXECUTION }
    assert(c:run("w", "1"))
    assert.equal('{"items":[{"tokenExchange":true}]}', script.requests[2].body)
    assert(c:run("w", "1", { client_credentials = { client_id = "runner", client_secret = "s" } }))
    assert.equal('{"items":[{"clientId":"runner","clientSecret":"s"}]}', script.requests[4].body)
  end)

  it("says what can be done where CDF refuses that", function()
    local c = federated { TOKEN, { status = 400, body = '{"error":{"code":400,"message":"Invalid access token"}}' } }
    local _, err = c:run("w", "1")
    assert.equal("api", err.kind)
    assert.matches('Invalid access token; .* by token exchange: .* give client_credentials, or session = "oneshot"$',
      err.message)
    local _, other = federated({ TOKEN, { status = 400, body = "{}" } }):run("w", "1", { session = "oneshot" })
    assert.is_nil(other.message:find "exchange")
  end)

  it("says so before anything is sent where only client credentials will do", function()
    local c, script = federated {}
    local _, err = c:run("w", "1", { session = "client_credentials" })
    assert.matches('session = "client_credentials" needs client_credentials', err.message)
    assert.equal(0, #script.requests)
  end)

  it("says so where CDF refuses a record stream trigger for it", function()
    local trigger = {
      externalId = "t", workflowExternalId = "w", workflowVersion = "1",
      triggerRule = { triggerType = "recordStream", streamExternalId = "s", batchSize = 1, batchTimeout = 10 },
    }
    local FORBIDDEN = { status = 403, body = '{"error":{"code":403,"message":"Session not allowed"}}' }
    local function refused(opts)
      return select(2, federated({ TOKEN, SESSION, FORBIDDEN, OK }).workflows.triggers:upsert(trigger, opts)).message
    end
    assert.matches("Session not allowed; .* session of client credentials, .*give it client_credentials of its own$",
      refused())
    assert.is_nil(refused({ client_credentials = { client_id = "runner", client_secret = "s" } }):find "of its own")
  end)

  it("shares its token through a token store like any other", function()
    local kept = {}
    local store = {
      get = function(_, key) return kept[key] end,
      set = function(_, key, value) kept[key] = value return true end,
      add = function(_, key, value)
        if kept[key] then return false, "exists" end
        kept[key] = value
        return true
      end,
    }
    local first, one = client({ client_id = "me", tenant_id = "t", client_assertion_file = path }, { TOKEN, OK },
      { token_store = store })
    assert(first:request("GET", "/x"))
    assert.matches("client_assertion=a.b.c", one.requests[1].body)
    local second, other = client({ client_id = "me", tenant_id = "t", client_assertion_file = path }, { OK },
      { token_store = store })
    assert(second:request("GET", "/x"))
    assert.equal(1, #other.requests)
    local elsewhere = path .. "-2"
    local file = assert(io.open(elsewhere, "w"))
    file:write("d.e.f")
    file:close()
    local third, another = client({ client_id = "me", tenant_id = "t", client_assertion_file = elsewhere },
      { TOKEN, OK }, { token_store = store })
    os.remove(elsewhere)
    assert.is_nil((third:request("GET", "/x")))
    assert.equal(0, #another.requests) -- the file is gone, and nobody else's token comes in its place
  end)

  it("is rehearsed with its assertion, redacted", function()
    local c, script = federated {}
    local requests = assert(c:run("w", "1", { dry_run = true }))
    assert.matches("client_assertion=%[redacted%]", requests[1].body)
    assert.equal('{"items":[{"tokenExchange":true}]}', requests[2].body)
    assert.equal(0, #script.requests)
  end)
end)
