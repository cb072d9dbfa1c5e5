-- SPDX-License-Identifier: Apache-2.0
-- A program for core/library_spec.lua, run under other_curl.c: loads the module, and sends one request to the URL that
-- is its argument.

local loaded, core = pcall(require, "cdfworkflow.core")
if not loaded then
  print(core)
  return
end
local client = core.client { project = "p", base_url = arg[1], credentials = core.credentials { token = "t" } }
local _, request = core.request(client, "POST", "/x", {}, {}):step("start", core.now())
local http = core.http { proxy = "" }
http:submit(request)
while not http:wait(1) do end -- luacheck: ignore
local _, response = http:finished()
print(response.status or ("%s %s %s"):format(response.failure, tostring(response.sent), response.message))
