-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/drain.lua: what a drain does, in simulated time, over a store in memory.

local core = require "cdfworkflow.core"
local memory_store = require "memory_store"
local queue_hour = require "queue_hour"
local queue_world = require "queue_world"
local unreliable = require "unreliable"

local real_time = core.time
local KEY = "cdfworkflow.requestId"

after_each(function()
  core.time = real_time
  queue_world.alone()
end)

local function new(options, opts)
  options = options or {}
  options.seed, options.random = options.seed or 1, unreliable.random(options.seed or 1)
  local world = unreliable.world(options)
  local store = memory_store.new()
  queue_world.together(world)
  return world, queue_world.queue(world, store, opts), store
end

local function put(queue, count, version)
  for i = 1, count do assert(queue:put("w", version or "1", { id = "d" .. i, input = { n = i } })) end
end

local function ids(count)
  local list = {}
  for i = 1, count do list[i] = "d" .. i end
  return list
end

--- The order in which CDF was asked to run.
local function listen(world)
  local asked, http = {}, world.network.http
  function world.network.http(network, request)
    local id = request.url:find "/run$" and request.body:match(KEY:gsub("%.", "%%.") .. '":"([^"]*)"')
    if id then asked[#asked + 1] = id end
    return http(network, request)
  end
  return asked
end

describe("a drain", function()
  it("starts what waits, oldest first, each once, with its id as the request id", function()
    local world, queue = new()
    local asked = listen(world)
    put(queue, 5)
    assert.same({ started = 5, refused = 0, others = false }, (queue:drain()))
    assert.same(ids(5), asked)
    for id, count in pairs(unreliable.count_by_request_id(world.sim)) do assert.equal(1, count, id) end
    assert.same({ started = 0, refused = 0, others = false }, (queue:drain()))
    assert.equal(5, #asked)
  end)

  it("passes the input on byte for byte, and the metadata", function()
    local cdf = require "cdfworkflow"
    local world, queue = new()
    local body
    local http = world.network.http
    function world.network.http(network, request)
      if request.url:find "/run$" then body = request.body end
      return http(network, request)
    end
    local text = '{ "big": 12345678901234567890, "none": [],  "n": null }'
    assert(queue:put("w", 1, { id = "x", input = cdf.json(text), metadata = { site = "7" } }))
    assert(queue:drain())
    assert.truthy(body:find('"input":' .. text, 1, true), body)
    assert.truthy(body:find('"site":"7"', 1, true), body)
    assert.truthy(body:find('"cdfworkflow.requestId":"x"', 1, true), body)
  end)

  it("looks at nothing in a first attempt, and back to the first in every other", function()
    local world, queue = new()
    put(queue, 1)
    world.network.faults.session = { "refused_by_cdf" }
    world.network.faults.token = function() return { failure = "connect", sent = false, message = "refused" } end
    local result, err = queue:drain()
    assert.is_nil(result)
    assert.equal("transport", err.kind)
    assert.same({ started = 0, refused = 0, others = false }, err.drained)
    world.network.faults = {}
    world.network:sleep(3600)
    local filter
    local http = world.network.http
    function world.network.http(network, request)
      if request.url:find "/list$" then filter = core.decode(request.body).filter end
      return http(network, request)
    end
    local first = world.network:now() - 3600
    assert.equal(1, assert(queue:drain()).started)
    assert.is_true(filter.createdTimeStart <= first * 1000)
    assert.equal(1, world.network.sent.list)
  end)

  it("sets apart what is refused for good, with its reason, and goes on", function()
    local world, queue = new()
    put(queue, 1)
    assert(queue:put("w", "no-such", { id = "bad" }))
    assert(queue:put("w", "1", { id = "good" }))
    local events = {}
    local result = queue:drain { on_event = function(event)
      events[#events + 1] = event.type .. " " .. event.delivery.id
    end }
    assert.same({ started = 2, refused = 1, others = false }, result)
    assert.same({ "begun d1", "started d1", "begun bad", "refused bad", "begun good", "started good" }, events)
    local refused = queue:list { state = "refused" }
    assert.equal(1, #refused)
    assert.equal("bad", refused[1].id)
    assert.equal(404, refused[1].error.status)
    assert.equal(0, assert(queue:drain()).started)
    assert(queue:retry "bad")
    assert.equal(1, assert(queue:drain()).refused)
    assert(queue:drop "bad")
    assert.same({}, queue:list { state = "refused" })
    assert.equal(2, #queue_world.started(world))
  end)

  it("ends at once while CDF is down, and says why, until it is time to try again", function()
    local world, queue = new()
    put(queue, 3)
    world.network.down_until = world.network:now() + 300
    local _, err = queue:drain()
    assert.equal("transport", err.kind)
    local sent = world.network.sent.token
    world.network:sleep(5)
    _, err = queue:drain()
    assert.equal("transport", err.kind)
    assert.equal(sent, world.network.sent.token) -- nothing was tried
    world.network:sleep(300)
    assert.equal(3, assert(queue:drain()).started)
  end)

  it("follows: holds all back while CDF is down, with one attempt at a time, and ends when it is told to", function()
    local world, queue = new { client = { timeout = 5 } }
    put(queue, 50)
    world.network.down_until = world.network:now() + 3600
    local asked, begun = listen(world), {}
    local start = world.network:now()
    local result = assert(queue:drain {
      follow = true, concurrency = 4,
      on_event = function(event)
        local at = world.network:now() - start
        if event.type == "begun" and at < 3600 then begun[#begun + 1] = at end
      end,
      stop = function() return queue:count().waiting == 0 end,
    })
    assert.equal(50, result.started)
    assert.is_true(#begun <= 4 + 11, #begun) -- those at the same time, then 10 s, 20 s, … 600 s
    for i = 6, #begun do assert.is_true(begun[i] - begun[i - 1] >= 9.9, begun[i]) end
    assert.equal(50, #queue_world.started(world))
    assert.equal(50, #asked)
  end)

  it("starts what comes while it follows", function()
    local world, queue = new()
    local turns = 0
    assert(queue:drain { follow = true, stop = function()
      turns = turns + 1
      if turns == 5 then assert(queue:put("w", "1", { id = "late" })) end
      return queue_world.started(world)[1] ~= nil
    end })
    assert.same({ "late" }, queue_world.started(world))
  end)

  it("leaves one that waited too long apart", function()
    local world, queue = new(nil, { max_age = 100 })
    put(queue, 1)
    world.network:sleep(101)
    assert.equal(1, assert(queue:drain()).refused)
    assert.equal("it waited for 101 s, longer than max_age, 100 s; retry it to start it all the same",
      queue:get("d1").error.message)
    assert(queue:retry "d1")
    assert.equal(1, assert(queue:drain()).started)
  end)

  it("passes on what the program raises, and leaves the attempt as if it had been killed", function()
    local world, queue, store = new()
    put(queue, 1)
    local _, raised = pcall(queue.drain, queue, { on_event = function() error("mine", 0) end })
    assert.equal("mine", raised)
    queue = queue_world.queue(world, memory_store.survives(store))
    assert.equal(1, assert(queue:drain()).started)
  end)

  it("goes on in the next drain, whatever the program has raised at whatever point", function()
    for _, kind in ipairs { "begun", "started", "failed" } do
      local world, queue, store = new { seed = 4 }
      local down, raises = true, true
      local function raise() error("of the program", 0) end
      local http = world.network.http
      function world.network.http(network, request)
        if down then return { failure = "connect", sent = false, message = "no route" } end
        return http(network, request)
      end
      put(queue, 2)
      assert.is_nil((queue:drain())) -- so that the next attempt is the one that finds out
      world.network:sleep(700)
      down = kind == "failed"
      local ok, raised = pcall(queue.drain, queue, {
        on_event = function(event) return event.type == kind and raises and raise() end,
      })
      assert.is_false(ok, kind)
      assert.equal("of the program", raised)
      assert.is_nil(next(store.mine), kind)
      down, raises = false, false
      world.network:sleep(700)
      local turns = 0
      assert(queue:drain { stop = function()
        turns = turns + 1
        return turns > 500
      end })
      assert.equal(0, store:count().waiting, kind)
      for id, count in pairs(unreliable.count_by_request_id(world.sim)) do assert.equal(1, count, id) end
    end
  end)

  it("needs a client", function()
    local queue = assert(require("cdfworkflow").queue { store = memory_store.new() })
    local ok, message = pcall(function() queue:drain() end)
    assert.is_false(ok)
    assert.matches("drain_spec.lua:%d+: queue:drain: this queue was made without a client", message)
  end)
end)

describe("a link that is down for an hour", function()
  it("leaves a queue that is started once and in order, and a CDF that was hardly asked", function()
    for concurrency = 1, 3, 2 do
      local seen = queue_hour.try(400, concurrency)
      assert.is_true(seen.requests < 50, seen.requests)
      assert.is_true(seen.took < 1200, seen.took)
    end
  end)
end)

describe("a drain that was killed", function()
  it("is taken over no sooner than nothing can come of its attempt any more", function()
    for _, fault in ipairs { "answered", "late" } do
      local world, queue, store = new()
      put(queue, 2)
      world.network.faults.run = { function(network, request, kind)
        if fault == "answered" then unreliable.handle(network, request, kind) end
        error(unreliable.KILLED, 0)
      end }
      local faults = world.network.faults.run
      world.network.faults.run = function(...) return table.remove(faults, 1)(...) end
      assert.equal(unreliable.KILLED, select(2, pcall(queue.drain, queue)))
      world.network.faults.run = nil
      local began = world.network:now()
      queue = queue_world.queue(world, memory_store.survives(store), nil, world.another())
      assert.equal(2, assert(queue:drain()).started)
      assert.is_true(world.network:now() - began >= 150)
      assert.same({ d1 = 1, d2 = 1 }, unreliable.count_by_request_id(world.sim))
    end
  end)

  it("does not hold up the others where several are started at the same time", function()
    local world, queue, store = new()
    put(queue, 5)
    world.network.dies = 3
    pcall(queue.drain, queue)
    queue = queue_world.queue(world, memory_store.survives(store), nil, world.another())
    local began, when = world.network:now(), {}
    assert(queue:drain { concurrency = 2, on_event = function(event)
      if event.type == "started" then when[event.delivery.id] = world.network:now() - began end
    end })
    assert.is_true(when.d1 >= 90)
    for i = 2, 5 do assert.is_true(when["d" .. i] < 10, i) end
  end)
end)

describe("an attempt in doubt", function()
  it("is settled by the look of the next one", function()
    local world, queue = new { client = { timeout = 20 } }
    put(queue, 2)
    -- CDF carries it out and the answer is lost; then nothing can be looked at until the deadline
    world.network.faults.run = { "answer_lost" }
    world.network.faults.list = function() return { failure = "connect", sent = false, message = "refused" } end
    local _, err = queue:drain()
    assert.equal("ambiguous", err.kind)
    world.network.faults = {}
    world.network:sleep(60)
    assert.equal(2, assert(queue:drain()).started)
    assert.same({ d1 = 1, d2 = 1 }, unreliable.count_by_request_id(world.sim))
    assert.equal(2, world.network.accepted.run)
  end)

  it("is not taken for refused where the look was refused", function()
    local world, queue, store = new()
    put(queue, 1)
    world.network.dies = 3
    pcall(queue.drain, queue)
    queue = queue_world.queue(world, memory_store.survives(store), nil, world.another())
    world.network.faults.list = { "kept_by_a_proxy" }
    local result, err = queue:drain()
    assert.is_nil(result)
    assert.equal("api", err.kind)
    assert.equal(0, queue:count().refused)
    world.network:sleep(20)
    assert.equal(1, assert(queue:drain()).started)
  end)
end)

describe("max_running", function()
  it("keeps to so many, and goes on as they end", function()
    local world, queue = new()
    put(queue, 12)
    local most = 0
    local result = assert(queue:drain { max_running = 5, concurrency = 3, on_event = function()
      local running = 0
      for _, execution in pairs(unreliable.executions(world.sim)) do
        if execution.status == "RUNNING" then running = running + 1 end
      end
      most = math.max(most, running)
    end })
    assert.equal(12, result.started)
    assert.equal(5, most)
    assert.is_true(world.network:now() - 1767225600 >= 1150, world.network:now() - 1767225600)
    assert.is_true(world.network.sent.list < 100, world.network.sent.list)
  end)

  it("keeps to so many of each workflow", function()
    local world, queue = new()
    assert(world.quiet.workflows:upsert { externalId = "v" })
    assert(world.quiet.workflows.versions:upsert {
      workflowExternalId = "v", version = "1", workflowDefinition = { tasks = { {
        externalId = "t", type = "function", retries = 0, parameters = { ["function"] = { externalId = "long" } },
      } } },
    })
    for i, workflow in ipairs { "w", "w", "v" } do assert(queue:put(workflow, "1", { id = "d" .. i })) end
    local when = {}
    assert(queue:drain { max_running_per_workflow = 1, concurrency = 2, on_event = function(event)
      if event.type == "started" then when[event.delivery.id] = world.network:now() - 1767225600 end
    end })
    assert.is_true(when.d1 < 10 and when.d3 < 10)
    assert.is_true(when.d2 >= 575, when.d2)
  end)

  it("holds all back where CDF cannot say what is running", function()
    local world, queue = new { client = { timeout = 5 } }
    put(queue, 1)
    world.network.down_until = world.network:now() + 60
    local result, err = queue:drain { max_running = 1 }
    assert.is_nil(result)
    assert.equal("transport", err.kind)
    assert.equal(0, queue:get("d1").attempts)
    world.network:sleep(100)
    assert.equal(1, assert(queue:drain { max_running = 1 }).started)
  end)
end)
