-- SPDX-License-Identifier: Apache-2.0
-- A program for promises/secrets_spec.lua, run under freed.c: uses what holds secrets, in every way in which it ends.
-- Its argument is the server's URL.

local canary = require "canary"
local cdf = require "cdfworkflow"

local url = arg[1]

local function credentials()
  return cdf.credentials { client_id = "svc", client_secret = canary.secret(), token_url = url .. "/token" }
end

local function new_client()
  return assert(cdf.client { project = "p", base_url = url, max_retries = 0, credentials = credentials() })
end

local client = new_client()
for _ = 1, 3 do assert(client:run("foo", "1", { input = { text = canary.token():rep(1000) } })) end
assert(client:run("foo", "1", { nonce = canary.nonce(), client_credentials = nil }))
assert(client:run("foo", "1", { client_credentials = credentials() }))
assert(select(2, client:run("refused", "1")).status == 400)
assert(client:_put(url .. "/upload?signature=" .. canary.token(), canary.secret()))
cdf.gather(function() return client:run("foo", "1") end, function() return client:auth() end)
client:close()
client = nil -- luacheck: no unused
collectgarbage()

-- Refused before anything is sent, collected without being closed, alive until the end.
assert(cdf.credentials { token = canary.token() .. " " } == nil)
assert(new_client():run(" ", "1") == nil)
assert(new_client():run("foo", "1"))
collectgarbage()
local last = new_client()
assert(last:run("foo", "1"))
