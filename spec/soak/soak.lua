-- SPDX-License-Identifier: Apache-2.0
-- The client of `make soak`: many runs, each started exactly once whatever the server does, in a process that neither
-- grows nor keeps descriptors. Its arguments are the server's URL and how many runs.

local cdf = require "cdfworkflow"

local url, count = arg[1], tonumber(arg[2])
local CHECKPOINTS, CONCURRENCY = 20, 20

--- What a process that has warmed up for half of the time may still grow, in KiB: the allocator's own unevenness.
local ALLOWANCE = 1024

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local PID = read "/proc/self/stat":match "^%d+"

local function memory()
  return tonumber(read "/proc/self/status":match "VmRSS:%s*(%d+)")
end

--- By another process, once this one has closed its side of what starts that one.
local function descriptors()
  local listing = assert(io.popen(("sleep 0.1; ls /proc/%s/fd | wc -l"):format(PID)))
  local number = listing:read "*n"
  listing:close()
  return number
end

local function new_client()
  return assert(cdf.client {
    project = "p", base_url = url, timeout = 120,
    credentials = cdf.credentials { client_id = "soak", client_secret = "s3cr3t", token_url = url .. "/token" },
  })
end

local function request_of(n)
  return { "wf-" .. n, "1", { request_id = "request-" .. n, input = { n = n, text = ("x"):rep(n % 500) } } }
end

--- Runs numbers first … last; → how many failed. A failure is told at once.
local function run_slice(client, first, last)
  local list = {}
  for n = first, last do list[#list + 1] = request_of(n) end
  local _, errors = client.workflows.executions:run_many(list, { concurrency = CONCURRENCY })
  local failed = 0
  for i, err in pairs(errors) do
    failed = failed + 1
    print(("run %d failed: %s"):format(first + i - 1, tostring(err)))
  end
  return failed
end

local function settle()
  collectgarbage()
  collectgarbage()
end

local started, failed, figures = os.time(), 0, {}
print("     runs  seconds  RSS KiB  Lua KiB  descriptors")
for step = 1, CHECKPOINTS do
  local client = new_client()
  failed = failed + run_slice(client, math.floor(count * (step - 1) / CHECKPOINTS) + 1,
    math.floor(count * step / CHECKPOINTS))
  client:close()
  client = nil -- luacheck: no unused
  settle()
  figures[step] = { rss = memory(), descriptors = descriptors() }
  print(("%9d %8d %8d %8d %12d"):format(math.floor(count * step / CHECKPOINTS), os.time() - started,
    figures[step].rss, math.floor(collectgarbage "count"), figures[step].descriptors))
end

local client = new_client()
local stats = assert(client:request("GET", "/stats"))
client:close()
print(("%d requests, %d of them with a fault; %d tokens; %d runs started, %d of them twice; %d runs failed"):format(
  stats.requests, stats.faults, stats.tokens, stats.started, stats.duplicates, failed))

local warm, last = figures[CHECKPOINTS / 2], figures[CHECKPOINTS]
local function check(fine, problem)
  if fine then return true end
  print("NOT GOOD: " .. problem)
  return false
end
local good = check(failed == 0, "runs failed")
good = check(stats.started == count and stats.duplicates == 0, "not every run was started exactly once") and good
good = check(last.rss - warm.rss <= ALLOWANCE, ("memory has grown by %d KiB"):format(last.rss - warm.rss)) and good
good = check(last.descriptors == figures[1].descriptors, "descriptors have been left open") and good
print(good and "soak: good" or "soak: not good")
os.exit(good and 0 or 1)
