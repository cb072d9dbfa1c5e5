-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 luajit
-- The exit statuses of the program, each by its own cause; the table of the code is that of the manual.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
local program = require "program"

local LAW = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 75, 124, 130, 143 }

describe("the table of exit statuses", function()
  it("has every status of the law, once, with its meaning", function()
    local codes = {}
    for i, exit in ipairs(exits.TABLE) do
      codes[i] = exit.code
      assert.is_true(#exit.meaning > 5)
      assert.equal(exit.code, exits[exit.name])
    end
    assert.same(LAW, codes)
  end)

  it("gives each kind of error its status", function()
    local function of(kind, more)
      local err = { kind = kind }
      for name, value in pairs(more or {}) do err[name] = value end
      return exits.of_error(err)
    end
    assert.equal(2, of "invalid")
    assert.equal(7, of "ambiguous")
    assert.equal(75, of "transport")
    assert.equal(75, of("transport", { retryable = true }))
    assert.equal(6, of("transport", { retryable = false })) -- a proxy refused
    assert.equal(75, of "timeout")
    assert.equal(75, of "throttled")
    assert.equal(75, of("api", { status = 503, retryable = true }))
    assert.equal(6, of("api", { status = 403 }))
    assert.equal(6, of "auth")
    assert.equal(6, of "tls")
    assert.equal(6, of "protocol")
    assert.equal(124, of("timeout", { waited = true }))
  end)

  it("lets the worst of several decide", function()
    assert.equal(3, exits.worse(5, 3))
    assert.equal(4, exits.worse(4, 5))
    assert.equal(5, exits.worse(0, 5))
    assert.equal(3, exits.worse(124, 3))
    assert.equal(7, exits.worse(7, 3))
    assert.equal(6, exits.worse(75, 6))
  end)

  it("takes a final status that it does not know for no success", function()
    assert.equal(0, exits.of_status "COMPLETED")
    assert.equal(3, exits.of_status "EXPLODED")
  end)
end)

describe("the program ends with", function()
  local sim, env

  setup(function()
    sim = program.world()
    env = program.settings(sim.url)
  end)

  teardown(function() sim:stop() end)

  ---@return spec.program.Outcome
  local function run(...) return program.run({ ... }, { env = env }) end

  local function ends(status, ...)
    local outcome = run(...)
    assert.equal(status, outcome.status, outcome.err)
    assert.is_nil(outcome.err:find "stack traceback")
    return outcome
  end

  it("0 where a run was accepted, and where it was waited for and COMPLETED", function()
    local outcome = ends(0, "run", "daily-report")
    assert.matches("^" .. ("%x"):rep(8) .. "%-%x+%-%x+%-%x+%-%x+\n$", outcome.out)
    assert.equal("", outcome.err)
    outcome = ends(0, "run", "daily-report", "--wait")
    assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+\nCOMPLETED\n$", outcome.out)
    assert.equal("", outcome.err)
  end)

  it("2 for a command line, settings or input that are wrong", function()
    ends(2, "run")
    ends(2, "run", "daily-report", "--input", "{")
    local outcome = program.run({ "run", "daily-report" }, { env = {} })
    assert.equal(2, outcome.status)
    assert.matches("^cdfworkflow: .*CDF_", outcome.err)
  end)

  it("3 where the run FAILED, with the reason", function()
    local outcome = ends(3, "run", "fails", "--wait")
    assert.matches("\nFAILED\n$", outcome.out)
    assert.equal('cdfworkflow: task "clean" failed: the valve is shut\n', outcome.err)
  end)

  it("4 where the run TIMED_OUT", function()
    local days = program.world() -- its clock is moved
    local there = { env = program.settings(days.url) }
    local id = program.run({ "run", "times-out" }, there).out:match "%S+"
    days:advance(3000)
    local task = core.decode(program.run({ "show", id, "-o", "json" }, there).out).executedTasks[1].id
    assert.equal(0, program.run({ "complete", task }, there).status)
    days:advance(86400 - 3000)
    local outcome = program.run({ "wait", id }, there)
    days:stop()
    assert.equal("TIMED_OUT\n", outcome.out)
    assert.equal(4, outcome.status, outcome.err)
    assert.equal("cdfworkflow: the run timed out: Execution timed out\n", outcome.err)
  end)

  it("5 where the run was TERMINATED", function()
    local id = ends(0, "run", "endless").out:match "%S+"
    ends(0, "cancel", id, "--reason", "enough")
    local outcome = ends(5, "wait", id)
    assert.equal("TERMINATED\n", outcome.out)
    assert.matches("enough", outcome.err)
  end)

  it("6 where CDF, the identity provider or a proxy refuses", function()
    local outcome = ends(6, "run", "no-such-workflow")
    assert.matches("no%-such%-workflow", outcome.err)
    outcome = program.run({ "run", "daily-report" }, { env = { CDF_URL = sim.url, CDF_PROJECT = "p",
      IDP_TOKEN_URL = sim.url .. "/oauth2/token", IDP_CLIENT_ID = "me", IDP_CLIENT_SECRET = "wrong" } })
    assert.equal(6, outcome.status, outcome.err)
  end)

  it("7 where it is not known whether a run was started, and says how to find out", function()
    sim:fault { match = { operation = "run" }, drop = "after" }
    local outcome = ends(7, "run", "daily-report", "1")
    assert.equal("", outcome.out)
    local command = outcome.err:match "to find out, look for it with: (cdfworkflow list [^\n]*)\n$"
    assert.equal("cdfworkflow list --workflow 'daily-report' --since 1h", command, outcome.err)
    assert.matches("daily%-report", ends(0, "list", "--workflow", "daily-report", "--since", "1h").out)
  end)

  it("7 where a run was started and cannot be followed", function()
    sim:fault { match = { operation = "retrieveWorkflowExecution" }, status = 403 }
    local outcome = ends(7, "run", "daily-report", "1", "--wait")
    assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+\n$", outcome.out)
    assert.matches("403", outcome.err)
  end)

  it("8 where check finds something", function()
    local outcome = ends(8, "check", "no-such-workflow")
    assert.matches("no%-such%-workflow", outcome.out)
    ends(0, "check", "daily-report")
  end)

  it("75 where there is no connection, or no room, and nothing was started", function()
    local before = ends(0, "list", "-o", "id", "--limit", "1000").out
    sim:fault { match = { operation = "session" }, status = 429, headers = { ["Retry-After"] = "3600" } }
    assert.matches("429[^\n]*; nothing was started\n$", ends(75, "run", "daily-report", "1").err)
    local outcome = program.run({ "run", "w", "1" }, { env = program.settings "http://127.0.0.1:1" })
    assert.equal(75, outcome.status)
    assert.matches("no connection [^\n]*; nothing was started\n$", outcome.err)
    assert.equal(before, ends(0, "list", "-o", "id", "--limit", "1000").out)
  end)

  it("124 where the time of -t has passed; the run goes on, or is cancelled as asked", function()
    local outcome = ends(124, "run", "endless", "--wait", "-t", "1")
    local id = outcome.out:match "%S+"
    assert.matches("is RUNNING, not over after 1 s of waiting", outcome.err)
    assert.matches('"status": "RUNNING"', ends(0, "show", id, "-o", "json").out)
    id = ends(124, "run", "endless", "--wait", "-t", "1", "--cancel-on-timeout").out:match "%S+"
    assert.matches('"status": "TERMINATED"', ends(0, "show", id, "-o", "json").out)
  end)

  it("the worst of several", function()
    local failed = run("run", "fails").out:match "%S+"
    local fine = run("run", "daily-report").out:match "%S+"
    local outcome = ends(3, "wait", fine, failed)
    assert.equal(fine .. " COMPLETED\n" .. failed .. " FAILED\n", outcome.out)
    assert.equal(("cdfworkflow: %s: task \"clean\" failed: the valve is shut\n"):format(failed), outcome.err)
  end)

  it("1 for a bug of its own, in one line", function()
    local outcome = program.run({ "list" }, { env = {
      LUA_INIT = [[package.preload["cdfworkflow.program.commands.list"] = function() local none; return none.x end]],
    } })
    assert.equal(1, outcome.status)
    assert.matches("^cdfworkflow: this is a bug of the program, please report it: [^\n]*none[^\n]*\n$", outcome.err)
  end)

  it("1 where its output cannot be written", function()
    local outcome = program.shell("$CDFWORKFLOW list >/dev/full", { env = env })
    assert.equal(1, outcome.status)
    assert.matches("^cdfworkflow: standard output: No space left on device", outcome.err)
    outcome = program.shell("$CDFWORKFLOW run daily-report >/dev/full", { env = env })
    assert.equal(1, outcome.status)
    assert.matches("^cdfworkflow: execution %x+%-.*\ncdfworkflow: standard output: No space", outcome.err)
  end)
end)
