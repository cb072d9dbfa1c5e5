-- SPDX-License-Identifier: Apache-2.0
-- The Python SDK's requests from the goldens, sent byte for byte as that SDK writes them, with what the server itself
-- made (ids, nonces, tokens, cursors) put in the places of the recorded ones.

local core = require "cdfworkflow.core"
local router = require "cdfworkflow.simulator.api.router"
local zlib = require "zlib"

local sdk = {}

-- Members whose values a server makes, and members of requests that hand them back.
local MADE = { id = true, access_token = true }
local HANDED_BACK = {
  id = true, fileId = true, functionId = true, scheduleId = true, cursor = true, externalId = true,
  functionExternalId = true, clientId = true, clientSecret = true, client_id = true, client_secret = true,
}

---@class spec.sdk.Names from recorded values to those of this server
---@field known table<any, any>
---@field nonces table<string, string> apart, since every session has a new one
local Names = {}
Names.__index = Names

---@param known table<any, any> values known beforehand; gets those that are learned
---@return spec.sdk.Names
function sdk.names(known)
  return setmetatable({ known = known, nonces = {} }, Names)
end

local function path_of(url)
  return (url:gsub("^{base_url}", ""):gsub("^https?://[^/]*", ""))
end

local function learn(names, recorded, actual)
  if type(recorded) ~= "table" or type(actual) ~= "table" then return end
  for name, value in pairs(recorded) do
    if name == "uploadUrl" then
      names.known[path_of(value)] = path_of(actual[name])
    elseif name == "nonce" then
      names.nonces[value] = actual.nonce
    elseif MADE[name] and type(value) ~= "table" then
      names.known[value] = actual[name]
    else
      learn(names, value, actual[name])
    end
  end
end

--- Learns what the server made, from the recorded answer and its own. What it had already made stands in lists in an
--- order of its own, so only the cursor is learned from those.
---@param request table of a golden
---@param actual any
function Names:learn(request, actual)
  local recorded = request.answered.body
  if type(recorded) == "table" and recorded.nextCursor then self.known[recorded.nextCursor] = actual.nextCursor end
  if request.method == "GET" or request.path:find "/list$" or request.path:find "/byids$" then return end
  learn(self, recorded, actual)
end

local function rewrite(names, value)
  if type(value) ~= "table" then return value end
  local copy = core.is_array(value) and core.array {} or {}
  for name, member in pairs(value) do
    if name == "nonce" then
      copy[name] = names.nonces[member] or member
    elseif HANDED_BACK[name] and names.known[member] ~= nil then
      copy[name] = names.known[member]
    else
      copy[name] = rewrite(names, member)
    end
  end
  return copy
end

-- Numbers stand for ids below /functions only; elsewhere they may be versions.
local function target(known, request)
  local numbers = request.path:find "/functions/" ~= nil
  local path = known[request.path] or request.path:gsub("[^/]+", function(segment)
    local here = known[segment] or numbers and known[tonumber(segment)]
    return here and tostring(here) or nil
  end)
  local query = (request.raw_query or ""):gsub("cursor=([^&]*)", function(cursor)
    return "cursor=" .. router.escape(known[router.form("c=" .. cursor).c] or cursor)
  end)
  return query == "" and path or path .. "?" .. query
end

-- Everything outside printable ASCII as UTF-16 units in lower-case digits.
local function escape_unicode(text)
  return (text:gsub(utf8.charpattern, function(character)
    local code = utf8.codepoint(character)
    if code < 127 then return nil end
    if code < 0x10000 then return ("\\u%04x"):format(code) end
    code = code - 0x10000
    return ("\\u%04x\\u%04x"):format(0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff))
  end))
end

local function form(body)
  local pairs_of = {}
  for name, value in pairs(body) do
    pairs_of[#pairs_of + 1] = router.escape(name) .. "=" .. router.escape(value):gsub("%%20", "+")
  end
  table.sort(pairs_of)
  return table.concat(pairs_of, "&")
end

-- A zip archive of nothing: the simulator keeps no files.
local EMPTY_ZIP = "PK\5\6" .. ("\0"):rep(18)

local function body_text(names, request)
  if request.body_type == "form" then return form(rewrite(names, request.body)) end
  if request.body_type == "bytes" then return EMPTY_ZIP end
  if request.body_type ~= "json" then return nil end
  if request.raw_body then
    return (request.raw_body:gsub('("nonce":)"([^"]*)"', function(name, nonce)
      return ('%s"%s"'):format(name, names.nonces[nonce] or nonce)
    end))
  end
  return escape_unicode(assert(core.encode(rewrite(names, request.body))))
end

-- Header text goes out as latin-1.
local function latin1(text)
  return (text:gsub(utf8.charpattern, function(character) return string.char(utf8.codepoint(character)) end))
end

local function header_lines(known, headers)
  local lines = {}
  for name, value in pairs(headers) do
    if name == "authorization" then
      local token = value:match "^Bearer (.*)$"
      lines[#lines + 1] = name .. ": " .. latin1("Bearer " .. (known[token] or token))
    elseif name ~= "content-length" then
      lines[#lines + 1] = name .. ": " .. latin1(value)
    end
  end
  if not headers["accept-encoding"] then lines[#lines + 1] = "Accept-Encoding: gzip, deflate" end
  lines[#lines + 1] = "Connection: keep-alive"
  return lines
end

--- The request as it goes over the wire here.
---@param request table of a golden
---@return table # for `spec.raw.Connection:ask`; `plain` is the body before it was compressed
function Names:request(request)
  local plain = body_text(self, request)
  local body = plain
  if request.headers["content-encoding"] == "gzip" then body = zlib.deflate(9, 15 + 16)(plain, "finish") end
  return {
    method = request.method, target = target(self.known, request), body = body, plain = plain,
    headers = header_lines(self.known, request.headers),
  }
end

--- The nonce that a request hands in, if it does.
---@param request table of a golden
---@return string|nil
function sdk.nonce_of(request)
  local body = request.body
  if type(body) ~= "table" then return nil end
  local item = type(body.items) == "table" and type(body.items[1]) == "table" and body.items[1] or body
  return item.nonce or type(item.authentication) == "table" and item.authentication.nonce or nil
end

---------------------------------------------------------------------------------------------------------------------
-- How the SDK reads an error (CDF.md section 11)
---------------------------------------------------------------------------------------------------------------------

---@param answer spec.raw.Answer
---@return string # the class of the error
function sdk.reading(answer)
  local body = core.decode(answer.body)
  local problem = type(body) == "table" and body.error or nil
  if type(problem) == "string" then return "CogniteOAuthError" end
  problem = type(problem) == "table" and problem or {}
  local status, missing = answer.status, type(problem.missing) == "table" and problem.missing[1] ~= nil
  if status == 401 then return "CogniteProjectAccessError" end
  if status == 409 and problem.duplicated then return "CogniteDuplicatedError" end
  if status == 404 or missing and (status == 400 or status == 422) then return "CogniteNotFoundError" end
  return "CogniteAPIError"
end

return sdk
