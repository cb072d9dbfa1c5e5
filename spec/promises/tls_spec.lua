-- SPDX-License-Identifier: Apache-2.0
-- A server that cannot show who it is gets nothing: kind "tls", one attempt, no byte of a request. One that a private
-- authority vouches for is as good as any.

local cdf = require "cdfworkflow"
local certificates = require "certificates"
local shell = require "shell"
local wire = require "wire"

local authority, other, server
local bundle -- as large as a system's

setup(function()
  authority, other = certificates.new(), certificates.new()
  authority:issue "good"
  authority:issue("expired", { from = -7200, to = -3600 })
  authority:issue("early", { from = 3600, to = 7200 })
  authority:issue("elsewhere", { names = "DNS:elsewhere.example" })
  authority:issue("wildcard", { names = "DNS:*" })
  authority:issue("intermediate", { authority = true })
  authority:issue("below", { by = "intermediate" })
  authority:self_signed "alone"
  other:issue "stranger"
  bundle = other:bundle { authority.ca_file }
end)

teardown(function()
  authority:remove()
  other:remove()
end)

after_each(function()
  if server then server:stop() end
  server = nil
end)

-- Lua 5.4, in the child: %s are the folder, the certificate, those above it, and the version.
local HANDLER = [[
  local connection = ...
  local folder, name, above, version = %q, %q, %q, %q
  local function read_file(file) return assert(io.open(folder .. "/" .. file)):read "*a" end
  local function certificate(file) return require("openssl.x509").new(read_file(file .. ".pem")) end
  local context = require("openssl.ssl.context").new(version, true)
  if version ~= "TLS" then context:setCipherList "ALL:@SECLEVEL=0" end
  context:setCertificate(certificate(name))
  context:setPrivateKey(require("openssl.pkey").new(read_file(name .. ".key")))
  if above ~= "" then
    local chain = require("openssl.x509.chain").new()
    chain:add(certificate(above))
    context:setCertificateChain(chain)
  end
  log "connection"
  if not connection:starttls(context) then return end
  for request in function() return read(connection) end do
    log("request %%s", request.path)
    reply(connection, 202, '{"id":"059edaa4-a17a-4102-910e-2c3591500cce","workflowExternalId":"w","status":"RUNNING"}')
  end
]]

--- Starts a server with that certificate; https.
local function serve(name, options)
  options = options or {}
  server = wire.serve(HANDLER:format((options.from or authority).folder, name, options.above or "",
    options.version or "TLS"), "later")
  return (server.url:gsub("^http:", "https:"))
end

--- A run at that address, with a nonce of the caller's, so that it is one request.
local function run(url, ca_file, credentials)
  local client = assert(cdf.client { project = "p", base_url = url, ca_file = ca_file, timeout = 5, proxy = "",
    credentials = assert(cdf.credentials(credentials or { token = "secret-token" })) })
  return client:run("w", "1", { nonce = "secret-nonce" })
end

-- GnuTLS does not say what is wrong with a certificate.
local function assert_words(words, message)
  assert.is_true(message:find(words) ~= nil or message:find "certificate verification failed" ~= nil, message)
end

local function assert_refused(words, execution, err)
  assert.is_nil(execution)
  assert.equal("tls", err.kind, tostring(err))
  assert_words(words, err.message)
  assert.is_false(err.retryable)
  assert.equal(1, err.attempts)
  assert.is_nil(tostring(err):find "secret")
  assert.same({ "connection" }, server:stop())
end

describe("a server is refused whose certificate", function()
  local REFUSED = {
    { "has expired", "expired", "expired" },
    { "is not yet valid", "early", "not yet valid" },
    { "is for another host", "elsewhere", "127%.0%.0%.1" },
    { "is for any name at all", "wildcard", "127%.0%.0%.1" },
    { "nobody signed but itself", "alone", "self%-signed.*ca_file" },
    { "comes without the one between it and the root", "below", "issuer.*ca_file" },
  }
  for _, case in ipairs(REFUSED) do
    it(case[1], function()
      assert_refused(case[3], run(serve(case[2]), authority.ca_file))
      assert_refused(case[3], run(serve(case[2]), bundle))
    end)

    it(case[1] .. ", also as the identity provider", function()
      local url = serve(case[2])
      assert_refused(case[3], run("https://127.0.0.1:1", authority.ca_file, {
        client_id = "svc", client_secret = "secret-word", token_url = url .. "/token" }))
    end)
  end

  it("comes from an authority that nobody named", function()
    assert_refused("issuer.*ca_file", run(serve("stranger", { from = other }), authority.ca_file))
    assert_refused("issuer.*ca_file", run(serve("stranger", { from = other }), authority:bundle {}))
  end)

  it("comes from a private authority, which the system does not know", function()
    assert_refused("issuer.*ca_file", run(serve "good"))
  end)
end)

describe("a server is refused", function()
  it("that speaks no TLS above 1.1", function()
    local url = serve("good", { version = "TLSv1_1" })
    local said = shell.run(("curl -sk --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 %s/x"):format(url))
    assert.matches("059edaa4", said) -- it does speak TLS 1.1
    local execution, err = run(url, authority.ca_file)
    assert.is_nil(execution)
    assert.equal("tls", err.kind, tostring(err))
    assert.matches("version", err.message)
    assert.is_false(err.retryable)
    assert.equal(1, err.attempts)
    assert.same({ "connection", "request /x", "connection" }, server:stop())
  end)

  it("when ca_file is not there, or holds no certificate", function()
    for _, ca_file in ipairs { "/nowhere/ca.pem", authority.folder .. "/config" } do
      local execution, err = run(serve "good", ca_file)
      assert.is_nil(execution)
      assert.equal("tls", err.kind, tostring(err))
      assert.matches("ca_file", err.message)
      assert.is_false(err.retryable)
      server:stop()
    end
  end)
end)

describe("a server is taken whose certificate", function()
  local PATH = "request /api/v1/projects/p/workflows/w/versions/1/run"

  it("the authority in ca_file signed, with TLS 1.2 and 1.3", function()
    for _, version in ipairs { "TLS", "TLSv1_2" } do
      for _, ca_file in ipairs { authority.ca_file, bundle } do
        assert(run(serve("good", { version = version }), ca_file))
        assert.same({ "connection", PATH }, server:stop())
      end
    end
  end)

  it("comes with the one between it and the root", function()
    for _, ca_file in ipairs { authority.ca_file, bundle } do
      assert(run(serve("below", { above = "intermediate" }), ca_file))
      assert.same({ "connection", PATH }, server:stop())
    end
  end)

  it("is in the bundle itself, or comes without the one between, which is there", function()
    for name, trusted in pairs { good = "good", alone = "alone", below = "intermediate" } do
      assert(run(serve(name), other:bundle { ("%s/%s.pem"):format(authority.folder, trusted) }))
      assert.same({ "connection", PATH }, server:stop())
    end
  end)
end)
