-- SPDX-License-Identifier: Apache-2.0
-- What a host pays for an answer that takes 10 s: how often it wakes up, and its CPU.

local haproxy = require "haproxy"
local nginx = require "nginx"
local slow_cdf = require "slow_cdf"

local SECONDS, BEFORE = 9, 0.5

local ASKS = [[
local answer, err = client:request("GET", "/hangs", nil, { timeout = 10 })
]]

local function measure(add, host, server, pid)
  local asking = assert(io.popen(("curl -s -m 15 %s/wait"):format(server.url)))
  os.execute("sleep " .. BEFORE)
  local wake_ups, cpu = nginx.used(pid)
  os.execute("sleep " .. SECONDS)
  local wake_ups_then, cpu_then = nginx.used(pid)
  local answer = asking:read "*a"
  asking:close()
  server:stop()
  assert(answer:match "time", "no answer came late: " .. answer)
  add(host .. ", a request of 10 s in flight: wake-ups a second", (wake_ups_then - wake_ups) / SECONDS, 100)
  add(host .. ", a request of 10 s in flight: CPU a second", (cpu_then - cpu) / SECONDS * 1e3, 3, "ms")
end

return function(add)
  local cdf = slow_cdf.start { delay = 0 }
  local made = ("client = assert(%s)"):format(cdf:client_source())
  local in_nginx = nginx.start {
    http = "init_worker_by_lua_block { " .. made .. " }",
    server = "location = /wait { content_by_lua_block { " .. ASKS .. " ngx.print(tostring(err)) } }",
  }
  measure(add, "nginx", in_nginx, in_nginx:workers()[1])
  local in_haproxy = haproxy.start {
    lua = made .. [[

      core.register_service("wait", "http", function(applet)
        ]] .. ASKS .. [[
        local body = tostring(err)
        applet:set_status(200)
        applet:add_header("content-length", tostring(#body))
        applet:start_response()
        applet:send(body)
      end)
    ]],
    rules = "http-request use-service lua.wait",
  }
  measure(add, "HAProxy", in_haproxy, in_haproxy.pid)
  cdf:stop()
end
