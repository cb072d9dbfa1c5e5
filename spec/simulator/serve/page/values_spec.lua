-- SPDX-License-Identifier: Apache-2.0
-- What may be shown of a value: JSON for a reader, and text, without what looks like a secret.

local core = require "cdfworkflow.core"
local values = require "cdfworkflow.simulator.serve.page.values"

describe("a name", function()
  it("is that of a secret, whatever its spelling", function()
    for _, name in ipairs { "clientSecret", "client-secret", "CLIENT_SECRET", "apiKey", "api key", "access_token",
      "Authorization", "nonce", "password", "credentials" } do
      assert.is_true(values.is_secret(name), name)
    end
    for _, name in ipairs { "plant", "key", "externalId", "pass", 7 } do
      assert.is_false(values.is_secret(name), tostring(name))
    end
  end)
end)

describe("a value", function()
  it("is laid out, its members in the order of their names", function()
    assert.equal('{\n  "a": [\n    1,\n    "x"\n  ],\n  "b": {},\n  "c": null\n}',
      values.json({ c = core.null, b = {}, a = { 1, "x" } }, 1000))
    assert.equal("[]", values.json(core.array {}, 1000))
    assert.equal("7", values.json(7, 1000))
  end)

  it("shows no secret, however deep", function()
    local text = values.json({ a = { { apiKey = "hidden", deep = { token = { "hidden" } } } } }, 1000)
    assert.is_nil(text:find("hidden", 1, true))
    assert.matches('"apiKey": "…"', text, 1, true)
    assert.matches('"token": "…"', text, 1, true)
  end)

  it("is not written further than is shown", function()
    local list, written = {}, spy.on(core, "encode")
    for i = 1, 5000 do list[i] = { n = i } end
    assert.is_true(#values.json(list, 1000) < 1100)
    assert.is_true(#written.calls < 200)
    written:revert()
  end)

  it("is shown to the same number of characters in every script", function()
    local list = {}
    for i = 1, 100 do list[i] = ("漢"):rep(10) end
    assert.matches("漢\"\n%]$", values.json(list, 2000))
    assert.equal(100, select(2, values.json(list, 2000):gsub(('漢'):rep(10), "")))
  end)

  it("that is no JSON is not shown", function()
    assert.equal('{\n  "f": "…"\n}', values.json({ f = print }, 1000))
  end)
end)

describe("a text", function()
  local function masked(text, wanted, ...)
    local shown, names = values.mask(text)
    assert.equal(wanted, shown)
    assert.same({ ... }, names)
  end

  it("without a secret stays as it is", function()
    for _, text in ipairs { "", "sensor 7 is offline", '{"plant": "north", "n": 1}', "at 12:30, see http://x/y?a=b",
      "Failed to bind session using nonce", "token expired", "a = b", ":", "=" } do
      masked(text, text)
    end
  end)

  it("loses the values of what looks like one", function()
    masked('{"clientSecret": "abc", "plant": "north"}', '{"clientSecret": …, "plant": "north"}', "clientSecret")
    masked("login with password=abc failed", "login with password=…", "password")
    masked("Authorization: Bearer abc def\nnext: line", "Authorization: …\nnext: line", "Authorization")
    masked("?token=abc&plant=north", "?token=…&plant=north", "token")
    masked("{apiKey: 'a, b', n: 1}", "{apiKey: …, n: 1}", "apiKey")
  end)

  it("loses them where it is broken", function()
    masked('{"password": "abc', '{"password": …', "password")
    masked('{"password": "a\\"b", "x": 1}', '{"password": …, "x": 1}', "password")
    masked('{"api key"  :\n "abc" "x"', '{"api key"  :\n … "x"', "api key")
    masked('{"secret": {"a": "}b"}, "plant": 1}', '{"secret": …', "secret")
    masked('{"nonce": ["a", "b"', '{"nonce": …', "nonce")
    masked('{"password": "\\', '{"password": …', "password")
    masked('{"my:apiKey": "x"}', '{"my:apiKey": …}', "apiKey")
  end)

  it("loses each of several", function()
    masked('{"token": "a", "x": {"password": "b"}}', '{"token": …, "x": {"password": …}}', "token", "password")
    masked("token:token:token", "token:…", "token")
  end)

  it("is gone through once, however long", function()
    local text, begun = ("a:b,"):rep(50000), os.clock()
    masked(text, text)
    assert.is_true(os.clock() - begun < 2)
  end)
end)
