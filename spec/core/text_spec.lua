-- SPDX-License-Identifier: Apache-2.0
-- What may go into a URL, a form or a header, and how it gets there.

local rooms = require "rooms"

local EURO, SMILE = "\226\130\172", "\240\159\152\128"

describe("percent-encoding a path segment", function()
  it("keeps nothing but letters, digits, - . _ ~", function()
    for byte = 0, 255 do
      local c = string.char(byte)
      local expected = c:match("^[%w%-._~]$") and byte < 128 and c or ("%%%02X"):format(byte)
      assert.equal(expected, (rooms.encode("segment", c)))
    end
  end)

  it("writes what CDF.md names", function()
    assert.equal("a%2Fb%25c%20d", (rooms.encode("segment", "a/b%c d")))
    assert.equal("%E2%82%AC%F0%9F%98%80", (rooms.encode("segment", EURO .. SMILE)))
  end)

  it("fails at the buffer's ceiling instead of writing half", function()
    local _, added = rooms.encode("segment", ("/"):rep(10), 29)
    assert.is_false(added)
    _, added = rooms.encode("segment", ("/"):rep(10), 30)
    assert.is_true(added)
  end)
end)

it(
  "a form writes a space as + and a plus as %2B",
  function() assert.equal("a+b%2Bc%26d%3D", (rooms.encode("form", "a b+c&d="))) end
)

it(
  "a JSON string escapes quotes, backslashes and control characters",
  function() assert.equal([["a\"b\\c\u0000\u001f]] .. EURO .. [["]], (rooms.encode("json", 'a"b\\c\0\31' .. EURO))) end
)

describe("UTF-8", function()
  it("counts characters", function()
    local ok, count = rooms.is_utf8("a" .. EURO .. SMILE .. "\194\162")
    assert.is_true(ok)
    assert.equal(4, count)
  end)

  for name, text in pairs {
    ["a lone continuation"] = "\128",
    ["an overlong slash"] = "\192\175",
    ["an overlong form of three"] = "\224\128\175",
    ["a surrogate"] = "\237\160\128",
    ["beyond U+10FFFF"] = "\244\144\128\128",
    ["a cut character"] = "\226\130",
    ["an overlong form of four"] = "\240\128\128\175",
    ["0xff"] = "\255",
    ["a wrong second byte"] = "\226\40\161",
  } do
    it("does not take " .. name, function() assert.is_false((rooms.is_utf8("ok" .. text))) end)
  end
end)

describe("an identifier", function()
  for name, text in pairs {
    plain = "daily-etl",
    unicode = "\195\164 " .. SMILE,
    slash = "a/b",
    dots = "...",
    ["dots inside"] = "a..b",
    ["255 characters"] = EURO:rep(255),
  } do
    it("may be " .. name, function() assert.is_nil(rooms.problem("identifier", text)) end)
  end

  for text, problem in pairs {
    [""] = "is empty",
    [" a"] = "white space",
    ["a "] = "white space",
    ["a\n"] = "white space",
    ["\ta"] = "white space",
    ["\194\160a"] = "white space",
    ["a\226\128\168"] = "white space",
    ["\227\128\128"] = "white space",
    ["a\0b"] = "NUL",
    ["\255"] = "not valid UTF-8",
    ["."] = "'.' or '..'",
    [".."] = "'.' or '..'",
    [("x"):rep(256)] = "longer than 255 characters",
    [EURO:rep(256)] = "longer than 255 characters",
  } do
    it(
      ("%q %s"):format(text:sub(1, 12), problem),
      function() assert.matches(problem, rooms.problem("identifier", text), 1, true) end
    )
  end
end)

describe("a header value", function()
  it("is printable ASCII with inner spaces", function()
    assert.is_nil(rooms.problem("header", "tool/1.2 (x)"))
    for byte = 0, 255 do
      local good = byte >= 32 and byte < 127
      assert.equal(good, rooms.problem("header", "a" .. string.char(byte) .. "b") == nil, tostring(byte))
    end
    assert.is_truthy(rooms.problem("header", " a"))
    assert.is_truthy(rooms.problem("header", ""))
  end)
end)

it("a token has no spaces", function()
  assert.is_nil(rooms.problem("token", "ey.J-_~+/="))
  for _, text in ipairs { "", "a b", "a\r\nX: y", "a\0", "\195\164" } do
    assert.is_truthy(rooms.problem("token", text))
  end
end)

describe("a URL", function()
  for _, url in ipairs {
    "https://westeurope-1.cognitedata.com",
    "https://idp.example:8443/oauth2/token?x=1",
    "http://localhost:8080",
    "http://127.0.0.1:1",
    "http://127.9.8.7/x",
    "http://[::1]:8080/x",
    "https://[2001:db8::1]/",
  } do
    it("may be " .. url, function() assert.is_nil(rooms.problem("url", url)) end)
  end

  for _, url in ipairs {
    "",
    "ftp://x",
    "https://",
    "http://example.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0",
    "http://127.0.0.256",
    "http://127.0.0.1.",
    "http://localhost.example.com",
    "https://user:pw@host",
    "https://host/a b",
    "https://host/\r\nX: y",
    "https://host:",
    "https://host:123456",
    "https://host:8x",
    "https://host/#f",
    "https://h\195\164",
    "https://[::1",
    "https://?x",
    "http://localhost@evil.example/",
    "https://host:1:2",
  } do
    it(("may not be %q"):format(url), function() assert.is_truthy(rooms.problem("url", url)) end)
  end
end)
