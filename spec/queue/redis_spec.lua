-- SPDX-License-Identifier: Apache-2.0
-- A queue in a real Redis that several hosts share. Redis's clock is the real one, so claims are made older there; the
-- clock of CDF and of the drains is simulated.

local core = require "cdfworkflow.core"
local nginx = require "nginx"
local queue_redis = require "cdfworkflow.queue.redis"
local queue_world = require "queue_world"
local redis_server = require "redis_server"
local unreliable = require "unreliable"

local LIMITS = { max_entries = 1000, max_bytes = 1e9 }

describe("queue.redis", function()
  local server
  local real_now, real_time, skipped = core.now, core.time, 0

  setup(function() core.now = function() return real_now() + skipped end end)
  teardown(function() core.now = real_now end)
  after_each(function()
    core.time = real_time
    server:stop()
  end)

  --- Another host's store.
  local function new(opts)
    local given = { port = server.port, timeout = 5 }
    for name, value in pairs(opts or {}) do given[name] = value end
    local store = assert(queue_redis.new(given))
    store.clock = { now = core.now, time = core.time }
    return store
  end

  --- A store in a Redis that has long been there; false: that was just started.
  local function start(arguments, long)
    skipped = 0
    server = redis_server.start(arguments)
    if long ~= false then server:has_long_been_there(100000) end
    return new()
  end

  local function put(store, id, more)
    local delivery = { id = id, workflow = "w", version = "1", created = core.time() }
    for name, value in pairs(more or {}) do delivery[name] = value end
    return store:put(delivery, LIMITS)
  end

  local function fill(store, count)
    for i = 1, count do assert.is_true(put(store, "d" .. i)) end
  end

  local function ids(list)
    local all = {}
    for i, delivery in ipairs(assert(list)) do all[i] = delivery.id end
    return table.concat(all, " ")
  end

  local function claims(store, id)
    local claim, err = store:claim()
    assert.is_nil(err)
    assert.equal(id, claim and claim.id)
    return claim
  end

  local FAILED = core.error { kind = "timeout", message = "no answer", retryable = true }
  local REFUSED = core.error { kind = "api", status = 400, message = "no such version" }

  describe("keeps", function()
    it("knows all of a delivery that was started, also where Redis has lost it meanwhile", function()
    local store = start()
    put(store, "a", { metadata = { hash = "h" } })
    local claim = assert(store:claim())
    assert.is_true(store:begin(claim, 60))
    server:ask "FLUSHALL"
    assert(store:settle(claim, { id = "e", status = "RUNNING" }))
    local known = assert(store:get "a")
    assert.same({ "started", "w", "1", { hash = "h" } }, { known.state, known.workflow, known.version, known.metadata })
    assert.is_true(math.abs(known.created - core.time()) < 60)
  end)

  it("what was put, byte for byte, and once", function()
      local store = start()
      local input = '{"big": 12345678901234567890, "list": [], "text": "\\u0000 \\r\\n ø"}'
      assert.is_true(put(store, "a", { input = input, metadata = { site = "north" } }))
      assert.is_false(put(store, "a", { input = "{}" }))
      assert.is_true(put(new(), "b"))
      local claim = claims(new(), "a")
      assert.equal(input, claim.input)
      assert.same({ site = "north" }, claim.metadata)
      assert.equal("w 1", claim.workflow .. " " .. claim.version)
      assert.is_nil(claim.look_back)
      assert.equal(0, claim.wait)
      assert.is_true(claim.age >= 0 and claim.age < 10)
      local seen = assert(store:get "a")
      assert.equal(input, seen.input)
      assert.equal("waiting", seen.state)
      assert.is_nil(store:get "none")
      assert.is_nil(claims(store, "b").input)
    end)

    it("for a user who may do no more than the README says", function()
      start("--user cdfworkflow on '>open sesame' '~cdfworkflow:*' +@all -@admin -@dangerous +info")
      local store = new { username = "cdfworkflow", password = "open sesame" }
      fill(store, 3)
      local claim = claims(store, "d1")
      assert.is_true(store:begin(claim, 60))
      assert.is_true(store:fail(claim, FAILED, true))
      assert.is_true(store:refuse(claims(store, "d1"), REFUSED))
      assert.is_true(store:retry "d1")
      assert.is_true(store:release(claims(store, "d1")))
      assert.is_true(store:settle(claims(store, "d1"), { id = "e" }))
      assert.is_true(store:drop "d2")
      assert.equal("d3", ids(store:list { limit = 9 }))
      assert.same({ waiting = 1, refused = 0, bytes = 4 }, store:count())
    end)

    it("as a stream with a consumer group", function()
      local store = start()
      fill(store, 2)
      claims(store, "d1")
      assert.equal("stream", server:ask "TYPE cdfworkflow:queue:stream")
      assert.matches("drains", server:ask "XINFO GROUPS cdfworkflow:queue:stream")
      assert.matches("^1\n", server:ask "XPENDING cdfworkflow:queue:stream drains")
    end)

    it("no more than it may, and says which limit that is", function()
      local store = start()
      fill(store, 3)
      local function refuses(limits, message, limit)
        local is_new, err = store:put({ id = "more", workflow = "w", version = "1", created = 1 }, limits)
        assert.is_nil(is_new)
        assert.equal(message .. " (throttled)", tostring(err))
        assert.equal(limit, err.limit)
        assert.is_true(err.retryable)
      end
      refuses({ max_entries = 3, max_bytes = 1000 }, "the queue is full: max_entries is 3", 3)
      refuses({ max_entries = 4, max_bytes = 15 }, "the queue is full: max_bytes is 15", 15)
      assert.same({ waiting = 3, refused = 0, bytes = 12 }, store:count())
      store:settle(claims(store, "d1"), { id = "e" })
      assert.same({ waiting = 2, refused = 0, bytes = 8 }, store:count())
    end)

    it("more than a page of them, in their order", function()
      local store = start()
      fill(store, 450)
      assert.equal(450, #store:list { limit = math.huge })
      local list = store:list { limit = 205 }
      assert.equal(205, #list)
      assert.equal("d205", list[205].id)
      assert.is_nil(list[1].input)
    end)

    it("the id of one that was started for a day, without its input", function()
      local store = start()
      put(store, "a", { input = "{}" })
      local claim = claims(store, "a")
      assert.is_true(store:begin(claim, 60))
      assert.equal("starting", store:get "a".state)
      assert.is_true(store:settle(claim, { id = "e1", status = "RUNNING" }))
      assert.is_true(store:settle(claim, { id = "e2", status = "RUNNING" }))
      local seen = store:get "a"
      assert.equal("started", seen.state)
      assert.equal("e1", seen.execution.id)
      assert.is_nil(seen.input)
      assert.is_false(put(store, "a"))
      assert.is_nil((store:claim()))
      assert.equal("86400", server:ask "TTL cdfworkflow:queue:delivery:a")
      assert.same({ waiting = 0, refused = 0, bytes = 0 }, store:count())
    end)
  end)

  describe("gives out", function()
    it("the oldest, once, and at its old place after it failed or was retried", function()
      local store, other = start(), new()
      fill(store, 4)
      local first = claims(store, "d1")
      local second = claims(other, "d2")
      assert.is_true(store:begin(first, 60))
      assert.is_true(store:fail(first, FAILED, false))
      first = claims(other, "d1")
      assert.equal(1, first.attempts)
      assert.equal(0, first.wait)
      assert.is_true(first.look_back >= 0 and first.look_back < 10)
      assert.is_true(other:refuse(first, REFUSED))
      claims(store, "d3")
      assert.equal("d2 d3 d4", ids(store:list { limit = 9, state = "waiting" }))
      assert.equal("d1", ids(store:list { limit = 9, state = "refused" }))
      assert.equal("d1 d2 d3 d4", ids(store:list { limit = 9 }))
      local seen = store:get "d1"
      assert.same({ "refused", "api", 400 }, { seen.state, seen.error.kind, seen.error.status })
      assert.is_true(store:retry "d1")
      assert.is_nil(store:retry "d1")
      assert.is_true(other:release(second))
      claims(store, "d1")
      claims(store, "d2")
      claims(store, "d4")
      assert.is_nil((store:claim()))
    end)

    it("one in doubt with the time that it is to wait", function()
      local store = start()
      fill(store, 1)
      local claim = claims(store, "d1")
      store:begin(claim, 60)
      store:fail(claim, FAILED, true)
      claim = claims(store, "d1")
      assert.is_true(claim.wait > 85 and claim.wait <= 90)
    end)

    it("a claim that was not begun after a minute, and then it is not the first one's any more", function()
      local store, other = start(), new()
      fill(store, 1)
      local claim = claims(store, "d1")
      local none, err, seconds = other:claim()
      assert.same({ nil, nil }, { none, err })
      assert.is_true(seconds > 55 and seconds <= 60)
      server:age_claim("d1", 61)
      local taken = claims(other, "d1")
      assert.is_false(store:begin(claim, 60))
      assert.is_true(store:release(claim))
      assert.is_true(store:fail(claim, FAILED, false))
      assert.is_true(store:refuse(claim, REFUSED))
      assert.is_true(other:begin(taken, 60))
    end)

    it("a begun one no sooner than its deadline and 90 s, and looks back to the first attempt", function()
      local store, other = start(), new()
      fill(store, 1)
      local claim = claims(store, "d1")
      assert.is_true(store:begin(claim, 30))
      store:release(claim) -- what was raised amid an attempt leaves it as a killed drain would
      local _, _, seconds = other:claim()
      assert.is_true(seconds > 115 and seconds <= 120)
      server:age_claim("d1", 115)
      assert.is_nil((other:claim()))
      server:age_claim("d1", 6)
      local taken = claims(other, "d1")
      assert.is_true(taken.look_back >= 121 and taken.look_back < 130)
      assert.equal(0, taken.wait)
      assert.equal(1, taken.attempts)
    end)

    it("none that a late drain has started after all", function()
      local store, other = start(), new()
      fill(store, 1)
      local claim = claims(store, "d1")
      store:begin(claim, 30)
      server:age_claim("d1", 121)
      local taken = claims(other, "d1")
      assert.is_true(store:settle(claim, { id = "e" }))
      assert.is_false(other:begin(taken, 60))
    end)

    it("by the more cautious of two clocks how long ago the first attempt was", function()
      local store = start()
      fill(store, 1)
      local claim = claims(store, "d1")
      store:begin(claim, 30)
      store:fail(claim, FAILED, false)
      store.clock.time = function() return core.time() + 5000 end
      local look_back = claims(store, "d1").look_back
      assert.is_true(look_back >= 4999 and look_back < 5010)
    end)
  end)

  describe("forgets", function()
    it("what is dropped, but not its attempts", function()
      local store = start()
      fill(store, 3)
      local claim = claims(store, "d1")
      store:begin(claim, 60)
      local done, err = store:drop "d1"
      assert.is_nil(done)
      assert.equal("the delivery d1 is being started just now (invalid)", tostring(err))
      store:fail(claim, FAILED, true)
      assert.is_true(store:drop "d1")
      assert.is_nil(store:get "d1")
      assert.is_nil(store:drop "d1")
      assert.is_true(store:drop "d3")
      assert.equal("d2", ids(store:list { limit = 9 }))
      assert.same({ waiting = 1, refused = 0, bytes = 4 }, store:count())
      assert.is_true(put(store, "d1"))
      claims(store, "d2")
      claim = claims(store, "d1")
      assert.is_true(claim.look_back >= 0 and claim.wait > 85)
    end)

    it("what was dropped while it was claimed", function()
      local store = start()
      fill(store, 1)
      local claim = claims(store, "d1")
      assert.is_true(store:drop "d1")
      assert.is_false(store:begin(claim, 60))
      assert.is_nil((store:claim()))
    end)

    it("what somebody has deleted by hand", function()
      local store = start()
      fill(store, 3)
      claims(store, "d1")
      server:ask "DEL cdfworkflow:queue:delivery:d1 cdfworkflow:queue:delivery:d2"
      claims(store, "d3")
      assert.equal("1", server:ask "XLEN cdfworkflow:queue:stream")
    end)
  end)

  describe("when Redis", function()
    local function fails(words, value, err)
      assert.is_nil(value)
      assert.equal("transport", err.kind)
      assert.is_true(err.retryable)
      assert.equal(("Redis at 127.0.0.1:%d: %s"):format(server.port, words), err.message)
    end

    it("is gone, says so to whoever puts and drains, and keeps what it has on its disk", function()
      local store = start "--appendonly yes --appendfsync always"
      fill(store, 3)
      local claim = claims(store, "d1")
      server:kill()
      fails("it has closed the connection; whether it was done is not known, and doing it again is harmless",
        put(store, "d4"))
      skipped = 2
      fails("connection refused", store:claim())
      fails("connection refused", store:begin(claim, 60))
      fails("connection refused", store:count())
      server:restart()
      skipped = 4
      assert.equal("d1 d2 d3", ids(store:list { limit = 9 }))
      assert.is_true(put(store, "d4"))
    end)

    it("was restarted, rests until nothing can be under way any more, and then looks back a day", function()
      local store = start "--appendonly yes --appendfsync always"
      fill(store, 2)
      assert.is_true(store:begin(claims(store, "d1"), 200))
      server:kill()
      server:restart()
      skipped = 2
      local other = new()
      local none, err, seconds = other:claim()
      assert.same({ nil, nil }, { none, err })
      assert.is_true(seconds > 280 and seconds <= 290)
      server:has_long_been_there(291)
      local claim = claims(other, "d2")
      assert.is_true(claim.look_back >= 86400)
      server:has_long_been_there(86401)
      assert.is_true(other:release(claim))
      assert.is_nil(claims(other, "d2").look_back)
    end)

    it("was restarted, lets nobody go on with a claim from before", function()
      local store = start "--appendonly yes --appendfsync always"
      fill(store, 1)
      local claim = claims(store, "d1")
      server:kill()
      server:restart()
      skipped = 2
      fails("it was restarted, or another one has taken its place", store:begin(claim, 60))
    end)

    it("was just started for the first time, rests as well", function()
      local store = start("", false)
      fill(store, 1)
      local _, _, seconds = store:claim()
      assert.is_true(seconds > 140 and seconds <= 150)
    end)

    it("is full, takes nothing more, and lets out what it has", function()
      local store = start "--maxmemory 3mb"
      local input = ("[%s]"):format(("1,"):rep(20000) .. "1")
      local is_new, err
      for i = 1, 100 do
        is_new, err = put(store, "d" .. i, { input = input })
        if not is_new then break end
      end
      fails("it is full (maxmemory)", is_new, err)
      for i = 1, 20 do
        local claim = claims(store, "d" .. i)
        assert.is_true(store:begin(claim, 60))
        assert.is_true(store:settle(claim, { id = "e" .. i }))
      end
      assert.is_true(put(store, "one more", { input = input }))
    end)

    it("is frozen, costs its timeout", function()
      start()
      local store = new { timeout = 0.3 }
      fill(store, 1)
      server:freeze()
      local begun = real_now()
      fails("no answer in time; whether it was done is not known, and doing it again is harmless", put(store, "d2"))
      fails("no answer in time", store:claim())
      assert.is_true(real_now() - begun < 2)
      server:thaw()
      skipped = 2
      assert.is_truthy(put(store, "d2") ~= nil)
      claims(store, "d1")
    end)
  end)

  describe("drained", function()
    local function world_of(seed)
      return unreliable.world { seed = seed, random = unreliable.random(seed), client = { timeout = 60 } }
    end

    --- As if so much time had gone by for all that drains hold.
    local function let_pass(seconds) server:age_claim("*", seconds) end

    local function once_each(world, count)
      local started, seen = queue_world.started(world), {}
      for _, id in ipairs(started) do
        assert.is_nil(seen[id], id .. " was started twice")
        seen[id] = true
      end
      assert.equal(count, #started)
    end

    it("starts each once, oldest first", function()
      start()
      local world = world_of(1)
      local queue = queue_world.queue(world, new())
      for i = 1, 20 do assert(queue:put("w", "1", { id = "d" .. i, input = { i = i } })) end
      local order = {}
      local result = assert(queue:drain { on_event = function(event)
        if event.type == "started" then order[#order + 1] = event.delivery.id end
      end })
      assert.same({ 20, 0 }, { result.started, result.refused })
      once_each(world, 20)
      for i, id in ipairs(order) do assert.equal("d" .. i, id) end
    end)

    it("starts each once, although drains are killed again and again", function()
      start()
      local world = world_of(2)
      local random = unreliable.random(7)
      local first = queue_world.queue(world, new())
      for i = 1, 15 do assert(first:put("w", "1", { id = "d" .. i })) end
      local killed = 0
      for _ = 1, 60 do
        local queue = queue_world.queue(world, new(), nil, world.another())
        if queue_world.drain_until_killed(world, queue, math.floor(random() * 9) + 1) then killed = killed + 1 end
        if queue:count().waiting == 0 then break end
        world.network:sleep(151)
        let_pass(151)
      end
      assert.is_true(killed > 5, killed)
      once_each(world, 15)
    end)

    it("sends nothing when it stood still between its claim and the request", function()
      start()
      local world = world_of(3)
      local store = new()
      local queue = queue_world.queue(world, store)
      assert(queue:put("w", "1", { id = "d1" }))
      local begin = store.begin
      store.begin = function(self, ...)
        local is_ours, err = begin(self, ...)
        world.network:sleep(200) -- the host was frozen
        return is_ours, err
      end
      local result, err = queue:drain()
      assert.is_nil(result)
      assert.equal("cancelled", err.kind)
      assert.matches("too late: this drain stood still, and another may have the delivery", err.message)
      once_each(world, 0)
      assert.equal(0, world.network.sent.run or 0)
      assert.equal(0, world.network.sent.session or 0)
    end)

    it("sends nothing once it stood still amid an attempt, and whoever takes it over starts it", function()
      start()
      local world = world_of(4)
      local queue = queue_world.queue(world, new())
      assert(queue:put("w", "1", { id = "d1" }))
      local http = world.network.http
      world.network.http = function(self, request)
        local response = http(self, request)
        if request.url:find "/sessions$" then
          world.network.http = http
          world.network:sleep(200)
          let_pass(200)
          local other = queue_world.queue(world, new(), nil, world.another())
          assert.equal(1, assert(other:drain()).started)
        end
        return response
      end
      queue:drain()
      once_each(world, 1)
      assert.equal("started", queue:get "d1".state)
    end)

    it("starts nothing while Redis is gone, and goes on with the rest afterwards", function()
      start "--appendonly yes --appendfsync always"
      local world = world_of(5)
      local store = new()
      local queue = queue_world.queue(world, store)
      for i = 1, 3 do assert(queue:put("w", "1", { id = "d" .. i })) end
      local begin = store.begin
      store.begin = function(self, claim, ...)
        if claim.id == "d2" then server:kill() end
        return begin(self, claim, ...)
      end
      local result, err = queue:drain()
      assert.is_nil(result)
      assert.equal("transport", err.kind)
      once_each(world, 1)
      store.begin = begin
      server:restart()
      server:has_long_been_there(1000)
      skipped = skipped + 2
      let_pass(200)
      assert.equal(2, assert(queue:drain()).started)
      once_each(world, 3)
    end)

    describe("over a failover to a replica that lacks what came last", function()
      local replica

      after_each(function() replica:stop() end)

      it("starts each once", function()
        start "--repl-diskless-sync-delay 0"
        replica = redis_server.start(("--replicaof 127.0.0.1 %d"):format(server.port))
        nginx.wait_until("the replica follows", function()
          return replica:ask "INFO replication":match "master_link_status:up"
        end)
        server:has_long_been_there(100000) -- a first replica makes it another memory too
        local world = world_of(6)
        local queue = queue_world.queue(world, new())
        skipped = skipped + 2
        for i = 1, 4 do assert(queue:put("w", "1", { id = "d" .. i })) end
        nginx.wait_until("the replica has all", function()
          return replica:ask "XLEN cdfworkflow:queue:stream" == "4"
        end)
        replica:ask "REPLICAOF NO ONE" -- of what comes now it does not hear
        local count = 0
        assert(queue:drain {
          on_event = function(event) count = event.type == "started" and count + 1 or count end,
          stop = function() return count == 2 end,
        })
        once_each(world, 2)
        assert(queue:put("w", "1", { id = "d5" }))
        server:kill()
        replica:ask("CONFIG SET port " .. server.port)
        skipped = skipped + 4
        local other = queue_world.queue(world, new(), nil, world.another())
        local _, _, seconds = other.store:claim()
        assert.is_true(seconds > 140)
        replica.has_long_been_there(server, 200)
        assert.equal(4, assert(other:drain()).started)
        once_each(world, 4)
        assert.is_true(select(3, other:put("w", "1", { id = "d5" }))) -- it was lost: whoever puts it again is told so
        assert.equal(1, assert(other:drain()).started)
        once_each(world, 5)
      end)
    end)
  end)
end)
