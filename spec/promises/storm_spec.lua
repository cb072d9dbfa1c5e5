-- SPDX-License-Identifier: Apache-2.0
-- An outage is not hammered: whatever 100 clients do meanwhile, each sends hardly more requests than it was asked for,
-- and they do not come at the same time. Two Luas will do: what decides is in C, and the clock is a fake one.
--
-- Runs on: 5.4 luajit

local PriorityQueue = require "cdfworkflow.priority_queue"
local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local CLIENTS = 100
local CREDIT = 20 -- repeats that a client has to begin with

--- A client whose requests all get the same answer.
local function client_of(answer, options)
  local script = Script.new(setmetatable({}, { __index = function(_, i) return answer(i) end }))
  local settings = { project = "p", base_url = "https://cdf.example", transport = script,
    credentials = assert(cdf.credentials { token = "t" }) }
  for name, value in pairs(options or {}) do settings[name] = value end
  return assert(cdf.client(settings)), script
end

local function status(code, headers) return { status = code, headers = headers, body = "" } end

local function by_cdf(code, headers)
  return { status = code, headers = headers, body = ('{"error":{"code":%d,"message":"no"}}'):format(code) }
end

local OUTAGES = {
  ["503"] = function() return status(503) end,
  ["CDF's own 503"] = function() return by_cdf(503) end,
  ["what CDF marks"] = function() return by_cdf(500, { ["cdf-is-auto-retryable"] = "true" }) end,
  ["504"] = function() return status(504) end,
  ["streams are refused"] = function() return { failure = "receive", sent = false } end,
  ["429"] = function() return status(429) end,
  ["502"] = function() return status(502) end,
  ["nobody listens"] = function() return { failure = "connect", sent = false } end,
  ["silence"] = function() return { failure = "timeout", sent = true, takes = 1 } end,
  ["Retry-After"] = function() return status(503, { ["retry-after"] = "2" }) end,
}

