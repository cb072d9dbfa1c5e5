-- SPDX-License-Identifier: Apache-2.0
-- cdf.from_env and cdf.from_file: settings as the CDF Toolkit has them in the environment and in `.env` files, the
-- requests that come of them, and the words of the errors. What an extractor's YAML means has a spec of its own.

local Script = require "script"
local cdf = require "cdfworkflow"
local signin = require "cdfworkflow.signin"
local temp_folder = require "temp_folder"

local variables, folder
local getenv = os.getenv

local COMPLETE = {
  CDF_PROJECT = "p", CDF_CLUSTER = "westeurope-1", IDP_CLIENT_ID = "id", IDP_CLIENT_SECRET = "s3cr3t",
  IDP_TENANT_ID = "my-tenant",
}
local TOKEN = { status = 200, body = '{"access_token":"t","expires_in":60}' }

local function with(changes)
  variables = {}
  for name, value in pairs(COMPLETE) do variables[name] = value end
  for name, value in pairs(changes or {}) do variables[name] = value or nil end
end

local function only(given) variables = given end

--- The token request and the call that follows of a client.
local function requests_of(make)
  local script = Script.new { TOKEN, { status = 200, body = "{}" } }
  local client = assert(make { transport = script })
  assert(client:request("GET", "/x"))
  return script.requests[1], script.requests[2] or script.requests[1], client
end

local function first_request(overrides)
  return requests_of(function(more)
    for name, value in pairs(overrides or {}) do more[name] = value end
    return cdf.from_env(more)
  end)
end

--- The form of a request, undone.
local function form(request)
  local found = {}
  for name, value in request.body:gmatch "([^&=]+)=([^&]*)" do
    found[name] = value:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return found
end

local function problem(client, err)
  assert.is_nil(client)
  assert.equal("invalid", err.kind)
  return err.message
end

local ENTRA, CDF_EUROPE = "https://login.microsoftonline.com", "https://westeurope-1.cognitedata.com"

setup(function()
  os.getenv = function(name) return variables[name] end -- luacheck: ignore 122
end)
teardown(function() os.getenv = getenv end) -- luacheck: ignore 122
before_each(function() folder = temp_folder.new() end)
after_each(function() folder:remove() end)

