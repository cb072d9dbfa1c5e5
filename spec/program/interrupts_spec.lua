-- SPDX-License-Identifier: Apache-2.0
-- Ctrl-C and SIGTERM: src/interrupt.c and program/interrupts.lua as a user meets them. A shell's background job starts
-- with SIGINT ignored, so whatever is interrupted here was ignoring it first.

local core = require "cdfworkflow.core"
local program = require "program"
local shell = require "shell"
local stub_cdf = require "stub_cdf"

local UUID = "%x+%-%x+%-%x+%-%x+%-%x+"

--- Starts the program in the background, sends the signal when `there` holds, and tells its exit status at the end.
local SEND = [[
%s >out 2>err &
pid=$!
tries=0
until %s; do
  tries=$((tries + 1))
  [ $tries -lt 1000 ] || break
  sleep 0.02
done
%s
wait $pid
status=$?
cat out
cat err >&2
exit $status]]

--- `signal`: "INT" or "TERM", or a shell's commands that send several to $pid.
local function interrupted(words, there, signal, env)
  local folder = program.folder()
  local kill = signal:find "^%u+$" and ("kill -%s $pid"):format(signal) or signal
  local command = words:find "%$CDFWORKFLOW" and words or "$CDFWORKFLOW " .. words
  local outcome = program.shell(("( " .. SEND .. " )"):format(command, there, kill), { env = env, folder = folder })
  shell.run("rm -rf " .. folder)
  assert.is_nil(outcome.err:find "stack traceback", outcome.err)
  assert.is_nil(outcome.err:find "%.lua:%d", outcome.err)
  return outcome
end

