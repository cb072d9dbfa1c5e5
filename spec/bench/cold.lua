-- SPDX-License-Identifier: Apache-2.0
-- `cold.lua BASE_URL TOKEN_URL CA_FILE`: seconds that the first run of a process takes, from the making of the client
-- on.

local cdf = require "cdfworkflow"
local now = require("cdfworkflow.core").now

local begun = now()
local client = assert(cdf.client {
  project = "p", base_url = arg[1], ca_file = arg[3], proxy = "",
  credentials = assert(cdf.credentials { client_id = "id", client_secret = "secret", token_url = arg[2] }),
})
local execution = assert(client:run("foo", "1", { input = { a = 1 } }))
assert(execution.status == "RUNNING")
print(now() - begun)
