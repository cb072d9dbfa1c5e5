-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- Completion in the real shells: what a person gets who presses Tab.

local program = require "program"
local shell = require "shell"

local folder

local function script(name)
  local outcome = program.run({ "completion", name }, { env = {} })
  assert.equal(0, outcome.status, outcome.err)
  return program.write(folder .. "/completion." .. name, outcome.out)
end

local function words(text)
  local found = {}
  for word in text:gmatch "[^%s]+" do found[word] = true end
  return found
end

describe("completion", function()
  setup(function() folder = program.folder() end)
  teardown(function() shell.run("rm -r " .. folder) end)

  it("in bash: commands, options of a command, choices and files", function()
    local file = script "bash"
    local function complete(line)
      local said, status = shell.run(([[bash --norc -c '
        source %s
        COMP_WORDS=(%s) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE="%s" COMP_POINT=%d
        [ "${COMP_LINE%% }" = "$COMP_LINE" ] || { COMP_WORDS+=("") COMP_CWORD=$((COMP_CWORD + 1)); }
        $(complete -p cdfworkflow | sed "s/.*-F \([^ ]*\) .*/\1/")
        printf "%%s\n" "${COMPREPLY[@]}"']]):format(file, line, line, #line))
      assert.equal(0, status, said)
      return words(said)
    end
    assert.is_true(complete("cdfworkflow sch").schedule)
    assert.is_true(complete("cdfworkflow sch").schedules)
    assert.is_nil(complete("cdfworkflow sch").run)
    assert.is_true(complete("cdfworkflow run --req")["--request-id"])
    assert.is_true(complete("cdfworkflow graph --format ").mermaid)
    assert.is_true(complete("cdfworkflow -o j").jsonl)
  end)

  it("in zsh: commands with their help, as they are listed in a terminal", function()
    script "zsh"
    shell.run(("cd %s && mv completion.zsh _cdfworkflow"):format(folder))
    program.write(folder .. "/.zshrc",
      ("fpath=(%s $fpath)\nautoload -U compinit\ncompinit -u -D\nPS1=ready:\n"):format(folder))
    local command = ("cd / && env ZDOTDIR=%s TERM=xterm zsh -i"):format(folder)
    local written = program.in_terminal(command, { columns = 100, rows = 30, when = "ready:",
      send = "cdfworkflow sche\t\t\21exit\n" })
    assert.matches("schedule +%-%- Put a workflow on a schedule", written)
    assert.matches("schedules +%-%- List the schedules", written)
  end)

  it("in fish: commands with their help, options of a command, choices", function()
    local file = script "fish"
    local function complete(line)
      local said, status = shell.run(("HOME=%s fish --no-config -c 'source %s; complete -C %s'"):format(folder, file,
        shell.quote(line):gsub("'", '"')))
      assert.equal(0, status, said)
      return said
    end
    assert.matches("schedule\tPut a workflow on a schedule", complete "cdfworkflow sch")
    assert.matches("%-%-request%-id\t", complete "cdfworkflow run --req")
    assert.matches("mermaid", complete "cdfworkflow graph --format m")
  end)

  it("knows no other shell", function()
    local outcome = program.run({ "completion", "tcsh" }, { env = {} })
    assert.equal(2, outcome.status)
    assert.matches("must be one of 'bash', 'zsh', 'fish'", outcome.err)
  end)
end)
