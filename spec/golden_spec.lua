-- SPDX-License-Identifier: Apache-2.0
-- Every golden case of the contract (what the Python SDK 8.13 sends), done with this client: the same method, path,
-- query, body, authorization, cdf-version and content type, in the same order, and the same outcome. Where this client
-- does something else on purpose, golden_deviations.lua says what and why.

local calls = require "golden_calls"
local client_module = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local deviations = require "golden_deviations"
local replay = require "replay"

local REQUEST_ID = "b5e2a0d0-7f3c-4b0e-9a55-0f6f2c1d8e41"
local LOGIN = { client_id = "svc-acme", client_secret = "s3cr3t", tenant_id = replay.TENANT }

local logins = { -- where it is not told by the first request: a token request or not
  ["auth-client-credentials-two-scopes"] = { scopes = { "IDENTITY", "user_impersonation" } },
  ["auth-client-credentials-no-scope-audience"] = {
    tenant_id = false, token_url = "https://login.example/" .. replay.TENANT .. "/oauth2/v2.0/token",
    audience = replay.BASE_URL,
  },
  ["auth-client-secret-special-characters"] = {
    client_id = "id with:colon&amp", client_secret = "p@ss w0rd/+=%?~\"'<>",
  },
  ["auth-client-secret-non-ascii"] = { client_secret = "s3cr\195\169t" },
  ["auth-invalid-scope"] = { scopes = "nonsense" },
}

local client_names = {
  ["headers-custom-and-beta"] = "tool/1.2",
  ["headers-application-name-latin1"] = "Ærlig",
  ["headers-application-name-outside-latin1"] = "東京",
}

--- Cases whose first request is recorded as answered though its answer came too late.
local too_late = { ["run-retried-after-read-timeout"] = true, ["functions-call-read-timeout"] = true }

local function credentials_of(golden)
  local given = logins[golden.case]
  local first_request = golden.requests[1]
  if not given and not (first_request and first_request.body_type == "form") then
    return core.credentials { token = "static-token" }
  end
  local login = replay.changed(LOGIN, given or {})
  if login.tenant_id == false then login.tenant_id = nil end
  return core.credentials(login)
end

--- A transport that answers as the golden says and notes each request that is not as expected.
local function transport_of(golden, expected, differences)
  local used, count = {}, 0
  local function choose(sent)
    if golden.order ~= "any" then return count end
    for i, request in ipairs(expected) do
      if not used[i] and not replay.difference(request, sent) then return i end
    end
    return count
  end
  return replay.transport(function(sent)
    count = count + 1
    local i = choose(sent)
    local request = expected[i]
    if not request or used[i] then
      differences[#differences + 1] = ("request %d is one too many: %s %s"):format(count, sent.method, sent.path)
      return { failure = "connect", sent = false, message = "nothing listens" }
    end
    used[i] = true
    local difference = replay.difference(request, sent)
    if difference then differences[#differences + 1] = ("request %d: %s"):format(count, difference) end
    if too_late[golden.case] and i == 1 then return { failure = "timeout", sent = true, message = "no answer" } end
    return replay.answer(request.answered, REQUEST_ID)
  end)
end

--- Makes the client and does the call; what came of it: "result" or "error".
local function do_call(golden, transport)
  local client, err = client_module.new {
    project = "acme-dev", base_url = replay.BASE_URL, credentials = credentials_of(golden), transport = transport,
    client_name = client_names[golden.case] or "golden-client",
  }
  if not client then return "error", err end
  local ok, result, problem = pcall(calls[golden.case], client, golden)
  if not ok then return "error", result end
  if result == nil then return "error", problem end
  return "result", result
end

local function expected_outcome(golden, deviation)
  if deviation.outcome then return deviation.outcome end
  if golden.error then return "error" end
  -- The SDK gives an absent value for what is not there; here that is an error with CDF's status.
  local last = golden.requests[#golden.requests]
  return last and (last.answered.status or 0) >= 400 and "error" or "result"
end

describe("golden", function()
  local done, alike = 0, 0
  local goldens = replay.files "golden"

  for _, file in ipairs(goldens) do
    local golden = file.content
    local deviation = deviations[golden.case] or {}
    if deviation.call ~= false then
      local number, why = file.name:match "^%d+", deviation.why and " [" .. deviation.why .. "]" or ""
      it(number .. " " .. golden.call .. why, function()
        local expected = deviation.requests and deviation.requests(golden.requests) or golden.requests
        local differences = {}
        local transport = transport_of(golden, expected, differences)
        local outcome, value = do_call(golden, transport)
        assert.same({}, differences)
        assert.equal(#expected, #transport.sent)
        assert.equal(expected_outcome(golden, deviation), outcome, tostring(value))
        local code = golden.error and golden.error.code
        if code and outcome == "error" and #expected > 0 and not deviation.why then
          assert.equal(code, value.status)
          assert.equal(REQUEST_ID, value.requestId)
        end
        done = done + 1
        if not deviation.why then alike = alike + 1 end
      end)
    end
  end

  it("are all done, and each deviation is of a case", function()
    local known = {}
    for _, file in ipairs(goldens) do
      local case = file.content.case
      known[case] = true
      assert.is_true(calls[case] ~= nil or deviations[case] and deviations[case].call == false, case)
    end
    for case in pairs(calls) do assert.is_true(known[case], case) end
    local count = 0
    for case in pairs(deviations) do
      assert.is_true(known[case], case)
      count = count + 1
    end
    assert.same({ cases = 208, done = 207, alike = 179, deviations = 29 },
      { cases = #goldens, done = done, alike = alike, deviations = count })
  end)
end)
