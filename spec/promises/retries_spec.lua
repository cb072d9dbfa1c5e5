-- SPDX-License-Identifier: Apache-2.0
-- What follows each answer and each failure, in each phase of each kind of call: the whole matrix, through the client.

local Script = require "script"
local cdf = require "cdfworkflow"

local ID = "059edaa4-a17a-4102-910e-2c3591500cce"
local EXECUTION = '{"id":"' .. ID .. '","workflowExternalId":"w","status":"RUNNING",'
  .. '"metadata":{"cdfworkflow.requestId":"r"}}'
local RIGHT = {
  token = '{"access_token":"token-1","expires_in":3600}',
  session = '{"items":[{"id":1,"nonce":"nonce-1"}]}',
  run = EXECUTION, retry = EXECUTION, state = EXECUTION,
  list = '{"items":[' .. EXECUTION .. "]}",
}

local function kind_of(request)
  local path = request.path
  if path == "/token" then return "token" end
  if path:find "/sessions$" then return "session" end
  if path:find "/executions/list$" then return "list" end
  if path:find "/run$" then return "run" end
  if path:find "/retry$" then return "retry" end
  if request.method == "GET" and path:find(ID, 1, true) then return "state" end
  return "other"
end

--- A client for which the first request of `kind` ends in `outcome`, and all goes well otherwise.
local function client_with(kind, outcome)
  local hit, reads = nil, 0
  local script = Script.new(setmetatable({}, { __index = function()
    return function(request)
      local is = kind_of(request)
      if is == kind and not hit then
        hit = true
        return outcome
      end
      if is == "state" then reads = reads + 1 end
      if is == "state" and reads == 1 then return { status = 200, body = (EXECUTION:gsub("RUNNING", "FAILED")) } end
      return { status = 200, body = RIGHT[is] or "{}" }
    end
  end }))
  return assert(cdf.client { project = "p", base_url = "https://cdf.example", transport = script,
    credentials = assert(cdf.credentials {
      client_id = "svc", client_secret = "s", token_url = "https://idp.example/token" }) }), script
end

local function run(options)
  return function(client) return client:run("w", "1", options) end
end

-- column → the kind of request that is hit, and the call
local COLUMNS = {
  { "token", run() },
  { "session", run() },
  { "other", function(client) return client:request("GET", "/x") end },
  { "other", function(client) return client:request("POST", "/assets", {}) end },
  { "run", run() },
  { "run", run { request_id = "r" } },
  { "retry", function(client) return client.workflows.executions:retry(ID) end },
  { "retry", function(client) return client.workflows.executions:retry(ID, { request_id = "r" }) end },
}

local function status(code, marked)
  return {
    status = code, body = '{"error":{"code":' .. code .. ',"message":"words"}}',
    headers = marked and { ["cdf-is-auto-retryable"] = "true" } or nil,
  }
end

--- An answer by something between us and CDF.
local function foreign(code) return { status = code, body = "<html>words</html>" } end

local function failed(failure, sent)
  return { failure = failure, sent = sent, takes = 1, message = "words" }
end

