-- SPDX-License-Identifier: Apache-2.0
-- The gateway where it matters: `gateway.lua [deliveries [reloads [seed]]]`. A hundred reloads of each host under load;
-- three nginx workers on each of two hosts behind one Redis, and one host with a spool folder, both killed at random.
-- Each delivery is sent three times, and must start one run. Ten minutes or so.

local campaign = require "gateway_campaign"
local gateway = require "gateway"
local nginx = require "nginx"
local redis_server = require "redis_server"
local temp_folder = require "temp_folder"

local DELIVERIES, RELOADS = tonumber(arg[1] or 1000), tonumber(arg[2] or 100)
local seed = tonumber(arg[3] or os.time())
math.randomseed(seed)

local failed = false

local function report(name, complaints, statuses)
  print(("%-44s %s"):format(name, statuses))
  for i = 1, math.min(#complaints, 20) do print("  " .. complaints[i]) end
  if #complaints > 20 then print(("  and %d more"):format(#complaints - 20)) end
  failed = failed or #complaints > 0
  io.stdout:flush()
end

local function await(here)
  nginx.wait_until("the gateway is ready", function() return here:ask "/ready" == 200 end)
  return here
end

local function append(list, more)
  for _, one in ipairs(more) do list[#list + 1] = one end
  return list
end

local function reloads(name, here, sim, signal)
  await(here)
  local complaints, statuses = campaign.reloads {
    sim = sim, here = here, name = name, reloads = RELOADS, pause = 0.5, deliveries = RELOADS * 4, copies = 2,
    seconds = 300, reload = function() here:signal(signal) end,
  }
  report(("%d reloads of %s"):format(RELOADS, name), complaints, statuses)
  here:stop()
end

--- In mode run: the key is the request id.
local function many_hosts()
  local sim, redis = gateway.cdf(), redis_server.start "--appendonly yes"
  redis:has_long_been_there(1000)
  local hosts = campaign.hosts(2, function()
    return gateway.in_nginx(sim, {
      workers = 3, environment = { GATEWAY_REDIS = ("redis://127.0.0.1:%d"):format(redis.port) },
    })
  end)
  local _, complaints, statuses = campaign.deliver {
    sim = sim, hosts = hosts, how = "kill", times = 15, pause = 2, deliveries = DELIVERIES, copies = 3, name = "redis",
    seconds = 500,
  }
  append(complaints, campaign.judge(sim, campaign.keys("redis", DELIVERIES)))
  report(("%d deliveries, two hosts, a Redis"):format(DELIVERIES), complaints, statuses)
  hosts:stop()
  redis:stop()
  sim:stop()
end

--- In mode queue: the request id is the delivery's, which is answered.
local function one_host()
  local sim, folder = gateway.cdf(), temp_folder.new()
  local hosts = campaign.hosts(1, function()
    return gateway.in_nginx(sim, { workers = 3, environment = { GATEWAY_MODE = "queue", GATEWAY_SPOOL = folder.path } })
  end)
  local sent, complaints, statuses = campaign.deliver {
    sim = sim, hosts = hosts, how = "kill", times = 8, pause = 2, deliveries = DELIVERIES, copies = 3, name = "spool",
    seconds = 200,
  }
  local ids = {}
  for _, one in pairs(sent) do ids[#ids + 1] = next(one.ids) end
  append(complaints, campaign.wait_for_runs(sim, ids, 400))
  report(("%d deliveries, one host, a spool"):format(DELIVERIES), complaints, statuses)
  hosts:stop()
  folder:remove()
  sim:stop()
end

print(("seed %d"):format(seed))
local sim, folder = gateway.cdf(), temp_folder.new()
reloads("nginx", gateway.in_nginx(sim), sim, "HUP")
reloads("HAProxy", gateway.in_haproxy(sim, { arguments = "-W", environment = { GATEWAY_SPOOL = folder.path } }), sim,
  "USR2")
sim:stop()
folder:remove()
many_hosts()
one_host()
os.exit(not failed)
