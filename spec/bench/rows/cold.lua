-- SPDX-License-Identifier: Apache-2.0
-- The first run of a process, with the identity provider and CDF 25 ms away each way, over TLS 1.3 and HTTP/2, in
-- round trips; and the same in plain C by the shortest way there is by hand. Five are needed at least: three for the
-- token, in which the connection with CDF is made too, the session, the run. Where both servers take early data (which
-- a process that resumes a session may send with its first words), four would do.

local certificates = require "certificates"
local measure = require "bench.measure"
local nginx = require "nginx"
local shell = require "shell"
local temp_folder = require "temp_folder"

local TURNS, DELAY = tonumber(os.getenv "TURNS") or 15, 0.025

local function serve(authority, more)
  local at = authority.folder
  return nginx.start {
    http = ("ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key; ssl_protocols TLSv1.3; %s"):format(at,
      at, more),
    listen = "ssl http2", server = measure.CDF,
  }
end

--- Calls `fn` with the addresses of CDF and of the token, of servers that are so far away.
local function far_away(folder, authority, more, fn)
  local provider, cdf = serve(authority, more), serve(authority, more)
  local far = assert(io.popen(("echo $$; exec %s %g %d %d"):format(measure.program(folder, "far"), DELAY, provider.port,
    cdf.port)))
  local pid, provider_port, cdf_port = far:read("*l", "*l", "*l")
  fn(("https://127.0.0.1:%s https://127.0.0.1:%s/oauth2/token %s"):format(cdf_port, provider_port, authority.ca_file))
  shell.run("kill " .. pid)
  far:close()
  provider:stop()
  cdf:stop()
end

return function(add)
  local folder, authority = temp_folder.new(), certificates.new()
  local by_hand = measure.pinned(measure.program(folder, "cold"))
  authority:issue "server"
  far_away(folder, authority, "", function(servers)
    local least = measure.least(TURNS, { measure.on("5.4", "cold.lua " .. servers), by_hand .. " " .. servers })
    print(("cold run by hand in plain C, the shortest way: %.2f round trips"):format(least[2][1] / (2 * DELAY)))
    add("cold run, TLS 1.3 and HTTP/2, 25 ms each way: round trips", least[1][1] / (2 * DELAY), 5.2)
  end)
  far_away(folder, authority, "ssl_early_data on;", function(servers)
    local least = measure.least(TURNS, { measure.on("5.4", "cold.lua " .. servers) })
    add("cold run where the servers take early data: round trips", least[1][1] / (2 * DELAY), 4.2)
  end)
  authority:remove()
  folder:remove()
end
