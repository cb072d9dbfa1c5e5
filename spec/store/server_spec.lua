-- SPDX-License-Identifier: Apache-2.0
-- What a store says and does when Redis is not as it should be: a real one that is killed, frozen, full, replaced.

local core = require "cdfworkflow.core"
local nginx = require "nginx"
local redis_server = require "redis_server"
local store = require "cdfworkflow.store.redis"

describe("A Redis that", function()
  local server, name
  local real_now, skipped = core.now, 0

  setup(function() core.now = function() return real_now() + skipped end end)
  teardown(function() core.now = real_now end)
  after_each(function() server:stop() end)

  local function start(arguments, opts)
    skipped = 0
    server = redis_server.start(arguments)
    name = ("Redis at 127.0.0.1:%d: "):format(server.port)
    local given = { port = server.port, timeout = 5 }
    for option, value in pairs(opts or {}) do given[option] = value end
    return assert(store.new(given))
  end

  local function fails_with(message, ...)
    local first, why = ...
    assert.is_falsy(first)
    assert.equal(name .. message, why)
  end

  describe("wants to know who asks", function()
    local SECRET = "open sesame"
    local RULES = "--requirepass other --user gateway on '>open sesame' '~cdfworkflow:*' +@all"

    it("lets in a user of its ACL", function()
      local shared = start(RULES, { username = "gateway", password = SECRET })
      assert.is_true(shared:set("key", "1"))
      assert.equal("1", shared:get "key")
    end)

    it("lets in who has the password alone", function()
      assert.is_true(start("--requirepass 'open sesame'", { password = SECRET }):set("key", "1"))
    end)

    it("says what is wrong, and no secret", function()
      local shared = start(RULES, { username = "gateway", password = "close sesame" })
      fails_with("WRONGPASS invalid username-password pair or user is disabled.", shared:get "key")
      shared = assert(store.new { port = server.port })
      fails_with("it wants a password", shared:add("key", "1"))
      shared = assert(store.new { port = server.port, username = "gateway", password = SECRET, prefix = "other:" })
      local _, why = shared:set("key", "1")
      assert.matches("^Redis at 127.0.0.1:%d+: NOPERM ", why)
      local settings = core.encode(shared.server.host.settings)
      for _, said in ipairs { tostring(shared), tostring(shared.server), why, settings } do
        assert.is_nil(said:find(SECRET, 1, true))
      end
      for _, value in pairs(shared.server) do assert.is_not.equal(SECRET, value) end
    end)
  end)

  it("is not there fails at once, and then is asked again only after a second", function()
    local shared = start()
    server:kill()
    local asks = coroutine.wrap(function() return shared:get "key" end) -- Lua 5.1 cannot wait in a pcall there
    fails_with("connection refused", asks())
    server:restart()
    fails_with("connection refused", shared:get "key")
    skipped = 1.1
    assert.is_true(shared:set("key", "1"))
  end)

  it("is killed under a connection costs one answer, and none where the connection has rested", function()
    local shared = start "--appendonly yes --appendfsync always"
    assert.is_true(shared:set("key", "1"))
    server:kill()
    fails_with("it has closed the connection", coroutine.wrap(function() return shared:get "key" end)())
    server:restart()
    skipped = 2
    assert.equal("1", shared:get "key")
    server:kill()
    server:restart()
    skipped = 4
    assert.is_true(shared:add("another", "1"))
  end)

  it("is frozen costs its timeout, once a second, and is used again when it thaws", function()
    local shared = start(nil, { timeout = 0.2 })
    assert.is_true(shared:set("key", "1"))
    server:freeze()
    local begun = real_now()
    fails_with("no answer in time", shared:get "key")
    local took = real_now() - begun
    assert.is_true(took >= 0.19 and took < 1, took)
    for _ = 1, 100 do fails_with("no answer in time", shared:add("key", "2")) end
    assert.is_true(real_now() - begun - took < 0.15)
    server:thaw()
    skipped = 2
    assert.equal("1", shared:get "key")
  end)

  it("is full says so, and still gives what it has", function()
    local shared = start "--maxmemory 3mb"
    local value, added, why = ("x"):rep(100000), nil, nil
    for i = 1, 100 do
      added, why = shared:add("key " .. i, value)
      if not added then break end
    end
    fails_with("it is full (maxmemory)", added, why)
    assert.equal(value, shared:get "key 1")
    assert.is_true(shared:set("key 1", nil))
  end)

  it("would forget what it keeps when it is full is refused", function()
    local shared = start "--maxmemory 100mb --maxmemory-policy allkeys-lru"
    fails_with("it forgets keys when it is full (maxmemory-policy allkeys-lru): set noeviction",
      shared:add("key", "1"))
    server:ask "CONFIG SET maxmemory-policy noeviction"
    skipped = 2
    assert.is_true(shared:add("key", "1"))
  end)

  it("is a cluster is refused", function()
    fails_with("it is a cluster, which this cannot use", start("--cluster-enabled yes"):get "key")
  end)

  it("cannot write to its disk says so", function()
    local shared = start "--appendonly no --save 3600 1"
    server.folder:remove()
    server:ask "SET a b"
    server:ask "BGSAVE"
    local done, why = true, nil
    for _ = 1, 100 do
      if not done then break end
      done, why = shared:set("key", "1")
      os.execute "sleep 0.02"
    end
    fails_with("it cannot write its data to disk", done, why)
  end)

  it("does not know a command does not make us repeat what was in it", function()
    local shared = start "--rename-command SET ''"
    local _, why = shared:set("key", "secret value")
    assert.equal(name .. "ERR unknown command 'SET'", why)
  end)

  describe("has a replica", function()
    local replica

    after_each(function() replica:stop() end)

    local function starts_with_replica()
      local shared = start "--repl-diskless-sync-delay 0"
      replica = redis_server.start(("--replicaof 127.0.0.1 %d"):format(server.port))
      nginx.wait_until("the replica follows", function()
        return replica:ask "INFO replication":match "master_link_status:up"
      end)
      return shared
    end

    it("is master after a failover counts as another memory: it lacks what came last", function()
      local shared = starts_with_replica()
      local memory = assert(shared:memory())
      assert.is_true(memory:add("read", "all"))
      nginx.wait_until("the replica has it", function() return replica:ask "KEYS '*:read'" ~= "" end)
      replica:ask "REPLICAOF NO ONE" -- of what comes now it does not hear
      assert.is_true(memory:add("delivery", "open"))
      server:kill()
      replica:ask("CONFIG SET port " .. server.port)
      skipped = 2
      local message = "it was restarted, or another one has taken its place"
      fails_with(message, memory:add("delivery", "open"))
      fails_with(message, memory:get "read")
      memory = assert(shared:memory())
      assert.is_nil(memory:get "read")
      assert.is_true(memory:age() < 2)
    end)

    it("is a replica itself is refused", function()
      starts_with_replica()
      local shared = assert(store.new { port = replica.port })
      local _, why = shared:get "key"
      assert.equal(("Redis at 127.0.0.1:%d: it is a replica, which takes no writes"):format(replica.port), why)
    end)

    it("becomes a replica under a connection is left for the one that is master then", function()
      local shared = starts_with_replica()
      assert.is_true(shared:set("key", "1"))
      replica:ask "REPLICAOF NO ONE"
      server:ask(("REPLICAOF 127.0.0.1 %d"):format(replica.port))
      fails_with("it is a replica, which takes no writes", shared:add("key 2", "1"))
    end)
  end)

  describe("has had its memory", function()
    it("since it was started, where it is the first", function()
      local shared = start()
      local age = assert(shared:age())
      assert.is_true(age >= 0 and age < 5)
      server:ask(("HSET cdfworkflow:memory since %d"):format(os.time() - 500))
      assert.is_true(shared:age() >= 500)
      assert.is_true(assert(shared:memory()):age() >= 500)
    end)

    it("since it was met, where another was there before", function()
      local shared = start "--appendonly yes"
      assert(shared:age())
      server:ask(("HSET cdfworkflow:memory since %d"):format(os.time() - 500))
      server:kill()
      server:restart()
      skipped = 2
      assert.is_true(shared:age() < 5)
    end)
  end)
end)
