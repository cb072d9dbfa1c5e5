-- SPDX-License-Identifier: Apache-2.0
-- One run for a delivery, however often it comes: across restarts, lost answers, workers that die, clocks that are off.

local core = require "cdfworkflow.core"
local gateway_world = require "gateway_world"

local HASH = core.sha256 "{}"

describe("a delivery with a key", function()
  local world

  before_each(function() world = gateway_world.new() end)

  local function ask(key, body) return world:ask { body = body or "{}", key = key } end

  local function assert_refused(status, code, key, body)
    local got, content, headers = ask(key, body)
    assert.equal(status, got)
    assert.equal(code, content.error.code)
    return headers, content.error.message
  end

  local function name_of(key) return "delivery:daily-report\0" .. key end

  --- As a worker that died, or lost the answer, has left it so many seconds ago.
  local function mark(key, state, seconds, version)
    world.memory:set("guard:" .. name_of(key), "1", 115)
    world.memory:set(name_of(key), ("%s %s %.0f %s"):format(state, HASH, core.time() * 1000, version or "1"), 86400)
    world.memory:passes(seconds)
    local text = world.memory:get(name_of(key))
    world.memory.values[name_of(key)] = text:gsub(" %d+ ", (" %.0f "):format((core.time() - seconds) * 1000), 1)
  end

  local function lose_answers()
    world:hook(function(request, go_on)
      local response = go_on()
      if request.url:match "/run$" then world.lost = true end
      return world.lost and { failure = "receive", sent = true, message = "gone" } or response
    end)
  end

  it("starts one run, and its repetitions say that they are such", function()
    local status, first, headers = ask "delivery-1"
    assert.equal(202, status)
    assert.is_nil(headers["idempotent-replayed"])
    local again
    status, again, headers = ask "delivery-1"
    assert.equal(202, status)
    assert.equal("true", headers["idempotent-replayed"])
    assert.equal(first.url, headers.location)
    assert.same(first, again)
    local _, other = ask "delivery-2"
    assert.not_equal(first.id, other.id)
    assert.equal(2, world:count())
    local execution = assert(world.here.client.workflows.executions:retrieve(first.id))
    assert.equal("delivery-1", execution.metadata["cdfworkflow.requestId"])
    assert.equal(HASH, execution.metadata["cdfworkflow.bodyHash"])
    assert.matches('"outcome":"replayed".*"execution":"' .. first.id:gsub("%-", "%%-"), world:all_log())
  end)

  it("can be asked for by its key", function()
    local _, first = ask "delivery/1"
    local status, shown = world:ask { method = "GET", path = "/runs/daily-report/delivery%2F1" }
    assert.equal(200, status)
    assert.equal(first.id, shown.id)
    assert.equal("delivery/1", shown.delivery)
    assert.equal(404, (world:ask { method = "GET", path = "/runs/daily-report/another" }))
    assert.equal(404, (world:ask { method = "GET", path = "/runs/a%2Fb/delivery%2F1" }))
  end)

  it("must have a key that CDF takes", function()
    for _, key in ipairs { "", ("x"):rep(256), "a\tb" } do assert_refused(400, "invalid", key) end
    assert.equal(400, (world:ask { body = "{}", headers = { ["idempotency-key"] = { "k", "k" } } }))
    assert.equal(202, (ask(("x"):rep(255))))
  end)

  it("starts nothing where its key came with another body, also after a restart", function()
    assert.equal(202, (ask("k", '{"a":1}')))
    local _, message = assert_refused(422, "key_reused", "k", '{"a":2}')
    assert.matches("nothing was started", message)
    world:restart()
    assert_refused(422, "key_reused", "k", '{"a": 1}')
    assert.equal(202, (ask("k", '{"a":1}')))
    assert.equal(1, world:count())
  end)

  it("starts no second run after a restart", function()
    local _, first = ask "k"
    world:start()
    local headers, message = assert_refused(503, "reading", "k")
    assert.equal("2", headers["retry-after"])
    assert.matches("just started", message)
    assert.equal(202, (world:ask { body = "{}" })) -- one without a key need not wait
    world:run_tasks()
    local status, again
    status, again, headers = ask "k"
    assert.equal(202, status)
    assert.equal(first.id, again.id)
    assert.equal("true", headers["idempotent-replayed"])
    assert.equal(2, world:count())
  end)

  it("starts no second run after a restart where this machine's clock is ahead", function()
    world = gateway_world.new { clock_ahead = 120 }
    local _, first = ask "k"
    world:restart()
    assert.equal(first.id, select(2, ask "k").id)
    mark("k", "lost", 20)
    assert.equal(first.id, select(2, ask "k").id)
    assert.equal(1, world:count())
  end)

  it("is known for a day", function()
    local _, first = ask "k"
    world.memory:passes(86400 - 1)
    assert.equal(first.id, select(2, ask "k").id)
    world.memory:passes(2)
    assert.not_equal(first.id, select(2, ask "k").id)
  end)

  it("is found although other executions bear no metadata", function()
    local _, first = ask "k"
    assert(world.here.client:run("daily-report", "1"))
    local function without(response)
      local content = core.decode(response.body)
      for _, execution in ipairs(type(content) == "table" and content.items or {}) do
        if not (type(execution.metadata) == "table" and execution.metadata["cdfworkflow.requestId"]) then
          execution.metadata = #world.log % 2 == 0 and core.null or nil
        end
      end
      response.body = core.encode(content)
      return response
    end
    local list = function(request, go_on)
      return request.url:match "/executions/list$" and without(go_on()) or go_on()
    end
    world:start()
    world:hook(list)
    world:run_tasks()
    assert.equal(first.id, select(2, ask "k").id)
    mark("k", "lost", 20)
    world:hook(list)
    assert.equal(first.id, select(2, ask "k").id)
    mark("other", "lost", 20)
    assert_refused(409, "in_progress", "other")
  end)

  it("is refused while another one with its key is under way", function()
    mark("k", "open", 10)
    assert.equal("5", assert_refused(409, "in_progress", "k")["retry-after"])
    assert.equal(0, world:count())
  end)

  it("is found where nobody brought it to its end", function()
    local _, first = ask "k"
    for _, state in ipairs { "open", "lost" } do
      mark("k", state, 40)
      local status, again, headers = ask "k"
      assert.equal(202, status)
      assert.equal(first.id, again.id)
      assert.equal("true", headers["idempotent-replayed"])
    end
    assert.equal(1, world:count())
  end)

  it("is started again only when nothing can come of the attempt before any more", function()
    for _, state in ipairs { "open", "lost" } do
      mark(state, state, 114)
      assert_refused(409, "in_progress", state)
      mark(state, state, 116)
      local status, _, headers = ask(state)
      assert.equal(202, status)
      assert.is_nil(headers["idempotent-replayed"])
    end
    assert.equal(2, world:count())
  end)

  it("is started again in the version that it was begun with", function()
    local first
    world:hook(function(request, go_on)
      if request.url:match "/run$" then first = first or request.url:match "versions/(.-)/run" end
      return go_on()
    end)
    mark("k", "lost", 200, "9")
    assert_refused(404, "not_found", "k") -- there is no version 9 here
    assert.equal("9", first)
  end)

  it("is remembered when its answer was lost", function()
    lose_answers()
    local _, message = assert_refused(502, "ambiguous", "k")
    assert.matches("same Idempotency%-Key", message)
    assert.matches("^lost " .. HASH .. " %d+ 1$", world.memory:get(name_of "k"))
    world:unhook()
    local status, body = ask "k"
    assert.equal(202, status)
    assert.equal(1, world:count())
    assert.equal(("run %s %s"):format(HASH, body.id), world.memory:get(name_of "k"))
  end)

  it("says what can be done about a lost answer without a key", function()
    lose_answers()
    local status, body = world:ask { body = "{}" }
    assert.equal(502, status)
    assert.matches("only with an Idempotency%-Key", body.error.message)
  end)

  it("is settled by one request at a time", function()
    for _, state in ipairs { "open", "lost" } do
      mark(state, state, 300)
      world:hook(function(request, go_on) -- another one is served before each answer, as in nginx
        local response = go_on()
        if request.url:match "/list$" then coroutine.yield() end
        return response
      end)
      local statuses = {}
      local function deliver() table.insert(statuses, (ask(state))) end
      local first, second = coroutine.create(deliver), coroutine.create(deliver)
      assert(coroutine.resume(first))
      assert(coroutine.resume(second))
      assert.same({ 409 }, statuses)
      while coroutine.status(first) ~= "dead" do assert(coroutine.resume(first)) end
      assert.same({ 409, 202 }, statuses)
      world:unhook()
    end
    assert.equal(2, world:count())
  end)

  it("is found where CDF said 500, and whatever version it was", function()
    world:hook(function(request, go_on)
      local response = go_on()
      return request.url:match "/run$" and { status = 500, headers = {}, body = "{}" } or response
    end)
    assert.equal(202, (ask "k"))
    world:restart(nil, { workflows = { ["daily-report"] = "2" } })
    assert.equal(202, (ask "k"))
    assert.equal(1, world:count())
  end)

  it("has its key freed where nothing was started", function()
    local refuse = true
    world:hook(function(request, go_on)
      if not refuse or not request.url:match "/run$" then return go_on() end
      return { status = 400, headers = {}, body = '{"error":{"code":400,"message":"CDF says no"}}' }
    end)
    local _, message = assert_refused(400, "refused", "k", '{"a":1}')
    assert.matches("CDF says no", message)
    refuse = false
    local status, _, headers = ask("k", '{"a":2}') -- it may come with another body even
    assert.equal(202, status)
    assert.is_nil(headers["idempotent-replayed"])
    assert.equal(1, world:count())
  end)

  it("keeps its key where the gateway itself fails", function()
    local run = world.here.client.run
    world.here.client.run = function() error "inner workings" end
    assert_refused(500, "internal", "k")
    world.here.client.run = run
    assert_refused(409, "in_progress", "k") -- nobody knows; so CDF is looked at
    world.memory:passes(116)
    assert.equal(202, (ask "k"))
  end)

  it("that came just before the end of another process is seen in CDF when it shows late", function()
    world:restart()
    -- Another process sent this one, and it shows only after the day was read.
    local execution = assert(world.here.client:run("daily-report", "1", {
      request_id = "k", metadata = { ["cdfworkflow.bodyHash"] = HASH },
    }))
    assert_refused(422, "key_reused", "k", '{"a":1}')
    local status, body, headers = ask "k"
    assert.equal(202, status)
    assert.equal(execution.id, body.id)
    assert.equal("true", headers["idempotent-replayed"])
    world.memory:passes(116) -- such a thing cannot be any more, and CDF is not asked again
    local lists = 0
    world:hook(function(request, go_on)
      if request.url:match "/list$" then lists = lists + 1 end
      return go_on()
    end)
    assert.equal(202, (ask "k2"))
    assert.equal(0, lists)
  end)

  describe("of a process that was frozen", function()
    local snapshot, ahead

    before_each(function()
      local now = core.now
      snapshot, ahead = assert:snapshot(), 0
      stub(core, "now", function() return now() + ahead end)
    end)

    after_each(function() snapshot:revert() end)

    it("is not sent when it wakes up late", function()
      world:hook(function(request, go_on)
        if request.url:match "/list$" then ahead = 200 end -- the memory is young, so it looks first
        return go_on()
      end)
      assert_refused(409, "in_progress", "k")
      assert.equal(0, world:count())
    end)

    it("is refused, and what another host has put there meanwhile stays", function()
      local other = ("run %s 059edaa4-a17a-4102-910e-2c3591500cce"):format(HASH)
      for _, answer in ipairs { '{"error":{"code":400,"message":"no"}}', "<html>" } do
        world:hook(function(request, go_on)
          if not request.url:match "/run$" then return go_on() end
          ahead = 200
          world.memory:set(name_of "k", other)
          return { status = 400, headers = {}, body = answer }
        end)
        assert.not_equal(202, (ask "k"))
        assert.equal(other, world.memory:get(name_of "k"))
        world.memory:set(name_of "k", nil)
        ahead = 0
      end
    end)
  end)

  it("is refused while the memory cannot be reached; one without a key is not", function()
    local get = world.memory.get
    function world.memory.get() return nil, "no connection" end
    local headers = assert_refused(503, "store", "k")
    assert.equal("5", headers["retry-after"])
    assert.matches('"outcome":"store".*"error":"no connection"', world:all_log())
    world.memory.get = get
    function world.memory.add() return nil, "no memory" end
    assert_refused(503, "store", "k")
    assert.equal(0, world:count())
    assert.equal(202, (world:ask { body = "{}" }))
  end)

  it("is said to be forgotten where the memory has no room", function()
    local set = world.memory.set
    world.memory.set = function(...)
      set(...)
      return true, nil, true
    end
    assert.equal(202, (ask "k"))
    assert.matches("error: no room to remember", world:all_log())
  end)

  describe("in a Redis", function()
    local snapshot, id, problem, memories

    --- The watch over the memory is left out: it goes on for ever.
    local function restart()
      world:start(nil, { redis = { host = "127.0.0.1" } })
      world.tasks = { world.tasks[1] }
      world:run_tasks()
    end

    --- A Redis that can lose its memory.
    local function fake()
      return { memory = function()
        if problem then return nil, problem end
        memories[id] = memories[id] or gateway_world.memory()
        memories[id].id = id
        return memories[id]
      end, get = print, set = print, add = print }
    end

    before_each(function()
      snapshot, id, problem, memories = assert:snapshot(), "first", nil, {}
      stub(require "cdfworkflow.store.redis", "new", fake)
      restart()
    end)

    after_each(function() snapshot:revert() end)

    it("is taken at once after a start", function()
      assert.equal(202, (ask "k"))
      assert.equal("true", select(3, ask "k")["idempotent-replayed"])
    end)

    it("is refused while the Redis cannot be reached, and nothing is started", function()
      problem = "Redis at 127.0.0.1:6379: no connection"
      assert_refused(503, "store", "k")
      assert.equal(0, world:count())
      assert.equal(503, (world:ask { method = "GET", path = "/ready" }))
      assert.equal(202, (world:ask { body = "{}" }))
      assert.matches("no connection", world:all_log())
    end)

    it("is known once a Redis that has lost its memory has been filled again; a new one waits", function()
      local _, first = ask "k"
      id = "second"
      assert_refused(503, "reading", "k")
      world:run_tasks()
      assert.equal(first.id, select(2, ask "k").id)
      local headers, message = assert_refused(503, "lost", "k2") -- another host may be at this one
      assert.equal("20", headers["retry-after"])
      assert.matches("lost a short while ago", message)
      memories.second:passes(116)
      assert.equal(202, (ask "k2"))
      assert.equal(2, world:count())
    end)

    it("is not started while it cannot be known whether Redis has lost its memory", function()
      ask "k"
      id = "second"
      assert_refused(503, "reading", "k2")
      world:run_tasks()
      local get = memories.second.get
      function memories.second.get(memory, name)
        if name == "lost" then return nil, "no answer" end
        return get(memory, name)
      end
      assert_refused(503, "store", "k2")
      assert.equal(1, world:count())
      memories.second.get = get
      assert_refused(503, "lost", "k2")
    end)

    it("waits for another host's attempt where this one has started after Redis lost its memory", function()
      id = "second"
      world:start(world.memory, { redis = { host = "127.0.0.1" } })
      local watch = coroutine.create(world.tasks[2])
      function world.here.client._sleep() coroutine.yield() end
      assert(coroutine.resume(watch)) -- a host that was there before has noticed
      restart()
      assert_refused(503, "lost", "k")
      memories.second:passes(114)
      assert_refused(503, "lost", "k")
      memories.second:passes(2)
      assert.equal(202, (ask "k"))
    end)
  end)
end)