-- "again": sent once more, with success. "new token": so after another token. "look": looked up, found, not sent again.
-- Otherwise the kind of the error, after one request.
local MATRIX = {
  -- what happens: token, session, read, other POST, run, run with request_id, retry, retry with request_id
  { "200", foreign(200), "protocol", "protocol", "protocol", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "302", foreign(302), "auth", "protocol", "protocol", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "400", status(400), "auth", "api", "api", "api", "api", "api", "api", "api" },
  { "400 of a proxy", foreign(400), "auth", "api", "api", "api", "api", "look", "api", "look" },
  { "401", status(401), "auth",
    "new token", "new token", "new token", "new token", "new token", "new token", "new token" },
  { "403", status(403), "auth", "api", "api", "api", "api", "api", "api", "api" },
  { "403 of a proxy", foreign(403), "auth", "api", "api", "api", "api", "look", "api", "look" },
  { "404", status(404), "auth", "api", "api", "api", "api", "api", "api", "api" },
  { "408", foreign(408), "again", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "409", status(409), "auth", "api", "api", "api", "api", "api", "api", "api" },
  { "422", status(422), "auth", "api", "api", "api", "api", "api", "api", "api" },
  { "429", status(429), "again", "again", "again", "again", "again", "again", "again", "again" },
  { "429 of a proxy", foreign(429), "again", "again", "again", "again", "again", "again", "again", "again" },
  { "499", foreign(499), "again", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "500", status(500), "auth", "api", "api", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "foreign 500", foreign(500), "auth", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "500 marked", status(500, true), "again", "again", "again", "again", "again", "again", "again", "again" },
  { "502", foreign(502), "again", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "502 marked", status(502, true), "again", "again", "again", "again", "again", "again", "again", "again" },
  { "503", status(503), "again", "again", "again", "api", "again", "again", "again", "again" },
  { "foreign 503", foreign(503), "again", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "503 marked", status(503, true), "again", "again", "again", "again", "again", "again", "again", "again" },
  { "504", foreign(504), "again", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "520", foreign(520), "auth", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "524", foreign(524), "auth", "again", "again", "ambiguous", "ambiguous", "look", "ambiguous", "look" },
  { "no such name", failed("resolve", false), "again", "again", "again", "again", "again", "again", "again", "again" },
  { "no connection", failed("connect", false), "again", "again", "again", "again", "again", "again", "again", "again" },
  { "no connection in time", failed("timeout", false), "again", "again", "again", "again", "again", "again", "again",
    "again" },
  { "no secure connection", failed("tls", false), "tls", "tls", "tls", "tls", "tls", "tls", "tls", "tls" },
  { "the proxy refuses", failed("proxy", false), "transport", "transport", "transport", "transport", "transport",
    "transport", "transport", "transport" },
  { "broken before sending", failed("send", false), "again", "again", "again", "again", "again", "again", "again",
    "again" },
  { "broken while sending", failed("send", true), "again", "again", "again", "ambiguous", "ambiguous", "look",
    "ambiguous", "look" },
  { "broken before the answer", failed("receive", true), "again", "again", "again", "ambiguous", "ambiguous", "look",
    "ambiguous", "look" },
  { "no answer in time", failed("timeout", true), "again", "again", "again", "ambiguous", "ambiguous", "look",
    "ambiguous", "look" },
  { "not HTTP", failed("protocol", true), "protocol", "protocol", "protocol", "ambiguous", "ambiguous", "look",
    "ambiguous", "look" },
  { "given up by the caller", failed("cancelled", true),
    "cancelled", "cancelled", "cancelled", "ambiguous", "ambiguous",
    "ambiguous", "ambiguous", "ambiguous" },
  { "too large", failed("too_large", true), "protocol", "protocol", "protocol", "ambiguous", "ambiguous", "look",
    "ambiguous", "look" },
}

--- What followed, in the words of the matrix.
local function outcome_of(kind, outcome, call)
  local client, script = client_with(kind, outcome)
  local result, err = call(client)
  local counts = {}
  for _, request in ipairs(script.requests) do
    local is = kind_of(request)
    counts[is] = (counts[is] or 0) + 1
  end
  if not result then
    assert.equal(1, counts[kind], "more requests than one before " .. tostring(err))
    return err.kind
  end
  if counts.list or counts.state == 2 then return counts[kind] == 1 and "look" or "looked and sent again" end
  if kind ~= "token" and counts.token == 2 then return "new token" end
  return ({ "fine", "again" })[counts[kind]] or counts[kind] .. " times"
end

describe("what follows", function()
  for _, row in ipairs(MATRIX) do
    it(row[1], function()
      for i, column in ipairs(COLUMNS) do
        assert.equal(row[i + 2], outcome_of(column[1], row[2], column[2]), "column " .. i)
      end
    end)
  end
end)
