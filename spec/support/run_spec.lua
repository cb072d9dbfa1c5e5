-- SPDX-License-Identifier: Apache-2.0
-- The test runner itself: whatever way a spec file goes wrong, it is a failure, and it says why.
-- Runs on: 5.4

local shell = require "shell"

local files = {
  good = 'it("a", function() end) it("b", function() end)',
  skipped = 'it("a", function() end) pending "b"',
  failing = 'it("a", function() assert.is_true(false) end) it("b", function() error "oh" end)',
  noisy = 'it("a", function() print "ok 2 - b\\n1..7" end)',
  unreadable = 'it("a", ',
  empty = "",
  quitting = 'it("a", function() os.exit(0) end)',
  crashing = 'it("a", function() os.execute "kill -SEGV $PPID" end)',
  hanging = 'it("a", function() os.execute "sleep 60" end)',
  littering = 'it("a", function() os.execute "sleep 60 &" end)',
  telling = 'it("a", function() print "# 42 of 43" print "not this" end)',
  elsewhere = '-- Runs on: 5.1 luajit\nit("a", function() end)',
}

describe("run.sh", function()
  local folder

  setup(function()
    folder = shell.run("mktemp -d"):gsub("\n", "")
    for name, source in pairs(files) do
      local file = assert(io.open(("%s/%s_spec.lua"):format(folder, name), "w"))
      file:write(source, "\n")
      file:close()
    end
  end)

  teardown(function()
    shell.run("rm -r " .. folder)
  end)

  local function run(...)
    local names = {}
    for i, name in ipairs { ... } do
      names[i] = ("%s/%s_spec.lua"):format(folder, name)
    end
    local output, status = shell.run(shell.unwatched .. "SPEC_TIMEOUT=1 spec/support/run.sh 5.4 "
      .. table.concat(names, " "))
    return output, status, output:match "([^\n]*)\n$"
  end

  local function fails(name, last, why)
    local output, status, line = run(name)
    assert.equal(last, line, output)
    assert.equal(1, status)
    assert.truthy(output:find(why, 1, true), output)
  end

  it("sums over files, and takes no word from what they print", function()
    local output, status, last = run("good", "skipped", "noisy", "elsewhere")
    assert.equal("4 passed, 0 failed, 1 skipped", last, output)
    assert.equal(0, status)
    assert.is_nil(output:find("elsewhere", 1, true))
  end)

  it("says which Lua is not installed, and counts it as skipped", function()
    local output, status = shell.run(shell.unwatched
      .. ("LUAS_NOT_HERE='5.5 5.6' spec/support/run.sh 5.4 %s/good_spec.lua"):format(folder))
    assert.matches("\n5.5 is not installed here: skipped\n5.6 is not [^\n]*\n2 passed, 0 failed, 2 skipped\n$", output)
    assert.equal(0, status)
  end)

  it("shows the figures that a spec prints, and nothing else of it", function()
    local output, _, last = run "telling"
    assert.equal("1 passed, 0 failed", last)
    assert.matches("\n    42 of 43\n", output)
    assert.is_nil(output:find("not this", 1, true))
  end)

  it("says only passed and failed where nothing was skipped", function()
    assert.equal("2 passed, 0 failed", (select(3, run "good")))
  end)

  it("fails with the reason where a test fails or the file cannot be read", function()
    fails("failing", "0 passed, 2 failed", "oh")
    fails("unreadable", "0 passed, 1 failed", "near <eof>")
  end)

  it("fails where a file has no test, or nothing ran", function()
    fails("empty", "0 passed, 1 failed", "no test in this file")
    fails("elsewhere", "0 passed, 0 failed", "")
  end)

  it("fails where the process ends without a result", function()
    fails("quitting", "0 passed, 1 failed", "without a result in: a")
    fails("crashing", "0 passed, 1 failed", "without a result in: a")
  end)

  it("ends a file that hangs, and what a file leaves running", function()
    fails("hanging", "0 passed, 1 failed", "the time limit passed in: a")
    fails("littering", "1 passed, 1 failed", "still running at the end")
  end)
end)
