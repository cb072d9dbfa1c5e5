-- SPDX-License-Identifier: Apache-2.0
-- README «Promises»: a run is started at most once, and with a request_id exactly once, whatever the network does.

local core = require "cdfworkflow.core"
local simulated = require "cdfworkflow.simulator.api.executions"
local unreliable = require "unreliable"
local versions = require "cdfworkflow.simulator.api.versions"

local SEEDS = 500
-- Each Lua has networks of its own.
local FIRST = (rawget(_G, "jit") and 0 or tonumber(_VERSION:match "%d$")) * SEEDS + 1
local LAST = FIRST + SEEDS - 1
local KEY = "cdfworkflow.requestId"
local real_time = core.time
local world, executions, count_by_request_id = unreliable.world, unreliable.executions, unreliable.count_by_request_id

after_each(function() core.time = real_time end)

local function count(sim)
  local all = 0
  for _ in pairs(executions(sim)) do all = all + 1 end
  return all
end

--- A world whose weather, clocks and patience come from the seed.
local function random_world(seed)
  local random = unreliable.random(seed)
  return world {
    seed = seed, random = random, rate = 0.1 + random() * 0.5, lag = random() * 8, dated = random() < 0.5,
    skew = (random() * 2 - 1) * 895, front = (random() * 2 - 1) * 895,
    client = { timeout = ({ 15, 60, 100, 200 })[math.floor(random() * 4) + 1] },
  }
end

--- A session that a run is using must not be taken back.
local function assert_sessions_left_alone(sim, where)
  local sessions = sim.projects["my-project"].state.sessions
  for _, execution in pairs(executions(sim)) do
    local session = sessions[("%.0f"):format(execution.session)]
    assert.not_equal("REVOKED", session.status, where)
  end
end

describe("2,000 networks that lose things, by seed", function()
  it("never start a run with a request_id twice, and never lose one without saying so", function()
    local figures = { known = 0, ambiguous = 0, ["not started"] = 0 }
    for seed = FIRST, LAST do
      local w = random_world(seed)
      local results, errors = {}, {}
      for i = 1, 3 do
        results[i], errors[i] = w.client:run("w", "1", { request_id = "r" .. i, input = { n = i } })
      end
      w.network:settle()
      local counts = count_by_request_id(w.sim)
      for i = 1, 3 do
        local started = counts["r" .. i] or 0
        local where = ("seed %d, run %d, %s"):format(seed, i, tostring(errors[i]))
        assert.is_true(started <= 1, "started twice: " .. where)
        if results[i] then
          assert.equal("r" .. i, executions(w.sim)[results[i].id].metadata[KEY], where)
        elseif errors[i].kind ~= "ambiguous" then
          assert.equal(0, started, "lost: " .. where)
        end
        local became = results[i] and "known" or errors[i].kind == "ambiguous" and "ambiguous" or "not started"
        figures[became] = figures[became] + 1
      end
      assert_sessions_left_alone(w.sim, "seed " .. seed)
    end
    assert.is_true(figures.ambiguous < 75, figures.ambiguous) -- who gave up early would have twice as many
    print(("# with request_id: %d runs known, %d ambiguous, %d not started; none twice, none lost"):format(
      figures.known, figures.ambiguous, figures["not started"]))
  end)

  it("start a run without one at most once, and say ambiguous exactly where nobody can know", function()
    local ambiguous, open_ones = 0, 0
    for seed = FIRST, LAST do
      local w = random_world(seed)
      for i = 1, 2 do
        local before, open = count(w.sim), w.network.open
        local execution, err = w.client:run("w", "1")
        local where = ("seed %d, run %d, %s"):format(seed, i, tostring(err))
        local unknown = w.network.open > open
        assert.is_true(w.network.open - open <= 1, "sent again after a lost answer: " .. where)
        local said = err ~= nil and err.kind == "ambiguous"
        assert.equal(unknown, said, where)
        ambiguous, open_ones = ambiguous + (said and 1 or 0), open_ones + (unknown and 1 or 0)
        w.network.calm = true
        w.network:sleep(80) -- a request that was held up has arrived
        w.network.calm = false
        local started = count(w.sim) - before
        assert.is_true(started <= 1, "started twice: " .. where)
        if execution then assert.is_table(executions(w.sim)[execution.id], where) end
        if not unknown then assert.equal(execution and 1 or 0, started, where) end
      end
    end
    print(("# without: %d runs, %d ambiguous, %d truly open"):format(2 * SEEDS, ambiguous, open_ones))
  end)
end)

