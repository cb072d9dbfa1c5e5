-- SPDX-License-Identifier: Apache-2.0
-- A drain of the campaign over a queue in Redis, which is killed and frozen by chance: its arguments are CDF's URL, the
-- port of Redis, and the seconds that an attempt may take.

local cdf = require "cdfworkflow"

local url, port, timeout = arg[1], tonumber(arg[2]), tonumber(arg[3])

local client = assert(cdf.client {
  project = "my-project", base_url = url, timeout = timeout,
  credentials = assert(cdf.credentials {
    client_id = "client-id", client_secret = "client-secret", token_url = url .. "/oauth2/token",
  }),
  token_store = assert(require("cdfworkflow.store.redis").new { port = port }),
})
local store = assert(require("cdfworkflow.queue.redis").new { port = port })
local queue = assert(cdf.queue { client = client, store = store })
assert(queue:drain { follow = true, concurrency = 3 })
