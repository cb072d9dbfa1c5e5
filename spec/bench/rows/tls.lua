-- SPDX-License-Identifier: Apache-2.0
-- What the system's certificates cost a process that makes its first TLS connection.

local certificates = require "certificates"
local measure = require "bench.measure"
local nginx = require "nginx"

local TURNS = 15

return function(add)
  local authority = certificates.new()
  authority:issue "server"
  local bundle = authority.folder .. "/bundle.pem"
  measure.run(("cat /etc/ssl/certs/ca-certificates.crt %s >%s"):format(authority.ca_file, bundle))
  local plain = nginx.start { server = "location / { return 200; }" }
  local secured = nginx.start {
    http = ("ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;"):format(authority.folder,
      authority.folder),
    listen = "ssl http2", server = "location / { return 200; }",
  }
  local least = measure.least(TURNS, {
    measure.on("5.4", ("tls.lua %s %s %s"):format(bundle, (secured.url:gsub("^http:", "https:")), plain.url)),
  })
  add("CPU of the first TLS connection, with the system's certificates", least[1][1], 3, "ms")
  plain:stop()
  secured:stop()
  authority:remove()
end
