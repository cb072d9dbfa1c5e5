-- SPDX-License-Identifier: Apache-2.0
-- The certificates of a bundle, by the names of their subjects: whatever OpenSSL takes for the same name is the same
-- here, and what is no bundle is told from one.

local certificates = require "certificates"
local rooms = require "rooms"
local shell = require "shell"

local PRINTABLE, UTF8, TELETEX, BMP, UNIVERSAL = 0x13, 0x0c, 0x14, 0x1e, 0x1c

local function element(tag, content)
  local length = #content
  if length < 128 then return string.char(tag, length) .. content end
  if length < 256 then return string.char(tag, 0x81, length) .. content end
  return string.char(tag, 0x82, math.floor(length / 256), length % 256) .. content
end

--- A name of sets of pairs: { { { tag, value }, … }, … }
local function name_of(sets)
  local all = {}
  for i, pairs_of_set in ipairs(sets) do
    local set = {}
    for j, pair in ipairs(pairs_of_set) do
      set[j] = element(0x30, element(0x06, "\85\4\3") .. element(pair[1], pair[2]))
    end
    all[i] = element(0x31, table.concat(set))
  end
  return element(0x30, table.concat(all))
end

local function digest(sets) return assert(rooms.bundle_name(name_of(sets))) end

describe("a name", function()
  it("is the same in each kind of string, letter case and with other blanks", function()
    local plain = digest { { { PRINTABLE, "Acme Root CA 1" } } }
    for _, same in ipairs {
      { UTF8, "Acme Root CA 1" }, { TELETEX, "acme root ca 1" }, { UTF8, "  ACME  Root CA 1 " },
      { BMP, ("Acme Root CA 1"):gsub(".", "\0%0") }, { UNIVERSAL, (("Acme Root CA 1"):gsub(".", "\0\0\0%0")) },
    } do
      assert.equal(plain, digest { { { same[1], same[2] } } })
    end
  end)

  it("is the same whatever the order within a set, and with letters that have several codes", function()
    assert.equal(digest { { { UTF8, "a" }, { UTF8, "b" } } }, digest { { { UTF8, "b" }, { UTF8, "a" } } })
    assert.equal(digest { { { UTF8, "Soci\195\169t\195\169" } } }, digest { { { TELETEX, "Soci\233t\233" } } })
    assert.equal(digest { { { UTF8, "\228\133\161x" } } }, digest { { { BMP, "\65\97\0x" } } })
  end)

  it("is another one where letters or digits are others", function()
    local seen = {}
    for _, value in ipairs { "Root 1", "Root 2", "Root", "Toor", "" } do
      local found = digest { { { UTF8, value } } }
      assert.is_nil(seen[found])
      seen[found] = true
    end
    assert.are_not.equal(digest { { { UTF8, "a" } } }, digest { { { UTF8, "a" } }, { { UTF8, "a" } } })
    assert.equal(digest { { { UTF8, ("x"):rep(300) } } }, digest { { { PRINTABLE, ("X"):rep(300) } } })
  end)

  it("is none where it is cut, or anything else", function()
    local whole = name_of { { { UTF8, "Acme" } }, { { UTF8, "Root" }, { BMP, "\0x" } } }
    for length = 0, #whole - 1 do assert.is_nil(rooms.bundle_name(whole:sub(1, length))) end
    math.randomseed(7)
    for _ = 1, 20000 do -- nothing outside is read: the sanitizer would tell
      local at = math.random(#whole)
      rooms.bundle_name(whole:sub(1, at - 1) .. string.char(math.random(0, 255)) .. whole:sub(at + 1))
    end
    for _, odd in ipairs { "0\128", "0\133\0\0\0\0\0", "0\132\255\255\255\255", "0\2\49\5" } do
      assert.is_nil(rooms.bundle_name(odd))
    end
  end)
end)

describe("a bundle", function()
  local authority, other, path
  setup(function()
    authority, other = certificates.new(), certificates.new()
    authority:issue "leaf"
    path = authority.folder .. "/bundle"
  end)
  teardown(function()
    authority:remove()
    other:remove()
  end)

  local function read(name)
    local file = assert(io.open(name, "rb"))
    local text = file:read "*a"
    file:close()
    return text
  end

  local function bundle_of(text)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    return rooms.bundle(path)
  end

  local function der_of(name)
    return (shell.run(("openssl x509 -in %s -outform DER | od -An -v -tx1"):format(name))
      :gsub("%s", ""):gsub("..", function(hex) return string.char(tonumber(hex, 16)) end))
  end

  it("holds each certificate as it is, and finds it by its subject", function()
    local leaf, root = authority.folder .. "/leaf.pem", authority.ca_file
    local texts = { "# Leaf\n", read(leaf), "\n Root: \n", (read(root):gsub("\n", "\r\n")), read(other.ca_file), "end" }
    local found = bundle_of(table.concat(texts))
    assert.equal(3, #found)
    assert.equal(der_of(leaf), found[1].der)
    assert.equal(der_of(root), found[2].der)
    for _, one in ipairs(found) do assert.is_true(one.found) end
    assert.equal(digest { { { UTF8, "leaf" } } }, found[1].subject)
    assert.equal(digest { { { UTF8, "root" } } }, found[2].subject)
    assert.equal(found[2].subject, found[3].subject)
  end)

  it("is none with anything else in it, or when it is cut", function()
    local text = read(authority.ca_file)
    assert.is_nil(bundle_of "")
    assert.is_nil(bundle_of "no certificate")
    assert.is_nil(bundle_of(text .. text:gsub("CERTIFICATE", "TRUSTED CERTIFICATE")))
    assert.is_nil(bundle_of(text .. read(authority.folder .. "/leaf.key")))
    assert.is_nil(bundle_of(text:gsub("\n", "\n!", 1)))
    assert.is_nil(bundle_of(text .. "\0"))
    for length = 0, #text - 2, 7 do assert.is_nil(bundle_of(text:sub(1, length))) end
    local halved = text:gsub("\n[^\n-]*\n", "\n", 1)
    assert.is_nil(bundle_of(halved))
  end)

  it("is a file", function()
    assert.is_nil(rooms.bundle(authority.folder))
    assert.is_nil(rooms.bundle(authority.folder .. "/nothing"))
    assert.equal(0, select(2, shell.run("mkfifo " .. shell.quote(authority.folder .. "/pipe"))))
    assert.is_nil(rooms.bundle(authority.folder .. "/pipe"))
  end)
end)