describe("a process that is killed at any point", function()
  it("and called again later with look_back has started its run once, in 2,000 networks", function()
    local figures = { known = 0, ambiguous = 0, ["not started"] = 0 }
    for seed = FIRST, LAST do
      local w = random_world(seed)
      w.network.dies = 1 + seed % 9
      local ok, killed = pcall(w.client.run, w.client, "w", "1", { request_id = "r" })
      assert.is_true(ok or killed == unreliable.KILLED, tostring(killed))
      w.network.dies, w.network.calm = nil, true
      w.network:sleep(90 + w.network.random() * 500) -- by then a nonce is dead, and what it started is listed
      w.network.calm = false
      local execution, err = w.another():run("w", "1", { request_id = "r", look_back = 900 })
      w.network:settle()
      local started = count_by_request_id(w.sim).r or 0
      local where = ("seed %d, %s"):format(seed, tostring(err))
      assert.is_true(started <= 1, "started twice: " .. where)
      if execution then assert.equal("r", executions(w.sim)[execution.id].metadata[KEY], where) end
      assert_sessions_left_alone(w.sim, where)
      local became = execution and "known" or err.kind == "ambiguous" and "ambiguous" or "not started"
      figures[became] = figures[became] + 1
    end
    print(("# killed, and called again: %d known, %d ambiguous, %d not told of; none twice"):format(
      figures.known, figures.ambiguous, figures["not started"]))
  end)
end)

--- An execution that has failed, and fails again soon after each retry.
local function failed_execution(w)
  local execution = assert(w.quiet:run("w", "fails"))
  w.network:sleep(1)
  assert.equal("FAILED", executions(w.sim)[execution.id].status)
  return execution.id
end

describe("a retry with a request_id", function()
  it("takes effect once at most, and never without saying so, in 2,000 networks", function()
    for seed = FIRST, LAST do
      local w = random_world(seed)
      local id = failed_execution(w)
      local execution, err = w.client.workflows.executions:retry(id, { request_id = "r" })
      w.network:settle()
      local carried_out = w.network.accepted.retry or 0
      local where = ("seed %d, %s"):format(seed, tostring(err))
      assert.is_true(carried_out <= 1, "carried out twice: " .. where)
      if execution then
        assert.equal(1, carried_out, "not carried out: " .. where)
      elseif err.kind ~= "ambiguous" then
        assert.equal(0, carried_out, "lost: " .. where)
      end
    end
  end)

  local function retry_with(faults)
    local w = world { random = unreliable.random(1), faults = { retry = faults } }
    local execution, err = w.client.workflows.executions:retry(failed_execution(w), { request_id = "r" })
    w.network:settle()
    return execution, err, w.network.accepted.retry or 0
  end

  it("that took effect is known by its spent nonce, even when the execution has failed again meanwhile", function()
    local execution, err, carried_out = retry_with { "answer_lost" }
    assert(execution, tostring(err))
    assert.equal(1, carried_out)
  end)

  it("whose repeat is refused for another reason is not taken for done, but sent again", function()
    for _, refusal in ipairs { "broken", function() return { status = 403, body = "{}" } end,
      function() return { failure = "tls", sent = false } end } do
      local execution, err, carried_out = retry_with { "request_lost", refusal }
      assert(execution, tostring(err))
      assert.equal("RUNNING", execution.status)
      assert.equal(1, carried_out)
    end
  end)
end)

describe("a run with a request_id whose request is held up", function()
  it("beyond the life of its nonce is not started a second time meanwhile", function()
    for timeout = 60, 200, 8 do
      for held_up = 20, 60, 2.5 do
        local w = world {
          random = unreliable.random(1), client = { timeout = timeout }, lag = 8,
          faults = { run = { "late_and_silent" } },
        }
        w.network.held_up = held_up
        local execution, err = w.client:run("w", "1", { request_id = "r" })
        w.network:settle()
        local where = ("timeout %d, held up for %g s, %s"):format(timeout, held_up, tostring(err))
        assert.is_true((count_by_request_id(w.sim).r or 0) <= 1, where)
        if not execution then assert.equal("ambiguous", err.kind, where) end
      end
    end
  end)

  it("is not started a second time either where CDF refuses the repeats until the nonce is old", function()
    for held_up = 40, 60, 2 do
      for pause = 20, 60, 5 do
        local w = world { random = unreliable.random(1), client = { timeout = 300 }, lag = 8, faults = { run = {
          "late_and_lost",
          function() return { status = 503, headers = { ["retry-after"] = tostring(pause) }, body = "" } end,
        } } }
        w.network.held_up = held_up
        assert(w.client:run("w", "1", { request_id = "r" }))
        w.network:settle()
        assert.equal(1, count_by_request_id(w.sim).r, ("held up for %d s, asked to wait %d s"):format(held_up, pause))
      end
    end
  end)
end)

describe("a look whose answer travels long", function()
  it("is no older than when it was asked for: what shows up meanwhile is not started again", function()
    for timeout = 100, 124, 4 do -- half of it is for the run, so that the look begins as the nonce ends
      for travels = 18, 30, 2 do
        local w = world {
          random = unreliable.random(1), client = { timeout = timeout }, lag = 8, faults = {
            run = { "late_and_silent" },
            list = { function(network, request, kind)
              local page = unreliable.handle(network, request, kind)
              network:sleep(math.min(travels, request.timeout - 0.1))
              return page
            end },
          },
        }
        w.network.held_up = 59
        local execution, err = w.client:run("w", "1", { request_id = "r" })
        assert.is_true(execution ~= nil or err.kind == "ambiguous")
        w.network:settle()
        assert.equal(1, count_by_request_id(w.sim).r, ("timeout %d s, answer %d s late"):format(timeout, travels))
      end
    end
  end)
end)

