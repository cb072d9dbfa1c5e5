-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

local function files(answers)
  local client = fake.new(answers)
  return client.files, client
end

describe("files", function()
  it("creates the file and puts its bytes where it is told", function()
    local upload, client = files { { id = 9, uploadUrl = "https://store.example/9" }, true }
    local file = { name = "f.zip", externalId = "f-x", mimeType = "application/zip", dataSetId = 9 }
    assert.equal(9, upload:upload(file, "bytes\0").id)
    assert.same({ method = "POST", path = "/files", body = file,
      opts = { query = { overwrite = true }, repeats = "unsafe" } }, client.asked[1])
    assert.same({ method = "PUT", path = "https://store.example/9", bytes = "bytes\0",
      opts = { content_type = "application/zip" } }, client.asked[2])
  end)

  it("refuses a MIME type that cannot be sent, and too many bytes, before it creates anything", function()
    local upload, client = files {}
    for field, arguments in pairs {
      mimeType = { { name = "f", mimeType = "text/plain\r\nX: y" }, "" },
      bytes = { { name = "f" }, ("x"):rep(64 * 1024 * 1024 + 1) },
    } do
      local created, err = upload:upload(arguments[1], arguments[2])
      assert.is_nil(created)
      assert.equal("invalid", err.kind)
      assert.equal(field, err.field)
    end
    assert.same({}, client.asked)
  end)

  it("takes a relative upload URL to be CDF's own", function()
    local upload, client = files { { id = 9, uploadUrl = "/upload/9" }, true }
    assert(upload:upload({ name = "f" }, ""))
    assert.equal("https://cdf.example/upload/9", client.asked[2].path)
  end)

  it("looks until CDF has seen the upload", function()
    local look, client = files {
      { items = { { id = 9, uploaded = false } } }, { items = { { id = 9, uploaded = true } } },
    }
    assert.same({ id = 9, uploaded = true }, look:wait_uploaded(9))
    assert.same({ method = "POST", path = "/files/byids", body = { items = { { id = 9 } } }, opts = {} },
      client.asked[1])
    assert.same({ 1 }, client.slept)
    assert.equal("id", select(2, look:wait_uploaded(-9)).field)
  end)

  it("looks five times at most", function()
    local look = { items = { { id = 9, uploaded = false } } }
    local upload, client = files { look, look, look, look, look }
    local file, err = upload:wait_uploaded(9)
    assert.is_nil(file)
    assert.equal("timeout", err.kind)
    assert.same({ 1, 2, 4, 8 }, client.slept)
  end)

  it("stops at the first error", function()
    assert.equal(409,
      select(2, files { fake.error { kind = "api", status = 409 } }:upload({ name = "f" }, "")).status)
    local upload, client = files { { id = 9, uploadUrl = "u" }, fake.error { kind = "api", status = 403 } }
    assert.equal(403, select(2, upload:upload({ name = "f" }, "")).status)
    assert.equal(2, #client.asked)
    assert.equal("protocol", select(2, files { { id = 9 } }:upload({ name = "f" }, "")).kind)
  end)

  it("checks what it is given", function()
    local upload = files()
    assert.equal("name", select(2, upload:upload({ name = "" }, "")).field)
    assert.equal(256, select(2, upload:upload({ name = ("n"):rep(257) }, "")).limit)
    assert.error_matches(function() upload:upload({ name = "f" }, nil) end, "bytes: expected a string, got nil")
    assert.error_matches(function() upload:upload("f", "") end, "file: expected a table")
  end)
end)
