-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 luajit
-- Following runs as a person sees it: a tree that is drawn anew on a terminal, lines elsewhere, and nothing broken on
-- terminals that are small, dumb or without UTF-8.

local core = require "cdfworkflow.core"
local program = require "program"
local screen = require "screen"

local UUID = "%x+%-%x+%-%x+%-%x+%-%x+"

describe("following #timed", function()
  local sim, env

  setup(function()
    sim = program.world()
    env = program.settings(sim.url)
  end)

  teardown(function() sim:stop() end)

  local function with(more)
    local all = {}
    for name, value in pairs(env) do all[name] = value end
    for name, value in pairs(more or {}) do all[name] = value end
    return all
  end

  --- What stands on a terminal of that size in the end, and all that was written.
  local function watch(columns, rows, words, more)
    more = more or {}
    local written, status = program.on_terminal(words,
      { env = with(more.env), columns = columns, rows = rows, when = more.when, send = more.send })
    local seen = screen.read(written:gsub("%^C", ""))
    assert.is_true(seen.widest <= columns, ("a line of %d columns on a terminal of %d"):format(seen.widest, columns))
    assert.is_true(seen.tallest < rows, ("%d lines drawn anew on a terminal of %d"):format(seen.tallest, rows))
    return table.concat(seen.lines, "\n"), status, written, seen
  end

  it("on a terminal draws a tree anew, and leaves the whole one with the outcome", function()
    local text, status, written, seen = watch(80, 24, { "run", "daily-report", "--watch" })
    assert.equal(0, status)
    assert.matches("^" .. UUID .. "\n✓ daily%-report version 1  completed in %d.%d s\n"
      .. "└─ ✓ read  function  %d+ m?s\n   └─ ✓ write  function  %d.%d s\nCOMPLETED$", text)
    assert.is_true(seen.redraws >= 1)
    assert.truthy(written:find("1 of 2 tasks done, 0:0", 1, true))
    assert.truthy(written:find("\27[36m▶\27[0m", 1, true), "no colours")
  end)

  it("shows the reason of what failed", function()
    local text, status = watch(80, 24, { "run", "fails", "--watch" })
    assert.equal(3, status)
    assert.truthy(text:find("✗ clean  function  failed after", 1, true), text)
    assert.truthy(text:find('cdfworkflow: task "clean" failed: the valve is shut\nFAILED', 1, true), text)
  end)

  it("goes on counting while nothing changes", function()
    local _, status, written = watch(80, 24, { "run", "endless", "--watch", "-t", "6" })
    assert.equal(124, status)
    local seen, count = {}, 0
    for time in written:gmatch "0 of 2 tasks done, (%d:%d%d)" do
      count, seen[time] = count + (seen[time] and 0 or 1), true
    end
    assert.is_true(count >= 4, count)
  end)

  it("is not broken at 30 columns and 6 rows with 32 tasks and a fan-in of 30", function()
    local text, status, written = watch(30, 6, { "run", "wide", "--watch", "-t", "4" })
    assert.equal(124, status)
    assert.truthy(written:find("28 of 32 tasks done", 1, true))
    assert.truthy(written:find("▶\27[0m part-10  function", 1, true), "what goes on is not shown")
    assert.truthy(text:find("↑ join", 1, true), "the whole tree is not left")
  end)

  it("is not broken at 20 columns and 3 rows", function()
    local _, status, written = watch(20, 3, { "run", "wide", "--watch", "-t", "2", "-q" })
    assert.equal(124, status)
    _, status = watch(20, 3, { "run", "daily-report", "--watch" })
    assert.equal(0, status)
    assert.is_nil(written:find("▶", 1, true), "-q draws")
  end)

  it("believes no terminal that says it is endless, or that it is nothing", function()
    for _, size in ipairs { { 65535, 65535 }, { 0, 0 } } do
      local written, status = program.on_terminal({ "run", "fails", "--watch" },
        { env = env, columns = size[1], rows = size[2] })
      assert.equal(3, status, written)
      assert.truthy(written:find("fails version 1  failed", 1, true), written)
      local id = written:match(UUID)
      assert.matches("└─", (program.on_terminal({ "graph", id }, { env = env, columns = size[1], rows = size[2] })))
    end
  end)

  it("draws nothing on a dumb terminal, with TERM=dumb, or where TERM says nothing", function()
    for _, term in ipairs { "dumb", "" } do
      local text, status, written = watch(120, 24, { "run", "fails", "--watch" }, { env = { TERM = term } })
      assert.equal(3, status)
      assert.is_nil(written:find "\27")
      assert.matches("%d%d:%d%d:%d%dZ  clean  failed: the valve is shut\n", text)
    end
  end)

  it("keeps to ASCII without UTF-8", function()
    for _, locale in ipairs { "C", "POSIX", "de_DE.ISO-8859-1" } do
      local text, status, written = watch(80, 24, { "run", "fails", "--watch" }, { env = { LC_ALL = locale } })
      assert.equal(3, status)
      assert.is_nil(written:find "[\128-\255]")
      assert.truthy(text:find("`- + read  function", 1, true), text)
      assert.truthy(text:find("   `- x clean  function  failed", 1, true), text)
    end
  end)

  it("uses no colours with NO_COLOR, and where they are not wanted", function()
    local _, _, written = watch(80, 24, { "run", "fails", "--watch" }, { env = { NO_COLOR = "1" } })
    assert.is_nil(written:find "\27%[[%d;]*m")
    _, _, written = watch(80, 24, { "run", "fails", "--watch", "--color", "never" })
    assert.is_nil(written:find "\27%[[%d;]*m")
    _, _, written = watch(80, 24, { "run", "fails", "--watch", "--color", "always" }, { env = { NO_COLOR = "1" } })
    assert.truthy(written:find "\27%[31m")
  end)

  it("elsewhere writes a line for each change on standard error, and data only on standard output", function()
    local outcome = program.run({ "run", "fails", "--watch" }, { env = env })
    assert.matches("^" .. UUID .. "\nFAILED\n$", outcome.out)
    local TIME = "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ  "
    for line, pattern in pairs { "fails  started", "read  started", "read  completed", "clean  started",
      "clean  failed: the valve is shut", "fails  failed: .*" } do
      assert.matches("\n" .. TIME .. pattern .. "\n", "\n" .. outcome.err, line)
    end
    assert.matches('\ncdfworkflow: task "clean" failed: the valve is shut\n$', outcome.err)
    outcome = program.run({ "run", "fails", "--watch", "-q" }, { env = env })
    assert.equal('cdfworkflow: task "clean" failed: the valve is shut\n', outcome.err)
  end)

  it("obeys Ctrl-C, takes no line away, and tells which run goes on", function()
    local text, status = watch(80, 24, { "run", "endless", "--watch" }, { when = "0 of 2 tasks", send = "\3" })
    assert.equal(130, status)
    local id = text:match "%S+"
    assert.truthy(text:find("▶ endless version 1  running\n", 1, true), text)
    assert.truthy(text:find("interrupted; still going on: cdfworkflow wait " .. id:sub(1, 5), 1, true), text)
    assert.is_nil(text:find "stack traceback")
  end)

  it("watch follows a run that goes on already", function()
    local id = program.run({ "run", "daily-report" }, { env = env }).out:match "%S+"
    local outcome = program.run({ "watch", id }, { env = env })
    assert.equal(0, outcome.status)
    assert.equal("COMPLETED\n", outcome.out)
    assert.matches("write  completed\n", outcome.err)
    outcome = program.run({ "watch", "no-uuid" }, { env = env })
    assert.equal(2, outcome.status)
    assert.matches("UUID", outcome.err)
  end)

  it("retry starts a run again under its id, and follows it where asked", function()
    local id = program.run({ "run", "fails" }, { env = env }).out:match "%S+"
    program.run({ "wait", id }, { env = env })
    local outcome = program.run({ "retry", id }, { env = env })
    assert.equal(id .. "\n", outcome.out)
    assert.equal(0, outcome.status)
    program.run({ "wait", id }, { env = env })
    outcome = program.run({ "retry", id, "-w" }, { env = env })
    assert.equal(id .. "\nFAILED\n", outcome.out)
    assert.equal(3, outcome.status)
    outcome = program.run({ "retry", id, "-t", "1h" }, { env = env })
    assert.equal("cdfworkflow: --timeout has no meaning without --wait\n", outcome.err)
    outcome = program.run({ "wait", id, "--cancel-on-timeout" }, { env = env })
    assert.equal("cdfworkflow: --cancel-on-timeout has no meaning without --timeout\n", outcome.err)
    local fine = program.run({ "run", "daily-report" }, { env = env }).out:match "%S+"
    program.run({ "wait", fine }, { env = env })
    outcome = program.run({ "retry", fine }, { env = env })
    assert.equal(6, outcome.status)
  end)

  it("retry of several gives one document as JSON, and waits for those that were started where one was not", function()
    local ids = {}
    for i, workflow in ipairs { "fails", "daily-report", "fails" } do
      ids[i] = program.run({ "run", workflow }, { env = env }).out:match "%S+"
    end
    program.run({ "wait", ids[1], ids[2], ids[3] }, { env = env })
    local outcome = program.run({ "retry", ids[1], ids[2], ids[3], "-o", "json" }, { env = env })
    assert.equal(6, outcome.status)
    local started = assert(core.decode(outcome.out), outcome.out)
    assert.same({ ids[1], ids[3] }, { started[1].id, started[2].id })
    assert.matches("^cdfworkflow: execution " .. UUID .. "\ncdfworkflow: " .. UUID
      .. ": POST [^\n]*\ncdfworkflow: execution " .. UUID .. "\n$", outcome.err)
    program.run({ "wait", ids[1], ids[3] }, { env = env })
    outcome = program.run({ "retry", ids[1], ids[2], "-w" }, { env = env })
    assert.equal(3, outcome.status)
    assert.equal(ids[1] .. "\n" .. ids[1] .. " FAILED\n", outcome.out)
  end)
end)
