-- SPDX-License-Identifier: Apache-2.0
-- The calls that the model is explored with: what was there before, what is called, and what counts as its effect.

local scenarios = {}

local ID = "order-4711"
local LOOK_BACK = 600 -- seconds
local CRON = "0 6 * * *"
local CREDENTIALS = { client_id = "svc", client_secret = "s" }

---@class spec.model.Scenario
---@field name string
---@field timeout number seconds of one call
---@field untold? boolean it is the library's own: a server that was never reached may be given up early
---@field effect string the kind of request that does what the call is for
---@field judged string how, in judge.lua
---@field call fun(client: table, world: spec.model.World): table?, table?
---@field effects fun(world: spec.model.World): table[] what was done, each with `at`
---@field prepare? fun(world: spec.model.World) what was there before
---@field looks? boolean whether the call can look for what it has lost
---@field lags? boolean what it looks at is behind
---@field renews? boolean|string whether a nonce in doubt may be replaced; "at once": without waiting for its end
---@field reads_back? boolean after a loss it is seen whether it was done, and not done again
---@field mortal? boolean the process may be killed, and another one calls after `pause` seconds
---@field twice? boolean the call is made before, successfully unless a fault meets it; the second one is judged
---@field settled? boolean the pause is long enough for what the first has started to be listed

local function ids(starts)
  for _, start in ipairs(starts) do start.at = start.created end
  return starts
end

local function starts(world) return ids(world.cdf.starts) end

--- Executions that others have started, lately and long ago.
local function others(world)
  local now = world.time
  world.cdf:start("w", "1", "another", nil, now - 100)
  world.cdf:start("w", "2", ID, nil, now - 50) -- of another version
  world.cdf:start("w", "1", ID, nil, now - 86400) -- of long ago
end

local function with_nonce(world)
  others(world)
  world.own = world.cdf:make_session(world.time - 5)
end

local function same_id(result, effect) return result.id == effect.id end

local function run(name, options)
  return {
    name = name, effect = "run", judged = options.judged or "once", timeout = options.timeout or 60,
    looks = options.request_id ~= nil, lags = true, renews = not options.own, unsafe = not options.request_id,
    prepare = options.own and with_nonce or others, effects = starts, is_ours = same_id,
    mortal = options.mortal, pause = options.pause, settled = options.settled, twice = options.twice,
    untold = options.untold,
    call = function(client, world)
      return client:run("w", "1", {
        input = { n = 1 }, request_id = options.request_id, nonce = world.own and world.own.nonce,
        look_back = world.process > 1 and LOOK_BACK or nil,
      })
    end,
  }
end

local FAILED_AT = 300 -- seconds before the call

local function failed(world)
  others(world)
  local execution = world.cdf:start("w", "1", nil, nil, world.time - FAILED_AT)
  execution.status, execution.ended = "FAILED", world.time - FAILED_AT + 20
  world.failed = execution.id
end

local function retry(name, options)
  return {
    name = name, effect = "retry", judged = "once", timeout = options.timeout or 60, looks = options.request_id ~= nil,
    unsafe = not options.request_id, prepare = failed, effects = function(world) return world.cdf.retried end,
    is_ours = same_id,
    call = function(client, world)
      return client.workflows.executions:retry(world.failed, { request_id = options.request_id })
    end,
  }
end

local function stands(name)
  return function(world)
    local trigger = world.cdf.triggers[name]
    return trigger ~= nil and trigger.cron == CRON
  end
end

local function with_trigger(name, own)
  return function(world)
    world.cdf:put_trigger(name, "0 0 * * *", nil, world.time - 1000)
    if own then world.own = world.cdf:make_session(world.time - 5) end
  end
end

local function upsert(name, options)
  local called = options.called or "t"
  return {
    name = name, effect = "upsert", judged = "idempotent", timeout = 60, looks = true,
    renews = not options.own and "at once", reads_back = options.own,
    prepare = with_trigger(called, options.own), effects = function(world) return world.cdf.upserts end,
    stands = stands(called), call = options.call,
  }
end

local function by_function(name, options)
  return {
    name = name, effect = "schedule", judged = "schedule", timeout = 60, calls = 10, unsafe = true, cron = CRON,
    replaces = options.replaces, effects = function() return {} end,
    prepare = function(world)
      local cron = options.replaces
      if not cron then return end
      local session = world.cdf:make_session(world.time - 1000)
      session.bound = world.time - 1000
      world.cdf:put_schedule({ name = "nightly", cronExpression = cron,
        data = { ["workflow-external-id"] = "w", ["workflow-version"] = "1" } }, session, world.time - 1000)
    end,
    call = function(client)
      return client:schedule { workflow_external_id = "w", version = "1", cron = CRON, name = "nightly",
        via = "function", client_credentials = CREDENTIALS }
    end,
  }
end

---@type spec.model.Scenario[]
scenarios.list = {
  run("run", {}),
  run("run_id", { request_id = ID }),
  run("run_id_long", { request_id = ID, timeout = 300 }),
  run("run_untold", { untold = true }),
  run("run_id_untold", { request_id = ID, untold = true }),
  run("run_nonce", { own = true }),
  run("run_nonce_id", { own = true, request_id = ID }),
  run("look_back", { request_id = ID, judged = "look_back", mortal = true, pause = 90, settled = true }),
  run("look_back_soon", { request_id = ID, judged = "look_back", mortal = true, pause = 1 }),
  run("look_back_again", { request_id = ID, judged = "look_back", twice = true, pause = 90, settled = true }),
  retry("retry", {}),
  retry("retry_id", { request_id = "again-1" }),
  retry("retry_id_long", { request_id = "again-1", timeout = 200 }),
  upsert("upsert", { call = function(client)
    return client.workflows.triggers:upsert { externalId = "t", workflowExternalId = "w", workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = CRON } }
  end }),
  upsert("upsert_nonce", { own = true, call = function(client, world)
    return client.workflows.triggers:upsert({ externalId = "t", workflowExternalId = "w", workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = CRON } }, { nonce = world.own.nonce })
  end }),
  upsert("schedule_trigger", { called = "nightly", call = function(client)
    return client:schedule { workflow_external_id = "w", version = "1", cron = CRON, name = "nightly" }
  end }),
  by_function("schedule_function", {}),
  by_function("schedule_replace", { replaces = "0 5 * * *" }),
}

---@return spec.model.Scenario # raises where there is none of that name
function scenarios.get(name)
  for _, scenario in ipairs(scenarios.list) do
    if scenario.name == name then return scenario end
  end
  error("no such scenario: " .. tostring(name), 0)
end

return scenarios
