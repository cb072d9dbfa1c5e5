-- SPDX-License-Identifier: Apache-2.0
-- Signing in with a certificate: the assertion, checked with openssl's own program, and keys that cannot be used.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local shell = require "shell"
local temp_folder = require "temp_folder"

local TOKEN = { status = 200, body = '{"access_token":"t0k3n","expires_in":3600}' }
local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

local folder

local function openssl(arguments)
  local said, status = shell.run(("cd %s && openssl %s"):format(shell.quote(folder.path), arguments))
  assert(status == 0, said)
  return said
end

local function from_base64url(text)
  local bits = text:gsub(".", function(digit)
    local value, found = assert(DIGITS:find(digit, 1, true)) - 1, ""
    for place = 5, 0, -1 do found = found .. (math.floor(value / 2 ^ place) % 2) end
    return found
  end)
  return (bits:gsub("%d%d?%d?%d?%d?%d?%d?%d?", function(byte)
    return #byte == 8 and string.char(tonumber(byte, 2)) or ""
  end))
end

local function read(name)
  local file = assert(io.open(folder.path .. "/" .. name, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function credentials(certificate, key, more)
  local options = { client_id = "me", tenant_id = "my-tenant", certificate = folder.path .. "/" .. certificate,
    key = folder.path .. "/" .. key }
  for name, value in pairs(more or {}) do options[name] = value end
  return cdf.credentials(options)
end

local function client(made, answers)
  local script = Script.new(answers)
  return assert(cdf.client { project = "p", cluster = "c", transport = script, credentials = made }), script
end

local function assertion_in(request)
  local text = request.body:match "client_assertion=([%w_.-]+)$"
  local header, claims, signature = text:match "^([^.]+)%.([^.]+)%.([^.]+)$"
  return {
    header = core.decode(from_base64url(header)), claims = core.decode(from_base64url(claims)),
    signed = header .. "." .. claims, signature = from_base64url(signature),
  }
end

describe("a certificate", function()
  setup(function()
    folder = temp_folder.new()
    for _, name in ipairs { "one", "two" } do
      openssl(("req -x509 -newkey rsa:2048 -nodes -keyout %s.key -out %s.pem -days 2 -subj /CN=%s"):format(
        name, name, name))
    end
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ec.key -out ec.pem -days 2 "
      .. "-subj /CN=e")
    openssl "rsa -in one.key -traditional -out old.key"
    openssl "pkey -in one.key -aes256 -passout pass:x -out locked.key"
    openssl "rsa -in one.key -traditional -aes128 -passout pass:x -out locked-old.key"
    openssl "pkcs12 -export -in one.pem -inkey one.key -passout pass: -out one.pfx"
    folder:write("both.pem", "Bag Attributes\n    friendlyName: x\n" .. read "one.pem" .. read "two.pem"
      .. read "one.key")
  end)
  teardown(function() folder:remove() end)

  it("signs an assertion with what Entra ID asks for, which openssl finds good", function()
    local c, script = client(assert(credentials("one.pem", "one.key")), { TOKEN, { status = 401, body = "{}" }, TOKEN,
      { status = 200, body = "{}" } })
    assert(c:auth())
    local found = assertion_in(script.requests[1])
    local thumbprint = openssl("x509 -in one.pem -noout -fingerprint -sha1"):match "=([%x:]+)":gsub(":", ""):lower()
    assert.same({ "RS256", "JWT" }, { found.header.alg, found.header.typ })
    assert.equal(thumbprint, (from_base64url(found.header.x5t):gsub(".", function(byte)
      return ("%02x"):format(byte:byte())
    end)))
    local claims = found.claims
    assert.equal("https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token", claims.aud)
    assert.same({ "me", "me" }, { claims.iss, claims.sub })
    assert.is_true(claims.nbf <= core.time() and claims.exp > core.time() + 500 and claims.exp < core.time() + 610)
    folder:write("signed", found.signed)
    folder:write("signature", found.signature)
    openssl "x509 -in one.pem -noout -pubkey -out one.pub"
    assert.matches("Verified OK", openssl "dgst -sha256 -verify one.pub -signature signature signed")
    assert(c:request("GET", "/x"))
    assert.is_true(#claims.jti >= 16)
    assert.are_not.equal(claims.jti, assertion_in(script.requests[3]).claims.jti)
    assert.is_nil(script.requests[1].body:find("client_secret", 1, true))
  end)

  it("is read from one file with its key, behind other text, and from older forms of keys", function()
    for _, files in ipairs { { "both.pem", "both.pem" }, { "one.pem", "old.key" } } do
      local c, script = client(assert(credentials(files[1], files[2])), { TOKEN })
      assert(c:auth())
      assert.equal("RS256", assertion_in(script.requests[1]).header.alg)
    end
  end)

  it("is read again for each token request, so that a renewed one is used", function()
    folder:write("current.pem", read "one.pem")
    folder:write("current.key", read "one.key")
    local c, script = client(assert(credentials("current.pem", "current.key")), { TOKEN, { status = 401, body = "{}" },
      TOKEN, { status = 200, body = "{}" } })
    assert(c:auth())
    folder:write("current.pem", read "two.pem")
    folder:write("current.key", read "two.key")
    assert(c:request("GET", "/x"))
    assert.are_not.equal(assertion_in(script.requests[1]).header.x5t, assertion_in(script.requests[3]).header.x5t)
  end)

  for name, case in pairs {
    ["an encrypted key"] = { "one.pem", "locked.key", "locked.key holds a key that is encrypted, which" },
    ["an older encrypted key"] = { "one.pem", "locked-old.key", "locked-old.key holds a key that is encrypted" },
    ["the key of another certificate"] = { "one.pem", "two.key", "is not that of the certificate in" },
    ["a key that is not RSA"] = { "ec.pem", "ec.key", "ec.key holds no RSA key, and RS256 needs one" },
    ["a PKCS#12 file"] = { "one.pfx", "one.key", "one.pfx holds no certificate in PEM form; openssl pkcs12" },
    ["a key in place of a certificate"] = { "one.key", "one.key", "one.key holds no certificate in PEM form" },
    ["a certificate in place of a key"] = { "one.pem", "one.pem", "one.pem holds no private key in PEM form" },
    ["a file that is not there"] = { "none.pem", "one.key", "none.pem cannot be read: No such file or directory" },
  } do
    it("is refused with " .. name, function()
      local made, err = credentials(case[1], case[2])
      assert.is_nil(made)
      assert.equal("invalid", err.kind)
      assert.matches("^certificate: ", err.message)
      assert.matches(case[3], err.message, 1, true)
      assert.is_nil(err.message:find "BEGIN")
    end)
  end

  it("that was damaged is refused, without a word of it", function()
    folder:write("damaged.key", (read("one.key"):gsub("\nMII", "\nXXX")))
    folder:write("damaged.pem", (read("one.pem"):gsub("\nMII", "\nXXX")))
    assert.matches("damaged.key holds no private key that can be read$",
      select(2, credentials("one.pem", "damaged.key")).message)
    assert.matches("damaged.pem holds no certificate that can be read$",
      select(2, credentials("damaged.pem", "one.key")).message)
  end)

  it("without luaossl names the package", function()
    local loaded, preload = package.loaded["openssl.x509"], package.preload["openssl.x509"]
    finally(function()
      package.loaded["openssl.x509"], package.preload["openssl.x509"] = loaded, preload
    end)
    package.loaded["openssl.x509"] = nil
    package.preload["openssl.x509"] = function() error "module 'openssl.x509' not found" end
    assert.matches("a certificate needs luaossl to sign with: install lua%-luaossl %(Debian%) or luaossl %(LuaRocks%)$",
      select(2, credentials("one.pem", "one.key")).message)
  end)
end)