describe("100 clients against an outage:", function()
  for name, answer in pairs(OUTAGES) do
    it(name, function()
      local calls, least, most = 60, math.huge, 0
      for _ = 1, CLIENTS do
        local client, script = client_of(answer, { max_retries = 50, timeout = 600 })
        for _ = 1, calls do assert.is_nil((client:request("GET", "/x"))) end
        least, most = math.min(least, #script.requests), math.max(most, #script.requests)
      end
      print(("# %s: %d clients with %d calls each sent %d to %d requests"):format(name, CLIENTS, calls, least, most))
      assert.equal(calls + CREDIT, least)
      assert.equal(calls + CREDIT, most)
    end)
  end

  it("a call alone makes at most max_retries repeats", function()
    for _ = 1, CLIENTS do
      local client, script = client_of(OUTAGES["503"], { timeout = 3600 })
      assert.is_nil((client:request("GET", "/x")))
      assert.equal(11, #script.requests)
    end
  end)

  it("runs, which take a session first, are bounded alike", function()
    for _ = 1, CLIENTS do
      local client, script = client_of(OUTAGES["503"], { max_retries = 50, timeout = 600 })
      for i = 1, 60 do assert.is_nil((client:run("w", "1", i % 2 == 0 and { request_id = "r" .. i } or nil))) end
      assert.equal(60 + CREDIT, #script.requests)
    end
  end)

  it("runs that are looked for ask ever more seldom", function()
    local most = 0
    for _ = 1, CLIENTS do
      local answers = {
        { status = 200, body = '{"items":[{"id":1,"nonce":"n"}]}' }, { failure = "receive", sent = true },
      }
      local client, script = client_of(function(i) return answers[i] or status(503) end, { timeout = 600 })
      local _, err = client:run("w", "1", { request_id = "r" })
      assert.equal("ambiguous", err.kind)
      most = math.max(most, #script.requests)
    end
    print(("# looks in vain: %d clients, %d requests at most in ten minutes"):format(CLIENTS, most))
    assert.is_true(most < 150, most)
  end)

  --- The most requests that one of so many clients makes for a run that is lost and then met by the answer `after`.
  local function most_requests(clients, lost, after)
    local most = 0
    for _ = 1, clients do
      local client, script = client_of(function(i)
        if i == 1 then return { status = 200, body = '{"items":[{"id":1,"nonce":"n"}]}' } end
        return i == 2 and lost or after
      end, { timeout = 600 })
      local _, err = client:run("w", "1", { request_id = "r" })
      assert.equal("ambiguous", err.kind)
      most = math.max(most, #script.requests)
    end
    return most
  end

  -- A repeat that is refused says nothing, so the looking goes on; it was one look a second, 573 in all.
  it("runs whose repeats are refused look ever more seldom, and are not repeated for ever", function()
    for _, code in ipairs { 400, 403, 500 } do
      local function refused_or_not_listed(request)
        if request.path:find "list$" then return { status = 200, body = '{"items":[]}' } end
        if request.path:find "sessions$" then return { status = 200, body = '{"items":[{"id":2,"nonce":"n2"}]}' } end
        return by_cdf(code)
      end
      local most = 0
      for _ = 1, CLIENTS / 10 do
        local sent = 0
        local client = client_of(function(i)
          sent = i
          if i == 2 then return { failure = "receive", sent = true } end
          return refused_or_not_listed
        end, { timeout = 70 })
        assert.is_nil((client:run("w", "1", { request_id = "r" })))
        most = math.max(most, sent)
      end
      assert.is_true(most < 45, ("%d: %d requests"):format(code, most))
    end
  end)

  it("runs that a balancer has lost ask as seldom, whatever it says next", function()
    local most = 0
    for _, lost in ipairs { status(503), status(408), status(520), { status = 202, body = "" } } do
      for _, after in ipairs { status(502), status(520), { failure = "connect", sent = false }, status(429) } do
        most = math.max(most, most_requests(CLIENTS / 10, lost, after))
      end
    end
    print(("# a balancer's loss: %d clients, %d requests at most in ten minutes"):format(CLIENTS / 10, most))
    assert.is_true(most < 150, most)
  end)

  --- How many token requests so many calls make in ten minutes in which there is no token to be had. They have lost
  --- their runs, and look for them. Each is stepped by hand, at its own time.
  local function token_requests(count)
    local client = core.client { project = "p", base_url = "https://cdf.example", timeout = 600,
      credentials = assert(cdf.credentials {
        client_id = "svc", client_secret = "s", token_url = "https://idp.example/token" }) }
    local queue, asked = PriorityQueue.new(), 0
    local function follow(call, now, action, value, phase)
      local item = { call = call, order = math.random(), due = now + 0.05, event = "answer" }
      if action == "error" then return assert.equal("ambiguous", value.kind) end
      if action == "http" then
        assert.equal("token", phase)
        asked = asked + 1
      else
        item.due, item.event = now + value, "woke"
      end
      queue:push(item)
    end
    for i = 1, count do
      local call = core.run(client, "w", "1", { request_id = "r" .. i })
      local _, _, phase = call:step("start", 0)
      local function answer(body) return { status = 200, headers = {}, body = body } end
      if phase == "token" then call:step("answer", 0, 0, answer '{"access_token":"t","expires_in":10}') end
      call:step("answer", 0, 0, answer '{"items":[{"id":1,"nonce":"n"}]}')
      follow(call, 20, call:step("answer", 20, 0, { failure = "receive", sent = true }))
    end
    for item in function() return queue:pop() end do
      follow(item.call, item.due, item.call:step(item.event, item.due, 0, { status = 503, headers = {}, body = "" }))
    end
    return asked
  end

  it("runs that are looked for, and have no token to look with, ask for one together", function()
    local alone, together = token_requests(1), token_requests(CLIENTS)
    print(("# no token for ten minutes: %d token requests of one call, %d of %d"):format(alone, together, CLIENTS))
    assert.is_true(together < 200, together)
  end)

  it("at a steady 20 % of failures, one request in six at most is a repeat", function()
    for seed = 1, CLIENTS do
      local client, script = client_of(function(i)
        return (i * 7 + seed) % 5 == 0 and status(503) or { status = 200, body = "{}" }
      end)
      for _ = 1, 300 do client:request("GET", "/x") end
      assert.is_true(#script.requests <= 300 * 1.25 + 1)
    end
  end)

  it("do not come back at the same time", function()
    local tenths = {}
    for _ = 1, CLIENTS do
      local client, script = client_of(OUTAGES["503"], { timeout = 3600 })
      client:request("GET", "/x")
      for i = 6, #script.requests do -- by then the delays are seconds
        local tenth = math.floor((script.requests[i].at - 1000) * 10)
        tenths[tenth] = (tenths[tenth] or 0) + 1
      end
    end
    local most = 0
    for _, count in pairs(tenths) do most = math.max(most, count) end
    assert.is_true(most <= 20, most .. " of 600 requests within a tenth of a second")
  end)

  it("do not come back at the same time even where they are all told the same second", function()
    local times, earliest = {}, math.huge
    for i = 1, CLIENTS do
      local client, script = client_of(OUTAGES["Retry-After"], { timeout = 60 })
      client:request("GET", "/x")
      times[i] = script.requests[6].at
      for n = 2, #script.requests do
        assert.is_true(script.requests[n].at - script.requests[n - 1].at >= 2)
      end
      earliest = math.min(earliest, times[i])
    end
    table.sort(times)
    assert.is_true(times[90] - times[10] > 0.1, "the middle 80 come within a tenth of a second")
  end)

  it("have their budget back when it is over", function()
    local down = true
    local client, script = client_of(function() return down and status(503) or { status = 200, body = "{}" } end,
      { max_retries = 50, timeout = 3600 })
    for _ = 1, 30 do client:request("GET", "/x") end
    assert.equal(30 + CREDIT, #script.requests)
    down = false
    for _ = 1, 200 do assert(client:request("GET", "/x")) end
    down = true
    local before = #script.requests
    for _ = 1, 30 do client:request("GET", "/x") end
    assert.equal(30 + CREDIT, #script.requests - before)
  end)
end)
