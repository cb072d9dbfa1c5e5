-- SPDX-License-Identifier: Apache-2.0
-- A process for queue_processes.lua, to be killed, for which time passes SCALE times as fast: `SCALE put FOLDER FIRST
-- LAST SAFE`, which notes in the file SAFE what it was told is kept, or `SCALE drain FOLDER URL CONCURRENCY`.

local cdf = require "cdfworkflow"
local Curl = require "cdfworkflow.transport.curl"
local core = require "cdfworkflow.core"

local scale = tonumber(arg[1])
local act = {}

local function open(folder, client)
  local queue = assert(cdf.queue { spool = folder, client = client })
  queue.clock.now = function() return core.now() * scale end
  return queue
end

function act.put(folder, first, last, safe)
  local queue = open(folder)
  local file = assert(io.open(safe, "a"))
  for i = tonumber(first), tonumber(last) do
    local id = assert(queue:put("w", "1", { id = "d" .. i, input = { n = i, text = ("x"):rep(i % 7 * 10000) } }))
    file:write(id, "\n")
    file:flush()
  end
end

--- The transport of scripts in a world that is faster.
local function fast()
  local curl = Curl.new {}
  return setmetatable({
    now = function() return core.now() * scale end, sleep = function(_, seconds) curl:sleep(seconds / scale) end,
    http = function(_, request) return curl:http(request) end,
  }, { __index = function(_, name) return curl[name] end })
end

function act.drain(folder, url, concurrency)
  local client = assert(cdf.client {
    project = "p", base_url = url, transport = fast(), credentials = assert(cdf.credentials {
      client_id = "me", client_secret = "s3cr3t", token_url = url .. "/oauth2/token",
    }),
  })
  local _, err = open(folder, client):drain { concurrency = tonumber(concurrency) }
  if err then io.stderr:write(tostring(err), "\n") end
end

act[arg[2]](arg[3], arg[4], arg[5], arg[6])
