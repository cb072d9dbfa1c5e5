-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/init.lua: cdf.queue as a program sees it.

local cdf = require "cdfworkflow"
local memory_store = require "memory_store"
local queue_world = require "queue_world"

local queue, store

before_each(function()
  store = memory_store.new()
  queue = assert(cdf.queue { store = store })
end)

describe("queue:put", function()
  it("gives the id, made up or told, and says whether it was new", function()
    local one, other = assert(queue:put("w", "1")), assert(queue:put("w", "1"))
    assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", one)
    assert.equal(36, #one)
    assert.not_equal(one, other)
    local id, err, is_new = queue:put("w", "1", { id = "order-4711" })
    assert.equal("order-4711", id)
    assert.is_nil(err)
    assert.is_true(is_new)
    id, err, is_new = queue:put("w", "1", { id = "order-4711", input = { other = 1 } })
    assert.equal("order-4711", id)
    assert.is_nil(err)
    assert.is_false(is_new)
    assert.is_nil(queue:get("order-4711").input)
  end)

  it("keeps the input as it will be sent", function()
    assert(queue:put("w", 7, { id = "a", input = { n = 1, none = cdf.array {} }, metadata = { site = "x" } }))
    local kept = queue:get "a"
    assert.same({ n = 1, none = {} }, cdf.decode(kept.input))
    assert.equal("7", kept.version)
    assert.same({ site = "x" }, kept.metadata)
    local text = '{"big":123456789012345678901234567890,  "a":[]}'
    assert(queue:put("w", 7, { id = "b", input = cdf.json(text) }))
    assert.equal(text, queue:get("b").input)
  end)

  it("refuses what CDF would refuse, before anything is kept", function()
    local many = {}
    for i = 1, 10 do many["key" .. i] = "v" end
    for _, case in ipairs {
      { "w", "1", { input = cdf.json "[1]" }, "input", "input must be a JSON object, not an array" },
      { "w", "1", { input = cdf.json "{" }, "input", "input: " },
      { "w", "1", { input = { x = ("x"):rep(102400) } }, "input", "102400" },
      { "w", "1", { input = { f = print } }, "input.f", "input.f" },
      { "w", "1", { metadata = many }, "metadata", "metadata" },
      { "w", "1", { metadata = { k = 7 } }, "metadata.k", "metadata" },
      { "w", "1", { id = "" }, "id", "^id " },
      { "w", "1", { id = ("x"):rep(256) }, "id", "^id " },
      { "", "1", {}, "workflow_external_id", "" },
      { "w", " x", {}, "version", "version" },
    } do
      local id, err = queue:put(case[1], case[2], case[3])
      assert.is_nil(id, case[5])
      assert.equal("invalid", err.kind)
      assert.equal(case[4], err.field)
      assert.matches(case[5], err.message)
    end
    assert.same({ waiting = 0, refused = 0, bytes = 0 }, queue:count())
  end)

  it("takes an input of 102,400 bytes, and an id of 255 characters", function()
    local id = ("é"):rep(255)
    assert.equal(id, queue:put("w", "1", { id = id, input = cdf.json('{"x":"' .. ("x"):rep(102400 - 8) .. '"}') }))
  end)

  it("refuses when the queue is full", function()
    queue = assert(cdf.queue { store = memory_store.new(), max_entries = 1 })
    assert(queue:put("w", "1"))
    local id, err = queue:put("w", "1")
    assert.is_nil(id)
    assert.equal("throttled", err.kind)
    assert.equal(1, err.limit)
  end)
end)

describe("a queue", function()
  it("lists what waits and what was refused, 25 unless told", function()
    for i = 1, 30 do assert(queue:put("w", "1", { id = "d" .. i })) end
    assert.equal(25, #queue:list())
    assert.equal(30, #queue:list { limit = math.huge })
    assert.equal("d1", queue:list({ limit = 1 })[1].id)
    assert.same({}, queue:list { state = "refused" })
  end)

  it("knows nothing of ids that it was never given", function()
    local delivery, err = queue:get "unheard-of"
    assert.is_nil(delivery)
    assert.is_nil(err)
    for _, name in ipairs { "retry", "drop" } do
      local done
      done, err = queue[name](queue, "unheard-of")
      assert.is_nil(done)
      assert.equal("invalid", err.kind)
      assert.equal("no delivery unheard-of is there to be chosen", err.message)
    end
  end)

  it("is over a spool or a store", function()
    for _, options in ipairs { {}, { spool = "x", store = store } } do
      local ok, message = pcall(function() cdf.queue(options) end)
      assert.is_false(ok)
      assert.matches("init_spec.lua:%d+: cdf.queue: give either spool or store", message)
    end
    local ok, message = pcall(function() cdf.queue { store = { put = print } } end)
    assert.is_false(ok)
    assert.matches("store: expected a store, such as cdfworkflow.queue.redis makes, got a table", message)
  end)

  it("says which folder cannot be used, and why", function()
    for path, why in pairs { ["/no/such/folder"] = "No such file or directory", ["/etc/passwd"] = "Not a directory" } do
      local none, err = cdf.queue { spool = path }
      assert.is_nil(none)
      assert.equal("invalid", err.kind)
      assert.equal("spool", err.field)
      assert.equal(("spool: the folder %s cannot be used: %s"):format(path, why), err.message)
    end
  end)

  it("is closed once, and then raises at the caller's line", function()
    local path, remove = queue_world.path()
    queue = assert(cdf.queue { spool = path })
    assert.equal("cdfworkflow.Queue: the spool folder " .. path, tostring(queue))
    queue:close()
    queue:close()
    local ok, message = pcall(function() queue:put("w", "1") end)
    assert.is_false(ok)
    assert.matches("init_spec.lua:%d+: queue:put: this queue is closed", message)
    remove()
  end)
end)
