-- SPDX-License-Identifier: Apache-2.0
-- Which libcurl the specs run with, for the few that cannot ask the same of each.

local core = require "cdfworkflow.core"

local libcurl = {}

---@param major integer
---@param minor integer
---@return boolean
function libcurl.is_at_least(major, minor)
  local has_major, has_minor = core.libcurl:match "^(%d+)%.(%d+)"
  has_major, has_minor = tonumber(has_major), tonumber(has_minor)
  return has_major > major or has_major == major and has_minor >= minor
end

--- Whether its TLS is GnuTLS: of that libcurl's own version says nothing, but the process has it loaded.
---@return boolean
function libcurl.is_on_gnutls()
  local maps = assert(io.open "/proc/self/maps")
  local text = maps:read "*a"
  maps:close()
  return text:find("libcurl-gnutls", 1, true) ~= nil
end

return libcurl
