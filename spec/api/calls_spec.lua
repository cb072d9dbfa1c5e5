-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

describe("client.functions.calls", function()
  it("retrieves a call", function()
    local client = fake.new { { items = { { id = 31337 } } }, { items = {} } }
    assert.same({ id = 31337 }, client.functions.calls:retrieve(123, 31337))
    assert.same({ method = "POST", path = "/functions/123/calls/byids", body = { items = { { id = 31337 } } },
      opts = {} }, client.asked[1])
    assert.equal("protocol", select(2, client.functions.calls:retrieve(123, 1)).kind)
    assert.equal("call_id", select(2, client.functions.calls:retrieve(123, 1.5)).field)
    assert.equal("invalid", select(2, client.functions.calls:retrieve(-1, 1)).kind)
  end)

  it("lists with the filter of the API, in pages", function()
    local client = fake.new { { items = { { id = 1 } }, nextCursor = "c" }, { items = { { id = 2 } } } }
    assert.same({ { id = 1 }, { id = 2 } }, client.functions.calls:list(123,
      { limit = 10, status = "Completed", scheduleId = 51, startTime = { min = 5 } }))
    local filter = { status = "Completed", scheduleId = 51, startTime = { min = 5 } }
    assert.same({ filter = filter, limit = 10 }, client.asked[1].body)
    assert.same({ filter = filter, limit = 9, cursor = "c" }, client.asked[2].body)
    assert.equal("/functions/123/calls/list", client.asked[1].path)
    assert.equal("invalid", select(2, client.functions.calls:list(123, { limit = 0 })).kind)
    client = fake.new { { items = {} } }
    client.functions.calls:list(123)
    assert.same({ filter = {}, limit = 25 }, client.asked[1].body)
  end)

  it("reads the response and the log, after a look for the id of a function named by its external id", function()
    local client = fake.new {
      { functionId = 123, callId = 1, response = { a = 1 } },
      { items = { { id = 4503599627370496 } } }, { items = { { message = "started" } } },
      fake.error { kind = "api", status = 400, missing = { { externalId = "fx" } } },
    }
    assert.same({ functionId = 123, callId = 1, response = { a = 1 } }, client.functions.calls:response(123, 1))
    assert.same({ method = "GET", path = "/functions/123/calls/1/response", opts = {} }, client.asked[1])
    assert.same({ { message = "started" } }, client.functions.calls:logs("fx", 31337))
    assert.same({ items = { { externalId = "fx" } } }, client.asked[2].body)
    assert.equal("/functions/4503599627370496/calls/31337/logs", client.asked[3].path)
    assert.same({ { externalId = "fx" } }, select(2, client.functions.calls:logs("fx", 1)).missing)
  end)
end)
