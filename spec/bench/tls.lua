-- SPDX-License-Identifier: Apache-2.0
-- `tls.lua CA_FILE HTTPS_URL HTTP_URL`: ms of CPU that the first TLS connection of this process takes. What else a
-- first request takes has been paid by one without TLS.

local core = require "cdfworkflow.core"

local function cpu_of(http, url)
  local client = core.client { project = "p", base_url = url, credentials = core.credentials { token = "t" } }
  local _, request = core.request(client, "GET", "/x", nil, {}):step("start", core.now())
  local begun = os.clock()
  http:submit(request)
  while not http:wait(1) do end -- luacheck: ignore
  local _, response = http:finished()
  local used = os.clock() - begun
  assert(response.status == 200, response.message)
  return used
end

local http = core.http { ca_file = arg[1], proxy = "" }
cpu_of(http, arg[3])
local first = cpu_of(http, arg[2])
print((first - cpu_of(http, arg[2])) * 1e3)
