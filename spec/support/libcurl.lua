-- SPDX-License-Identifier: Apache-2.0
-- Which libcurl the specs run with, for the few that cannot ask the same of each.

local core = require "cdfworkflow.core"
local shell = require "shell"

local libcurl = {}

---@param major integer
---@param minor integer
---@return boolean
function libcurl.is_at_least(major, minor)
  local has_major, has_minor = core.libcurl:match "^(%d+)%.(%d+)"
  has_major, has_minor = tonumber(has_major), tonumber(has_minor)
  return has_major > major or has_major == major and has_minor >= minor
end

--- Whether its TLS is GnuTLS: of that libcurl's own version says nothing, but its file says what it is linked with.
---@return boolean
function libcurl.is_on_gnutls()
  local maps = assert(io.open "/proc/self/maps")
  local path = maps:read "*a":match "%S*/libcurl[^%s/]*"
  maps:close()
  return shell.run("objdump -p " .. shell.quote(path)):find "NEEDED +libgnutls" ~= nil
end

return libcurl
