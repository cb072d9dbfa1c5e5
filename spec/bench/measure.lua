-- SPDX-License-Identifier: Apache-2.0
-- What the rows of the bench measure with: programs in turns, the least of each; instructions; a CDF on loopback that
-- answers at once.

local nginx = require "nginx"
local shell = require "shell"
local slow_cdf = require "slow_cdf"

local measure = {}

--- What measures and what answers are kept apart where there are two processors.
local PINNED = tonumber((shell.run "nproc")) > 1

--- The command on the processor of what measures.
---@param command string
function measure.pinned(command) return PINNED and "taskset -c 0 " .. command or command end

--- What a command writes to standard output; it must end well.
---@param command string
---@return string
function measure.run(command)
  local process = assert(io.popen(command))
  local said = process:read "*a"
  assert(process:close(), "failed: " .. command:gsub("ttt+", "TOKEN"))
  return said
end

local function numbers(text)
  local found = {}
  for word in text:gmatch "%S+" do found[#found + 1] = assert(tonumber(word), "no number: " .. text) end
  return found
end

--- Runs commands that print numbers in turns, and gives the least of each number: what is more is another process's
--- doing.
---@param turns integer
---@param commands string[]
---@return number[][] one list for each command
function measure.least(turns, commands)
  local least = {}
  for i = 1, #commands do least[i] = {} end
  for _ = 1, turns do
    for i, command in ipairs(commands) do
      for column, value in ipairs(numbers(measure.run(command))) do
        least[i][column] = math.min(least[i][column] or math.huge, value)
      end
    end
  end
  return least
end

--- Instructions of a command, by callgrind; the same from one time to the next, whatever else this machine does.
---@param command string with `%s` where valgrind goes
---@return number
function measure.instructions(command)
  local said = measure.run(command:format "valgrind --tool=callgrind --callgrind-out-file=/dev/null" .. " 2>&1")
  return assert(tonumber(said:match "Collected : (%d+)"), said)
end

--- The command that runs a Lua file of the bench on a Lua.
---@param lua string "5.4", "5.1", "luajit", …
---@param words string
---@param build? string folder of another build
function measure.on(lua, words, build)
  local runner = PINNED and "RUNNER='taskset -c 0' " or ""
  return ("%s%sspec/bench/on.sh %s spec/bench/%s"):format(build and "BUILD=" .. build .. " " or "", runner, lua, words)
end

--- Compiles a program of the bench, with libcurl. → its path
---@param folder table what `temp_folder.new()` gives
---@param name string
function measure.program(folder, name)
  local path = folder.path .. "/" .. name
  measure.run(("cc -O2 -std=c99 -o %s spec/bench/%s.c $(pkg-config --cflags --libs libcurl)"):format(path, name))
  return path
end

local CDF = [[
default_type application/json;
location = /oauth2/token { return 200 '{"access_token":"%s","expires_in":3600}'; }
location = /api/v1/projects/p/sessions {
  return 200 '{"items":[{"id":1,"type":"TOKEN_EXCHANGE","status":"READY","nonce":"0123456789abcdef"}]}';
}
location = /api/v1/projects/p/workflows/foo/versions/1/run {
  return 202 '%s';
}
]]

local EXECUTION = '{"id":"059edaa4-b17d-4f6e-8b3b-2a4a3e0d0f11","workflowExternalId":"foo","version":"1",'
  .. '"status":"RUNNING","engineExecutionId":"e1","createdTime":1700000000000,"startTime":null,"endTime":null,'
  .. '"reasonForIncompletion":null,"metadata":{}}'

--- A token of the usual length.
measure.TOKEN = ("t"):rep(1000)

--- The server block of a CDF that answers at once, and of its identity provider.
measure.CDF = CDF:format(measure.TOKEN, EXECUTION)

--- Runs a function with a CDF on loopback that answers at once, from another processor where there is one.
---@param fn fun(url: string)
function measure.with_cdf(fn)
  local server = nginx.start { server = measure.CDF }
  for _, pid in ipairs(PINNED and server:workers() or {}) do shell.run("taskset -p -c 1 " .. pid) end
  local ok, err = xpcall(fn, debug.traceback, server.url)
  server:stop()
  if not ok then error(err, 0) end
end

--- Many runs at the same time, each of two answers after `delay` seconds, against the same in plain C with libcurl
--- multi.
---@param opts { way: "many"|"gather", runs: integer, concurrency: integer, connections: integer, delay: number,
---  turns: integer, server?: table, plain: string } `server`: of slow_cdf.start; `plain`: the program many.c
---@return { cpu: number, wall: number, peak: number, stays: number } ours seconds, and KiB of memory
---@return { cpu: number, wall: number, peak: number } theirs
function measure.many(opts)
  local settings = { delay = opts.delay }
  for name, value in pairs(opts.server or {}) do settings[name] = value end
  local cdf = slow_cdf.start(settings)
  local words = ("%s/api/v1/projects/p %s '%s' %d %d %d"):format(cdf.url, measure.TOKEN, cdf.ca_file or "", opts.runs,
    opts.concurrency, opts.connections)
  local ok, least = pcall(measure.least, opts.turns, {
    measure.on("5.4", ("many.lua %s %s"):format(opts.way, words)), measure.pinned(opts.plain .. " " .. words),
  })
  cdf:stop()
  if not ok then error(least, 0) end
  local function named(list) return { cpu = list[1], wall = list[2], peak = list[3], stays = list[4] } end
  return named(least[1]), named(least[2])
end

return measure
