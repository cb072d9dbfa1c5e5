-- SPDX-License-Identifier: Apache-2.0
-- Tokens of an OpenID provider that nobody here wrote (npm oidc-provider), before a CDF that checks them (npm jose).
-- Two Luas will do: what is new here is on the other side of the wire.
--
-- Runs on: 5.4 luajit

local cdf = require "cdfworkflow"
local clock = require "clock"
local core = require "cdfworkflow.core"
local secret_file = require "cdfworkflow.signin.secret_file"
local shell = require "shell"
local temp_folder = require "temp_folder"

local FOLDER = (debug.getinfo(1, "S").source:match "^@(.*)promises/oidc_spec%.lua$" or "spec/") .. "support/oidc"
local SECRET = "s3cret+/%:\"& ='\\"
local LIFETIME = 3 -- seconds; a token is fetched again at half of so short a life

local provider, folder

local function start()
  local output = assert(io.popen(("cd %s && echo $$ && exec node provider.mjs svc %s 2>/dev/null"):format(
    shell.quote(FOLDER), shell.quote(SECRET)) .. (" %d %s"):format(LIFETIME, shell.quote(folder.path .. "/me.pem")),
    "r"))
  provider = { output = output, pid = assert(tonumber(output:read "*l")) }
  provider.url = "http://127.0.0.1:" .. assert(tonumber(output:read "*l"), "the provider did not start")
end

--- Ends the provider; how often it was asked for what.
local function stop()
  local counts = {}
  if not provider then return counts end
  os.execute("kill " .. provider.pid)
  for line in provider.output:lines() do
    local told = line:match "^> (.*)$"
    if told then counts[told] = (counts[told] or 0) + 1 end
  end
  provider.output:close()
  provider = nil
  return counts
end

local function client(options)
  options = options or {}
  return assert(cdf.client {
    project = "p", base_url = provider.url, timeout = 5, proxy = "",
    credentials = assert(cdf.credentials {
      client_id = "svc", client_secret = options.secret or SECRET, scopes = options.scopes,
      token_url = provider.url .. "/token",
    }),
  })
end

describe("tokens of oidc-provider", function()
  setup(function()
    folder = temp_folder.new()
    for _, name in ipairs { "me", "stranger" } do
      local said, status = shell.run(("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout "
        .. "%s.key -out %s.pem"):format(shell.quote(folder.path), name, name))
      assert(status == 0, said)
    end
  end)
  teardown(function() folder:remove() end)
  before_each(start)
  after_each(stop)

  it("serve a run from end to end, one for all calls", function()
    local c = client { scopes = "runs" }
    assert.is_true(assert(c:auth()).expiresAt > 0)
    local functions = {}
    for i = 1, 10 do functions[i] = function() return c:run("w", "1") end end
    local executions, errors = cdf.gather((table.unpack or unpack)(functions)) -- luacheck: ignore 113
    assert.is_nil(next(errors))
    assert.equal(10, #executions)
    assert.same({ token = 1, ["sessions svc runs"] = 10, ["run svc runs"] = 10 }, stop())
  end)

  it("are fetched again before they end, so that CDF refuses none", function()
    local c = client()
    local deadline = core.now() + LIFETIME + 0.5
    local calls = 0
    repeat
      assert(c:request("GET", "/x"))
      calls = calls + 1
      os.execute "sleep 0.1"
    until core.now() > deadline
    local counts = stop()
    assert.equal(calls, counts["x svc "])
    assert.is_true(counts.token >= 2 and counts.token <= 4, tostring(counts.token)) -- fewer where calls take long
  end)

  it("are not to be had with a wrong secret, and the error says what the provider said", function()
    local c = client { secret = "wrong" }
    local execution, err = c:run("w", "1")
    assert.is_nil(execution)
    assert.equal("auth", err.kind)
    assert.equal(401, err.status)
    assert.equal("invalid_client", err.code)
    assert.matches("invalid_client.*client_secret", err.message)
    assert.same({ token = 1 }, stop())
  end)

  it("are not to be had for a scope that the client may not have", function()
    local c = client { scopes = "runs everything" }
    local _, err = c:auth()
    assert.equal("auth", err.kind)
    assert.equal("invalid_scope", err.code)
  end)

  local function by_certificate(name, more)
    local options = {
      client_id = "by-certificate", certificate = ("%s/%s.pem"):format(folder.path, name),
      key = ("%s/%s.key"):format(folder.path, name), token_url = provider.url .. "/token", scopes = "runs",
    }
    for option, value in pairs(more or {}) do options[option] = value end
    return assert(cdf.client { project = "p", base_url = provider.url, timeout = 5, proxy = "",
      credentials = assert(cdf.credentials(options)) })
  end

  it("serve a client with a certificate, whose session is made by token exchange", function()
    assert(by_certificate("me"):run("w", "1"))
    assert.same({ token = 1, ["sessions by-certificate runs"] = 1, ["run by-certificate runs"] = 1 }, stop())
  end)

  it("are fetched with a fresh assertion each time, since the provider takes none twice", function()
    local c = by_certificate "me"
    assert(c:request("GET", "/x"))
    clock.pass(LIFETIME)
    assert(c:request("GET", "/x"))
    assert.equal(2, stop().token)
  end)

  it("are not to be had with another's certificate", function()
    local result, err = by_certificate("stranger"):auth()
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.equal("invalid_client", err.code)
    assert.matches("the provider knows the certificate", err.message)
  end)

  it("serve a client whose assertion somebody else keeps fresh in a file", function()
    local path = folder.path .. "/assertion"
    local function renew()
      local assertion = require("cdfworkflow.signin.certificate").assertion {
        certificate = folder.path .. "/me.pem", key = folder.path .. "/me.key", client_id = "by-certificate",
        token_url = provider.url .. "/token",
      }
      local file = assert(io.open(path, "w"))
      file:write(assert(assertion()), "\n")
      file:close()
    end
    renew()
    local function new_client() -- which has no token yet
      return assert(cdf.client { project = "p", base_url = provider.url, timeout = 5, proxy = "",
        credentials = assert(cdf.credentials { client_id = "by-certificate", client_assertion_file = path,
          token_url = provider.url .. "/token" }) })
    end
    assert(new_client():auth())
    local c = new_client()
    local used = assert(secret_file.text(path))
    local _, err = c:auth()
    assert.equal("invalid_client", err.code) -- the same assertion again
    assert.is_nil(tostring(err):find(used, 1, true))
    renew()
    assert(c:auth())
  end)
end)
