-- SPDX-License-Identifier: Apache-2.0

local exchange = require "sim_exchange"

describe("simulator.files", function()
  local x

  before_each(function()
    x = exchange.new()
  end)

  local function put(url, body)
    return x:send { method = "PUT", path = url, headers = { ["content-type"] = "application/zip" }, body = body }
  end

  local function file_of(id)
    return x:call("POST", "/files/byids", { items = { { id = id } } }).items[1]
  end

  it("are made with an upload URL, filled without a token, and then there", function()
    local status, made = x:try("POST", "/files", { name = "f.zip", externalId = "f-x", mimeType = "application/zip" })
    assert.equal(201, status)
    assert.is_false(made.uploaded)
    assert.truthy(made.uploadUrl:find "^/upload/%x+$")
    assert.is_false(file_of(made.id).uploaded)
    x.sim:advance(2)
    local response = put(made.uploadUrl, "PK\3\4\0\255")
    assert.equal(200, response.status)
    assert.equal("", response.body)
    local found = file_of(made.id)
    assert.is_true(found.uploaded)
    assert.equal(made.createdTime + 2000, found.uploadedTime)
    assert.is_nil(found.uploadUrl)
  end)

  it("have their upload URL where the client reached the server", function()
    local function url(headers, more)
      local request = {
        method = "POST", path = x.root .. "/files", headers = headers, body = '{"name":"f"}',
      }
      headers.authorization = "Bearer " .. x.token
      for name, value in pairs(more or {}) do
        request[name] = value
      end
      return x:send(request).body:match '"uploadUrl":"([^"]*)/upload/%x+"'
    end
    assert.equal("", url {})
    assert.equal("", url { host = 'evil"\255' })
    assert.equal("http://[::1]:8080", url { host = "[::1]:8080" })
    assert.equal("http://127.0.0.1:8080", url { host = "127.0.0.1:8080" })
    assert.equal("https://cdf.example", url({ host = "cdf.example" }, { scheme = "https" }))
    assert.equal("https://x.cognitedata.com", url({ host = "other" }, { base_url = "https://x.cognitedata.com" }))
  end)

  it("are refused twice under one external id, unless overwritten", function()
    local made = x:call("POST", "/files", { name = "a", externalId = "f" })
    put(made.uploadUrl, "x")
    local status, answer = x:try("POST", "/files", { name = "b", externalId = "f" })
    assert.equal(409, status)
    assert.equal("f", answer.error.duplicated[1].externalId)
    x.sim:advance(1)
    local again = x:call("POST", "/files?overwrite=true", { name = "b", externalId = "f" })
    assert.equal(made.id, again.id)
    assert.equal(made.createdTime, again.createdTime)
    assert.is_false(file_of(made.id).uploaded)
    assert.equal("b", file_of(made.id).name)
  end)

  it("are found by either id, and missed by name when they are not there", function()
    local made = x:call("POST", "/files", { name = "a", externalId = "f" })
    assert.equal(made.id, x:call("POST", "/files/byids", { items = { { externalId = "f" } } }).items[1].id)
    local status, answer = x:try("POST", "/files/byids", { items = { { externalId = "f" }, { externalId = "g" } } })
    assert.equal(400, status)
    assert.equal("g", answer.error.missing[1].externalId)
    local some = x:call("POST", "/files/byids",
      { items = { { externalId = "f" }, { id = 5 } }, ignoreUnknownIds = true })
    assert.equal(1, #some.items)
  end)

  it("take no bytes at a URL that is wrong or a week old", function()
    local made = x:call("POST", "/files", { name = "a" })
    local response = put("/upload/0123", "x")
    assert.equal(403, response.status)
    assert.equal("application/xml", response.headers["content-type"])
    x.sim:advance(7 * 24 * 3600)
    assert.equal(403, put(made.uploadUrl, "x").status)
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
