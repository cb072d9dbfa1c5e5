-- SPDX-License-Identifier: Apache-2.0
-- Deliveries that are answered once they are safe in the queue: against the embedded CDF, with a spool folder.

local core = require "cdfworkflow.core"
local gateway_world = require "gateway_world"
local shell = require "shell"
local temp_folder = require "temp_folder"

describe("the gateway with a queue", function()
  local world, folder

  local function start(settings)
    settings = settings or {}
    settings.mode, settings.spool = "queue", folder.path
    world:start(nil, settings)
  end

  before_each(function()
    world, folder = gateway_world.new(), temp_folder.new()
    start()
  end)

  after_each(function() folder:remove() end)

  --- Starts what waits, as the worker's task does, which here ends once the queue is empty.
  local function drain()
    local queued = world.here.queued
    return queued:open():drain { on_event = function(event) queued:on_event(event) end }
  end

  local function show(url)
    local status, body = world:ask { method = "GET", path = url }
    assert.equal(200, status)
    return body
  end

  it("answers before the run is started, and tells how it is", function()
    local status, body, headers = world:ask { body = '{"a":[],"n":12345678901234567890}', key = "k" }
    assert.equal(202, status)
    assert.equal("QUEUED", body.status)
    assert.equal(body.url, headers.location)
    assert.equal("/runs/daily-report/" .. body.id, body.url)
    assert.equal(0, world:count())
    local waiting = show(body.url)
    assert.same({ body.id, "QUEUED", "daily-report" }, { waiting.delivery, waiting.status, waiting.workflow })
    assert.equal(1, assert(drain()).started)
    local shown = show(body.url)
    assert.equal("RUNNING", shown.status)
    assert.equal(body.id, shown.delivery)
    assert.equal("RUNNING", show("/runs/daily-report/" .. shown.id).status) -- by the execution's id as well
    local execution = assert(world.here.client:retrieve(shown.id))
    assert.equal(body.id, execution.metadata["cdfworkflow.requestId"])
    assert.is_true(core.is_array(execution.input.a))
    assert.matches('"outcome":"queued".*"delivery":"' .. body.id, world:all_log())
    local line = 'info: {"event":"start","workflow":"daily-report","execution":"%s","delivery":"%s"}'
    assert.truthy(world:all_log():find(line:format(shown.id, body.id), 1, true))
    assert.is_nil(world:all_log():find("error:", 1, true))
  end)

  it("makes a delivery's id of caller, workflow and key", function()
    start { callers = { a = { secret = "secret-of-caller-a" }, b = { secret = "secret-of-caller-b" } } }
    local ids = {}
    local function deliver(secret, path, key)
      local status, body = world:ask { secret = secret, path = path, key = key, body = "{}" }
      assert.equal(202, status)
      ids[body.id] = (ids[body.id] or 0) + 1
      return body.id
    end
    local first = deliver("secret-of-caller-a", "/runs/daily-report", "k")
    deliver("secret-of-caller-b", "/runs/daily-report", "k")
    deliver("secret-of-caller-a", "/runs/a%2Fb", "k")
    deliver("secret-of-caller-a", "/runs/daily-report", "k2")
    assert.equal(first, deliver("secret-of-caller-a", "/runs/daily-report", "k"))
    assert.equal(2, ids[first])
    assert.equal(4, assert(drain()).started)
  end)

  it("takes one without a key for another each time", function()
    local _, first = world:ask { body = "{}" }
    local _, second = world:ask { body = "{}" }
    assert.not_equal(first.id, second.id)
    assert.equal(2, assert(drain()).started)
  end)

  it("starts one run, however often a delivery comes, also after a restart", function()
    local _, first = world:ask { body = "{}", key = "k" }
    local status, again, headers = world:ask { body = "{}", key = "k" }
    assert.equal(202, status)
    assert.equal(first.id, again.id)
    assert.equal("true", headers["idempotent-replayed"])
    assert.equal(422, (world:ask { body = '{"a":1}', key = "k" }))
    drain()
    start()
    status, again, headers = world:ask { body = "{}", key = "k" }
    assert.equal(202, status)
    assert.equal("true", headers["idempotent-replayed"])
    assert.equal("RUNNING", again.status)
    assert.equal(again.execution, show(again.url).id)
    assert.equal(422, (world:ask { body = '{"a":1}', key = "k" }))
    assert.equal(0, assert(drain()).started)
    assert.equal(1, world:count())
  end)

  it("takes deliveries while CDF is out of reach", function()
    world:hook(function() return { failure = "connect", sent = false, message = "no route" } end)
    local status, body = world:ask { body = "{}", key = "k" }
    assert.equal(202, status)
    drain()
    local waiting = show(body.url)
    assert.equal("QUEUED", waiting.status)
    assert.equal("CDF could not be used", waiting.reason)
    assert.equal(503, (world:ask { method = "GET", path = "/ready" }))
    assert.equal(200, (world:ask { method = "GET", path = "/health" }))
  end)

  it("keeps apart what CDF refuses, and takes it anew", function()
    local refuse = true
    world:hook(function(request, go_on)
      if not refuse or not request.url:match "/run$" then return go_on() end
      return { status = 400, headers = {}, body = '{"error":{"code":400,"message":"CDF says no"}}' }
    end)
    local _, body = world:ask { body = "{}", key = "k" }
    assert.equal(1, assert(drain()).refused)
    local shown = show(body.url)
    assert.equal("REFUSED", shown.status)
    assert.matches("CDF says no", shown.reason)
    assert.matches('error: {"event":"queue","outcome":"refused","workflow":"daily%-report","delivery":"' .. body.id
      .. '","error":".*CDF says no', world:all_log())
    local status, again, headers = world:ask { body = '{"a":1}', key = "k" } -- its key is free
    assert.equal(202, status)
    assert.equal(body.id, again.id)
    assert.is_nil(headers["idempotent-replayed"])
    drain()
    refuse = false
    assert.equal("QUEUED", select(2, world:ask { body = '{"a":1}', key = "k" }).status)
    assert.equal(1, assert(drain()).started)
    assert.equal(1, world:count())
  end)

  it("does not say that a refused delivery waits again where the queue could not be changed", function()
    world:hook(function(request, go_on)
      if not request.url:match "/run$" then return go_on() end
      return { status = 400, headers = {}, body = '{"error":{"code":400,"message":"CDF says no"}}' }
    end)
    world:ask { body = "{}", key = "k" }
    assert.equal(1, assert(drain()).refused)
    local store = world.here.queued:open().store
    local function fail() return nil, core.error { kind = "transport", message = "the disk is gone" } end
    store.retry, store.drop = fail, fail
    for _, body in ipairs { "{}", '{"a":1}' } do
      local status, content = world:ask { body = body, key = "k" }
      assert.equal(503, status)
      assert.equal("queue", content.error.code)
    end
    assert.matches("the disk is gone", world:all_log())
    store.retry, store.drop = nil, nil
    local retry = store.retry
    function store.retry(...) -- somebody else is quicker
      assert(retry(...))
      return nil
    end
    local status, _, headers = world:ask { body = "{}", key = "k" }
    assert.equal(202, status)
    assert.equal("true", headers["idempotent-replayed"])
    assert.equal(1, assert(drain()).refused)
  end)

  it("takes a delivery back that waits, and ends the run of one that does not", function()
    local _, body = world:ask { body = "{}", key = "k" }
    local status, cancelled = world:ask { path = body.url .. "/cancel" }
    assert.equal(200, status)
    assert.equal("DROPPED", cancelled.status)
    assert.equal(0, assert(drain()).started)
    _, body = world:ask { body = "{}", key = "k2" }
    drain()
    status, cancelled = world:ask { path = body.url .. "/cancel" }
    assert.equal(200, status)
    assert.equal("TERMINATED", cancelled.status)
  end)

  it("says so where a delivery that waits cannot be taken back", function()
    local _, body = world:ask { body = "{}", key = "k" }
    local store = world.here.queued:open().store
    function store.drop() return nil, core.error { kind = "transport", message = "the disk is gone" } end
    local status, content = world:ask { path = body.url .. "/cancel" }
    assert.equal(503, status)
    assert.equal("the queue could not be changed", content.error.message)
    assert.matches("cancelling .*the disk is gone", world:all_log())
  end)

  it("shows nothing of another workflow's deliveries", function()
    local _, body = world:ask { path = "/runs/a%2Fb", body = "{}", key = "k" }
    assert.equal(404, (world:ask { method = "GET", path = "/runs/daily-report/" .. body.id }))
    assert.equal(404, (world:ask { path = "/runs/daily-report/" .. body.id .. "/cancel" }))
  end)

  it("refuses at once what CDF would never take", function()
    local status, body = world:ask { body = '{"a":1}', key = ("x"):rep(255) }
    assert.equal(202, status, body)
    status, body = world:ask { body = '{"a":' .. ("["):rep(2000) .. ("]"):rep(2000) .. "}" }
    assert.equal(400, status)
    assert.truthy(body.error.message)
  end)

  it("says so when a delivery cannot be stored", function()
    shell.run(("rm -rf %s && touch %s"):format(shell.quote(folder.path), shell.quote(folder.path)))
    start()
    local status, body, headers = world:ask { body = "{}", key = "k" }
    assert.equal(503, status)
    assert.equal("queue", body.error.code)
    assert.equal("5", headers["retry-after"])
    assert.matches('"outcome":"queue".*"error":".*' .. folder.path, world:all_log())
    status, body = world:ask { method = "GET", path = "/ready" }
    assert.equal(503, status)
    assert.same({ "the queue cannot be reached" }, body.reasons)
  end)

  it("says so when the queue is full", function()
    assert.equal(202, (world:ask { body = "{}", key = "k" }))
    world.here.queued:open().limits.max_entries = 1
    local status, body, headers = world:ask { body = "{}", key = "k2" }
    assert.equal(503, status)
    assert.equal("full", body.error.code)
    assert.equal("60", headers["retry-after"])
    assert.equal(202, (world:ask { body = "{}", key = "k" })) -- that one is in it
  end)

  it("tells how long the queue is", function()
    world:ask { body = "{}", key = "k" }
    world:ask { body = "{}", key = "k2" }
    local function metric(name)
      local _, text = world:ask { method = "GET", path = "/metrics" }
      return tonumber(text:match("\ncdfworkflow_gateway_" .. name:gsub("%p", "%%%0") .. " (%d+)"))
    end
    assert.equal(2, metric "queue_length")
    assert.equal(2, metric 'queued_total{workflow="daily-report"}')
    drain()
    assert.equal(0, metric "queue_length")
    assert.equal(2, metric 'starts_total{workflow="daily-report"}')
  end)

  it("is drained by a task of the host's until the worker ends", function()
    local turns, ending = 0, false
    start()
    world.here.is_ending = function() return ending end
    world:ask { body = "{}", key = "k" }
    local sleep = world.here.client.transport.sleep
    function world.here.client.transport.sleep(...)
      turns = turns + 1
      ending = turns > 3
      return sleep(...)
    end
    world:run_tasks()
    assert.equal(1, world:count())
    assert.is_true(ending)
  end)
end)
