-- SPDX-License-Identifier: Apache-2.0
-- What the transports of this library take: it goes to libcurl's handles as it is.

local check = require "cdfworkflow.check"

local TEXT = {
  word = "a string of up to 16384 bytes without NUL",
  accepts = function(value) return type(value) == "string" and #value <= 16384 and not value:find("\0", 1, true) end,
}

---@type cdfworkflow.Member[]
return {
  { "max_connections", check.whole(1, 65535) },
  { "proxy", TEXT },
  { "ca_file", TEXT },
}