describe("the look after a lost answer", function()
  it("goes through all pages, however many executions there are", function()
    local w
    w = world { random = unreliable.random(1), faults = { run = { function(network, request, kind)
      local lost = unreliable.faults.answer_lost(network, request, kind)
      local project = w.sim.projects["my-project"]
      local version = versions.get(project, "w", "1")
      for _ = 1, 2500 do
        simulated.start(project, version, { metadata = { [KEY] = "another" }, session = 1 })
      end
      return lost
    end } } }
    local execution = assert(w.client:run("w", "1", { request_id = "r" }))
    assert.equal("r", execution.metadata[KEY])
    assert.equal(1, w.network.sent.run)
    assert.equal(3, w.network.sent.list)
  end)

  it("finds the run whichever clock is wrong, by ten minutes and with or without CDF's Date", function()
    for _, skew in ipairs { -600, -599, 0, 599, 600 } do
      for _, dated in ipairs { false, true } do
        local w = world {
          random = unreliable.random(1), skew = skew, dated = dated, faults = { run = { "answer_lost" } },
        }
        w.client:auth()
        w.network:sleep(1000)
        assert(w.client:run("w", "1", { request_id = "r" }))
        assert.equal(1, w.network.sent.run)
      end
    end
  end)

  it("waits for an execution that shows up eight seconds late, and is then not started again", function()
    for seed = 1, 50 do
      local w = world { random = unreliable.random(seed), lag = 8, faults = { run = { "answer_lost" } } }
      assert(w.client:run("w", "1", { request_id = "r" }))
      assert.equal(1, w.network.sent.run)
    end
  end)

  it("starts the run after all where its request was lost", function()
    local w = world { random = unreliable.random(1), faults = { run = { "request_lost" } } }
    assert(w.client:run("w", "1", { request_id = "r" }))
    assert.equal(1, count(w.sim))
    assert.equal(2, w.network.sent.run)
  end)

  it("takes only the run with the very same id", function()
    local w = world { random = unreliable.random(1), faults = { run = { "none", "none", "none", "request_lost" } } }
    for _, id in ipairs { "r1", "R", "r x" } do assert(w.client:run("w", "1", { request_id = id })) end
    assert(w.client:run("w", "1", { request_id = "r" }))
    assert.equal(1, count_by_request_id(w.sim).r)
    assert.equal(4, count(w.sim))
  end)
end)

describe("a second client with the same request_id at the same time", function()
  local function pair(fault)
    local other
    local w = world { random = unreliable.random(1), faults = { run = { function(network, request, kind)
      other = assert(network.second:run("w", "1", { request_id = "r" }))
      return unreliable.faults[fault](network, request, kind)
    end } } }
    w.network.second = w.quiet
    return w, assert(w.client:run("w", "1", { request_id = "r" })), other
  end

  it("is taken for the own run where the own request was lost, so that there is one", function()
    local w, own, other = pair "request_lost"
    assert.equal(other.id, own.id)
    assert.equal(1, count(w.sim))
  end)

  -- CDF knows no idempotency key: an id protects a call against its own network, not against a second call.
  it("may start a second run, since CDF cannot refuse it, but never a third", function()
    local w, own = pair "answer_lost"
    assert.is_table(executions(w.sim)[own.id])
    assert.equal(2, count(w.sim))
  end)
end)

describe("run_many with request_ids", function()
  it("starts each once at most, and says so of each that it does not know of", function()
    for seed = 1, 100 do
      local w = random_world(seed)
      local list = {}
      for i = 1, 10 do list[i] = { "w", "1", { request_id = "r" .. i } } end
      local results, errors = w.client.workflows.executions:run_many(list)
      w.network:settle()
      local counts = count_by_request_id(w.sim)
      for i = 1, 10 do
        local started, where = counts["r" .. i] or 0, ("seed %d, run %d: %s"):format(seed, i, tostring(errors[i]))
        assert.is_true(started <= 1, where)
        if not errors[i] then
          assert.equal("r" .. i, executions(w.sim)[results[i].id].metadata[KEY], where)
        elseif errors[i].kind ~= "ambiguous" then
          assert.equal(0, started, where)
        end
      end
    end
  end)
end)

describe("the session of a run that did not start", function()
  it("is taken back, and the sessions of others are not", function()
    local w = world { random = unreliable.random(1) }
    assert(w.client:run("w", "1"))
    for _ = 1, 3 do
      local execution, err = w.client:run("unknown", "1")
      assert.is_nil(execution)
      assert.equal(404, err.status)
    end
    local statuses = {}
    for _, session in pairs(w.sim.projects["my-project"].state.sessions) do
      statuses[session.status] = (statuses[session.status] or 0) + 1
    end
    assert.equal(3, statuses.REVOKED)
    assert.is_nil(statuses.READY)
  end)
end)
