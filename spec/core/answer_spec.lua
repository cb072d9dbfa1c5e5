-- SPDX-License-Identifier: Apache-2.0
-- src/answer.c and call_error.c: answers that are not CDF's, and errors that are.

local core = require "cdfworkflow.core"
local scripted = require "scripted_calls"

local SECRET, TOKEN, SESSION, EXECUTION = scripted.SECRET, scripted.TOKEN, scripted.SESSION, scripted.EXECUTION
local status, client_with, static = scripted.status, scripted.client_with, scripted.static
local run_with_nonce = scripted.run_with_nonce

describe("an answer that is not CDF's", function()
  for name, answer in pairs {
    ["not JSON"] = { status = 202, body = "accepted" },
    ["HTML of a proxy"] = { status = 202, body = "<html>" },
    ["empty"] = { status = 202, body = "" },
    ["truncated"] = { status = 202, body = EXECUTION:sub(1, -10) },
    ["without an id"] = { status = 202, body = '{"status":"RUNNING","workflowExternalId":"foo"}' },
    ["without a status"] = { status = 202, body = '{"id":"a","workflowExternalId":"foo"}' },
    ["an array"] = { status = 202, body = "[]" },
    ["a string"] = { status = 202, body = '"x"' },
    ["invalid UTF-8"] = { status = 202, body = '{"id":"\255"}' },
    ["with a BOM"] = { status = 202, body = "\239\187\191" .. EXECUTION },
  } do
    it("leaves a run in doubt, with status and request id: " .. name, function()
      answer.headers = { ["X-Request-ID"] = "r-5" }
      local execution, err, script = run_with_nonce { answer }
      assert.is_nil(execution)
      assert.equal("ambiguous", err.kind)
      assert.matches("the answer with 202 cannot be used: ", err.message, 1, true)
      assert.equal(202, err.status)
      assert.equal("r-5", err.requestId)
      assert.equal(1, #script.requests)
    end)
  end

  it("is too large for a run, which may have been carried out", function()
    local _, err = run_with_nonce({ { status = 202, body = ("x"):rep(2000) } }, nil, { max_response_size = 1000 })
    assert.equal("ambiguous", err.kind)
    assert.matches("the answer is larger than max_response_size", err.message, 1, true)
  end)

  it("is too large", function()
    local client = static({ { status = 200, body = ("x"):rep(1001) } }, { max_response_size = 1000 })
    local result, err = client:request("GET", "/x")
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
  end)

  it("is a redirect, which is never followed", function()
    local client, script = static { { status = 307, headers = { location = "https://elsewhere.example/" }, body = "" } }
    local _, err = client:request("GET", "/x")
    assert.equal("protocol", err.kind)
    assert.equal(307, err.status)
    assert.equal(1, #script.requests)
  end)
end)

describe("an error of CDF", function()
  it("is passed on as it was said", function()
    local client = static {
      {
        status = 409,
        headers = { ["x-request-id"] = "r" },
        body = '{"error":{"code":409,"message":"dup","duplicated":[{"externalId":"a"}],'
          .. '"missing":[{"id":1}],"extra":{"hint":"h"}}}',
      },
    }
    local _, err = client:request("GET", "/x")
    assert.same({ { externalId = "a" } }, err.duplicated)
    assert.same({ { id = 1 } }, err.missing)
    assert.same({ hint = "h" }, err.extra)
    assert.equal(409, err.code)
    assert.equal("GET /x was answered with 409: dup (api, request id r)", tostring(err))
  end)

  it("may be a text, or nothing at all", function()
    local client = static {
      { status = 400, body = '{"error":"plain words"}' },
      { status = 400, body = "<h1>secret page</h1>" },
      { status = 403, body = "[]" },
    }
    assert.matches("plain words", select(2, client:request("GET", "/x")).message)
    assert.is_nil(select(2, client:request("GET", "/x")).message:match("secret page"))
    assert.equal(403, select(2, client:request("GET", "/x")).status)
  end)

  it("is one line, however it was written", function()
    local client = static { { status = 400, body = '{"error":{"message":"a\\nb\\u0000c ' .. ("x"):rep(5000) .. '"}}' } }
    local _, err = client:request("GET", "/x")
    assert.is_nil(tostring(err):find("[%c]"))
    assert.is_true(#tostring(err) < 1200)
  end)

  it("never shows a secret, even one that CDF repeats", function()
    local echo = "token-1 nonce-1 " .. SECRET:gsub('"', '\\"')
    local client = client_with {
      TOKEN,
      SESSION,
      {
        status = 400,
        headers = { ["x-request-id"] = "token-1" },
        body = '{"error":{"code":"nonce-1","message":"'
          .. echo
          .. '","missing":[{"a":"'
          .. echo
          .. '"}],"extra":{"token-1":1,"x":{"y":["\\u0000'
          .. echo
          .. '"]}}}}',
      },
      status(500),
    }
    local _, err = client:run("foo", "1")
    local seen = tostring(err) .. core.encode({ err.code, err.missing, err.requestId, err.extra })
    for _, secret in ipairs { "token-1", "nonce-1", SECRET, "s3cr3t" } do
      assert.is_nil(seen:find(secret, 1, true), secret)
    end
  end)
end)
