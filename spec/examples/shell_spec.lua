-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The examples in shell/: their commands are run as systemd, cron and the CI's shell would run them.

local core = require "cdfworkflow.core"
local program = require "program"
local shell = require "shell"

local FOLDER = "spec/examples/shell/"

local function read(name)
  local file = assert(io.open(FOLDER .. name))
  local text = file:read "*a"
  file:close()
  return text
end

describe("the example for", function()
  local sim, folder, settings

  setup(function()
    sim = program.world()
    folder = program.folder()
    settings = program.settings(sim.url)
    shell.run(("mkdir -p %s/etc %s/credentials %s/modules"):format(folder, folder, folder))
    program.install(folder)
    program.write(folder .. "/bin/logger", "#!/bin/sh\nsed 's/^/logged: /'\n")
    shell.run(("chmod +x %s/bin/*"):format(folder))
    program.write(folder .. "/etc/daily-report.json", '{"site":"north"}')
    program.write(folder .. "/credentials/IDP_CLIENT_SECRET", settings.IDP_CLIENT_SECRET .. "\n")
    local lines = {}
    for name, value in pairs(settings) do
      if name ~= "IDP_CLIENT_SECRET" then lines[#lines + 1] = name .. "=" .. value end
    end
    program.write(folder .. "/etc/settings.env", table.concat(lines, "\n") .. "\n")
  end)

  teardown(function()
    sim:stop()
    shell.run("rm -r " .. folder)
  end)

  local function sh(script, variables) return program.sh_in(folder, script, variables) end

  local function here(text) return (text:gsub("/etc/cdfworkflow/", folder .. "/etc/")) end

  it("systemd: the service's command works with what systemd hands it, twice a day with one run", function()
    local unit = read "cdfworkflow-daily-report.service"
    local line = unit:match "\nExecStart=/bin/sh %-c '([^\n]*)'\n":gsub("%%%%", "%%")
    local environment = { CREDENTIALS_DIRECTORY = folder .. "/credentials" }
    for name, value in pairs(settings) do
      if name ~= "IDP_CLIENT_SECRET" then environment[name] = value end
    end
    local first, status = sh(here(line), environment)
    assert.equal(0, status, first)
    assert.matches("\nCOMPLETED\n$", first)
    assert.equal(first, (sh(here(line), environment)))
    assert.matches("\nLoadCredential=IDP_CLIENT_SECRET:", unit)
    assert.matches("\nRestartForceExitStatus=75 7\n", unit)
  end)

  it("systemd: the queue's service starts what is added, until it is stopped", function()
    local unit = read "cdfworkflow-queue.service"
    local line = unit:match "\nExecStart=/bin/sh %-c '([^\n]*)'\n"
    local spool = folder .. "/queue"
    local function at(text) return (text:gsub("/var/lib/cdfworkflow%-queue", function() return spool end)) end
    local add = assert(unit:match "sudo %-u cdfworkflow (cdfworkflow queue add) …")
    local said, status = sh(("%s wide 1 --id from-systemd --spool %s"):format(add, spool), {})
    assert.equal(0, status, said)
    said, status = sh(("%s >out & pid=$!; tries=0; until [ -s out ] || [ $tries -ge 500 ]; do sleep 0.02; "):format(
      at(line)) .. "tries=$((tries + 1)); done; kill -TERM $pid; wait $pid || echo $?; cat out", settings)
    assert.equal(0, status, said)
    assert.matches("^143\nfrom%-systemd %x+%-.*\n$", said)
    assert.matches("\nSuccessExitStatus=143\n", unit)
  end)

  it("systemd: the units are taken by systemd-analyze", function()
    shell.run(("cp %s*.service %s*.timer %s/etc/"):format(FOLDER, FOLDER, folder))
    for _, unit in ipairs { "cdfworkflow-daily-report.timer", "cdfworkflow-queue.service" } do
      local said, status = shell.run(("cd %s/etc && systemd-analyze verify ./%s"):format(folder, unit))
      assert.equal(0, status, said)
      assert.is_nil(said:find("cdfworkflow-[%w-]+.%w+:%d+", 1), said)
    end
  end)

  it("cron: each command works, with the escapes of a crontab", function()
    local count = 0
    for line in read("crontab"):gmatch "\n[%d*][^%s]* [^%s]+ %* %* 1%-5  ([^\n]*)" do
      count = count + 1
      local said, status = sh(here(line:gsub("\\%%", "%%")), { IDP_CLIENT_SECRET = settings.IDP_CLIENT_SECRET })
      assert.equal(0, status, said)
      if count == 1 then assert.matches("^logged: %x+%-.*\nlogged: COMPLETED\n$", said) else assert.equal("", said) end
    end
    assert.equal(2, count)
    local runs = program.run({ "list", "--workflow", "daily-report", "-o", "json" }, { env = settings })
    assert.equal(1, #core.decode(runs.out))
  end)

  it("CI: each step works", function()
    program.write(folder .. "/modules/w.Workflow.yaml", "externalId: from-ci\ndescription: of {{ site }}\n")
    local steps = {}
    for step in (read "ci.yml"):gmatch "\n        run: ([^|\n][^\n]*)" do steps[#steps + 1] = step end
    local script = (read "ci.yml"):match "\n        run: |\n(.-)\n  deploy"
    local variables = { GITHUB_RUN_ID = "4711", GITHUB_STEP_SUMMARY = folder .. "/summary" }
    for name, value in pairs(settings) do variables[name] = value end
    local said, status = sh(script, variables)
    assert.equal(0, status, said)
    assert.equal("+ workflow from-ci\n", (shell.run(("cat %s/summary"):format(folder))))
    assert.equal(4, #steps)
    for _, step in ipairs(steps) do
      said, status = sh(step, variables)
      assert.equal(0, status, step .. "\n" .. said)
    end
    assert.matches("COMPLETED\n$", said)
  end)
end)
