-- SPDX-License-Identifier: Apache-2.0
-- What the gateway costs: one nginx worker that answers 202 without doing anything, and the same with the gateway, in
-- both modes; CDF takes 20 ms an answer, so that a run takes 40 ms at least. `gateway.lua LOAD`, the program built from
-- load.c; prints one table.

local nginx = require "nginx"
local shell = require "shell"
local slow_cdf = require "slow_cdf"
local temp_folder = require "temp_folder"

local program = assert(arg[1])
local SECONDS, SECRET = 5, "sesame-sesame-sesame"

local REQUEST = table.concat({
  "POST /runs/w HTTP/1.1", "Host: localhost", "Authorization: Bearer " .. SECRET, "Content-Type: application/json",
  "%sContent-Length: 26", "", '{"sensor":"a","value":1.5}',
}, "\r\n")

local PLAIN = [[
location / { content_by_lua_block {
  ngx.req.read_body()
  ngx.status = 202
  ngx.header["content-length"] = 3
  ngx.print "{}\n"
} }
]]

-- For two minutes after a start CDF is looked at before each run with a key; here that is over at once.
local GATEWAY = [[
location = /old { content_by_lua_block { ngx.shared.cdfworkflow:delete "young:w" ngx.print "{}" } }
location / { content_by_lua_block { require("cdfworkflow.gateway.nginx").serve() } }
]]

local function cpu_seconds(pid)
  local file = assert(io.open(("/proc/%d/stat"):format(pid)))
  local user, system = file:read "*a":match "%) %S %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  file:close()
  return (user + system) / 100
end

local function ask(server, connections, request)
  local asking = assert(io.popen(("%s %d / %d %d 0 0 %s"):format(program, server.port, connections, SECONDS,
    shell.quote(request))))
  local answers, failed, p50, p99 = asking:read "*a":match "(%S+) (%S+) (%S+) (%S+)"
  asking:close()
  return { answers = tonumber(answers), failed = tonumber(failed), p50 = tonumber(p50), p99 = tonumber(p99) }
end

local function measure(name, server, key)
  local request = REQUEST:format(key and ("Idempotency-Key: %s-@@@@@@@@\r\n"):format(key) or "")
  local alone = ask(server, 1, request)
  local worker = server:workers()[1]
  local before = cpu_seconds(worker)
  local many = ask(server, 50, request:gsub("@@@@@@@@", "many-@@@@@@@@"))
  print(("%-44s %8.2f %8.2f %10.0f %8.1f %8.2f %6d"):format(name, alone.p50, alone.p99, many.answers / SECONDS,
    many.p50, (cpu_seconds(worker) - before) / (many.answers + many.failed) * 1000, alone.failed + many.failed))
  server:stop()
end

local function gateway(cdf, settings)
  local server = nginx.start {
    http = ([[
      lua_shared_dict cdfworkflow 200m;
      init_by_lua_block { require("cdfworkflow.gateway.nginx").init {
        workflows = { w = "1" }, secret = "%s", client = %s, %s } }
      init_worker_by_lua_block { require("cdfworkflow.gateway.nginx").init_worker() }
    ]]):format(SECRET, cdf:client_source "max_connections = 300", settings), server = GATEWAY,
  }
  os.execute "sleep 1" -- the last day has been read
  server:ask "/old"
  return server
end

local cdf, folder = slow_cdf.start { delay = 0.02 }, temp_folder.new()
print "\nOne nginx worker, deliveries one after another and 50 at the same time; ms"
print(("%-44s %8s %8s %10s %8s %8s %6s"):format("", "p50", "p99", "50: a s", "p50", "CPU", "failed"))
measure("nginx answers 202", nginx.start { server = PLAIN })
measure("the gateway, mode run", gateway(cdf, ""))
measure("the gateway, mode run, with keys", gateway(cdf, ""), "run")
measure("the gateway, mode queue", gateway(cdf, ('mode = "queue", spool = "%s"'):format(folder.path)))
folder:remove()
folder = temp_folder.new()
measure("the gateway, mode queue, with keys",
  gateway(cdf, ('mode = "queue", spool = "%s"'):format(folder.path)), "queue")
folder:remove()
cdf:stop()
