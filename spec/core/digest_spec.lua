-- SPDX-License-Identifier: Apache-2.0
-- src/digest.c against published examples (RFC 7914, section 11) and, at lengths around a block, Python's hashlib.

local core = require "cdfworkflow.core"
local rooms = require "rooms"

local function stretch(...)
  return (rooms.stretch(...):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

describe("a stretched secret", function()
  it("is that of PBKDF2-HMAC-SHA-256", function()
    assert.equal("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc", stretch("passwd", "salt", 1))
    assert.equal("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56", stretch("Password", "NaCl", 80000))
  end)

  it("is so for secrets and salts of every length", function()
    assert.equal("f7ce0b653d2d72a4108cf5abe912ffdd777616dbbb27a70e8204f3ae2d0f6fad",
      stretch(("p"):rep(0), ("s"):rep(0), 1))
    assert.equal("8a21c8b03f1097bf7436e57e62f25bc1f1dc98a4281f9b150dc7d65b72277405",
      stretch(("p"):rep(63), ("s"):rep(51), 2))
    assert.equal("4fad77541bb1c9a765d6e9bdf79aa22b4ca1a1bb9d6487030f435264a85063c8",
      stretch(("p"):rep(64), ("s"):rep(52), 3))
    assert.equal("d43dd65a1bb3949e57d724f1889189c6627b4bdc0af16fec65741110b8338ee6",
      stretch(("p"):rep(65), ("s"):rep(59), 2))
    assert.equal("d392b3bf80ade56e499bb2a1695ecac21cc9670f9824e62a7029562a77548710",
      stretch(("p"):rep(127), ("s"):rep(60), 5))
    assert.equal("57d3366965f06e52449eeb77313f8ccf4ec2760ba64282b856b95024babb470a",
      stretch(("p"):rep(200), ("s"):rep(64), 4))
    assert.equal("f8bf0d0bf27d01dc89df4e15573aaf2d94dd9f1b16e76f97839728f55ec2afc6",
      stretch(("p"):rep(40), ("s"):rep(500), 1000))
  end)

  it("takes no notable time", function()
    local began = os.clock()
    rooms.stretch("secret", "salt", 10000)
    assert.is_true(os.clock() - began < 1)
  end)
end)

describe("core.sha256", function()
  it("is that of FIPS 180-4, for texts of every length", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", core.sha256 "")
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", core.sha256 "abc")
    assert.equal("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      core.sha256 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", core.sha256(("a"):rep(1e6)))
    assert.equal("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", core.sha256 "\0")
  end)

  it("takes nothing but text", function()
    assert.error_matches(function() core.sha256() end, "string expected")
  end)
end)
