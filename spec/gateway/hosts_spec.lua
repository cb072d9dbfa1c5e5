-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- A short form of `make gateway`: several hosts behind one Redis, and one with a spool folder. Hosts go away in order
-- here, and come back; there they are killed.

local campaign = require "gateway_campaign"
local core = require "cdfworkflow.core"
local gateway = require "gateway"
local nginx = require "nginx"
local redis_server = require "redis_server"
local temp_folder = require "temp_folder"

describe("deliveries that are sent three times", function()
  local sim, redis, folder, hosts

  before_each(function() sim, folder = gateway.cdf(), temp_folder.new() end)

  after_each(function()
    if hosts then hosts:stop() end
    if redis then redis:stop() end
    sim:stop()
    folder:remove()
    hosts, redis = nil, nil
  end)

  local function deliver(name, how)
    for _, host in ipairs(hosts.list) do
      nginx.wait_until("the gateway is ready", function() return host:ask "/ready" == 200 end)
    end
    local sent, complaints, statuses = campaign.deliver {
      sim = sim, hosts = hosts, how = how, times = 1, pause = 0.3, deliveries = 30, copies = 3, name = name,
      seconds = 60,
    }
    print(("# %s: %s"):format(name, statuses))
    assert.same({}, complaints)
    return sent
  end

  it("to two hosts, nginx and HAProxy, behind one Redis start one run each", function()
    redis = redis_server.start()
    redis:has_long_been_there(1000)
    local made, options = 0, {
      workers = 3, environment = { GATEWAY_REDIS = ("redis://127.0.0.1:%d"):format(redis.port) },
    }
    hosts = campaign.hosts(2, function()
      made = made + 1
      return made % 2 == 1 and gateway.in_nginx(sim, options) or gateway.in_haproxy(sim, options)
    end)
    deliver("redis", "quit")
    assert.same({}, campaign.judge(sim, campaign.keys("redis", 30)))
  end)

  it("are refused while Redis is gone or frozen, and known again when it is back, with nothing in it", function()
    redis = redis_server.start()
    hosts = campaign.hosts(1, function()
      return gateway.in_nginx(sim, { environment = { GATEWAY_REDIS = ("redis://127.0.0.1:%d"):format(redis.port) } })
    end)
    local here = hosts.list[1]
    local function post(key)
      local arguments = "-H 'Authorization: Bearer %s' -H 'Content-Type: application/json' %s -d '{}'"
      return here:ask("/runs/daily-report",
        arguments:format(gateway.SECRET, key and "-H 'Idempotency-Key: " .. key .. "'" or ""))
    end
    local function await(status, key)
      local body
      nginx.wait_until(("%s is answered with %d"):format(key, status), function()
        local got
        got, body = post(key)
        return got == status
      end)
      return core.decode(body)
    end
    local first = await(202, "k")
    redis:freeze()
    assert.equal("store", await(503, "k").error.code)
    assert.equal(202, (post()))
    redis:thaw()
    assert.equal(first.id, await(202, "k").id)
    redis:kill()
    assert.equal("store", await(503, "k").error.code)
    assert.equal(202, (post()))
    redis:restart()
    assert.equal(first.id, await(202, "k").id)
    assert.equal("lost", await(503, "another").error.code)
    assert.same({}, campaign.judge(sim, { "k" }))
  end)

  it("to one host with a spool start one run each", function()
    hosts = campaign.hosts(1, function()
      return gateway.in_nginx(sim, {
        workers = 3, environment = { GATEWAY_MODE = "queue", GATEWAY_SPOOL = folder.path },
      })
    end)
    local ids = {}
    for _, one in pairs(deliver("spool", "quit")) do ids[#ids + 1] = next(one.ids) end
    assert.same({}, campaign.wait_for_runs(sim, ids, 60))
  end)

  it("to HAProxy with a spool start one run each", function()
    hosts = campaign.hosts(1, function()
      return gateway.in_haproxy(sim, { environment = { GATEWAY_MODE = "queue", GATEWAY_SPOOL = folder.path } })
    end)
    local ids = {}
    for _, one in pairs(deliver("HAProxy", "quit")) do ids[#ids + 1] = next(one.ids) end
    assert.same({}, campaign.wait_for_runs(sim, ids, 60))
  end)
end)
