-- SPDX-License-Identifier: Apache-2.0
-- What repeating a request would do that may have been carried out. Known to be harmless are the endpoints listed here;
-- of all others the worst is assumed.

--- POSTs that only read, wherever they are in CDF, by the last segment of their path.
local READS = { list = true, byids = true, search = true, aggregate = true }

--- POSTs that end the same however often they are made (CDF.md section 12). A session too many is never used. The
--- upsert of a trigger is not here: its body holds a nonce that the first one spends.
local REPEATABLE = {
  "/sessions", "/sessions/revoke",
  "/workflows", "/workflows/delete", "/workflows/versions", "/workflows/versions/delete", "/workflows/triggers/delete",
  "/workflows/executions/*/cancel", "/workflows/triggers/*/pause", "/workflows/triggers/*/resume",
}
local RUNS = { "/workflows/*/versions/*/run", "/workflows/executions/*/retry" }

local function patterns(paths)
  local made = {}
  for i, path in ipairs(paths) do made[i] = "^" .. path:gsub("%*", "[^/]+") .. "$" end
  return made
end

local REPEATABLE_PATTERNS, RUN_PATTERNS = patterns(REPEATABLE), patterns(RUNS)

local function matches(path, list)
  for _, pattern in ipairs(list) do
    if path:find(pattern) then return true end
  end
  return false
end

--- The path as a server may read it: what needed no escape without one, no empty segments (RFC 3986, 6.2.2).
local function normal(path)
  path = path:match("^[^?]*"):gsub("%%(%x%x)", function(hex)
    local character = string.char(tonumber(hex, 16))
    return character:find("^[A-Za-z0-9._~-]$") and character or nil
  end)
  return (path:gsub("/+", "/"):gsub("/$", ""))
end

---@param method string
---@param path string under the project, with or without a query
---@return "safe"|"run"|"unsafe" nature as policy.h says
return function(method, path)
  if method == "GET" or method == "PUT" or method == "DELETE" then return "safe" end
  if method ~= "POST" then return "unsafe" end
  path = normal(path)
  if matches(path, RUN_PATTERNS) then return "run" end
  local reads = READS[path:match("[^/]*$")]
  return (reads or matches(path, REPEATABLE_PATTERNS)) and "safe" or "unsafe"
end
