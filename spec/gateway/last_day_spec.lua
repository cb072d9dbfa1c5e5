-- SPDX-License-Identifier: Apache-2.0
-- The last day of each workflow, read into the memory after a start.

local core = require "cdfworkflow.core"
local gateway_world = require "gateway_world"

describe("the last day", function()
  local world

  before_each(function() world = gateway_world.new() end)

  local function lists_of(run)
    local seen = {}
    world:hook(function(request, go_on)
      if request.url:match "/executions/list$" then seen[#seen + 1] = assert(core.decode(request.body)) end
      return go_on()
    end)
    run()
    return seen
  end

  it("is read once for each workflow, with a margin for clocks that differ", function()
    world:start()
    local seen = lists_of(function() world:run_tasks() end)
    assert.equal(2, #seen)
    for _, body in ipairs(seen) do
      local reach = core.time() - body.filter.createdTimeStart / 1000
      assert.is_true(math.abs(reach - 86400 - 900) < 5, reach)
      assert.equal(1, #body.filter.workflowFilters)
    end
    assert.equal(0, #lists_of(function() world:restart(world.memory) end)) -- as after a reload of nginx
  end)

  it("is read for a workflow that was added", function()
    world:start(world.memory, { workflows = { ["daily-report"] = "1", new = "1" } })
    local seen = lists_of(function() world:run_tasks() end)
    assert.equal(1, #seen)
    assert.equal("new", seen[1].filter.workflowFilters[1].externalId)
  end)

  it("is read in pages", function()
    for i = 1, 3 do world:ask { body = "{}", key = "k" .. i } end
    world:start()
    local cursors, all = {}, nil
    world:hook(function(request, go_on)
      local asked = request.url:match "/executions/list$" and assert(core.decode(request.body))
      if not asked or asked.filter.workflowFilters[1].externalId ~= "daily-report" then return go_on() end
      local at = tonumber(asked.cursor or 1)
      cursors[#cursors + 1] = at
      all = all or assert(core.decode(go_on().body)).items
      local page = { items = { all[at] }, nextCursor = at < 3 and tostring(at + 1) or nil }
      return { status = 200, headers = {}, body = core.encode(page) }
    end)
    world:run_tasks()
    assert.same({ 1, 2, 3 }, cursors)
    world:unhook()
    for i = 1, 3 do
      assert.equal("true", select(3, world:ask { body = "{}", key = "k" .. i })["idempotent-replayed"])
    end
    assert.equal(3, world:count())
  end)

  it("is read again until CDF gives it, and the log says why it is not", function()
    world:start()
    local asked = 0
    world:hook(function(request, go_on)
      if not request.url:match "/executions/list$" then return go_on() end
      asked = asked + 1
      if asked > 4 then return go_on() end
      return { status = 403, headers = {}, body = '{"error":{"code":403,"message":"no READ"}}' }
    end)
    world:run_tasks()
    assert.matches("error: the last day of daily%-report cannot be read.*no READ", world:all_log())
    assert.equal(202, (world:ask { body = "{}", key = "k" }))
  end)

  it("is read again where the memory does not take that a run may still turn up", function()
    world:start()
    local set, fails = world.memory.set, true
    function world.memory.set(memory, name, ...)
      if fails and name == "young:daily-report" then
        fails = false
        return nil, "no answer"
      end
      return set(memory, name, ...)
    end
    world:run_tasks()
    assert.matches("cannot be read.*no answer", world:all_log())
    assert.equal("1", world.memory:get "young:daily-report")
    assert.equal("1", world.memory:get "read:daily-report")
  end)

  it("is begun again by a delivery that finds it missing, as in a store that has lost its memory", function()
    local _, first = world:ask { body = "{}", key = "k" }
    world.memory.values = {}
    assert.equal(503, (world:ask { body = "{}", key = "k" }))
    world:run_tasks()
    assert.equal(first.id, select(2, world:ask { body = "{}", key = "k" }).id)
  end)

  it("is read by one worker", function()
    world:start()
    world.memory:add("reading:daily-report", "1", 60)
    local seen = lists_of(function()
      local reader = coroutine.create(function() world:run_tasks() end)
      function world.here.client._sleep() coroutine.yield() end
      assert(coroutine.resume(reader))
      assert.equal(503, (world:ask { body = "{}", key = "k" }))
      world.memory:passes(61) -- it has died meanwhile
      assert(coroutine.resume(reader))
    end)
    assert.equal(2, #seen)
    assert.equal(202, (world:ask { body = "{}", key = "k" }))
  end)
end)
