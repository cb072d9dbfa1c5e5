-- SPDX-License-Identifier: Apache-2.0
-- A client that proves who it is with a certificate: a JWT signed by its key (RFC 7523, SIGNIN.md section 4).

local core = require "cdfworkflow.core"
local secret_file = require "cdfworkflow.signin.secret_file"

local certificate = {}

local LIFETIME, SLACK = 600, 60 -- seconds that an assertion is good for, and that it may be young on another's clock

local function module(name)
  local found, loaded = pcall(require, name)
  if found then return loaded end
  return nil, "a certificate needs luaossl to sign with: install lua-luaossl (Debian) or luaossl (LuaRocks)"
end

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

--- base64url without padding (RFC 7515, section 2).
local function base64url(bytes)
  return (bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local number = a * 65536 + (b or 0) * 256 + (c or 0)
    local text = ""
    for place = 3, 3 - #group, -1 do
      local digit = math.floor(number / 64 ^ place) % 64
      text = text .. DIGITS:sub(digit + 1, digit + 1)
    end
    return text
  end))
end

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function json(value) return assert(core.encode(value)) end

--- A PEM block of the file; `kind` is a pattern. luaossl would ask for the passphrase of an encrypted key on the
--- terminal, so such a key never gets there.
local function block(path, kind, what)
  local bytes, problem = secret_file.bytes(path)
  if not bytes then return nil, problem end
  if bytes:find "ENCRYPTED" then
    return nil, path .. " holds a key that is encrypted, which cannot be opened here; write it without: "
      .. "openssl pkey -in OLD -out NEW"
  end
  local found = bytes:match("%-%-%-%-%-BEGIN " .. kind .. "%-%-%-%-%-.-%-%-%-%-%-END " .. kind .. "%-%-%-%-%-")
  if found then return found .. "\n" end
  local is_binary = bytes:byte(1) == 48
  return nil, ("%s holds no %s in PEM form%s"):format(path, what, is_binary
    and "; openssl pkcs12 -in FILE -nodes turns a PKCS#12 file (.pfx) into one" or "")
end

local function read(paths)
  local x509, problem = module "openssl.x509"
  if not x509 then return nil, problem end
  local certificate_text, key_text
  certificate_text, problem = block(paths.certificate, "CERTIFICATE", "certificate")
  if not certificate_text then return nil, problem end
  key_text, problem = block(paths.key, "[A-Z ]*PRIVATE KEY", "private key")
  if not key_text then return nil, problem end
  local read_certificate, its_certificate = pcall(x509.new, certificate_text, "PEM")
  if not read_certificate then return nil, paths.certificate .. " holds no certificate that can be read" end
  local read_key, key = pcall(require("openssl.pkey").new, key_text, "PEM")
  if not read_key then return nil, paths.key .. " holds no private key that can be read" end
  if key:type() ~= "rsaEncryption" then return nil, paths.key .. " holds no RSA key, and RS256 needs one" end
  if its_certificate:getPublicKey():toPEM "public" ~= key:toPEM "public" then
    return nil, ("the key in %s is not that of the certificate in %s"):format(paths.key, paths.certificate)
  end
  return { certificate = its_certificate, key = key }
end

--- What whoever may sign with the key has, and nobody else.
---@param path string of the key
---@return string|nil key as PEM
---@return string? problem
function certificate.proof(path)
  return block(path, "[A-Z ]*PRIVATE KEY", "private key")
end

local function digest_of(kind, bytes)
  local digest = require("openssl.digest").new(kind)
  digest:update(bytes)
  return digest
end

--- A function that makes an assertion, each time from the files as they are.
---@param opts { certificate: string, key: string, client_id: string, token_url: string } paths of PEM files
---@return fun(): string|nil, string? assertion, or nil and what is wrong
function certificate.assertion(opts)
  return function()
    local pair, problem = read(opts)
    if not pair then return nil, problem end
    local now = math.floor(core.time())
    local header = { alg = "RS256", typ = "JWT",
      x5t = base64url(digest_of("sha1", pair.certificate:tostring "DER"):final()) }
    local claims = {
      aud = opts.token_url, iss = opts.client_id, sub = opts.client_id, jti = hex(require("openssl.rand").bytes(16)),
      nbf = now - SLACK, exp = now + LIFETIME,
    }
    local signed = base64url(json(header)) .. "." .. base64url(json(claims))
    return signed .. "." .. base64url(pair.key:sign(digest_of("sha256", signed)))
  end
end

return certificate
