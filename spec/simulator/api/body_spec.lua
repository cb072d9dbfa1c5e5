-- SPDX-License-Identifier: Apache-2.0

local body = require "cdfworkflow.simulator.api.body"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local zlib = require "zlib"

local function read(text, headers)
  local ok, value = pcall(body.read, { operation = {}, headers = headers or {}, body_text = text })
  if ok then
    return value
  end
  assert(refusal.is(value), tostring(value))
  return nil, value.status
end

local function gzip(text)
  return (zlib.deflate(9, 15 + 16)(text, "finish"))
end

local GZIP = { ["content-encoding"] = "gzip" }

describe("simulator.body", function()
  it("reads JSON, with or without its content type", function()
    assert.same({ a = 1 }, read '{"a":1}')
    assert.same({ a = 1 }, read('{"a":1}', { ["content-type"] = "application/json; charset=utf-8" }))
    assert.same({ a = "æ" }, read('{"a":"æ"}', { ["content-type"] = "Application/JSON" }))
  end)

  it("undoes gzip", function()
    assert.same({ a = ("x"):rep(100000) }, read(gzip('{"a":"' .. ("x"):rep(100000) .. '"}'), GZIP))
  end)

  it("refuses what is no JSON in UTF-8", function()
    for _, text in ipairs {
      "", "{", "{}x", "{'a':1}", '{"a":NaN}', '{"a":1e999}', '{"a":"\255"}', '{"a":"\237\160\128"}',
      '{"a":"\192\128"}', '{"a":"\244\144\128\128"}', '{"a":"\226\130"}',
    } do
      local value, status = read(text)
      assert.is_nil(value, text)
      assert.equal(400, status, text)
    end
  end)

  it("refuses other media types and encodings with 415", function()
    assert.equal(415, select(2, read("{}", { ["content-type"] = "text/plain" })))
    assert.equal(415, select(2, read("{}", { ["content-encoding"] = "br" })))
  end)

  it("refuses what is not gzip, and gzip that is cut short", function()
    assert.equal(400, select(2, read("{}", GZIP)))
    assert.equal(400, select(2, read(gzip('{"a":1}'):sub(1, -9), GZIP)))
    assert.equal(400, select(2, read("", GZIP)))
  end)

  it("stops a gzip bomb long before it has gone off", function()
    local bomb = gzip((" "):rep(32 * 1024 * 1024))
    collectgarbage()
    local before = collectgarbage "count"
    assert.equal(413, select(2, read(bomb, GZIP)))
    assert.is_true(collectgarbage "count" - before < 30 * 1024)
  end)

  it("refuses a body over 10 MB", function()
    assert.equal(413, select(2, read('{"a":"' .. ("x"):rep(10 * 1024 * 1024) .. '"}')))
  end)

  it("says so where lua-zlib is not installed", function()
    local loaded, searchers = package.loaded.zlib, package.searchers or package.loaders
    local kept = {}
    package.loaded.zlib = nil
    for position = #searchers, 1, -1 do
      kept[position], searchers[position] = searchers[position], nil
    end
    local value, status = read(gzip "{}", GZIP)
    for position, searcher in ipairs(kept) do
      searchers[position] = searcher
    end
    package.loaded.zlib = loaded
    assert.is_nil(value)
    assert.equal(415, status)
  end)
end)
