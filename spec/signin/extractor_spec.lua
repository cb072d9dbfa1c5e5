-- SPDX-License-Identifier: Apache-2.0
-- cdf.from_file with the YAML of Cognite's extractors (SIGNIN.md section 3), in both forms: the requests that come of
-- it, and errors that name the file and the key.

local Script = require "script"
local cdf = require "cdfworkflow"
local shell = require "shell"
local temp_folder = require "temp_folder"

local TOKEN = { status = 200, body = '{"access_token":"t","expires_in":60}' }

local folder, variables
local getenv = os.getenv

local function file(text) return folder:write("config.yml", text) end

--- The token request's URL and form, and the URL of a call behind it.
local function asked(text)
  local script = Script.new { TOKEN, { status = 200, body = "{}" } }
  assert(assert(cdf.from_file(file(text), { transport = script })):request("GET", "/x"))
  local found = {}
  for name, value in script.requests[1].body:gmatch "([^&=]+)=([^&]*)" do
    found[name] = value:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return script.requests[1].url, found, script.requests[2].url
end

--- What is said of a file, without its path.
local function said(text)
  local client, err = cdf.from_file(file(text))
  assert.is_nil(client)
  assert.equal("invalid", err.kind)
  local path = folder.path .. "/config.yml"
  assert.equal(path, err.message:sub(1, #path))
  return (err.message:sub(#path + 1):gsub("^: ", ""))
end

local OLDER = [[
version: "1"
logger: { console: { level: INFO } }
cognite:
  host: https://westeurope-1.cognitedata.com
  project: my-project
  idp-authentication:
    client-id: ${COGNITE_CLIENT_ID}
    secret: ${COGNITE_CLIENT_SECRET}
    tenant: my-tenant
    scopes: [ https://westeurope-1.cognitedata.com/.default, second ]
source:
  password: ${NOT_SET_HERE}
  key: !keyvault some-secret
]]

local NEWER = [[
project: my-project
base-url: https://westeurope-1.cognitedata.com
integration: { external-id: mine }
authentication:
  type: client-credentials
  client-id: my-client
  client-secret: s3cr3t
  token-url: https://idp.example/token
  scopes: one two
  audience: aud
]]

local function change(text, from, to)
  local changed, count = text:gsub(from, to)
  assert.equal(1, count)
  return changed
end

describe("an extractor's YAML", function()
  setup(function() os.getenv = function(name) return variables[name] end end) -- luacheck: ignore 122
  teardown(function() os.getenv = getenv end) -- luacheck: ignore 122
  before_each(function()
    folder = temp_folder.new()
    variables = { COGNITE_CLIENT_ID = "my-client", COGNITE_CLIENT_SECRET = "s3cr3t: #1" }
  end)
  after_each(function() folder:remove() end)

  describe("of the older form", function()
    it("signs in at a tenant, with its scopes and nothing that it does not say", function()
      local url, form, call = asked(OLDER)
      assert.equal("https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token", url)
      assert.same({ grant_type = "client_credentials", client_id = "my-client", client_secret = "s3cr3t: #1",
        scope = "https://westeurope-1.cognitedata.com/.default second" }, form)
      assert.equal("https://westeurope-1.cognitedata.com/api/v1/projects/my-project/x", call)
    end)

    it("signs in at a token URL, with audience and resource, in either spelling", function()
      local text = change(OLDER, "tenant: my%-tenant\n    scopes:[^\n]*",
        "token_url: https://idp.example/token\n    audience: aud\n    resource: res")
      local underlined = text:gsub("idp%-authentication", "idp_authentication"):gsub("client%-id", "client_id")
      for _, spelled in ipairs { text, underlined } do
        local url, form = asked(spelled)
        assert.equal("https://idp.example/token", url)
        assert.same({ grant_type = "client_credentials", client_id = "my-client", client_secret = "s3cr3t: #1",
          audience = "aud", resource = "res" }, form)
      end
    end)

    it("has the host and the authority of the extractors where it names none", function()
      local _, _, call = asked(change(OLDER, "host: [^\n]*\n  ", ""))
      assert.equal("https://api.cognitedata.com/api/v1/projects/my-project/x", call)
      local url = asked(change(OLDER, "tenant:", "authority: https://login.microsoftonline.us\n    tenant:"))
      assert.equal("https://login.microsoftonline.us/my-tenant/oauth2/v2.0/token", url)
    end)

    for text, changed in pairs {
      ["cognite.idp-authentication.client-id cannot be had: the environment variable NONE is not set"] =
        { "COGNITE_CLIENT_ID", "NONE" },
      ["cognite.idp-authentication.secret cannot be had: !keyvault asks Azure Key Vault, which is not done here: put "
        .. "the value into an environment variable, and ${NAME} into the file"] =
        { "secret: [^\n]*", "secret: !keyvault mine" },
      ["cognite.idp-authentication.secret is missing (nor is there a certificate)"] = { "secret: [^\n]*", "secret:" },
      ["cognite.idp-authentication.client-id is missing"] = { "client%-id: [^\n]*", "client-id: ~" },
      ["cognite.idp-authentication.token-url is missing (nor is there a tenant)"] = { "tenant: [^\n]*", "" },
      ["cognite.idp-authentication.client-id must be text"] = { "client%-id: [^\n]*", "client-id: { a: 1 }" },
      ["cognite.idp-authentication is missing"] = { "idp%-authentication", "idp" },
      ["cognite.project is missing"] = { "  project", "  projct" },
      ["cognite.project begins or ends with white space"] = { "my%-project", '" my-project"' },
      ["cognite.host must"] = { "https://westeurope%-1.cognitedata.com\n", "http://westeurope-1.cognitedata.com\n" },
      ["cognite.idp-authentication.token-url is no"] = { "tenant: my%-tenant", "token-url: idp.example" },
    } do
      it("names the key: " .. text, function()
        assert.equal(text, said(change(OLDER, changed[1], changed[2])):sub(1, #text))
      end)
    end
  end)

  describe("of the newer form", function()
    it("signs in with client credentials", function()
      local url, form, call = asked(NEWER)
      assert.equal("https://idp.example/token", url)
      assert.same({ grant_type = "client_credentials", client_id = "my-client", client_secret = "s3cr3t",
        scope = "one two", audience = "aud" }, form)
      assert.equal("https://westeurope-1.cognitedata.com/api/v1/projects/my-project/x", call)
      assert.same({ url, form, call }, { asked((NEWER:gsub("(%w)%-(%w+:)", "%1_%2"))) })
    end)

    for text, changed in pairs {
      ["authentication.client-secret is missing"] = { "client%-secret: [^\n]*", "" },
      ["authentication.token-url is missing"] = { "token%-url: [^\n]*", "" },
      ["authentication.type must be client-credentials or client-certificate, not device-code"] =
        { "type: client%-credentials", "type: device-code" },
      ["authentication is missing"] = { "authentication", "authenticaton" },
      ["base-url is missing"] = { "base%-url: [^\n]*", "" },
      ["project is missing"] = { "project: [^\n]*", "" },
    } do
      it("names the key: " .. text, function() assert.equal(text, said(change(NEWER, changed[1], changed[2]))) end)
    end
  end)

  describe("with a certificate", function()
    local function make_certificate()
      local said_, status = shell.run(("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert "
        .. "-days 2 -subj /CN=x && cat cert key > cert.pem"):format(shell.quote(folder.path)))
      assert(status == 0, said_)
      return folder.path .. "/cert.pem"
    end

    it("signs an assertion for it, in both forms", function()
      local path, authority = make_certificate(), "https://login.microsoftonline.com/my-tenant"
      for _, text in ipairs {
        change(OLDER, "secret: [^\n]*", "certificate: { path: " .. path .. " }"),
        change(change(OLDER, "secret: [^\n]*", ("certificate: { path: %s, authority-url: %s/ }"):format(path,
          authority)), "tenant: my%-tenant", ""),
        change(change(NEWER, "client%-credentials", "client-certificate"),
          "client%-secret: [^\n]*\n  token%-url: [^\n]*", ("path: %s\n  authority-url: %s"):format(path, authority)),
      } do
        local url, form = asked(text)
        assert.equal("https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token", url)
        assert.matches("^[%w_-]+%.[%w_-]+%.[%w_-]+$", form.client_assertion)
        assert.is_nil(form.client_secret)
      end
    end)

    it("names the key of what is wrong with it", function()
      assert.equal("cognite.idp-authentication.certificate.path: /none.pem cannot be read: No such file or directory",
        said(change(OLDER, "secret: [^\n]*", "certificate: { path: /none.pem, password: x }")))
      assert.equal("cognite.idp-authentication.certificate.path is missing",
        said(change(OLDER, "secret: [^\n]*", "certificate: { pth: x }")))
      assert.equal("authentication.authority-url is missing", said(change(change(NEWER, "client%-credentials",
        "client-certificate"), "client%-secret: [^\n]*", "path: /none.pem")))
    end)
  end)

  it("is read beside CDF_CA_FILE, which is a matter of the machine", function()
    local transport = require "cdfworkflow.transport"
    local given
    stub(transport, "of_host", function(options)
      given = options
      return Script.new {}
    end)
    finally(function() transport.of_host:revert() end)
    variables.CDF_CA_FILE = "/etc/plant/ca.pem"
    assert(cdf.from_file(file(OLDER)))
    assert.equal("/etc/plant/ca.pem", given.ca_file)
  end)

  it("fills in variables where the extractors do: in plain scalars and behind !env", function()
    variables.TENANT, variables.REGION = "my-tenant", "westeurope-1"
    local function form(secret)
      return (select(2, asked(change(OLDER, "secret: [^\n]*", "secret: " .. secret)))).client_secret
    end
    assert.equal("a-my-tenant-westeurope-1", form "a-${TENANT}-${REGION}")
    assert.equal("${TENANT}", form "'${TENANT}'")
    assert.equal("my-tenant", form '!env "${TENANT}"')
    assert.equal("my-tenant/westeurope-1", form '!env "$TENANT/${REGION}"')
    assert.equal("my-tenant", form "!env TENANT")
    assert.equal("0123", form "0123") -- text, not a number
    assert.equal("yes", form "yes")
    variables.SECRET = "pa$s$TENANT${REGION}"
    assert.equal(variables.SECRET, form '!env "${SECRET}"') -- what a variable holds is no place for others
    assert.equal(variables.SECRET, form "${SECRET}")
    assert.equal("my-tenant/westeurope-1/$none", form "${TENANT}/$REGION/$none") -- as behind !env, once it begins so
    assert.equal("a-${TENANT-my-tenant$REGION", form "a-${TENANT-${TENANT}$REGION")
    assert.matches("secret cannot be had: the environment variable NONE is not set",
      said(change(OLDER, "secret: [^\n]*", "secret: !env NONE")))
  end)

  it("has nothing where a value is empty or null, as in a variable that is set to nothing", function()
    variables.EMPTY = ""
    for _, more in ipairs { "audience: ''", "audience: ${EMPTY}", "resource: !env EMPTY", "certificate:",
      "certificate: ~", "scopes: []" } do
      assert.same({ grant_type = "client_credentials", client_id = "my-client", client_secret = "s3cr3t: #1" },
        (select(2, asked(change(OLDER, "scopes: [^\n]*", more)))))
    end
    assert.equal("cognite.idp-authentication.secret is empty (nor is there a certificate)",
      said(change(OLDER, "secret: [^\n]*", "secret: ${EMPTY}")))
  end)

  it("may be long, as with all the queries and tags of an extractor in it", function()
    assert.equal("my-client", (select(2, asked(OLDER .. "tags:\n" .. ("- a-name-of-a-tag\n"):rep(10000)))).client_id)
  end)

  it("takes variables from what systemd hands over, too", function()
    folder:write("COGNITE_CLIENT_SECRET", "from-systemd\n")
    variables.COGNITE_CLIENT_SECRET, variables.CREDENTIALS_DIRECTORY = nil, folder.path
    assert.equal("from-systemd", (select(2, asked(OLDER))).client_secret)
  end)

  it("is not mixed with the Toolkit's variables, but with options", function()
    variables.CDF_PROJECT, variables.IDP_CLIENT_ID, variables.CDF_CLUSTER = "other", "other", "other"
    assert.equal("my-client", (select(2, asked(OLDER))).client_id)
    local script = Script.new { TOKEN, { status = 200, body = "{}" } }
    assert(assert(cdf.from_file(file(OLDER), { transport = script, project = "mine" })):request("GET", "/x"))
    assert.matches("/projects/mine/x$", script.requests[2].url)
  end)

  it("names its keys where a call fails", function()
    local script = Script.new { { status = 401, body = '{"error":"invalid_client"}' } }
    local path = file(OLDER)
    local _, err = assert(cdf.from_file(path, { transport = script })):auth()
    assert.matches(("check %s: cognite.idp-authentication.client-id, %s: cognite.idp-authentication.secret, ")
      :format(path, path), err.message, 1, true)
  end)

  for problem, text in pairs {
    ["line 2, column 13: did not find expected ',' or ']'"] = "cognite:\n  project: [a\nb: c\n",
    ["is no configuration of an extractor: it has neither cognite nor authentication"] = "a: 1\n",
    ["is no configuration of an extractor: it has neither"] = "- a\n- b\n",
    ["is no YAML"] = "a: \255\n",
  } do
    it("is refused where it is none: " .. problem, function()
      assert.matches(problem, said(text), 1, true)
    end)
  end

  it("shows nothing of the file in what is wrong with it", function()
    assert.is_nil(said("cognite:\n  secret: s3cr3t\n project: *s3cr3t\n"):find "s3cr3t")
    assert.is_nil(said("cognite: &a\n  secret: *s3cr3t\n"):find "s3cr3t")
  end)

  it("without lyaml names the package", function()
    local loaded, preload = package.loaded.lyaml, package.preload.lyaml
    finally(function() package.loaded.lyaml, package.preload.lyaml = loaded, preload end)
    package.loaded.lyaml = nil
    package.preload.lyaml = function() error "module 'lyaml' not found" end
    assert.equal("YAML needs lyaml: install lua-yaml (Debian) or lyaml (LuaRocks)", said(OLDER))
  end)
end)
