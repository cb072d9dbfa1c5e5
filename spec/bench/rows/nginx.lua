-- SPDX-License-Identifier: Apache-2.0
-- One nginx worker with 200 runs in flight, each of two answers that take 200 ms, and a sibling location asked all the
-- while; and in turns with it the same by cosockets, by hand (cosocket.lua). As `hosts.lua`, of which these are the
-- rows with aims.

local measure = require "bench.measure"
local nginx = require "nginx"
local slow_cdf = require "slow_cdf"
local temp_folder = require "temp_folder"

local IN_FLIGHT, LEAST, SECONDS, WARM_UP, TURNS = 200, 0.4, 5, 1, 3

local LOCATIONS = [[
location = /sibling { content_by_lua_block { ngx.print "here" } }
location = /run { content_by_lua_block {
  ngx.print(assert(client:run("w", "1", { input = { a = 1 } })).id)
} }
]]

--- Asks in the background. → what waits for its end and gives answers, failures, p50 and p99 in ms
local function ask(load, server, path, connections, pause)
  local asking = assert(io.popen(("%s %d %s %d %g %g %g"):format(load, server.port, path, connections,
    SECONDS + WARM_UP, pause, connections > 1 and LEAST * 1e3 / connections or 0)))
  return function()
    local answers, failed, p50, p99 = asking:read "*a":match "(%S+) (%S+) (%S+) (%S+)"
    asking:close()
    return { answers = tonumber(answers), failed = tonumber(failed), p50 = tonumber(p50), p99 = tonumber(p99) }
  end
end

--- A server whose client is made with those options, and the least that was measured of it.
local function start(cdf, options)
  local server = nginx.start {
    http = ("init_worker_by_lua_block { client = assert(%s) }"):format(cdf:client_source(options)), server = LOCATIONS,
  }
  server:ask "/run" -- the token and the first connection
  return { server = server, cpu = math.huge, run_p99 = math.huge, sibling = math.huge }
end

local function take_turn(way, load)
  local server = way.server
  local worker = server:workers()[1]
  local idle = ask(load, server, "/sibling", 1, 2)().p99
  local _, before = nginx.used(worker)
  local runs, beside = ask(load, server, "/run", IN_FLIGHT, 0), ask(load, server, "/sibling", 1, 2)
  local busy = beside().p99
  local done = runs()
  assert(done.failed == 0, done.failed .. " runs failed")
  way.cpu = math.min(way.cpu, (select(2, nginx.used(worker)) - before) / done.answers * 1e3)
  way.run_p99, way.sibling = math.min(way.run_p99, done.p99), math.min(way.sibling, busy / idle)
end

return function(add)
  local folder, cdf = temp_folder.new(), slow_cdf.start { delay = LEAST / 2 }
  local load = measure.program(folder, "load")
  local ours = start(cdf, "max_connections = 300")
  local by_hand = start(cdf, ("transport = dofile(%q).new()"):format(nginx.root .. "spec/bench/cosocket.lua"))
  for _ = 1, TURNS do
    take_turn(ours, load)
    take_turn(by_hand, load)
  end
  local function row(what, name, form, aim, unit)
    add(("nginx, 200 runs of 400 ms: %s (cosockets by hand: %s)"):format(what, form:format(by_hand[name])), ours[name],
      aim, unit)
  end
  row("CPU a run", "cpu", "%.2f ms", 0.18, "ms")
  row("run p99", "run_p99", "%.0f ms", 406, "ms")
  row("sibling p99 ÷ idle", "sibling", "%.1f", 3)
  for _, way in ipairs { ours, by_hand } do way.server:stop() end
  cdf:stop()
  folder:remove()
end
