-- SPDX-License-Identifier: Apache-2.0
-- Deliveries in a Redis, put several times over and drained by several processes, which are killed (-9) and frozen by
-- chance, some for longer than it takes until another has what they held; CDF loses answers. Each must be started once.
-- Arguments: a seed, and "restart" where Redis is killed amid it too. Takes some four minutes, with "restart" six.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local redis_server = require "redis_server"
local server = require "server"
local shell = require "shell"
local temp_folder = require "temp_folder"
local unreliable = require "unreliable"

local DELIVERIES, DRAINS = 1500, 6
local TIMEOUT = 15 -- seconds of an attempt
local STORM = 100 -- seconds for which drains are killed and frozen
local PATIENCE = 600 -- seconds in which all must be over
local LUAS = { "5.4", "5.3", "5.1", "luajit" }

local random = unreliable.random(tonumber(arg[1]) or 1)
local redis_is_killed = arg[2] == "restart"

local function below(n) return math.floor(random() * n) end

local function say(...) print(("%6.1f  "):format(core.now() % 10000) .. string.format(...)) end

local function sleep(seconds) os.execute(("sleep %.2f"):format(seconds)) end

-- {==== The servers ====

local WORLD = [[return { functions = { quick = function() return {}, 1 end }, versions = { {
  workflowExternalId = "w", version = "1", workflowDefinition = { tasks = { {
    externalId = "t", type = "function", parameters = { ["function"] = { externalId = "quick" } },
  } } },
} } }]]

local folder = temp_folder.new()
local redis = redis_server.start "--appendonly yes --appendfsync always"
local sim = server.start { "--headless", "--load", folder:write("world.lua", WORLD) }
redis:has_long_been_there(100000)

local function new_queue()
  return assert(cdf.queue { store = assert(require("cdfworkflow.queue.redis").new { port = redis.port }) })
end

-- }====

-- {==== The drains ====

local drains, killed, frozen = {}, 0, 0

local function start_drain()
  local name = LUAS[below(#LUAS) + 1]
  local command = ". spec/support/env.sh; use_lua %s; echo $$; "
    .. "exec \"$LUA\" spec/campaign/redis_queue_drain.lua %s %d %d >>%s 2>&1"
  local pipe = assert(io.popen("exec bash -c " .. shell.quote(command:format(name, sim.url, redis.port, TIMEOUT,
    shell.quote(folder.path .. "/log"))), "r"))
  return { pipe = pipe, pid = pipe:read "*n" }
end

local function signal(drain, name) shell.run(("kill -s %s %d"):format(name, drain.pid)) end

local function kill(drain)
  signal(drain, "KILL")
  drain.pipe:close()
end

--- One misfortune.
local function strike()
  local i = below(DRAINS) + 1
  local drain = drains[i]
  if drain.thaws then return end
  if random() < 0.5 then
    kill(drain)
    drains[i], killed = start_drain(), killed + 1
  else
    signal(drain, "STOP")
    drain.thaws, frozen = core.now() + (random() < 0.5 and 5 or TIMEOUT + 100) * (0.5 + random()), frozen + 1
  end
end

local function thaw()
  for _, drain in ipairs(drains) do
    if drain.thaws and core.now() > drain.thaws then
      signal(drain, "CONT")
      drain.thaws = nil
    end
  end
end

--- How many have ended by themselves, which none should.
local function died()
  local count = 0
  for _, drain in ipairs(drains) do
    if not shell.run(("ps -o stat= -p %d"):format(drain.pid)):match "^[^Z%s]" then count = count + 1 end
  end
  return count
end

-- }====

local FAULTS = {
  { status = 503, foreign = "after" }, { status = 502, foreign = "before" }, { drop = "after" }, { drop = "before" },
  { delay = 3 },
}

local function order_fault()
  local fault = { match = { operation = random() < 0.7 and "run" or "session" } }
  for name, value in pairs(FAULTS[below(#FAULTS) + 1]) do fault[name] = value end
  sim:fault(fault)
end

local function put(queue, first, last)
  for i = first, last do
    for _ = 1, 3 do
      local id, err = queue:put("w", "1", { id = "delivery-" .. i, input = { i = i } })
      if not id then say("put: %s", tostring(err)) end
    end
  end
end

local function started()
  local client = assert(cdf.client {
    project = "my-project", base_url = sim.url, credentials = assert(cdf.credentials {
      client_id = "client-id", client_secret = "client-secret", token_url = sim.url .. "/oauth2/token",
    }),
  })
  local counts, all = {}, 0
  for execution in client.workflows.executions:each() do
    local id = execution.metadata["cdfworkflow.requestId"]
    counts[id], all = (counts[id] or 0) + 1, all + 1
  end
  return counts, all
end

local function storm(queue, begun)
  local put_until, restarted = 0, not redis_is_killed
  while core.now() - begun < STORM do
    if put_until < DELIVERIES then
      put(queue, put_until + 1, put_until + 25)
      put_until = put_until + 25
    end
    strike()
    sim:clear_faults() -- those that nobody met
    for _ = 1, 4 do order_fault() end
    thaw()
    if not restarted and core.now() - begun > STORM / 2 then
      restarted = true
      redis:kill()
      sleep(2)
      redis:restart()
      say "Redis was killed and is back"
    end
    sleep(0.5)
  end
  sim:clear_faults()
  put(queue, 1, DELIVERIES) -- everything once more, also what was refused while Redis was gone
end

local function wait_for_the_end(queue, begun)
  local told = 0
  while core.now() - begun < PATIENCE do
    thaw()
    local count = queue:count()
    if count and count.waiting == 0 then return true end
    if core.now() - told > 20 then
      told = core.now()
      say("%s wait", count and count.waiting or "?")
    end
    sleep(0.5)
  end
end

local function judge(ended, begun)
  local counts, all = started()
  local missing, twice = 0, 0
  for i = 1, DELIVERIES do
    local count = counts["delivery-" .. i] or 0
    if count == 0 then missing = missing + 1 end
    if count > 1 then twice = twice + 1 end
  end
  say("%d deliveries, each put at least 4 times: %d runs, %d missing, %d twice; %d drains killed, %d frozen; %.0f s",
    DELIVERIES, all, missing, twice, killed, frozen, core.now() - begun)
  if died() > 0 then say("%d drains have ended by themselves", died()) end
  return ended and died() == 0 and all == DELIVERIES and missing == 0 and twice == 0
end

local function campaign()
  local begun, queue = core.now(), new_queue()
  for i = 1, DRAINS do drains[i] = start_drain() end
  storm(queue, begun)
  say "no more misfortunes"
  return judge(wait_for_the_end(queue, begun), begun)
end

local fine, passed = xpcall(campaign, debug.traceback)
if not fine then say("%s", passed) end
for _, drain in ipairs(drains) do kill(drain) end
io.write(shell.run("sort " .. shell.quote(folder.path .. "/log") .. " | uniq -c | sort -rn | head -20"))
sim:stop()
redis:stop()
folder:remove()
os.exit(fine and passed and 0 or 1)
