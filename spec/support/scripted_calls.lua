-- SPDX-License-Identifier: Apache-2.0
-- Whole calls from a script: the answers that most specs of calls give, and clients that get them.

local Script = require "script"
local cdf = require "cdfworkflow"

local scripted = {}

scripted.SECRET = 's3cr3t/+ "quoted"'
scripted.TOKEN = { status = 200, body = '{"access_token":"token-1","expires_in":3600}' }
scripted.TOKEN_2 = { status = 200, body = '{"access_token":"token-2","expires_in":3600}' }
scripted.SESSION =
  { status = 200, body = '{"items":[{"id":7001,"status":"READY","type":"CLIENT_CREDENTIALS","nonce":"nonce-1"}]}' }
scripted.SESSION_2 =
  { status = 200, body = '{"items":[{"id":7002,"status":"READY","type":"CLIENT_CREDENTIALS","nonce":"nonce-2"}]}' }
scripted.EXECUTION = '{"id":"059edaa4-a17a-4102-910e-2c3591500cce","workflowExternalId":"foo","version":"1",'
  .. '"status":"RUNNING","createdTime":1767225600000,"metadata":{}}'
scripted.ACCEPTED = { status = 202, body = scripted.EXECUTION }
scripted.LOST = { failure = "receive", sent = true, message = "closed" }
scripted.UNREACHABLE = { failure = "connect", sent = false }
scripted.RUN = "POST /workflows/foo/versions/1/run"

function scripted.status(code, headers)
  return { status = code, headers = headers, body = '{"error":{"code":' .. code .. ',"message":"text of CDF"}}' }
end

function scripted.client_with(answers, opts)
  local script = Script.new(answers)
  opts = opts or {}
  opts.project, opts.base_url, opts.transport = "p", "https://cdf.example", script
  opts.credentials = opts.credentials
    or assert(cdf.credentials {
      client_id = "svc",
      client_secret = scripted.SECRET,
      token_url = "https://idp.example/token",
      scopes = { "a", "b" },
    })
  return assert(cdf.client(opts)), script
end

--- A client with a static token, which needs no token request.
function scripted.static(answers, opts)
  opts = opts or {}
  opts.credentials = assert(cdf.credentials { token = "static-token" })
  return scripted.client_with(answers, opts)
end

function scripted.run_with_nonce(answers, run_options, opts)
  local client, script = scripted.static(answers, opts)
  run_options = run_options or {}
  run_options.nonce = "given-nonce"
  local execution, err = client:run("foo", "1", run_options)
  return execution, err, script
end

return scripted
