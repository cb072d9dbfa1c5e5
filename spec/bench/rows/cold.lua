-- SPDX-License-Identifier: Apache-2.0
-- The first run of a process, with the identity provider and CDF 25 ms away each way, over TLS 1.3 and HTTP/2, in round
-- trips. Five are needed at least: three for the token, in which the connection with CDF is made too, the session, the
-- run.

local certificates = require "certificates"
local measure = require "bench.measure"
local nginx = require "nginx"
local shell = require "shell"

local TURNS, DELAY = 9, 0.025

local function serve(authority)
  local at = authority.folder
  return nginx.start {
    http = ("ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key; ssl_protocols TLSv1.3;"):format(at, at),
    listen = "ssl http2", server = measure.CDF,
  }
end

return function(add)
  local authority = certificates.new()
  authority:issue "server"
  local provider, cdf = serve(authority), serve(authority)
  local far = assert(io.popen(("echo $$; exec lua5.4 spec/bench/far.lua %g %d %d"):format(DELAY, provider.port,
    cdf.port)))
  local pid, provider_port, cdf_port = far:read("*l", "*l", "*l")
  local least = measure.least(TURNS, {
    measure.on("5.4", ("cold.lua https://127.0.0.1:%s https://127.0.0.1:%s/oauth2/token %s"):format(cdf_port,
      provider_port, authority.ca_file)),
  })
  add("cold run, TLS 1.3 and HTTP/2, 25 ms each way: round trips", least[1][1] / (2 * DELAY), 5.2)
  shell.run("kill " .. pid)
  far:close()
  provider:stop()
  cdf:stop()
  authority:remove()
end
