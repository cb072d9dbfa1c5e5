-- SPDX-License-Identifier: Apache-2.0
-- What the system's certificates cost a process that makes its first TLS connection; and the same in plain C that
-- trusts a hashed folder of them, which is what OpenSSL itself costs.

local certificates = require "certificates"
local measure = require "bench.measure"
local nginx = require "nginx"
local temp_folder = require "temp_folder"

local TURNS = tonumber(os.getenv "TURNS") or 25

return function(add)
  local folder, authority = temp_folder.new(), certificates.new()
  authority:issue "server"
  local bundle, hashed = folder.path .. "/bundle.pem", folder.path .. "/hashed"
  measure.run(("cat /etc/ssl/certs/ca-certificates.crt %s >%s"):format(authority.ca_file, bundle))
  measure.run(("mkdir %s; cp -L /etc/ssl/certs/*.pem %s %s; openssl rehash %s"):format(hashed, authority.ca_file,
    hashed, hashed))
  local plain = nginx.start { server = "location / { return 200; }" }
  local secured = nginx.start {
    http = ("ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;"):format(authority.folder,
      authority.folder),
    listen = "ssl http2", server = "location / { return 200; }",
  }
  local urls = ("%s %s"):format(secured.url, plain.url)
  local least = measure.least(TURNS, {
    measure.on("5.4", ("tls.lua %s %s"):format(bundle, urls)),
    measure.pinned(("%s %s %s"):format(measure.program(folder, "tls"), hashed, urls)),
  })
  print(("CPU of the first TLS connection in plain C, with a hashed folder: %.2f ms"):format(least[2][1]))
  add("CPU of the first TLS connection, with the system's certificates", least[1][1], 3, "ms")
  plain:stop()
  secured:stop()
  authority:remove()
  folder:remove()
end
