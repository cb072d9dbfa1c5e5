-- SPDX-License-Identifier: Apache-2.0
-- The store that several hosts share, in a real Redis. Two stores here are as two hosts: they share nothing else.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local redis_server = require "redis_server"
local simulator = require "cdfworkflow.simulator"
local store = require "cdfworkflow.store.redis"

describe("store.redis", function()
  local server, one, other
  local real_now, skipped = core.now, 0

  setup(function()
    server = redis_server.start()
    core.now = function() return real_now() + skipped end
  end)
  teardown(function()
    core.now = real_now
    server:stop()
  end)

  local function new(opts)
    local given = { port = server.port, timeout = 5 }
    for name, value in pairs(opts or {}) do given[name] = value end
    return assert(store.new(given))
  end

  before_each(function()
    server:ask "FLUSHALL"
    one, other = new(), new()
    skipped = 0
  end)

  it("gives what was set, also to another host, byte for byte, until it is removed", function()
    local bytes = "a\0b\r\n$5\r\n*1\255"
    assert.is_nil(one:get "key")
    assert.is_true(one:set("key", bytes))
    assert.equal(bytes, other:get "key")
    assert.is_true(one:set("key", ""))
    assert.equal("", other:get "key")
    assert.is_true(other:set("key", nil))
    assert.is_nil(one:get "key")
    assert.is_true(one:set("key", nil))
  end)

  it("keeps for so many seconds, or for good", function()
    one:set("brief", "1", 100)
    one:add("short", "1", 0.5)
    one:set("good", "1")
    one:set("zero", "1", 0)
    assert.equal("100", server:ask "TTL cdfworkflow:brief")
    assert.is_true(tonumber(server:ask "PTTL cdfworkflow:short") <= 500)
    assert.equal("-1", server:ask "TTL cdfworkflow:good")
    assert.equal("-1", server:ask "TTL cdfworkflow:zero")
  end)

  it("adds for one of those who try", function()
    assert.same({ true }, { one:add("key", "mine", 10) })
    assert.same({ false, "exists" }, { other:add("key", "yours", 10) })
    assert.equal("mine", other:get "key")
  end)

  it("puts its prefix before all keys", function()
    local apart = new { prefix = "site north:" }
    apart:set("key", "1")
    assert.is_nil(one:get "key")
    assert.equal("1", server:ask "GET 'site north:key'")
    assert.equal(("cdfworkflow.Redis at 127.0.0.1:%d, keys site north:…"):format(server.port), tostring(apart))
  end)

  it("blames the line of the program that made a mistake", function()
    local line = debug.getinfo(1, "l").currentline
    local function says(fn) return tostring(select(2, pcall(fn))):match "[^/]*$" end
    assert.equal(("redis_spec.lua:%d: store:get: key: expected a string, got nil"):format(line + 3),
      says(function() one:get() end))
    assert.equal(("redis_spec.lua:%d: store:set: value: expected a string, got boolean"):format(line + 5),
      says(function() one:set("key", true) end))
    assert.equal(("redis_spec.lua:%d: store:add: value: expected a string, got nil"):format(line + 7),
      says(function() one:add "key" end))
    assert.equal(("redis_spec.lua:%d: store:get: called with a dot; write store:get(…)"):format(line + 9),
      says(function() one.get "key" end))
    assert.equal(("redis_spec.lua:%d: cdfworkflow.store.redis.new: unknown option \"pasword\"; did you mean "
      .. "\"password\"?"):format(line + 11), says(function() store.new { pasword = "x" } end))
    assert.equal(("redis_spec.lua:%d: cdfworkflow.store.redis.new: username needs a password"):format(line + 13),
      says(function() store.new { username = "x" } end))
  end)

  it("refuses TLS where lua-redis has none", function()
    local none, err = store.new { tls = true }
    assert.is_nil(none)
    assert.equal("lua-redis knows no TLS: use it in nginx, or by way of stunnel (invalid)", tostring(err))
  end)

  it("lets one of two hosts fetch the token for both", function()
    local sim = simulator.new { project = "p", client_id = "me", client_secret = "client-secret" }
    local transport, fetched = sim:transport(), 0
    local counting = setmetatable({ http = function(_, request)
      if request.url:find "/oauth2/token" then fetched = fetched + 1 end
      return transport:http(request)
    end }, { __index = transport })
    local function host(shared)
      return assert(cdf.client {
        project = "p", base_url = "http://localhost", transport = counting, token_store = shared,
        credentials = assert(cdf.credentials {
          token_url = "http://localhost/oauth2/token", client_id = "me", client_secret = "client-secret",
        }),
      })
    end
    assert(host(one):auth())
    assert(host(other):auth())
    assert.equal(1, fetched)
  end)

  describe("bound to a memory", function()
    it("knows nothing of the others, and fails when Redis was restarted", function()
      one:set("key", "1")
      local memory = assert(one:memory())
      assert.is_nil(memory:get "key")
      assert.is_true(memory:add("key", "2"))
      assert.equal("2", assert(other:memory()):get "key")
      server:kill()
      assert.is_nil(memory:get "key")
      server:restart()
      skipped = 2
      local gone = ("Redis at 127.0.0.1:%d: it was restarted, or another one has taken its place"):format(server.port)
      assert.same({ nil, gone }, { memory:get "key" })
      assert.same({ nil, gone }, { memory:set("key", "3") })
      assert.same({ false, gone }, { memory:add("key", "3") })
      assert.is_not.equal(memory.id, assert(one:memory()).id)
      assert.is_true(assert(one:memory()):add("key", "3"))
    end)
  end)
end)
