-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

describe("client.sessions", function()
  it("leaves the making of a session to the core", function()
    local client = fake.new { { id = 1, nonce = "n" } }
    local opts = { session = "oneshot" }
    assert.same({ id = 1, nonce = "n" }, client.sessions:create(opts))
    assert.same(opts, client.asked[1].opts)
    assert.error_matches(function() client.sessions:create { kind = "oneshot" } end, "unknown option")
  end)

  it("lists with a status", function()
    local client = fake.new { { items = { { id = 1 } }, nextCursor = "c+/=2" }, { items = { { id = 2 } } } }
    assert.same({ { id = 1 }, { id = 2 } }, client.sessions:list { status = "ACTIVE", limit = math.huge })
    assert.same({ method = "GET", path = "/sessions", opts = { query = { status = "ACTIVE", limit = 1000 } } },
      client.asked[1])
    assert.same({ status = "ACTIVE", limit = 1000, cursor = "c+/=2" }, client.asked[2].opts.query)
  end)

  it("lists 25 unless told", function()
    local client = fake.new { { items = {} } }
    assert.same({}, client.sessions:list())
    assert.same({ limit = 25 }, client.asked[1].opts.query)
    assert.equal("invalid", select(2, client.sessions:list { limit = 0 }).kind)
  end)

  it("retrieves one or many", function()
    local client = fake.new { { items = { { id = 7 } } }, { items = { { id = 7 }, { id = 8 } } } }
    assert.same({ id = 7 }, client.sessions:retrieve(7))
    assert.same({ items = { { id = 7 } } }, client.asked[1].body)
    assert.same({ { id = 7 }, { id = 8 } }, client.sessions:retrieve { 7, 8 })
    assert.equal("/sessions/byids", client.asked[2].path)
    assert.equal("invalid", select(2, client.sessions:retrieve { 7, 0 }).kind)
    assert.equal(2, #client.asked)
  end)

  it("retrieves at most 1000 in one request", function()
    local ids = {}
    for i = 1, 1001 do ids[i] = i end
    local client = fake.new { { items = {} }, { items = { { id = 1001 } } } }
    assert.same({ { id = 1001 } }, client.sessions:retrieve(ids))
    assert.equal(1000, #client.asked[1].body.items)
  end)

  it("revokes at most 100 in one request", function()
    local ids, answers = {}, { { items = {} }, { items = {} } }
    for i = 1, 101 do
      ids[i] = i
      local items = answers[i <= 100 and 1 or 2].items
      items[#items + 1] = { id = i }
    end
    local client = fake.new(answers)
    local revoked = client.sessions:revoke(ids)
    assert.equal(101, #revoked)
    assert.equal(101, revoked[101].id)
    assert.equal(100, #client.asked[1].body.items)
    assert.same({ items = { { id = 101 } } }, client.asked[2].body)
  end)
end)
