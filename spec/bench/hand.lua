-- SPDX-License-Identifier: Apache-2.0
-- What the bench holds the library against: the two requests of a run written by hand with Debian's lua-curl and
-- lua-cjson, on one handle, with the same headers. `hand.lua URL TOKEN N`: CPU and wall seconds of N runs.

local cjson = require "cjson"
local curl = require "curl"
local now = require("cdfworkflow.core").now

local url, token, count = arg[1], arg[2], tonumber(arg[3])
local easy = curl.easy_init()
local parts

easy:setopt(curl.OPT_NOSIGNAL, 1)
easy:setopt(curl.OPT_ACCEPT_ENCODING, "")
easy:setopt(curl.OPT_TIMEOUT_MS, 60000)
easy:setopt(curl.OPT_HTTPHEADER, {
  "Authorization: Bearer " .. token, "User-Agent: cdfworkflow/bench (by hand)", "Content-Type: application/json",
  "Accept: application/json", "cdf-version: 20230101", "x-cdp-app: cdfworkflow", "x-cdp-sdk: cdfworkflow:bench",
  "Expect:",
})
easy:setopt(curl.OPT_WRITEFUNCTION, function(data)
  parts[#parts + 1] = data
  return #data
end)

local function post(path, body)
  parts = {}
  easy:setopt(curl.OPT_URL, url .. "/api/v1/projects/p" .. path)
  easy:setopt(curl.OPT_POSTFIELDS, cjson.encode(body))
  assert(easy:perform())
  return cjson.decode(table.concat(parts))
end

local function run(input)
  local session = post("/sessions", { items = { { tokenExchange = true } } })
  return post("/workflows/foo/versions/1/run", { authentication = { nonce = session.items[1].nonce }, input = input })
end

local function runs(n)
  for _ = 1, n do assert(run({ a = 1, b = 2 }).status == "RUNNING") end
end

runs(1)
local cpu, wall = os.clock(), now()
runs(count)
print(("%.6f %.6f"):format(os.clock() - cpu, now() - wall))
