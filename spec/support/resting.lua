-- SPDX-License-Identifier: Apache-2.0
-- A program for promises/secrets_spec.lua, whose memory is looked into when it says what state it is in, until it
-- reads a line. Its argument is the server's URL.

local canary = require "canary"
local cdf = require "cdfworkflow"

local function show(state)
  collectgarbage()
  collectgarbage()
  print(state)
  io.stdout:flush()
  io.read()
end

local told = false
local client = assert(cdf.client {
  project = "p", base_url = arg[1], max_retries = 0,
  credentials = cdf.credentials { client_id = "svc", client_secret = canary.secret(), token_url = arg[1] .. "/token" },
  on_event = function(event)
    if event.type == "request" and event.phase == "call" and not told then
      told = true
      show "under way"
    end
  end,
})
for _ = 1, 3 do assert(client:run("foo", "1")) end
show "resting"
client:close()
show "closed"
