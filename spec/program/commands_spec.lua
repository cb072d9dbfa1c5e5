-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 luajit
-- The commands that look, change or schedule, one after the other; run, retry, wait, watch, lint, graph and deploy have
-- specs of their own.

local core = require "cdfworkflow.core"
local program = require "program"
local shell = require "shell"

local TIME = "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ"

describe("the command", function()
  local sim, env, fine, failed

  local function run(...) return program.run({ ... }, { env = env }) end

  local function good(...)
    local outcome = run(...)
    assert.equal(0, outcome.status, outcome.err)
    return outcome.out, outcome.err
  end

  local function json(...) return assert(core.decode((good("-o", "json", ...)))) end

  setup(function()
    sim = program.world()
    env = program.settings(sim.url)
    fine = run("run", "daily-report", "-i", '{"site":"north"}', "-m", "by=spec").out:match "%S+"
    failed = run("run", "fails").out:match "%S+"
    run("wait", fine, failed)
  end)

  teardown(function() sim:stop() end)

  describe("list", function()
    it("shows the newest runs, with their reasons", function()
      local out = good "list"
      assert.matches("^" .. failed:gsub("%-", "%%-") .. "  FAILED     fails         1  " .. TIME
        .. "  %d+ s +Task clean failed\n" .. fine:gsub("%-", "%%-") .. "  COMPLETED  daily%-report  1  " .. TIME
        .. "  %d+ s\n$", out)
    end)

    it("filters by status, workflow, version and time", function()
      assert.equal(failed .. "\n", good("list", "--status", "failed", "-o", "id"))
      assert.equal(fine .. "\n", good("list", "--workflow", "daily-report", "--version", "1", "-o", "id"))
      assert.equal("", good("list", "--workflow", "daily-report", "--version", "2", "-o", "id"))
      assert.equal(failed .. "\n" .. fine .. "\n", good("list", "--since", "1h", "-o", "id"))
      assert.equal("", good("list", "--since", "2100-01-01", "-o", "id"))
      assert.equal(failed .. "\n" .. fine .. "\n", good("list", "--since", "2020-02-29T12:00:00.5+01:00", "-o", "id"))
      assert.equal(failed .. "\n" .. fine .. "\n",
        good("list", "--status", "FAILED", "--status", "COMPLETED", "-o", "id"))
    end)

    it("says so when there may be more", function()
      local out, err = good("list", "--limit", "1", "-o", "jsonl")
      assert.equal(failed, core.decode(out).id)
      assert.equal("cdfworkflow: the newest 1 only; --limit shows more\n", err)
    end)

    it("is one document as JSON, an empty one too", function()
      assert.equal(2, #json "list")
      assert.equal("[]\n", good("list", "--since", "2100-01-01", "-o", "json"))
      assert.equal("", good("list", "--since", "2100-01-01"))
    end)

    it("has headings on a terminal only, and no line wider than it", function()
      local written = program.on_terminal({ "list" }, { env = env, columns = 60, rows = 20 })
      assert.matches("^ID +STATUS +WORKFLOW  …\r\n", written)
      for line in written:gmatch "[^\r\n]+" do assert.is_true(#line:gsub("…", ".") <= 60, line) end
      assert.matches("\n%x+%-%x+%-%x+%-%x+%-%x+  FAILED     fails     …\r\n", written)
      local ascii = program.settings(sim.url)
      ascii.LC_ALL = "C"
      written = program.on_terminal({ "list" }, { env = ascii, columns = 80, rows = 20 })
      assert.matches("COMPLETED  daily%-report  1        %d%d%d%d%-%d%d~\r\n", written)
    end)

    it("refuses what has no meaning", function()
      assert.matches("^cdfworkflow: 'FAILD' is none of .*; did you mean \"FAILED\"%?",
        run("list", "--status", "FAILD").err)
      assert.matches("^cdfworkflow: 'x' is no whole number above zero", run("list", "--limit", "x").err)
      assert.matches("^cdfworkflow: '2026%-02%-30' is no time", run("list", "--since", "2026-02-30").err)
      assert.equal("cdfworkflow: --version has no meaning without --workflow\n", run("list", "--version", "1").err)
    end)

    it("gives ids for xargs", function()
      local outcome = program.shell("$CDFWORKFLOW list --status FAILED --since 1d -o id | xargs $CDFWORKFLOW why",
        { env = env })
      assert.equal('task "clean" failed: the valve is shut\n', outcome.out)
    end)
  end)

  it("show: a run with what it was given and its tasks", function()
    local out = good("show", fine)
    for _, line in ipairs { "id        " .. fine, 'metadata  {"by":"spec"}', 'input     {"site":"north"}',
      "✓ daily-report version 1  completed in" } do
      assert.truthy(out:find(line, 1, true), out)
    end
    assert.equal("north", json("show", fine).input.site)
    local odd = run("run", "daily-report", "-m", "note=\194\15531m").out:match "%S+" -- the start of an escape sequence
    assert.matches('\nmetadata  {"note":" 31m"}\n', good("show", odd))
    assert.equal(6, run("show", "059edaa4-a17a-4102-910e-2c3591500cce").status)
    assert.equal(2, run("show", "x").status)
  end)

  it("why: the reason of each", function()
    assert.equal('task "clean" failed: the valve is shut\n', good("why", failed))
    assert.equal("nothing failed: the run is COMPLETED\n", good("why", fine))
    assert.equal(("%s nothing failed: the run is COMPLETED\n%s task \"clean\" failed: the valve is shut\n"):format(fine,
      failed), good("why", fine, failed))
    assert.equal('task "clean" failed: the valve is shut', json("why", failed).why)
    local outcome = run("why", "059edaa4-a17a-4102-910e-2c3591500cce", failed)
    assert.equal(6, outcome.status)
    assert.matches("^cdfworkflow: 059edaa4%-a17a%-4102%-910e%-2c3591500cce: .*404", outcome.err)
    assert.matches("the valve is shut\n$", outcome.out)
  end)

  it("cancel: ends runs, with a reason", function()
    local ids = {}
    for i = 1, 2 do ids[i] = run("run", "endless").out:match "%S+" end
    assert.equal("TERMINATED\n", good("cancel", ids[1], "--reason", "by a spec"))
    assert.matches("by a spec", good("show", ids[1]))
    assert.equal(ids[2] .. "\n", good("cancel", ids[2], "-o", "id"))
    assert.equal(2, run("cancel", ids[1], "--reason", ("x"):rep(501)).status)
  end)

  it("complete: the outcome of a task that waits for it", function()
    local function task_of(id) return json("show", id).executedTasks[1] end
    local id = run("run", "by-hand").out:match "%S+"
    assert.equal("COMPLETED\n", good("complete", task_of(id).id, "--output", '{"approved":true}'))
    assert.equal("COMPLETED\n", good("wait", id))
    assert.is_true(task_of(id).output.approved)
    id = run("run", "by-hand").out:match "%S+"
    good("complete", task_of(id).id, "--status", "failed_with_terminal_error")
    assert.equal(3, run("wait", id).status)
    local outcome = run("complete", task_of(id).id, "--output", "[]")
    assert.equal(2, outcome.status)
    assert.equal("cdfworkflow: --output must be a JSON object, not an array\n", outcome.err)
    outcome = run("complete", task_of(id).id, "--status", "DONE")
    assert.equal(2, outcome.status)
    assert.matches("'DONE' is none of COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR", outcome.err)
  end)

  it("workflows, versions and definition: what there is", function()
    assert.matches("daily%-report +" .. TIME .. "\n", good "workflows")
    assert.matches("\ntwo%-versions\n", "\n" .. good("workflows", "-o", "id"))
    assert.equal("1\n2\n", good("versions", "two-versions", "-o", "id"))
    assert.matches("^1  " .. TIME .. "  1\n", good("versions", "two-versions"))
    assert.equal("", good("versions", "without-version"))
    assert.equal(6, run("versions", "nowhere").status)
    local definition = core.decode((good("definition", "daily-report", "1")))
    assert.equal("read", definition.workflowDefinition.tasks[1].externalId)
    assert.equal(6, run("definition", "daily-report", "2").status)
    assert.equal(2, run("definition", "daily-report").status)
  end)

  it("definition | lint and graph: what CDF gives can be read back", function()
    local folder = program.folder()
    program.write(folder .. "/report.json", (good("definition", "daily-report", "1")))
    assert.equal("", good("lint", folder .. "/report.json"))
    assert.equal("daily-report version 1\n└─ read  function\n   └─ write  function\n",
      good("graph", folder .. "/report.json"))
    shell.run("rm -r " .. folder)
  end)

  it("schedule, schedules, pause, resume and unschedule", function()
    assert.equal("each morning\n", good("schedule", "daily-report", "1", "--cron", "0 6 * * 1-5", "--timezone",
      "Europe/Oslo", "--name", "each morning", "-i", '{"site":"north"}'))
    assert.equal("each morning  on  0 6 * * 1-5  Europe/Oslo  daily-report  1  trigger\n", good "schedules")
    assert.equal("north", json("schedules")[1].input.site)
    assert.equal("", good("pause", "each morning"))
    assert.equal("each morning  paused  0 6 * * 1-5  Europe/Oslo  daily-report  1  trigger\n", good "schedules")
    good("resume", "each morning")
    assert.matches("  on  ", good "schedules")
    local outcome = run("unschedule", "eahc morning")
    assert.equal(6, outcome.status)
    assert.equal('cdfworkflow: there is no schedule or trigger eahc morning; did you mean "each morning"?\n',
      outcome.err)
    good("unschedule", "each morning")
    assert.equal("", good "schedules")
    assert.equal(6, run("unschedule", "each morning").status)
    assert.equal(6, run("pause", "each morning").status)
    assert.equal(6, run("schedule", "daily-report", "1", "--cron", "every day").status)
    assert.equal(2, run("schedule", "daily-report", "1", "--cron", "0 6 * * *", "-i", "[]").status)
    assert.matches("missing option '%-%-cron'", run("schedule", "daily-report", "1").err)
    assert.matches("missing argument 'version'", run("schedule", "daily-report", "--cron", "0 6 * * *").err)
  end)

  it("schedule by a function, for projects without triggers", function()
    local outcome = run("schedule", "daily-report", "1", "--cron", "0 6 * * *", "--via", "function", "--name", "f")
    assert.equal(0, outcome.status, outcome.err)
    assert.matches("^f +on +0 6 %* %* %* +UTC +daily%-report +1 +function\n$", good "schedules")
    good("unschedule", "f")
    assert.equal("", good "schedules")
  end)

  it("check: a line for each finding, and the same as JSON", function()
    local out = good("check", "daily-report", "1")
    for _, line in ipairs { "✔ token ", "✔ clock ", "✔ sessionsAcl:CREATE ", "✔ version 1 ", "✔ lint " } do
      assert.truthy(out:find(line, 1, true), out)
    end
    local bad = program.settings(sim.url)
    bad.CDF_PROJECT = "elsewhere"
    local outcome = program.run({ "check" }, { env = bad })
    assert.equal(8, outcome.status)
    assert.matches("✘ project", outcome.out)
    for _, finding in ipairs(json("check", "daily-report")) do assert.is_true(finding.ok, finding.what) end
    bad.LC_ALL = "C"
    assert.matches("\n!! project", program.run({ "check" }, { env = bad }).out)
  end)

  it("none, an unknown one, and help", function()
    local outcome = run()
    assert.equal(2, outcome.status)
    assert.equal("cdfworkflow: a command is required (see cdfworkflow --help)\n", outcome.err)
    assert.equal("cdfworkflow: unknown command 'lsit'; did you mean \"list\"? (see cdfworkflow --help)\n",
      run("lsit").err)
    assert.equal("cdfworkflow: unknown option '--statu'; did you mean \"--status\"? (see cdfworkflow list --help)\n",
      run("list", "--statu", "FAILED").err)
    assert.matches("Exit status:\n.*75  no connection", good "--help")
    assert.matches("\n   75  no connection, throttled, [^\n]*\n       repeat\n", good "--help")
    local help = good("run", "--help")
    assert.matches("%-%-request%-id", help)
    assert.matches("such as %-o and %-q, are taken here too%.\n$", help)
    assert.equal("cdfworkflow: unknown option '-5' (see cdfworkflow run --help)\n", run("run", "w", "-t", "-5").err)
    assert.matches("^cdfworkflow %d+%.%d+%.%d+\n$", good "--version")
    for _, words in ipairs { "--help", "list --help", "queue add -h", "--version" } do
      outcome = program.shell("$CDFWORKFLOW " .. words .. " >/dev/full", { env = env })
      assert.equal(1, outcome.status)
      assert.equal("cdfworkflow: standard output: No space left on device\n", outcome.err)
    end
    local written = program.on_terminal({ "--help" }, { env = env, columns = 60, rows = 20 })
    for line in written:gmatch "[^\r\n]+" do assert.is_true(#line <= 60, line) end
  end)
end)
