-- SPDX-License-Identifier: Apache-2.0
-- The gateway where it matters: `gateway.lua [deliveries [reloads [seed]]]`. A hundred reloads of each host under load;
-- three nginx workers on each of two hosts behind one Redis, and one host with a folder, in both modes, killed at
-- random. Each delivery is sent three times, and must start one run. A quarter of an hour.

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

--- Hosts in nginx that are killed, each with three workers. In the mode run a key is the request id; in the mode queue
--- the delivery's id is, which is answered.
local function killed(name, count, times, variables)
  local sim = gateway.cdf()
  local hosts = campaign.hosts(count, function()
    return gateway.in_nginx(sim, { workers = 3, environment = variables })
  end)
  local sent, complaints, statuses = campaign.deliver {
    sim = sim, hosts = hosts, how = "kill", times = times, pause = 2, deliveries = DELIVERIES, copies = 3, name = name,
    seconds = 500,
  }
  local ids = campaign.keys(name, DELIVERIES)
  if variables.GATEWAY_MODE == "queue" then
    ids = {}
    for _, one in pairs(sent) do ids[#ids + 1] = next(one.ids) end
  end
  append(complaints, campaign.wait_for_runs(sim, ids, 400))
  report(("%d deliveries, %s"):format(DELIVERIES, name), complaints, statuses)
  hosts:stop()
  sim:stop()
end

--- Several behind a Redis that keeps what it is given.
local function many_hosts(name, mode)
  local redis = redis_server.start "--appendonly yes"
  redis:has_long_been_there(1000)
  killed(name, 2, 15, { GATEWAY_REDIS = ("redis://127.0.0.1:%d"):format(redis.port), GATEWAY_MODE = mode })
  redis:stop()
end

local function one_host(name, mode)
  local folder = temp_folder.new()
  killed(name, 1, 8, { GATEWAY_SPOOL = folder.path, GATEWAY_MODE = mode })
  folder:remove()
end

print(("seed %d"):format(seed))
local sim, folder = gateway.cdf(), temp_folder.new()
reloads("nginx", gateway.in_nginx(sim), sim, "HUP")
reloads("HAProxy", gateway.in_haproxy(sim, { arguments = "-W", environment = { GATEWAY_SPOOL = folder.path } }), sim,
  "USR2")
sim:stop()
folder:remove()
many_hosts("two hosts, a Redis", "run")
many_hosts("two hosts, a Redis, a queue", "queue")
one_host("one host, a folder", "run")
one_host("one host, a folder, a queue", "queue")
os.exit(not failed)
