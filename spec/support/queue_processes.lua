-- SPDX-License-Identifier: Apache-2.0
-- Real processes on one spool, a server behind, and kill -9 at random moments: those that put, and drains, often two at
-- once. What was told to be kept is started exactly once, and nothing is started twice.

local cdf = require "cdfworkflow"
local program = require "program"
local server = require "server"
local shell = require "shell"
local unreliable = require "unreliable"

local processes = {}

--- 90 s are 0.45 s then.
local SCALE = 200
local PER_ROUND = 4

local FUNCTIONS = [[return {
  functions = { quick = function() return {} end },
  versions = { { workflowExternalId = "w", version = "1", workflowDefinition = { tasks = { {
    externalId = "t", type = "function", retries = 0, parameters = { ["function"] = { externalId = "quick" } },
  } } } } },
}]]

local function command(...)
  local words = { shell.lua, shell.quote(program.ROOT .. "spec/support/queue_process.lua"), tostring(SCALE) }
  for _, word in ipairs { ... } do words[#words + 1] = shell.quote(tostring(word)) end
  return table.concat(words, " ")
end

--- Faults of every sort, again and again.
local function faults(random, rounds)
  local words = {}
  local kinds = { "run:drop-after", "run:drop-before", "session:503x2", "run:503", "run:502,foreign-after",
    "token:503" }
  for i = 1, rounds do
    words[#words + 1] = "--fault"
    words[#words + 1] = ("%s@%d"):format(kinds[math.floor(random() * #kinds) + 1], i)
  end
  return words
end

local function safe_ids(path)
  local ids = {}
  for line in io.lines(path) do ids[line] = true end
  return ids
end

local function count_runs(url)
  local client = assert(cdf.client {
    project = "p", base_url = url, credentials = assert(cdf.credentials {
      client_id = "me", client_secret = "s3cr3t", token_url = url .. "/oauth2/token",
    }),
  })
  local counts = {}
  for execution in client.workflows.executions:each() do
    local id = execution.metadata["cdfworkflow.requestId"]
    counts[id] = (counts[id] or 0) + 1
  end
  client:close()
  return counts
end

--- The processes of one round, each killed at a moment of its own. A shell's line.
local function round_of(random, i, folder, url)
  local lines = {}
  local function add(line, longest)
    lines[#lines + 1] = ("%s 2>>%s/err & pid=$!; (sleep %.3f; kill -9 $pid 2>/dev/null) & "):format(line, folder,
      random() * longest)
  end
  add(command("put", folder .. "/spool", i * PER_ROUND + 1, (i + 1) * PER_ROUND, folder .. "/safe"), 0.8)
  for _ = 1, random() < 0.5 and 2 or 1 do
    add(command("drain", folder .. "/spool", url, math.floor(random() * 3) + 1), 1.5)
  end
  return table.concat(lines) .. "wait"
end

--- So many rounds.
---@param rounds integer
---@param seed integer
---@return { safe: integer, started: integer }
function processes.try(rounds, seed)
  local random, folder = unreliable.random(seed), program.folder()
  local words = { "--project", "p", "--client-id", "me", "--client-secret", "s3cr3t", "--load",
    program.write(folder .. "/world.lua", FUNCTIONS) }
  for _, word in ipairs(faults(random, rounds)) do words[#words + 1] = word end
  local sim = server.start(words)
  program.write(folder .. "/safe", "")
  for i = 0, rounds - 1 do shell.run(round_of(random, i, folder, sim.url)) end
  local said
  for _ = 1, 10 do said = shell.run(command("drain", folder .. "/spool", sim.url, 1)) end
  local counts, safe = count_runs(sim.url), safe_ids(folder .. "/safe")
  local left = assert(cdf.queue { spool = folder .. "/spool" })
  local count = assert(left:count())
  left:close()
  sim:stop()
  assert(count.waiting + count.refused == 0, ("%d still wait, %d were refused: %s"):format(count.waiting, count.refused,
    said))
  local done = { safe = 0, started = 0 }
  for id in pairs(safe) do
    assert(counts[id], id .. " was lost")
    done.safe = done.safe + 1
  end
  for id, runs in pairs(counts) do
    assert(runs == 1, ("%s was started %d times"):format(id, runs))
    done.started = done.started + 1
  end
  assert(done.safe > rounds / 2, done.safe .. " were put: the machine is too slow for this")
  shell.run("rm -rf " .. folder)
  return done
end

return processes
