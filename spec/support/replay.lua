-- SPDX-License-Identifier: Apache-2.0
-- A transport that answers with what was recorded and keeps what it was asked, for the goldens and responses of the
-- contract; and a comparison of JSON that knows [] from {}.

local core = require "cdfworkflow.core"

local replay = {}

replay.BASE_URL = "https://greenfield.cognitedata.com"
replay.TENANT = "11111111-2222-4333-8444-555555555555"

local folder = debug.getinfo(1, "S").source:match "^@(.*)support/replay%.lua$"

local function decode(text)
  local value, problem = core.decode(text)
  assert(value ~= nil, problem)
  return value
end

--- Every file of a folder of the contract, in order, read by the module's own reader, which keeps integers exact.
---@param part "golden"|"responses"
---@return { name: string, text: string, content: table }[]
function replay.files(part)
  local files = {}
  local listing = assert(io.popen(("ls '%scontract/%s'"):format(folder, part)))
  for name in listing:lines() do
    local file = assert(io.open(folder .. "contract/" .. part .. "/" .. name))
    local text = file:read "*a"
    file:close()
    files[#files + 1] = { name = name, text = text, content = decode(text) }
  end
  listing:close()
  return files
end

local function is_array(value)
  return type(value) == "table" and (#value > 0 or core.is_array(value))
end

--- Whether two decoded JSON values mean the same; otherwise where they differ.
---@return boolean same
---@return string? where
function replay.same(expected, actual, path)
  path = path or "body"
  if type(expected) ~= "table" or type(actual) ~= "table" then
    if expected == actual then return true end
    return false, ("%s: expected %s, got %s"):format(path, tostring(expected), tostring(actual))
  end
  if is_array(expected) ~= is_array(actual) then return false, path .. ": an array here, an object there" end
  for key, value in pairs(expected) do
    local same, where = replay.same(value, actual[key], path .. "." .. tostring(key))
    if not same then return false, where end
  end
  for key in pairs(actual) do
    if expected[key] == nil then return false, path .. "." .. tostring(key) .. ": not expected" end
  end
  return true
end

local function unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- The pairs of a query string or a form.
local function pairs_of(text)
  local found = {}
  for name, value in text:gmatch "([^&=]+)=([^&]*)" do found[unescape(name)] = unescape(value) end
  return found
end

local function lower_names(headers)
  local lower = {}
  for name, value in pairs(headers or {}) do lower[name:lower()] = value end
  return lower
end

local function content_type_of(headers)
  return headers["content-type"] and headers["content-type"]:match "^[^;]*"
end

--- A request as it was sent, in the shape of a golden's.
---@param request table as a transport gets it
function replay.read(request)
  local headers = lower_names(request.headers)
  local path, query = request.url:match "^%a+://[^/]+([^?]*)%??(.*)$"
  local body, body_type = request.body, "none"
  if body then
    body_type = "bytes"
    if content_type_of(headers) == "application/json" then
      body, body_type = decode(body), "json"
    elseif content_type_of(headers) == "application/x-www-form-urlencoded" then
      body, body_type = pairs_of(body), "form"
    end
  end
  return { method = request.method, path = path, query = pairs_of(query), headers = headers, body = body,
    body_type = body_type, host = request.url:match "^%a+://([^/]+)" }
end

--- What of a request a new client should match (contract/README.md): nil, or the first difference.
---@param golden table a request of a golden
---@param sent table what `replay.read` gave
---@return string|nil difference
function replay.difference(golden, sent)
  if golden.method ~= sent.method or golden.path ~= sent.path then
    return ("%s %s instead of %s %s"):format(sent.method, sent.path, golden.method, golden.path)
  end
  local same, where = replay.same(golden.query or {}, sent.query, "query")
  if not same then return where end
  for _, name in ipairs { "authorization", "cdf-version" } do
    if golden.headers[name] ~= sent.headers[name] then
      return ("%s: expected %s, got %s"):format(name, tostring(golden.headers[name]), tostring(sent.headers[name]))
    end
  end
  if golden.body_type ~= sent.body_type then
    return ("body: expected %s, got %s"):format(golden.body_type, sent.body_type)
  end
  if content_type_of(golden.headers) ~= content_type_of(sent.headers) then
    return "content-type: got " .. tostring(sent.headers["content-type"])
  end
  if golden.body_type == "bytes" or golden.body_type == "none" then return nil end
  same, where = replay.same(golden.body, sent.body)
  return where and not same and where or nil
end

--- The text of a recorded body as a server sends it.
local function text_of(body)
  if body == nil or body == core.null then return "" end
  local text = type(body) == "table" and assert(core.encode(body)) or body
  return (text:gsub("{base_url}", replay.BASE_URL))
end

--- What a transport hands back for a recorded answer.
---@param answered { status?: integer, headers?: table, body?: any }
---@param request_id? string where none is recorded
function replay.answer(answered, request_id)
  if answered.status == nil or answered.status == core.null then
    return { failure = "receive", sent = true, message = "the connection was closed" }
  end
  local headers = lower_names(answered.headers)
  headers["content-type"] = headers["content-type"] or "application/json"
  headers["x-request-id"] = headers["x-request-id"] or request_id
  return { status = answered.status, headers = headers, body = text_of(answered.body) }
end

local Transport = {}
Transport.__index = Transport

--- A transport whose time passes only by sleeping.
---@param answer fun(sent: table): table from what was sent to what comes back
function replay.transport(answer)
  return setmetatable({ sent = {}, clock = 1000, give = answer }, Transport)
end

function Transport:now()
  return self.clock
end

function Transport:sleep(seconds)
  self.clock = self.clock + seconds
end

function Transport:http(request)
  local sent = replay.read(request)
  self.sent[#self.sent + 1] = sent
  local answer = self.give(sent)
  if answer.failure == "timeout" then self.clock = self.clock + request.timeout end
  return answer
end

--- A copy of a table with other values for some of its members.
---@param from table
---@param changes table
---@return table
function replay.changed(from, changes)
  local made = {}
  for member, value in pairs(from) do made[member] = value end
  for member, value in pairs(changes) do made[member] = value end
  return made
end

return replay
