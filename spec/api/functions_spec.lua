-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

local FN = { id = 4503599627370496, name = "starter", status = "Ready" }
local RUNNING = { id = 31337, functionId = 123, status = "Running" }
local COMPLETED = { id = 31337, functionId = 123, status = "Completed" }

local function refused(fn, opts)
  local client = fake.new()
  local created, err = client.functions:create(fn, opts)
  assert.is_nil(created)
  assert.equal("invalid", err.kind)
  assert.same({}, client.asked)
  return err
end

describe("client.functions", function()
  it("creates from a file that is there, as it is told, repeated only where nothing can have happened", function()
    local client = fake.new { { items = { FN } } }
    local fn = { name = "starter", fileId = 5, externalId = "sx", secrets = { ["client-id"] = "i" }, later = 1 }
    assert.equal(FN, client.functions:create(fn))
    assert.same({ method = "POST", path = "/functions", body = { items = { fn } },
      opts = { repeats = "unsafe", secrets = fn.secrets } }, client.asked[1])
  end)

  it("refuses what cannot be written before anything is sent", function()
    assert.matches("cpu", refused({ name = "x", cpu = 0 / 0 }, { zip = "PK" }).message)
    local client = fake.new {}
    local call, err = client.functions:call("f", { x = 0 / 0 })
    assert.is_nil(call)
    assert.equal("invalid", err.kind)
    assert.same({}, client.asked)
  end)

  it("goes by no id that is none", function()
    for _, id in ipairs { "abc", 1.5, 0, 2 ^ 53 } do
      local client = fake.new { { items = { { id = id } } } }
      local call, err = client.functions:call("f", {})
      assert.is_nil(call)
      assert.equal("protocol", err.kind)
      assert.equal(1, #client.asked)
    end
  end)

  it("gives no look at a call more time than is left", function()
    local client = fake.new { { id = 7, functionId = 3, status = "Running" }, function(asked)
      assert.equal(5, asked.opts.timeout)
      return { items = { { id = 7, functionId = 3, status = "Completed" } } }
    end }
    assert.equal("Completed", client.functions:call(3, {}, { wait = true, timeout = 5 }).status)
  end)

  it("creates from a zip: file, upload, look, function", function()
    local client = fake.new {
      { id = 9, uploadUrl = "https://store.example/9" }, true, { items = { { id = 9, uploaded = true } } },
      { items = { FN } },
    }
    assert.equal(FN, client.functions:create({ name = "starter", externalId = "sx" }, { zip = "PK", data_set_id = 4 }))
    assert.same({ name = "starter.zip", externalId = "sx", dataSetId = 4 }, client.asked[1].body)
    assert.same({ "PUT", "https://store.example/9", "PK" },
      { client.asked[2].method, client.asked[2].path, client.asked[2].bytes })
    assert.same({ items = { { name = "starter", externalId = "sx", fileId = 9 } } }, client.asked[4].body)
  end)

  it("wants the code once, and checks the figures of the contract", function()
    assert.equal("fileId", refused({ name = "x" }).field)
    assert.equal("fileId", refused({ name = "x", fileId = 1 }, { zip = "PK" }).field)
    assert.equal(140, refused({ name = ("x"):rep(141), fileId = 1 }).limit)
    assert.equal(500, refused({ name = "x", fileId = 1, description = ("x"):rep(501) }).limit)
    assert.equal("secrets", refused({ name = "x", fileId = 1, secrets = { ["CLIENT_ID"] = "i" } }).field)
    assert.equal("secrets", refused({ name = "x", fileId = 1, secrets = { [("a"):rep(16)] = "i" } }).field)
    assert.equal("envVars.A", refused({ name = "x", fileId = 1, envVars = { A = 1 } }).field)
    assert.equal("metadata", refused({ name = "x", fileId = 1, metadata = { [("k"):rep(33)] = "v" } }).field)
    assert.equal(512, refused({ name = "x", fileId = 1, metadata = { k = ("v"):rep(513) } }).limit)
    local many = {}
    for i = 1, 31 do many["s" .. i] = "v" end
    assert.equal(30, refused({ name = "x", fileId = 1, secrets = many }).limit)
    assert.error_matches(function() fake.new().functions:create "x" end, "fn: expected a table")
    assert.error_matches(function() fake.new().functions:create({ name = "x" }, { zip = 5 }) end, "zip: expected a str")
  end)

  it("takes the figures of the contract, to their very ends", function()
    local fn = { name = ("x"):rep(140), fileId = 1, secrets = { ["a-z0-9-abcdefgh"] = "s" }, envVars = {},
      metadata = { [("k"):rep(32)] = ("v"):rep(512) } }
    for i = 1, 100 do fn.envVars["V" .. i] = "v" end
    assert.is_table(fake.new { { items = { FN } } }.functions:create(fn))
    fn.envVars.V101 = "v"
    assert.equal(100, refused(fn).limit)
    assert.equal("envVars", refused({ name = "x", fileId = 1, envVars = { "v" } }).field)
    assert.equal("name", refused({ name = "", fileId = 1 }).field)
  end)

  it("never tells a secret in an error", function()
    local err = refused { name = "x", fileId = 1, secrets = { a = { "hunter2" } } }
    assert.is_nil(tostring(err):find("hunter2", 1, true))
    assert.is_nil(err.message:find("hunter2", 1, true))
  end)

  it("retrieves by id, by external id, and several", function()
    local client = fake.new { { items = { FN } }, { items = { FN } }, { items = { FN, FN } }, { items = {} } }
    assert.equal(FN, client.functions:retrieve(123))
    assert.same({ items = { { id = 123 } } }, client.asked[1].body)
    assert.equal(FN, client.functions:retrieve "workflow-trigger/æ")
    assert.same({ items = { { externalId = "workflow-trigger/æ" } } }, client.asked[2].body)
    assert.same({ FN, FN }, client.functions:retrieve({ 1, "x" }, { ignore_unknown_ids = true }))
    assert.same({ items = { { id = 1 }, { externalId = "x" } }, ignoreUnknownIds = true }, client.asked[3].body)
    assert.equal("protocol", select(2, client.functions:retrieve "gone").kind)
    assert.equal("functions is empty", select(2, client.functions:retrieve "").message)
    assert.equal(255, select(2, client.functions:retrieve(("x"):rep(256))).limit)
    assert.equal("invalid", select(2, client.functions:retrieve(0)).kind)
    assert.equal(4, #client.asked)
  end)

  it("asks for at most ten at once", function()
    local ids, first, second = {}, {}, {}
    for i = 1, 12 do
      ids[i] = i
      local answer = i <= 10 and first or second
      answer[#answer + 1] = { id = i }
    end
    local client = fake.new { { items = first }, { items = second }, {}, {} }
    assert.equal(12, #client.functions:retrieve(ids))
    assert.equal(10, #client.asked[1].body.items)
    assert.is_true(client.functions:delete(ids))
    assert.equal(2, #client.asked[4].body.items)
  end)

  it("lists with a filter, at most 10000", function()
    local client = fake.new { { items = { FN } }, { items = {} } }
    assert.same({ FN }, client.functions:list())
    assert.same({ filter = {}, limit = 25 }, client.asked[1].body)
    client.functions:list { limit = math.huge, status = "Ready", createdTime = { min = 1 } }
    assert.same({ filter = { status = "Ready", createdTime = { min = 1 } }, limit = 10000 }, client.asked[2].body)
    assert.equal("invalid", select(2, client.functions:list { limit = 0 }).kind)
  end)

  it("deletes", function()
    local client = fake.new { {} }
    assert.is_true(client.functions:delete { 1, "x" })
    assert.same({ method = "POST", path = "/functions/delete", body = { items = { { id = 1 }, { externalId = "x" } } },
      opts = { repeats = "unsafe" } }, client.asked[1])
  end)

  it("calls by id with a fresh session, and by external id after a look", function()
    local client = fake.new { RUNNING, { items = { FN } }, RUNNING }
    assert.equal(RUNNING, client.functions:call(123))
    assert.same({ method = "POST", path = "/functions/123/call", body = { data = {} },
      opts = { repeats = "unsafe", nonce_in = "nonce" } }, client.asked[1])
    client.functions:call("workflow-trigger", { a = 1 }, { nonce = "held" })
    assert.equal("/functions/byids", client.asked[2].path)
    assert.equal("/functions/4503599627370496/call", client.asked[3].path)
    assert.same({ data = { a = 1 } }, client.asked[3].body)
    assert.equal("held", client.asked[3].opts.nonce)
  end)

  it("waits for a call's end, over trouble that passes", function()
    local client = fake.new {
      RUNNING, { items = { RUNNING } }, fake.error { kind = "api", status = 503, retryable = true },
      { items = { COMPLETED } },
    }
    assert.equal(COMPLETED, client.functions:call(123, nil, { wait = true }))
    assert.equal("/functions/123/calls/byids", client.asked[2].path)
    assert.equal(2, #client.slept)
  end)

  it("waits also where CDF's answer leaves out the function's id, and not without the call's", function()
    local client = fake.new { { id = 31337, status = "Running" }, { items = { COMPLETED } } }
    assert.equal(COMPLETED, client.functions:call(123, nil, { wait = true }))
    client = fake.new { { status = "Running" } }
    assert.equal("protocol", select(2, client.functions:call(123, nil, { wait = true })).kind)
  end)

  it("gives up waiting with the call last seen", function()
    local client = fake.new { RUNNING, { items = { RUNNING } }, { items = { RUNNING } } }
    local call, err = client.functions:call(123, nil, { wait = true, timeout = 0.5 })
    assert.is_nil(call)
    assert.equal("timeout", err.kind)
    assert.equal(RUNNING, err.call)
    assert.matches("^call 31337 is Running, not over after 0.5 s", err.message)
  end)

  it("hands on the error of a call", function()
    local client = fake.new { fake.error { kind = "api", status = 503 } }
    assert.equal(503, select(2, client.functions:call(123, nil, { wait = true })).status)
    assert.error_matches(function() client.functions:call(123, "x") end, "data: expected a table")
    assert.error_matches(function() client.functions:call(123, nil, { timeout = -1 }) end, "timeout")
  end)
end)
