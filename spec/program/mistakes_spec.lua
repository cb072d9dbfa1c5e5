-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- What the best-known programs of this kind get wrong, each as a named spec, and what a shell, cron or a pipe can do
-- to a program.

local core = require "cdfworkflow.core"
local program = require "program"
local shell = require "shell"
local stub_cdf = require "stub_cdf"

local UUID = "%x+%-%x+%-%x+%-%x+%-%x+"

describe("no peer's mistake: #timed", function()
  local sim, env

  setup(function()
    sim = program.world()
    env = program.settings(sim.url)
  end)

  teardown(function() sim:stop() end)

  local function run(...) return program.run({ ... }, { env = env }) end

  --- The settings that lead to a stub, and the stub.
  local function stub_of(behave)
    local stub = stub_cdf.serve(behave)
    local settings = program.settings(stub.url)
    settings.IDP_TOKEN_URL = stub.url .. "/token/p"
    return settings, stub
  end

  it("it does not say 0 when a run has FAILED", function()
    local ways = { { "run", "fails", "-w" }, { "run", "fails", "--watch" }, { "run", "fails", "-wo", "json" } }
    for _, words in ipairs(ways) do
      assert.equal(3, program.run(words, { env = env }).status)
    end
  end)

  it("it tells the id before it waits, and flushes it", function()
    local script = [[
      $CDFWORKFLOW run endless %s >out 2>err &
      pid=$!
      tries=0
      until grep -q '[0-9a-f]-' %s || [ $tries = 500 ]; do tries=$((tries + 1)); sleep 0.02; done
      cat %s
      kill -KILL $pid
      wait $pid 2>/dev/null
      exit 0]]
    for words, file in pairs { ["--wait"] = "out", ["--watch"] = "out", ["--wait -o id"] = "out",
      ["--wait -o jsonl"] = "out", ["--wait -o json"] = "err" } do
      local folder = program.folder()
      local outcome = program.shell("( " .. script:format(words, file, file) .. " )", { env = env, folder = folder })
      shell.run("rm -r " .. folder)
      assert.matches(UUID, outcome.out, words)
    end
  end)

  it("it does not hang in silence: what takes more than 2 s is told", function()
    local settings, stub = stub_of [[function behave(kind, plan, answer, connection)
      if kind == "token" then sleep(3) end
      connection:write(answer)
    end]]
    local outcome = program.run({ "run", "w", "1" }, { env = settings })
    stub:stop()
    assert.equal(0, outcome.status)
    assert.matches("^cdfworkflow: waiting for a token from 127%.0%.0%.1:%d+\n$", outcome.err)
    settings, stub = stub_of [[
      local count = 0
      function behave(kind, plan, answer, connection)
        count = count + (kind == "session" and 1 or 0)
        if kind == "session" and count == 1 then
          answer = "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
        end
        connection:write(answer)
      end]]
    outcome = program.run({ "run", "w", "1" }, { env = settings })
    local quiet = program.run({ "run", "w", "1", "-q" }, { env = settings })
    stub:stop()
    assert.equal(0, outcome.status, outcome.err)
    assert.matches("^cdfworkflow: 127%.0%.0%.1:%d+: answered with 503; trying again\n$", outcome.err)
    assert.equal("", quiet.err)
  end)

  it("it waits for five seconds for a host that is not there #timed", function()
    local nobody = "http://127.0.0.1:1"
    local begun = core.now()
    local outcome = program.run({ "run", "w", "1" }, { env = program.settings(nobody) })
    local took = core.now() - begun
    assert.equal(75, outcome.status)
    assert.is_true(took < 8, took)
    assert.matches("the token request to http://127%.0%.0%.1:1/oauth2/token: no connection .*check IDP_TOKEN_URL; "
      .. "nothing was started\n$", outcome.err)
  end)

  it("it does not wait for long for a host that swallows what comes #timed", function()
    -- A port whose queue of connections is full drops what else comes.
    local folder = program.folder()
    program.write(folder .. "/hole.py", [[
import socket, time
hole = socket.socket()
hole.bind(("127.0.0.1", 0))
hole.listen(0)
kept = []
for _ in range(3):
    kept.append(socket.socket())
    kept[-1].setblocking(False)
    kept[-1].connect_ex(hole.getsockname())
print(hole.getsockname()[1], flush=True)
time.sleep(30)
]])
    local child = assert(io.popen(("echo $$; exec python3 %s/hole.py"):format(folder)))
    local pid, port = child:read "*l", child:read "*l"
    local begun = core.now()
    local outcome = program.run({ "run", "w", "1" }, { env = program.settings("http://127.0.0.1:" .. port) })
    local took = core.now() - begun
    os.execute("kill " .. pid)
    child:close()
    shell.run("rm -r " .. folder)
    assert.equal(75, outcome.status)
    assert.is_true(took < 12, took)
    assert.matches("nothing was started\n$", outcome.err)
  end)

  it("it shows no stack trace, whatever is wrong", function()
    for _, words in ipairs { {}, { "" }, { "run" }, { "run", "", "" }, { "run", "\255", "1" }, { "wait", "x" },
      { "list", "--limit", "0" }, { "show", "\n" }, { "lint", "/nowhere" }, { "graph", "/dev/null" },
      { "-o", "xml", "list" } } do
      local outcome = program.run(words, { env = env })
      assert.is_true(outcome.status >= 2 and outcome.status <= 8, outcome.status .. outcome.err)
      assert.is_nil(outcome.err:find "stack traceback", outcome.err)
      assert.is_nil(outcome.err:find "%.lua:%d+:", outcome.err)
      assert.matches("^cdfworkflow: [^\n]+\n$", outcome.err)
    end
  end)

  it("it keeps quiet when the reader of a pipe has gone", function()
    for _ = 1, 3 do run("run", "daily-report") end
    local outcome = program.shell("$CDFWORKFLOW list | head -n 1; $CDFWORKFLOW run daily-report --wait | true",
      { env = env })
    assert.equal("", outcome.err)
    -- Where SIGPIPE is ignored, as Python's children have it, the write fails instead.
    outcome = program.shell("trap '' PIPE; mkfifo pipe; exec 3<>pipe 4>pipe 3<&-; $CDFWORKFLOW list >&4", { env = env })
    assert.equal("", outcome.err)
    assert.not_equal(0, outcome.status)
  end)

  it("it copes with streams that are closed", function()
    local outcome = program.shell("$CDFWORKFLOW run daily-report --wait <&-", { env = env })
    assert.equal(0, outcome.status, outcome.err)
    outcome = program.shell("$CDFWORKFLOW run daily-report -i - <&-", { env = env })
    assert.equal(2, outcome.status)
    assert.matches("^cdfworkflow: standard input", outcome.err)
    outcome = program.shell("$CDFWORKFLOW run daily-report >&-", { env = env })
    assert.equal(1, outcome.status)
    outcome = program.shell("$CDFWORKFLOW run fails --wait 2>&-", { env = env })
    assert.equal(3, outcome.status)
    assert.matches("FAILED\n$", outcome.out)
  end)

  it("it shows no secret, in errors, notes and dry runs", function()
    local canary = "canary-5e1f"
    local settings = program.settings(sim.url)
    settings.IDP_CLIENT_SECRET = canary
    for _, words in ipairs { { "run", "daily-report", "-v" }, { "run", "daily-report", "1", "-n", "-o", "json" },
      { "check", "-v" }, { "run", "daily-report", "-n", "-v", "--client-secret", canary } } do
      local outcome = program.run(words, { env = settings })
      assert.is_nil((outcome.out .. outcome.err:gsub("unknown option.*", "")):find(canary, 1, true))
    end
    settings = program.settings("http://127.0.0.1:1")
    settings.IDP_TOKEN_URL, settings.CDF_TOKEN, settings.LOGIN_FLOW = nil, canary, "token"
    settings.CDF_CLIENT_TIMEOUT = "1"
    local outcome = program.run({ "run", "w", "1", "-v" }, { env = settings })
    assert.equal(75, outcome.status)
    assert.is_nil((outcome.out .. outcome.err):find(canary, 1, true))
  end)
end)
