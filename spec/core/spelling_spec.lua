-- SPDX-License-Identifier: Apache-2.0
-- src/spelling.c: a secret is found in what a server says, however it is spelled there.

local Script = require "script"
local cdf = require "cdfworkflow"
local rooms = require "rooms"

local SECRET = "s3/+ cr&t\"'é%\\z"

local function each(text, spell)
  return (text:gsub("[%z\1-\127\194-\244][\128-\191]*", spell))
end

local function bytes(format)
  return function(character)
    return (character:gsub(".", function(byte) return format:format(byte:byte()) end))
  end
end

--- The code point of one character, of two bytes at most.
local function code(character)
  local first, second = character:byte(1, 2)
  return second and (first - 192) * 64 + second - 128 or first
end

local function numbered(format)
  return function(character) return format:format(code(character)) end
end

local function unless(plain, spell)
  return function(character) return character:find(plain) and character or spell(character) end
end

local function base64(text, alphabet)
  local out, bits, count = {}, 0, 0
  for i = 1, #text do
    bits, count = bits * 256 + text:byte(i), count + 8
    while count >= 6 do
      local digit = math.floor(bits / 2 ^ (count - 6))
      out[#out + 1] = alphabet:sub(digit + 1, digit + 1)
      bits, count = bits % 2 ^ (count - 6), count - 6
    end
  end
  if count > 0 then
    local digit = math.floor(bits * 2 ^ (6 - count))
    out[#out + 1] = alphabet:sub(digit + 1, digit + 1)
  end
  return table.concat(out)
end

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#039;" }
local SHORT = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/" }

local UNRESERVED = "^[%w%-._~]$"
local SPELLINGS = {
  ["as it is"] = function(text) return text end,
  ["for a URL, in upper case"] = function(text) return each(text, unless(UNRESERVED, bytes "%%%02X")) end,
  ["for a URL, in lower case"] = function(text) return each(text, unless(UNRESERVED, bytes "%%%02x")) end,
  ["for a URL, more than is needed"] = function(text) return each(text, bytes "%%%02X") end,
  ["for a form"] = function(text)
    return (each(text, unless("^[%w%-._~ ]$", bytes "%%%02X")):gsub(" ", "+"))
  end,
  ["as JSON"] = function(text) return (text:gsub('["\\/]', SHORT)) end,
  ["as JSON in ASCII"] = function(text) return each(text, unless("^[%w ]$", numbered "\\u%04x")) end,
  ["as JSON, all of it"] = function(text) return each(text, numbered "\\u%04X") end,
  ["as nginx writes logs"] = function(text) return each(text, unless(UNRESERVED, bytes "\\x%02X")) end,
  ["as HTML"] = function(text) return (text:gsub("[&<>\"']", ENTITIES)) end,
  ["as HTML in decimal"] = function(text) return each(text, numbered "&#%d;") end,
  ["as HTML in hexadecimal"] = function(text) return each(text, unless("^%w$", numbered "&#x%x;")) end,
  ["in Base64"] = function(text) return base64(text, LETTERS .. "+/") .. "==" end,
  ["in Base64 for URLs"] = function(text) return base64(text, LETTERS .. "-_") end,
  ["in Base64 behind an id"] = function(text) return "Basic " .. base64("svc:" .. text, LETTERS .. "+/") end,
  ["in Base64 behind another id"] = function(text) return base64("svc-1:" .. text .. "\n", LETTERS .. "-_") end,
}

local function spelled(...)
  local text = SECRET
  for _, way in ipairs { ... } do text = SPELLINGS[way](text) end
  return text
end

describe("a secret in a text", function()
  for way in pairs(SPELLINGS) do
    it("is found " .. way, function()
      for _, around in ipairs { { "", "" }, { "before ", " after" }, { "\"", "\"" }, { "a=", "&b=c" }, { "~", "~" } } do
        local text = around[1] .. spelled(way) .. around[2]
        local clean = rooms.redact(text, SECRET)
        assert.is_string(clean, text)
        assert.truthy(clean:find("[redacted]", 1, true), clean)
        assert.is_nil(clean:find("s3", 1, true), clean)
      end
    end)
  end

  it("is found in one spelling inside another", function()
    for _, ways in ipairs {
      { "as JSON", "for a URL, in lower case" }, { "for a form", "as HTML" }, { "as HTML", "as JSON in ASCII" },
      { "for a URL, in upper case", "for a URL, in upper case" }, { "as JSON", "as JSON" },
      { "for a form", "in Base64" }, { "in Base64", "for a form" },
    } do
      local clean = rooms.redact("said: " .. spelled(ways[1], ways[2]) .. ".", SECRET)
      assert.is_string(clean, table.concat(ways, ", "))
      assert.truthy(clean:find("^said: .*%[redacted%]"), clean)
    end
  end)

  it("is found in Base64 at each position of a text of any length, also behind a slash", function()
    for before = 0, 5 do
      for after = 0, 5 do
        local text = base64(("x"):rep(before) .. "tok-en_1" .. ("y"):rep(after), LETTERS .. "+/")
        assert.equal("[redacted]", rooms.redact(text, "tok-en_1"))
        for slashes = 1, 3 do
          assert.equal("<[redacted]>", rooms.redact("<" .. ("/"):rep(slashes) .. text .. ">", "tok-en_1"))
        end
      end
    end
  end)

  it("is found as often as it is there, and what is between stays", function()
    assert.equal("a [redacted] b%20[redacted] c", rooms.redact("a se+ret b%20se ret c", "se ret"))
    assert.equal("[redacted][redacted]", rooms.redact("secretsecret", "secret"))
    assert.equal("é & [redacted] [redacted]", rooms.redact("é &amp; se%63ret secret", "secret"))
  end)

  it("is found beside others, and where one begins as another does, the whole is hidden", function()
    assert.equal("[redacted], [redacted]!", rooms.redact("se%63ret, token!", "token", "secret"))
    assert.equal("[redacted].", rooms.redact("secret-2.", "secret", "secret-2"))
    assert.is_false(rooms.redact("neither", "secret", "abc", "token"))
    assert.is_false(rooms.redact("neither"))
  end)

  it("is not looked for in endless Base64, which is hidden", function()
    assert.equal("a [redacted] b", rooms.redact("a " .. ("x"):rep(70000) .. " b", "secret"))
    assert.is_false(rooms.redact("a " .. ("x"):rep(60000) .. " b", "secret"))
  end)

  it("does not make two lines of one when it is found", function()
    assert.equal("a  b [redacted]", rooms.redact("a%0D%0Ab %73ecret", "secret"))
  end)

  it("that is not there changes nothing", function()
    for _, text in ipairs {
      "", "secre", "s e c r e t", "se%63re", "%", "%7", "\\", "\\u00", "\\ud83d\\u", "&", "&#", "&#x", "&#x;",
      "&#99999999;", "&amp", "Secret", "c2Vjcm", "%C3%A9", "&#233;", "\0\1", ("%25"):rep(1000),
    } do
      assert.is_false(rooms.redact(text, "secret"))
    end
  end)

  it("is none when it is shorter than four bytes", function()
    assert.is_false(rooms.redact("a bed", "bed"))
    assert.equal("a [redacted]", rooms.redact("a beds", "beds"))
  end)
end)

describe("an error", function()
  local function refusal(message, secret)
    local client = assert(cdf.client {
      project = "p", base_url = "https://cdf.example",
      credentials = assert(cdf.credentials {
        client_id = "svc", client_secret = secret, token_url = "https://idp.example/token" }),
      transport = Script.new { { status = 401, body = message } },
    })
    local _, err = client:request("GET", "/x")
    return err
  end

  it("shows no client secret, however the provider spells it", function()
    for way in pairs(SPELLINGS) do
      local text = spelled(way):gsub('["\\]', SHORT)
      local err = refusal(('{"error":"invalid_client","error_description":"got %s for svc"}'):format(text), SECRET)
      assert.equal("auth", err.kind)
      assert.truthy(err.message:find("invalid_client: got ", 1, true), err.message)
      assert.truthy(err.message:find("[redacted]", 1, true), err.message)
    end
  end)

  it("is made in time of an answer that is large", function()
    local body = ('{"error":"%s"}'):format(("YWJjZGVm%2F&#x27;\\u002f "):rep(300000):gsub("\\", "\\\\"))
    local began = os.clock()
    assert.equal("auth", refusal(body, SECRET).kind)
    assert.is_true(os.clock() - began < 10)
  end)
end)