describe("cdf.from_env", function()
  it("sends what the Toolkit sends at Entra ID: scope and audience of the cluster", function()
    with()
    local token, call = first_request()
    assert.equal(ENTRA .. "/my-tenant/oauth2/v2.0/token", token.url)
    assert.same({ grant_type = "client_credentials", client_id = "id", client_secret = "s3cr3t",
      scope = CDF_EUROPE .. "/.default", audience = CDF_EUROPE }, form(token))
    assert.equal(CDF_EUROPE .. "/api/v1/projects/p/x", call.url)
  end)

  it("sends a scope with IDP_TOKEN_URL too, without which Entra ID refuses (AADSTS90014)", function()
    with { IDP_TENANT_ID = false, IDP_TOKEN_URL = ENTRA .. "/tenant-in-url/oauth2/v2.0/token", PROVIDER = "entra_id" }
    local token = first_request()
    assert.equal(ENTRA .. "/tenant-in-url/oauth2/v2.0/token", token.url)
    assert.equal(CDF_EUROPE .. "/.default", form(token).scope)
    assert.equal(CDF_EUROPE, form(token).audience)
  end)

  it("sends what the Toolkit sends at the other providers", function()
    with { PROVIDER = "auth0", IDP_TOKEN_URL = "https://me.auth0.com/oauth/token" }
    assert.same({ grant_type = "client_credentials", client_id = "id", client_secret = "s3cr3t",
      scope = "IDENTITY user_impersonation", audience = "https://p.fusion.cognite.com/p" }, form(first_request()))
    with { PROVIDER = "other", IDP_TOKEN_URL = "https://idp.example/token" }
    assert.same({ grant_type = "client_credentials", client_id = "id", client_secret = "s3cr3t",
      scope = CDF_EUROPE .. "/.default", audience = CDF_EUROPE }, form(first_request()))
    with { PROVIDER = "cdf", IDP_TOKEN_URL = "https://not.used/token", IDP_SCOPES = "not.used", IDP_TENANT_ID = false }
    local token = first_request()
    assert.equal("https://auth.cognite.com/oauth2/token", token.url)
    assert.same({ grant_type = "client_credentials", client_id = "id", client_secret = "s3cr3t" }, form(token))
  end)

  it("takes scopes and audience as they are given", function()
    for _, provider in ipairs { "entra_id", "auth0", "other" } do
      with { PROVIDER = provider, IDP_TOKEN_URL = "https://idp.example/t", IDP_SCOPES = "a,b c", IDP_AUDIENCE = "x" }
      local sent = form(first_request())
      assert.equal("a b c", sent.scope)
      assert.equal("x", sent.audience)
    end
  end)

  it("takes a token, asked for in any letters or where there is nothing else", function()
    for _, flow in ipairs { "token", "TOKEN", "Token" } do
      with { LOGIN_FLOW = flow, CDF_TOKEN = "ready" }
      assert.equal("Bearer ready", first_request().headers.authorization)
    end
    with { CDF_TOKEN = "ready", IDP_CLIENT_ID = false }
    assert.equal("Bearer ready", first_request().headers.authorization)
    with { CDF_TOKEN = "not this", LOGIN_FLOW = "CLIENT_CREDENTIALS" }
    assert.equal("id", form(first_request()).client_id)
  end)

  it("prefers CDF_URL to the cluster, and options to both; scopes are the cluster's", function()
    with { CDF_URL = "https://private.example/" }
    local token, call = first_request()
    assert.equal("https://private.example/api/v1/projects/p/x", call.url)
    assert.equal(CDF_EUROPE .. "/.default", form(token).scope)
    token, call = first_request { base_url = "http://localhost:1", project = "q" }
    assert.equal("http://localhost:1/api/v1/projects/q/x", call.url)
    assert.equal(CDF_EUROPE, form(token).audience)
    token, call = first_request { cluster = "asia" }
    assert.equal("https://asia.cognitedata.com/api/v1/projects/p/x", call.url)
    assert.equal("https://asia.cognitedata.com/.default", form(token).scope)
  end)

  it("lets the host of CDF_URL stand for the cluster's", function()
    with { CDF_URL = "https://me.plink.westeurope-1.cognitedata.com/and/more", CDF_CLUSTER = false }
    local token = first_request()
    assert.equal("https://me.plink.westeurope-1.cognitedata.com/.default", form(token).scope)
    assert.equal("https://me.plink.westeurope-1.cognitedata.com", form(token).audience)
  end)

  it("reads the timeout and the authorities", function()
    with { CDF_CLIENT_TIMEOUT = "12.5" }
    assert.equal(12.5, first_request().timeout)
    assert.equal(5, first_request({ timeout = 5 }).timeout)
    with { CDF_CA_FILE = "/etc/plant/ca.pem" }
    local transport = require "cdfworkflow.transport"
    local given
    stub(transport, "of_host", function(options)
      given = options
      return Script.new {}
    end)
    finally(function() transport.of_host:revert() end)
    assert(cdf.from_env())
    assert.equal("/etc/plant/ca.pem", given.ca_file)
    assert(cdf.from_env { ca_file = "/own.pem" })
    assert.equal("/own.pem", given.ca_file)
  end)

  for name, case in pairs {
    CDF_PROJECT = {}, CDF_CLUSTER = {}, IDP_CLIENT_ID = {}, IDP_CLIENT_SECRET = {}, IDP_TENANT_ID = {},
    IDP_TOKEN_URL = { PROVIDER = "auth0" }, CDF_TOKEN = { LOGIN_FLOW = "token" },
  } do
    it("names the variable that is missing or empty: " .. name, function()
      for _, value in ipairs { false, "", "  " } do
        case[name] = value
        with(case)
        assert.matches("^the environment variable " .. name .. " is not set", problem(cdf.from_env()))
      end
    end)
  end

  for name, case in pairs {
    ["LOGIN_FLOW is interactive, which needs a person"] = { LOGIN_FLOW = "interactive" },
    ["LOGIN_FLOW is device_code, which needs a person"] = { LOGIN_FLOW = "DEVICE_CODE" },
    ["LOGIN_FLOW is magic, and must be client_credentials or token"] = { LOGIN_FLOW = "magic" },
    ['PROVIDER is entra, and must be one of entra_id, auth0, cdf, other; did you mean "entra_id"?'] =
      { PROVIDER = "entra" },
    ["CDF_CLIENT_TIMEOUT is soon, and must be a number of seconds"] = { CDF_CLIENT_TIMEOUT = "soon" },
    ["CDF_CLIENT_TIMEOUT is 1e9, and must be a number of seconds"] = { CDF_CLIENT_TIMEOUT = "1e9" },
    ["CDF_URL must"] = { CDF_URL = "http://westeurope-1.cognitedata.com" },
    ["CDF_CLUSTER must be a name such as westeurope-1"] = { CDF_CLUSTER = "https://westeurope-1.cognitedata.com" },
    ["CDF_PROJECT begins or ends with white space"] = { CDF_PROJECT = " p" },
    ["IDP_TOKEN_URL is no"] = { IDP_TOKEN_URL = "idp.example/token" },
    ["IDP_TENANT_ID begins or ends with white space"] = { IDP_TENANT_ID = "t " },
    ["IDP_CLIENT_SECRET is not valid UTF-8"] = { IDP_CLIENT_SECRET = "s3cr3t\255" },
  } do
    it("speaks of variables, not of options: " .. name, function()
      with(case)
      local client, err = cdf.from_env()
      assert.equal(name, problem(client, err):sub(1, #name))
      assert.is_nil(tostring(err):match "s3cr3t")
    end)
  end

  it("speaks of them also where a call fails, and of options where those were given", function()
    local REFUSED = { status = 401, body = '{"error":"invalid_client","error_description":"no; not you"}' }
    with()
    local function said(overrides)
      local script = Script.new { REFUSED }
      overrides.transport = script
      return select(2, assert(cdf.from_env(overrides)):auth()).message
    end
    assert.matches("no; not you; check IDP_CLIENT_ID, IDP_CLIENT_SECRET, IDP_TENANT_ID and IDP_SCOPES$", said {})
    assert.matches("check client_id, client_secret, token_url and scopes$", said { credentials = assert(
      cdf.credentials { client_id = "i", client_secret = "s", tenant_id = "t" }) }, 1)
    with { CDF_TOKEN = "t", LOGIN_FLOW = "token" }
    local script = Script.new { { status = 302, body = "" } }
    assert.matches("check CDF_CLUSTER$", select(2, assert(cdf.from_env { transport = script }):request("GET", "/x"))
      .message)
  end)

  it("blames the line that gives an unknown option", function()
    with()
    assert.matches('init_spec.lua:%d+: cdf.from_env: unknown option "projct"; did you mean "project"', select(2,
      pcall(function() cdf.from_env { projct = "x" } end)))
  end)

  describe("with files", function()
    it("takes what systemd hands over, and reads a token again when it is renewed", function()
      folder:write("IDP_CLIENT_SECRET", "from-systemd\n")
      with { IDP_CLIENT_SECRET = false, CREDENTIALS_DIRECTORY = folder.path }
      assert.equal("from-systemd", form(first_request()).client_secret)
      with { CREDENTIALS_DIRECTORY = folder.path } -- what the environment has wins
      assert.equal("s3cr3t", form(first_request()).client_secret)

      folder:write("CDF_TOKEN", "first\n")
      only { CDF_PROJECT = "p", CDF_CLUSTER = "c", LOGIN_FLOW = "token", CREDENTIALS_DIRECTORY = folder.path }
      local script = Script.new { { status = 200, body = "{}" }, { status = 200, body = "{}" } }
      local client = assert(cdf.from_env { transport = script })
      assert(client:request("GET", "/x"))
      folder:write("CDF_TOKEN", "second\n")
      assert(client:request("GET", "/x"))
      assert.equal("Bearer first", script.requests[1].headers.authorization)
      assert.equal("Bearer second", script.requests[2].headers.authorization)
    end)

    it("says where it looked for what systemd did not hand over", function()
      with { IDP_CLIENT_SECRET = false, CREDENTIALS_DIRECTORY = folder.path }
      assert.equal(("the environment variable IDP_CLIENT_SECRET is not set, nor can %s/IDP_CLIENT_SECRET be read "
        .. "(LOGIN_FLOW is client_credentials)"):format(folder.path), problem(cdf.from_env()))
    end)

    it("signs a pod in by Azure workload identity", function()
      local path = folder:write("token", "a.b.c")
      only { CDF_PROJECT = "p", CDF_CLUSTER = "westeurope-1", AZURE_CLIENT_ID = "pod", AZURE_TENANT_ID = "tenant",
        AZURE_FEDERATED_TOKEN_FILE = path, AZURE_AUTHORITY_HOST = "https://login.microsoftonline.us/" }
      local token = first_request()
      assert.equal("https://login.microsoftonline.us/tenant/oauth2/v2.0/token", token.url)
      assert.same({ grant_type = "client_credentials", client_id = "pod", client_assertion = "a.b.c",
        client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        scope = CDF_EUROPE .. "/.default" }, form(token))
      variables.AZURE_AUTHORITY_HOST = nil
      assert.equal(ENTRA .. "/tenant/oauth2/v2.0/token", first_request().url)
      variables.AZURE_TENANT_ID = nil
      assert.matches("AZURE_TENANT_ID is not set %(AZURE_FEDERATED_TOKEN_FILE is%)$", problem(cdf.from_env()))
      variables.AZURE_TENANT_ID, variables.AZURE_FEDERATED_TOKEN_FILE = "t", folder.path .. "/none"
      assert.equal(("AZURE_FEDERATED_TOKEN_FILE: %s/none cannot be read: No such file or directory")
        :format(folder.path), problem(cdf.from_env()))
      with { AZURE_FEDERATED_TOKEN_FILE = path, AZURE_CLIENT_ID = "pod" } -- a secret says what is meant
      assert.equal("s3cr3t", form(first_request()).client_secret)
    end)
  end)
end)

describe("cdf.from_file", function()
  -- The names of the Toolkit's own template, in its order and with its quotes (SIGNIN.md section 2).
  local TEMPLATE = [[
# Fill in what stands in angle brackets.
LOGIN_FLOW=client_credentials
# The cluster
CDF_CLUSTER=westeurope-1
# CDF_URL=https://westeurope-1.cognitedata.com
CDF_PROJECT=my-project
IDP_CLIENT_ID=my-client
IDP_CLIENT_SECRET=s3cr3t~.with#sign
IDP_TOKEN_URL="https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token"
# IDP_SCOPES=https://westeurope-1.cognitedata.com/.default
# IDP_AUDIENCE=https://westeurope-1.cognitedata.com
]]

  before_each(function() only {} end)

  local function from(path)
    return requests_of(function(overrides) return cdf.from_file(path, overrides) end)
  end

  it("signs in with a file made from the Toolkit's template", function()
    local token, call = from(folder:write(".env", TEMPLATE))
    assert.equal(ENTRA .. "/my-tenant/oauth2/v2.0/token", token.url)
    assert.same({ grant_type = "client_credentials", client_id = "my-client", client_secret = "s3cr3t~.with#sign",
      scope = CDF_EUROPE .. "/.default", audience = CDF_EUROPE }, form(token))
    assert.equal(CDF_EUROPE .. "/api/v1/projects/my-project/x", call.url)
  end)

  it("lets the environment win over the file, and options over both", function()
    local path = folder:write(".env", TEMPLATE)
    only { CDF_PROJECT = "from-environment", IDP_CLIENT_SECRET = "from-environment" }
    local token, call = from(path)
    assert.equal("from-environment", form(token).client_secret)
    assert.matches("/projects/from%-environment/x$", call.url)
    call = select(2, requests_of(function(overrides)
      overrides.project = "from-options"
      return cdf.from_file(path, overrides)
    end))
    assert.matches("/projects/from%-options/x$", call.url)
  end)

  it("tells the kinds of files apart by their names, else by what is in them", function()
    local yaml = "# an extractor's\ncognite:\n  project: from-yaml\n  idp-authentication: { client-id: i, secret: s, "
      .. "tenant: t }\n"
    for name, text in pairs {
      [".env"] = TEMPLATE, [".env.prod"] = TEMPLATE, ["prod.env"] = TEMPLATE, settings = TEMPLATE,
      exported = "\n# comment\n" .. TEMPLATE:gsub("LOGIN_FLOW", "export LOGIN_FLOW", 1),
      marked = "\239\187\191" .. TEMPLATE:gsub("^.-\n", "", 1),
    } do
      assert.matches("/projects/my%-project/x$", select(2, from(folder:write(name, text))).url)
    end
    for _, name in ipairs { "config.yml", "config.yaml", "config", "config.remote" } do
      assert.matches("/projects/from%-yaml/x$", select(2, from(folder:write(name, yaml))).url)
    end
  end)

  it("names the file and the line", function()
    local function said(text) return problem(cdf.from_file(folder:write(".env", text))) end
    local path = folder.path .. "/.env"
    assert.matches(("CDF_URL (%s, line 2) is no"):format(path), said("\nCDF_URL=x\n" .. TEMPLATE), 1, true)
    assert.equal(("CDF_CLIENT_TIMEOUT (%s, line 3) is soon, and must be a number of seconds from 0.001 to 604800")
      :format(path), said("\n\nCDF_CLIENT_TIMEOUT=soon\n" .. TEMPLATE))
    assert.equal(("LOGIN_FLOW (%s, line 1) is interactive, which needs a person with a browser; client_credentials and "
      .. "token work without"):format(path), said("LOGIN_FLOW=interactive\nCDF_PROJECT=p\nCDF_CLUSTER=c\n"))
    assert.equal(("CDF_PROJECT is not set, neither in the environment nor in %s"):format(path), said "CDF_CLUSTER=c\n")
    assert.equal(path .. ", line 2: the quote of IDP_CLIENT_SECRET is not closed",
      said("A=1\nIDP_CLIENT_SECRET='x\n" .. TEMPLATE:gsub("IDP_CLIENT_SECRET", "X")))
    assert.equal(path .. ", line 1: there is more behind the quotes of IDP_AUDIENCE",
      said("IDP_AUDIENCE='x' y\n" .. TEMPLATE))
    assert.equal(path .. ", line 1: expected NAME=value, and nothing behind it",
      said("IDP_CLIENT_SECRET: x\n" .. TEMPLATE:gsub("IDP_CLIENT_SECRET", "X")))
    assert.equal(("CDF_PROJECT is not set, neither in the environment nor in %s, which has no NAME=value at all")
      :format(path), said "cognite:\n  project: x\n")
  end)

  it("reads past what the Toolkit reads past: lines that are none, and broken ones of other programs", function()
    local _, call = from(folder:write(".env", "set -a\nOTHER='x' y\nTHIRD='\n" .. TEMPLATE))
    assert.matches("/projects/my%-project/x$", call.url)
  end)

  it("says that a file is written as PowerShell does", function()
    local path = folder:write(".env", "\255\254" .. TEMPLATE:gsub(".", "%0\0"))
    assert.equal(path .. " is written in UTF-16, as PowerShell does; save it as UTF-8", problem(cdf.from_file(path)))
  end)

  it("says that a file cannot be read", function()
    assert.equal(("%s/none cannot be read: No such file or directory"):format(folder.path),
      problem(cdf.from_file(folder.path .. "/none")))
    assert.matches("cannot be read: Is a directory", problem(cdf.from_file(folder.path)))
    assert.matches("init_spec.lua:%d+: cdf.from_file: path: expected a string, got nil", select(2,
      pcall(function() cdf.from_file() end)))
    assert.matches('init_spec.lua:%d+: cdf.from_file: unknown option "porject"', select(2,
      pcall(function() cdf.from_file("x", { porject = "x" }) end)))
  end)
end)

describe("settings from several places", function()
  local YAML = "cognite:\n  project: from-yaml\n  host: https://yaml.example\n  idp-authentication:\n"
    .. "    client-id: yaml-client\n    secret: yaml-secret\n    tenant: yaml-tenant\n"

  local function opened(overrides)
    return requests_of(function(more)
      for name, value in pairs(overrides or {}) do more[name] = value end
      return signin.open(more, { variables = true, env_file = folder:write(".env", "CDF_PROJECT=from-env-file\n"),
        config = folder:write("config.yml", YAML) })
    end)
  end

  it("are taken from the options, the environment, the .env file and the YAML, in this order", function()
    only {}
    local token, call = opened()
    assert.equal("https://yaml.example/api/v1/projects/from-env-file/x", call.url)
    assert.equal("yaml-client", form(token).client_id)
    with { CDF_PROJECT = "from-environment" }
    token, call = opened()
    assert.equal(CDF_EUROPE .. "/api/v1/projects/from-environment/x", call.url)
    assert.equal("id", form(token).client_id)
    call = select(2, opened { project = "from-options" })
    assert.matches("/projects/from%-options/x$", call.url)
  end)

  it("are not mixed within a login: what says how to sign in says all of it", function()
    only { IDP_CLIENT_ID = "id" }
    local config = folder:write("config.yml", YAML)
    assert.matches("^the environment variable IDP_CLIENT_SECRET is not set",
      problem(signin.open({}, { variables = true, config = config })))
    variables.IDP_CLIENT_SECRET, variables.IDP_TENANT_ID = "s", "t"
    local token, call = requests_of(function(more) return signin.open(more, { variables = true, config = config }) end)
    assert.equal("https://yaml.example/api/v1/projects/from-yaml/x", call.url)
    assert.equal("id", form(token).client_id)
    assert.equal("https://yaml.example/.default", form(token).scope)
  end)
end)
