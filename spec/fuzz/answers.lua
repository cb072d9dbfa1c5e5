-- SPDX-License-Identifier: Apache-2.0
-- One call whose answers are good but for those of one phase, which come from the fuzzer (the look after a lost answer
-- is a phase, too): it ends in a whole result or in a clear error, after a bounded number of steps, and no secret is in
-- either.

local core = require "cdfworkflow.core"

local SECRET, TOKEN, NONCE = "canary-secret-7531", "canary-token-8642", "canary-nonce-9753"
local SECRETS_BEFORE = { token = { SECRET }, session = { SECRET, TOKEN }, call = { SECRET, TOKEN, NONCE } }
SECRETS_BEFORE.look = SECRETS_BEFORE.call
local PHASES = { "token", "session", "call", "look" }
local MOST_STEPS, TIMEOUT = 400, 30
local STATUSES = { 200, 202, 201, 204, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504, 302, 100, 999 }
local FAILURES = { "connect", "resolve", "tls", "timeout", "send", "receive", "nonsense" }
local KINDS = {
  invalid = true, auth = true, transport = true, tls = true, timeout = true, throttled = true, api = true,
  protocol = true, ambiguous = true, cancelled = true,
}

local GOOD = {
  token = '{"access_token":"canary-token-8642","expires_in":3600,"token_type":"Bearer"}',
  session = '{"items":[{"id":1,"status":"READY","nonce":"canary-nonce-9753"}]}',
  call = '{"id":"1","workflowExternalId":"wf","status":"RUNNING","createdTime":1}',
}
local LOST = { failure = "receive", sent = true }

-- The input: phase, status or failure, and headers, one byte each; a header's value up to a line end; the body.
local function parse(bytes)
  local phase, answer, header = bytes:byte(1, 3)
  local value, body = bytes:sub(4):match("^([^\n]*)\n?(.*)$")
  answer = answer or 0
  local names = { "retry-after", "date", "cdf-is-auto-retryable", "x-request-id", "content-type" }
  local response = { headers = { [names[(header or 0) % #names + 1]] = value }, body = body }
  if answer < 200 then
    response.status = STATUSES[answer % #STATUSES + 1]
  else
    response.failure = FAILURES[answer % #FAILURES + 1]
    response.sent = answer % 2 == 0
    response.message = body:sub(1, 300)
  end
  return PHASES[(phase or 0) % #PHASES + 1], response, (phase or 0) >= 128
end

local function check_text(text, secrets)
  for _, secret in ipairs(secrets) do
    assert(not text:find(secret, 1, true), "a secret shows: " .. text)
  end
end

local function check_no_secret(value, secrets, depth)
  if type(value) == "string" then
    check_text(value, secrets)
  elseif type(value) == "table" and depth < 20 then
    for key, member in pairs(value) do
      check_no_secret(key, secrets, depth + 1)
      check_no_secret(member, secrets, depth + 1)
    end
  end
end

local function check_error(err, secrets)
  assert(KINDS[err.kind], "unknown kind " .. tostring(err.kind))
  assert(type(err.message) == "string" and err.message ~= "" and not err.message:find("[%c]"), "message")
  assert(type(err.attempts) == "number" and type(err.retryable) == "boolean", "attempts, retryable")
  local line = tostring(err)
  assert(type(line) == "string" and not line:find("[\r\n]"), "more than one line")
  check_text(line, secrets)
  check_no_secret(err, secrets, 0)
end

local function check_result(result, fuzzed, is_run)
  assert(type(result) == "table", "no table")
  if is_run then
    assert(result.workflowExternalId == "wf" and type(result.id) == "string" and type(result.status) == "string")
  end
  if fuzzed == "look" then
    assert(result.metadata["cdfworkflow.requestId"] == "r", "another run than was looked for")
  end
end

local function new_call(fuzzed, is_run)
  local client = core.client({
    project = "p", base_url = "https://cdf.example", max_retries = 2,
    credentials = core.credentials({
      client_id = "id", client_secret = SECRET, token_url = "https://idp.example/token",
    }),
  })
  if is_run then
    return core.run(client, "wf", "1", { request_id = fuzzed == "look" and "r" or nil, timeout = TIMEOUT })
  end
  return core.request(client, "GET", "/workflows", nil, {})
end

return function(bytes)
  local fuzzed, answer, other = parse(bytes)
  local is_run = fuzzed == "session" or fuzzed == "look" or not other
  local call = new_call(fuzzed, is_run)
  local now = 0
  local action, value, phase = call:step("start", now)
  for _ = 1, MOST_STEPS do
    if action == "http" then
      local response = { status = 200, headers = {}, body = GOOD[phase] or "{}" }
      if phase == fuzzed then response = answer end
      if phase == "call" and fuzzed == "look" then response = LOST end
      now = now + 0.1
      action, value, phase = call:step("answer", now, 1.7e9, response)
    elseif action == "sleep" then
      now = now + value
      action, value, phase = call:step("woke", now)
    else
      break
    end
  end
  if action == "done" then
    return check_result(value, fuzzed, is_run)
  end
  assert(action == "error", "ended with " .. tostring(action))
  -- What CDF or the identity provider gave out before its own odd answer is a secret.
  check_error(value, SECRETS_BEFORE[is_run and fuzzed or fuzzed == "token" and fuzzed or "session"])
end
