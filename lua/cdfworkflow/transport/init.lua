-- SPDX-License-Identifier: Apache-2.0
-- Finds the transport that fits the host. A transport has `now()`, `http(request)` → response, `sleep(seconds)` and,
-- where it makes sense, `close()` and `check()` → why a call cannot be made here, or nil.

local Curl = require "cdfworkflow.transport.curl"
local later = require "cdfworkflow.later"

local transport = {}

--- Neither is loaded where there is nothing of it.
local nginx = later.in_host "ngx" and require "cdfworkflow.transport.nginx"
local haproxy = later.in_host "core" and require "cdfworkflow.transport.haproxy"

---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return table
function transport.of_host(options)
  if nginx and nginx.is_here() then return nginx.new(options) end
  if haproxy and haproxy.is_here() then return haproxy.new(options) end
  return Curl.new(options)
end

return transport