describe("a signal #timed", function()
  local sim, env

  setup(function()
    sim = program.world()
    env = program.settings(sim.url)
  end)

  teardown(function() sim:stop() end)

  local function status_of(id)
    local shown = program.run({ "show", id, "-o", "jsonl" }, { env = env })
    return assert(core.decode(shown.out)).status
  end

  it("detaches from a run that is waited for, and tells its id", function()
    for signal, status in pairs { INT = 130, TERM = 143 } do
      local outcome = interrupted("run endless --wait", "[ -s out ]", signal, env)
      local id = outcome.out:match("^(" .. UUID .. ")\n$")
      assert.truthy(id, outcome.out)
      assert.equal(("cdfworkflow: interrupted; still going on: cdfworkflow wait %s\n"):format(id), outcome.err)
      assert.equal(status, outcome.status)
      assert.equal("RUNNING", status_of(id))
    end
  end)

  it("cancels it where asked", function()
    for signal, status in pairs { INT = 130, TERM = 143 } do
      local outcome = interrupted("run endless --wait --on-interrupt cancel", "[ -s out ]", signal, env)
      local id = outcome.out:match "%S+"
      assert.equal(("cdfworkflow: interrupted; execution %s is cancelled\n"):format(id), outcome.err)
      assert.equal(status, outcome.status)
      assert.equal("TERMINATED", status_of(id))
    end
  end)

  it("detaches from several at once, and tells those that go on", function()
    local ids = {}
    for i, workflow in ipairs { "endless", "daily-report", "endless" } do
      ids[i] = program.run({ "run", workflow }, { env = env }).out:match "%S+"
    end
    assert(program.run({ "wait", ids[2] }, { env = env }).status == 0)
    local words = "-v wait " .. table.concat(ids, " ")
    local there = ([[ [ "$(grep -sc 'executions/.*: 200' err)" -ge 3 ] ]])
    local outcome = interrupted(words, there, "INT", env)
    assert.matches(("still going on: cdfworkflow wait %s %s\n"):format(ids[1], ids[3]):gsub("%-", "%%-"), outcome.err)
    assert.equal(130, outcome.status)
  end)

  --- A run against a server that behaves so; `flag` in its source is the name of a file that it can make.
  local function interrupted_at(behave, there, signal, words)
    local folder = program.folder()
    local stub = stub_cdf.serve(("local flag = %q\n"):format(folder .. "/flag") .. behave)
    local settings = program.settings(stub.url)
    settings.IDP_TOKEN_URL = stub.url .. "/token/p"
    local at = folder .. "/flag"
    local outcome = interrupted(words, there:gsub("FLAG", at), signal:gsub("FLAG", at), settings)
    local counts = stub:stop()
    shell.run("rm -rf " .. folder)
    return outcome, counts
  end

  it("ends what has not been started yet", function()
    local outcome, counts = interrupted_at([[function behave() io.open(flag, "w"):close() sleep(60) end]],
      "[ -e FLAG ]", "INT", "run w 1")
    assert.same({ ["token p"] = 1 }, counts)
    assert.equal("", outcome.out)
    assert.equal("cdfworkflow: interrupted; nothing was started\n", outcome.err)
    assert.equal(130, outcome.status)
  end)

  local SLOW_RUN = [[function behave(kind, plan, answer, connection)
    if kind == "run" then io.open(flag, "w"):close() sleep(SECONDS) end
    connection:write(kind:find "/list$" and answer_of(kind, '{"items":[]}') or answer)
  end]]

  it("while CDF may be starting a run, waits for its answer, so that the run is known", function()
    local outcome = interrupted_at(SLOW_RUN:gsub("SECONDS", "1.5"), "[ -e FLAG ]", "TERM", "run w 1 --wait")
    local id = outcome.out:match("^(" .. UUID .. ")\n$")
    assert.truthy(id, outcome.out)
    assert.equal("cdfworkflow: interrupted; waiting for CDF's answer, to know whether the run was started (once more: "
      .. "do not wait)\n" .. ("cdfworkflow: interrupted; still going on: cdfworkflow wait %s\n"):format(id),
      outcome.err)
    assert.equal(143, outcome.status)
  end)

  it("a second time ends that too, and says how to find out", function()
    local twice = "kill -INT $pid; until grep -sq 'waiting for CDF' err; do sleep 0.02; done; kill -INT $pid"
    local outcome = interrupted_at(SLOW_RUN:gsub("SECONDS", "60"), "[ -e FLAG ]", twice, "run w 1 --request-id order-7")
    assert.equal("", outcome.out)
    assert.matches("it is not known whether a run was started; to find out, run it again with the same "
      .. "%-%-request%-id\n", outcome.err)
    assert.equal(130, outcome.status)
  end)

  it("a second time ends the cancelling, too, and says of each run that it may go on", function()
    local CANCELS = [[function behave(kind, plan, answer, connection)
      if kind:find "/cancel$" then io.open(flag, "w"):close() sleep(60) end
      connection:write(kind:find "^executions" and answer_of(kind, '{"id":"059edaa4-a17a-4102-910e-2c3591500cce",'
        .. '"workflowExternalId":"w","status":"RUNNING","createdTime":1}') or answer)
    end]]
    local twice = "kill -INT $pid; until [ -e FLAG ]; do sleep 0.02; done; kill -INT $pid"
    local words = "-v wait 059edaa4-a17a-4102-910e-2c3591500cce 059edaa4-a17a-4102-910e-2c3591500ccf "
      .. "--on-interrupt cancel"
    local outcome = interrupted_at(CANCELS, "grep -sq 'executions/.*200' err", twice, words)
    assert.equal(130, outcome.status)
    local notes = outcome.err:gsub("[^\n]* %d+%.%d+ s\n", "")
    assert.equal("cdfworkflow: interrupted; whether execution 059edaa4-a17a-4102-910e-2c3591500cce is cancelled, "
      .. "cdfworkflow show 059edaa4-a17a-4102-910e-2c3591500cce tells\n"
      .. "cdfworkflow: interrupted; still going on: cdfworkflow wait 059edaa4-a17a-4102-910e-2c3591500ccf\n", notes)
  end)

  it("ends the program at once while it reads its input", function()
    for signal, status in pairs { INT = 130, TERM = 143 } do
      local words = "mkfifo pipe; $CDFWORKFLOW run daily-report --input - <>pipe"
      local it_reads = "head -c 70000 /dev/zero >pipe" -- more than a pipe holds
      local outcome = interrupted(words, it_reads, signal, env)
      assert.equal("", outcome.out)
      assert.equal(status, outcome.status)
    end
  end)
end)
