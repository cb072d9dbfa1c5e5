-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/spool/init.lua: the folder as the queue's store. What a crash leaves is killed_spec.lua's.

local core = require "cdfworkflow.core"
local queue_world = require "queue_world"
local shell = require "shell"

local AMPLE = queue_world.AMPLE
local path, remove, store, clock

before_each(function()
  path, remove = queue_world.path()
  store, clock = queue_world.spool(path)
end)

after_each(function()
  store:close()
  remove()
end)

local function delivery(id, more)
  local one = { id = id, workflow = "w", version = "1", created = clock.at + clock.wall }
  for name, value in pairs(more or {}) do one[name] = value end
  return one
end

local function put(id, more, limits) return store:put(delivery(id, more), limits or AMPLE) end

local EXECUTION = { id = "059edaa4-a17a-4102-910e-2c3591500cce", status = "RUNNING", createdTime = 1 }
local REFUSAL = { kind = "api", status = 404, message = "no such version" }

local function claimed_ids(count)
  local ids = {}
  for i = 1, count do ids[i] = assert(store:claim()).id end
  return ids
end

describe("what is put", function()
  it("is there as it was put, for other processes too", function()
    assert.is_true(put("a", { input = '{"n":1}', metadata = { k = "v" } }))
    local other = queue_world.spool(path, clock)
    local kept = assert(other:get "a")
    assert.equal('{"n":1}', kept.input)
    assert.same({ k = "v" }, kept.metadata)
    assert.equal("waiting", kept.state)
    assert.equal(0, kept.attempts)
    assert.same({ waiting = 1, refused = 0, bytes = #shell.run(("cat %s/waiting/a"):format(path)) }, other:count())
    other:close()
  end)

  it("changes nothing where the id is known: it waits, was refused, or was started within a day", function()
    assert.is_true(put("a", { input = "{}" }))
    assert.is_false(put("a", { input = '{"other":1}' }))
    assert.equal("{}", store:get("a").input)
    local claim = assert(store:claim())
    assert(store:begin(claim, 60))
    assert.is_false(put "a")
    assert(store:settle(claim, EXECUTION))
    assert.is_false(put "a")
    clock.at = clock.at + 86400 - 1
    assert.is_false(put "a")
    clock.at = clock.at + 2
    assert.is_true(put "a")
    claim = assert(store:claim())
    assert.equal("a", claim.id)
    assert.is_nil(claim.look_back)
  end)

  it("has a day's memory that a clock that jumps does not shorten", function()
    put "a"
    local claim = assert(store:claim())
    store:begin(claim, 60)
    store:settle(claim, EXECUTION)
    clock.wall = clock.wall + 10 * 86400
    assert.is_false(put "a")
  end)

  it("is refused where it would be too many, or too much", function()
    assert.is_true(put("a", nil, { max_entries = 1, max_bytes = 1e9 }))
    local ok, err = put("b", nil, { max_entries = 1, max_bytes = 1e9 })
    assert.is_nil(ok)
    assert.equal("throttled", err.kind)
    assert.is_true(err.retryable)
    assert.equal(1, err.limit)
    assert.equal(("the queue in %s is full: with this delivery it would hold 2 deliveries, and "):format(path)
      .. "max_entries is 1 (2 wait, 0 were refused: retry or drop them)", err.message)
    ok, err = put("b", { input = ("x"):rep(1000) }, { max_entries = 9, max_bytes = 1000 })
    assert.is_nil(ok)
    assert.equal(1000, err.limit)
    assert.matches("bytes, and max_bytes is 1000", err.message)
    assert.equal(1, store:count().waiting)
    assert.is_true(put("b", nil, { max_entries = 2, max_bytes = 1e9 }))
  end)

  it("is not refused because a killed process has counted what it did not write", function()
    put "a"
    shell.run(("sed -i 's/ 1 / 9 /' %s/tally"):format(path))
    assert.equal(9, store:count().waiting)
    assert.is_true(put("b", nil, { max_entries = 2, max_bytes = 1e9 }))
    assert.equal(2, store:count().waiting)
  end)

  it("leaves nothing behind where the same id was put at the same moment", function()
    local other = queue_world.spool(path, clock)
    local publish = other.new
    other.new = setmetatable({
      write = function(_, ...) return publish:write(...) end, remove = function(_, ...) return publish:remove(...) end,
      publish = function(_, ...)
        put("a", { input = '{"first":1}' })
        return publish:publish(...)
      end,
      close = function() publish:close() end,
    }, {})
    assert.is_false(other:put(delivery("a", { input = '{"second":1}' }), AMPLE))
    assert.equal('{"first":1}', store:get("a").input)
    assert.equal("", (shell.run("ls " .. path .. "/new")))
    assert.equal(1, store:count().waiting)
    other:close()
  end)
end)

describe("a claim", function()
  it("is of the oldest, in the order in which they were put, by whoever", function()
    local other = queue_world.spool(path, clock)
    for i = 1, 20 do
      clock.at = clock.at + 0.001
      assert((i % 3 == 0 and other or store):put(delivery("d" .. i), AMPLE))
    end
    local expected = {}
    for i = 1, 20 do expected[i] = "d" .. i end
    assert.same(expected, claimed_ids(20))
    assert.is_nil(store:claim())
    other:close()
  end)

  it("keeps the order within a moment, and where the clock is set back a little", function()
    for i = 1, 5 do put("a" .. i) end
    clock.wall = clock.wall - 3600
    for i = 1, 5 do put("b" .. i) end
    assert.same({ "a1", "a2", "a3", "a4", "a5", "b1", "b2", "b3", "b4", "b5" }, claimed_ids(10))
  end)

  it("is the drain's that is at work, until it closes or dies", function()
    put "a"
    local claim = assert(store:claim())
    local other = queue_world.spool(path, clock)
    local none, err, seconds = other:claim()
    assert.is_nil(none)
    assert.is_nil(err)
    assert.is_true(seconds > 0)
    store:close()
    assert.is_nil((other:claim())) -- a claim is still under way
    store:release(claim)
    assert.equal("a", assert(other:claim()).id)
    store = other
  end)

  it("is another drain's once this one has ended", function()
    put "a"
    put "b"
    store:release(assert(store:claim()))
    local other = queue_world.spool(path, clock)
    assert.is_nil((other:claim()))
    store:rest()
    assert.equal("a", assert(other:claim()).id)
    assert.is_nil((store:claim()))
    other:close()
  end)

  it("waits for the deadline of an attempt that is this process's own, also in its next drain", function()
    put "a"
    local claim = assert(store:claim())
    assert(store:begin(claim, 60))
    store:release(claim)
    store:rest()
    clock.at = clock.at + 20
    assert.equal(130, assert(store:claim()).wait)
  end)

  it("comes back to its place when it is given back or has failed", function()
    for i = 1, 3 do put("d" .. i) end
    local claim = assert(store:claim())
    assert.is_nil(claim.look_back)
    assert.equal(0, claim.wait)
    store:release(claim)
    claim = assert(store:claim())
    assert.equal("d1", claim.id)
    assert.is_true(store:begin(claim, 60))
    clock.at = clock.at + 10
    assert(store:fail(claim, { kind = "auth", message = "no" }, false))
    claim = assert(store:claim())
    assert.equal("d1", claim.id)
    assert.equal(10, claim.look_back)
    assert.equal(0, claim.wait)
    assert.equal(1, claim.attempts)
    assert.same({ kind = "auth", message = "no" }, store:get("d1").error)
  end)

  it("waits where its last attempt ended in doubt", function()
    put "a"
    local claim = assert(store:claim())
    store:begin(claim, 60)
    store:fail(claim, { kind = "ambiguous", message = "?" }, true)
    clock.at = clock.at + 30
    assert.equal(60, assert(store:claim()).wait)
  end)

  it("knows its age, whatever the clock on the wall says", function()
    put "a"
    clock.at, clock.wall = clock.at + 50, clock.wall + 1e6
    assert.equal(50, assert(store:claim()).age)
  end)

  it("sees what comes while the rest is under way", function()
    put "a"
    assert.equal("a", assert(store:claim()).id)
    assert.is_nil(store:claim())
    put "b"
    assert.equal("b", assert(store:claim()).id)
  end)

  it("is nothing where somebody has dropped it meanwhile", function()
    put "a"
    local claim = assert(store:claim())
    assert.is_true(store:drop "a")
    assert.is_false(store:begin(claim, 60))
    store:release(claim)
    assert.is_nil(store:claim())
    assert.equal(0, store:count().waiting)
  end)
end)

describe("the end of a delivery", function()
  local function begun(id)
    put(id, { input = "{}", metadata = { k = "v" } })
    local claim = assert(store:claim())
    assert(store:begin(claim, 60))
    return claim
  end

  it("leaves of one that was started its id and execution, for a day, and nothing of its input", function()
    assert(store:settle(begun "a", EXECUTION))
    local kept = store:get "a"
    assert.equal("started", kept.state)
    assert.same(EXECUTION, kept.execution)
    assert.same({ k = "v" }, kept.metadata)
    assert.equal("w", kept.workflow)
    assert.is_nil(kept.input)
    assert.same({ waiting = 0, refused = 0, bytes = 0 }, store:count())
    assert.same({}, store:list { limit = 10 })
    assert.is_nil(store:claim())
  end)

  it("sets apart what was refused, until it is retried or dropped", function()
    assert(store:refuse(begun "a", REFUSAL))
    local kept = store:get "a"
    assert.equal("refused", kept.state)
    assert.same(REFUSAL, kept.error)
    assert.equal("{}", kept.input)
    assert.is_nil(store:claim())
    assert.equal(1, store:count().refused)
    assert.is_nil(store:retry "b")
    clock.at = clock.at + 1000
    assert.is_true(store:retry "a")
    assert.same({ waiting = 1, refused = 0 }, { waiting = store:count().waiting, refused = store:count().refused })
    local claim = assert(store:claim())
    assert.equal(0, claim.age)
    assert.equal(1000, claim.look_back)
    store:refuse(claim, REFUSAL)
    assert.is_true(store:drop "a")
    assert.is_nil(store:get "a")
    assert.same({ waiting = 0, refused = 0, bytes = 0 }, store:count())
  end)

  it("is remembered where it was dropped after an attempt: who puts the id again looks back", function()
    assert(store:fail(begun "a", { kind = "auth", message = "no" }, false))
    assert.is_true(store:drop "a")
    clock.at = clock.at + 500
    assert.is_true(put "a")
    local claim = assert(store:claim())
    assert.equal(500, claim.look_back)
    assert.equal(0, claim.age)
  end)

  it("is nobody else's while it is being started", function()
    local claim = begun "a"
    assert.equal("starting", store:get("a").state)
    assert.equal("starting", store:list({ limit = 1 })[1].state)
    for _, name in ipairs { "drop", "retry" } do
      local done, err = store[name](store, "a")
      assert.is_nil(done)
      assert.equal("invalid", err.kind)
      assert.equal("the delivery a is being started just now", err.message)
    end
    store:release(claim)
    assert.equal("waiting", store:get("a").state)
  end)
end)

describe("a list", function()
  it("has what waits and what was refused, oldest first", function()
    for i = 1, 4 do put("d" .. i, { input = ("x"):rep(50000) }) end
    store:refuse(assert(store:claim()), REFUSAL)
    local function ids(opts)
      local list = {}
      for i, one in ipairs(assert(store:list(opts))) do list[i] = one.id .. " " .. one.state end
      return table.concat(list, ", ")
    end
    assert.equal("d1 refused, d2 waiting, d3 waiting, d4 waiting", ids { limit = math.huge })
    assert.equal("d1 refused, d2 waiting", ids { limit = 2 })
    assert.equal("d2 waiting", ids { limit = 1, state = "waiting" })
  end)
end)

describe("a file that is damaged", function()
  it("is set apart, and the others go on", function()
    put "a"
    put "b"
    shell.run(("printf x >>%s/waiting/a"):format(path))
    assert.same({ "b" }, claimed_ids(1))
    assert.is_nil(store:claim())
    local list = store:list { state = "refused", limit = 10 }
    assert.equal("a", list[1].id)
    assert.equal("its file is damaged", list[1].error.message)
    assert.same({ waiting = 1, refused = 1 }, { waiting = store:count().waiting, refused = store:count().refused })
    assert.is_true(store:drop "a")
  end)

  it("is one that was given another name, too", function()
    put "a"
    shell.run(("cp -p %s/waiting/a %s/waiting/%%42"):format(path, path))
    assert.same({ "a" }, claimed_ids(1))
    assert.is_nil(store:claim())
    assert.equal("B", store:list({ state = "refused", limit = 10 })[1].id)
    assert.is_true(store:drop "B")
  end)
end)

describe("what is over", function()
  it("is swept out after a day, and not what is needed", function()
    local real = core.time()
    clock.wall = real - clock.at
    for _, id in ipairs { "started", "dropped", "waiting" } do put(id) end
    for _ = 1, 3 do
      local claim = assert(store:claim())
      store:begin(claim, 60)
      if claim.id == "started" then store:settle(claim, EXECUTION) else store:fail(claim, REFUSAL, false) end
      if claim.id == "dropped" then store:drop "dropped" end
      if claim.id == "waiting" then break end
    end
    shell.run(("touch %s/new/left"):format(path))
    clock.at = clock.at + 86400 - 10
    store.swept, store.line = nil, require("cdfworkflow.priority_queue").new()
    store:claim()
    assert.equal("dropped\nstarted\nwaiting\n", (shell.run(("ls %s/log"):format(path))))
    assert.equal("", (shell.run(("ls %s/new"):format(path))))
    clock.at = clock.at + 20
    store.swept, store.line = nil, require("cdfworkflow.priority_queue").new()
    store:claim()
    assert.equal("waiting\n", (shell.run(("ls %s/log"):format(path))))
  end)
end)

describe("a claim that is given back while what waits is listed", function()
  it("is not given to two", function()
    put "a"
    local first = assert(store:claim())
    local waiting = store.waiting
    store.waiting = setmetatable({ scan = function(_, most)
      local found, is_slow = waiting:scan(most), true
      return {
        step = function(_, entries)
          local slow = is_slow
          is_slow = false
          return slow or found:step(entries)
        end,
        result = function() return found:result() end,
      }
    end }, { __index = function(_, name) return function(_, ...) return waiting[name](waiting, ...) end end })
    function store.clock.sleep() if first then first = store:release(first) and nil end end
    assert.equal("a", assert(store:claim()).id)
    assert.is_nil((store:claim()))
  end)
end)

describe("a claim whose delivery was dropped, and put again with another input", function()
  it("is not ours any more; the other one waits", function()
    put("a", { input = '{"first":1}' })
    local claim = assert(store:claim())
    clock.at = clock.at + 5
    local other = queue_world.spool(path, clock)
    assert(other:drop "a")
    assert.is_true(other:put(delivery("a", { input = '{"other":1}' }), AMPLE))
    assert.is_false((store:begin(claim, 60)))
    assert(store:release(claim))
    claim = assert(store:claim())
    assert.equal('{"other":1}', claim.input)
    assert.is_true(store:begin(claim, 60))
    assert(store:settle(claim, EXECUTION))
    other:close()
  end)
end)
