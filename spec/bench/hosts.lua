-- SPDX-License-Identifier: Apache-2.0
-- What a host still does while runs are under way: nginx and HAProxy with 200 runs in flight, each of two answers that
-- take 200 ms (so that 400 ms is the least a run can take), and a sibling location asked all the while.
-- `hosts.lua LOAD`, the program built from load.c; prints one table.

local haproxy = require "haproxy"
local nginx = require "nginx"
local shell = require "shell"
local slow_cdf = require "slow_cdf"

local program = assert(arg[1])
local IN_FLIGHT, LIMIT, SECONDS, WARM_UP = 200, 400, 5, 1

local LOCATIONS = [[
location = /sibling { content_by_lua_block { ngx.print "here" } }
location = /run { content_by_lua_block {
  local execution, err = client:run("w", "1", { input = { a = 1 } })
  if not execution then ngx.status = 502 end
  ngx.print(execution and execution.id or tostring(err))
} }
]]

local HAPROXY = [[
core.register_service("run", "http", function(applet)
  local execution, err = client:run("w", "1", { input = { a = 1 } })
  local body = execution and execution.id or tostring(err)
  applet:set_status(execution and 200 or 502)
  applet:add_header("content-length", tostring(#body))
  applet:start_response()
  applet:send(body)
end)
core.register_service("sibling", "http", function(applet)
  applet:set_status(200)
  applet:add_header("content-length", "4")
  applet:start_response()
  applet:send "here"
end)
]]

local function cpu_seconds(pid)
  local file = assert(io.open(("/proc/%d/stat"):format(pid)))
  local user, system = file:read "*a":match "%) %S %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  file:close()
  return (user + system) / 100
end

--- Starts the program that asks. → what waits for its end
local function ask(server, path, connections, seconds, pause, stagger)
  local asking = assert(io.popen(("%s %d %s %d %g %g %g"):format(
    program, server.port, path, connections, seconds, pause, stagger)))
  return function()
    local answers, failed, p50, p99 = asking:read "*a":match "(%S+) (%S+) (%S+) (%S+)"
    asking:close()
    return { answers = tonumber(answers), failed = tonumber(failed), p50 = tonumber(p50), p99 = tonumber(p99) }
  end
end

local function report(name, runs, cpu, sibling)
  local all = runs and runs.answers + runs.failed
  print(("%-44s %7s %7s %8s %8.2f %7.2f %8d %5s"):format(name,
    runs and ("%.0f"):format(runs.p50) or "", runs and ("%.0f"):format(runs.p99) or "",
    runs and ("%.2f"):format(cpu / all * 1000) or "", sibling.p50, sibling.p99, sibling.answers,
    runs and runs.failed or ""))
end

--- One line of the table: a server with the process that does the work. The runs begin evenly spread.
local function measure(name, server, pid, in_flight)
  shell.run(("curl -s %s/run"):format(server.url)) -- the token and the first connection
  local before = cpu_seconds(pid)
  local runs = ask(server, "/run", in_flight, SECONDS + WARM_UP, 0, LIMIT / in_flight)
  os.execute("sleep " .. WARM_UP) -- all connections are open
  local sibling = ask(server, "/sibling", 1, SECONDS, 2, 0)()
  report(name, runs(), cpu_seconds(pid) - before, sibling)
end

local function in_nginx(name, cdf, options, in_flight)
  local server = nginx.start {
    http = ("init_worker_by_lua_block { client = assert(%s) }"):format(cdf:client_source(options)),
    server = LOCATIONS,
  }
  measure(name, server, server:workers()[1], in_flight or IN_FLIGHT)
  server:stop()
end

local function in_haproxy(name, cdf, load)
  local server = haproxy.start {
    lua = ("client = assert(%s)\n%s"):format(cdf:client_source "max_connections = 300", HAPROXY), load = load,
    rules = "http-request use-service lua.sibling if { path /sibling }\nhttp-request use-service lua.run",
  }
  measure(name, server, server.pid, IN_FLIGHT)
  server:stop()
end

local function idle(name, server)
  report(name, nil, 0, ask(server, "/sibling", 1, SECONDS, 2, 0)())
  server:stop()
end

--- What the machine alone does to the sibling while it is as busy as in the lines below.
local function idle_beside(name, cdf)
  local busy = nginx.start {
    http = ("init_worker_by_lua_block { client = assert(%s) }"):format(cdf:client_source "max_connections = 300"),
    server = LOCATIONS,
  }
  local runs = ask(busy, "/run", IN_FLIGHT, SECONDS + WARM_UP, 0, LIMIT / IN_FLIGHT)
  os.execute("sleep " .. WARM_UP)
  idle(name, nginx.start { server = LOCATIONS })
  runs()
  busy:stop()
end

local cdf = slow_cdf.start { delay = 0.2 }
local cdf_2 = slow_cdf.start { delay = 0.2, tls = true, streams = 1000 }

print(("\n%d runs in flight, %d ms at least; ms"):format(IN_FLIGHT, LIMIT))
print(("%-44s %7s %7s %8s %8s %7s %8s %5s"):format(
  "", "run p50", "p99", "CPU/run", "sib. p50", "p99", "answers", "lost"))
idle("nginx idle", nginx.start { server = LOCATIONS })
idle_beside("nginx idle, the runs in another nginx", cdf)
in_nginx("nginx, this library", cdf, "max_connections = 300")
in_nginx("nginx, this library, one HTTP/2 connection", cdf_2)
in_nginx("nginx, cosockets by hand", cdf,
  ("transport = dofile(%q).new()"):format(nginx.root .. "spec/bench/cosocket.lua"))
in_nginx("nginx, a client that blocks (4 in flight)", cdf, "transport = require('cdfworkflow.transport.curl').new()", 4)
idle("HAProxy idle", haproxy.start {
  lua = "client = nil\n" .. HAPROXY, rules = "http-request use-service lua.sibling",
})
in_haproxy("HAProxy, this library, lua-load", cdf, "lua-load")
in_haproxy("HAProxy, this library, lua-load-per-thread", cdf, "lua-load-per-thread")
cdf:stop()
cdf_2:stop()
