-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- cdfworkflow queue …: program/commands/queue.lua and program/draining.lua, as a shell and its user meet them.

local core = require "cdfworkflow.core"
local program = require "program"
local queue_world = require "queue_world"
local shell = require "shell"

local UUID = "%x+%-%x+%-%x+%-%x+%-%x+"

local spool, remove, sim, env

local function queue(...)
  local words = { "queue", ... }
  words[#words + 1], words[#words + 2] = "--spool", spool
  return program.run(words, { env = env })
end

local function ok(outcome)
  assert.equal(0, outcome.status, outcome.err)
  return outcome.out
end

--- The runs there are, by request id.
local function runs()
  local found = {}
  for line in ok(program.run({ "list", "--limit", "1000", "-o", "jsonl" }, { env = env })):gmatch "[^\n]+" do
    local execution = core.decode(line)
    local id = execution.metadata["cdfworkflow.requestId"]
    found[id] = (found[id] or 0) + 1
  end
  return found
end

describe("cdfworkflow queue", function()
  setup(function() sim = program.world() end)
  teardown(function() sim:stop() end)

  before_each(function()
    spool, remove = queue_world.path()
    env = program.settings(sim.url)
  end)

  after_each(function() remove() end)

  describe("add", function()
    it("needs no settings, and prints the id", function()
      env = {}
      assert.matches("^" .. UUID .. "\n$", ok(queue("add", "daily-report", "1")))
      assert.equal("order-1\n", ok(queue("add", "daily-report", "1", "--id", "order-1", "-m", "site=7")))
      assert.equal('{"id":"order-2","version":"1","workflow":"daily-report"}\n',
        (ok(queue("add", "daily-report", "1", "--id", "order-2", "-o", "jsonl")):gsub('^.*$', function(text)
          local one = core.decode(text)
          return ('{"id":"%s","version":"%s","workflow":"%s"}\n'):format(one.id, one.version, one.workflow)
        end)))
      assert.matches("order%-1 +waiting +%d%d%d%d%-%d%d%-%d%dT[%d:]+Z +0 +daily%-report +1\n", ok(queue "list"))
    end)

    it("changes nothing where the id is known, and says so", function()
      ok(queue("add", "daily-report", "1", "--id", "a"))
      local outcome = queue("add", "daily-report", "1", "--id", "a")
      assert.equal("a\n", ok(outcome))
      assert.equal("cdfworkflow: a is known already, and nothing was added\n", outcome.err)
      assert.equal("", queue("add", "daily-report", "1", "--id", "a", "-q").err)
    end)

    it("refuses what CDF would refuse, and a folder that cannot be used: 2", function()
      for words, said in pairs {
        [{ "add", "w", "1", "-i", "[1]" }] = "cdfworkflow: %-%-input must be a JSON object, not an array\n",
        [{ "add", "w", "1", "-i", "{" }] = "cdfworkflow: %-%-input: .*\n",
        [{ "drain", "--concurrency", "1001" }] = "cdfworkflow: '1001' is no whole number from 1 to 1000 %(see .*%)\n",
        [{ "drain", "--max-running", ("9"):rep(20) }] = "cdfworkflow: '9+' is no whole number from 1 to 1000000 .*\n",
        [{ "add", "w", "1", "--id", "" }] = "cdfworkflow: id .*\n",
        [{ "add", "w" }] = "cdfworkflow: .*version.* %(see cdfworkflow queue add %-%-help%)\n",
        [{ "ad", "w", "1" }] = "cdfworkflow: unknown command 'ad'; did you mean \"add\"%? "
          .. "%(see cdfworkflow queue %-%-help%)\n",
        [{ "drop", "" }] = "cdfworkflow: id is empty\n", [{ "retry", "" }] = "cdfworkflow: id is empty\n",
        [{ "drop" }] = "cdfworkflow: .*id.* %(see cdfworkflow queue drop %-%-help%)\n",
      } do
        local outcome = queue((table.unpack or unpack)(words)) -- luacheck: ignore 143 113
        assert.equal(2, outcome.status)
        assert.matches("^" .. said .. "$", outcome.err)
        assert.equal("", outcome.out)
      end
      spool = "/no/such/folder"
      local outcome = queue("add", "w", "1")
      assert.equal(2, outcome.status)
      assert.equal("cdfworkflow: spool: the folder /no/such/folder cannot be used: No such file or directory\n",
        outcome.err)
      outcome = program.run({ "queue", "list" }, { env = env })
      assert.equal(2, outcome.status)
      assert.equal("cdfworkflow: missing option '--spool' (see cdfworkflow queue list --help)\n", outcome.err)
    end)

    it("is safe to repeat where the disk is full: 75, and nothing is there", function()
      ok(queue "list")
      local outcome = program.shell(("( ulimit -f 0; trap '' XFSZ; $CDFWORKFLOW queue add w 1 --spool %s 2>&1; ")
        :format(spool) .. "echo status $? ) | cat", { env = env })
      assert.matches("^cdfworkflow: the queue in .*: cannot keep a delivery: File too large\nstatus 75\n$", outcome.out)
      assert.equal("", ok(queue "list"))
    end)
  end)

  it("says that the folder has become read-only, and starts nothing: 75", function()
    ok(queue("add", "daily-report", "1", "--id", "read-only"))
    local command = "mount --bind SPOOL SPOOL && mount -o remount,ro,bind SPOOL && { $CDFWORKFLOW queue drain --spool "
      .. "SPOOL; echo $?; $CDFWORKFLOW queue add w 1 --spool SPOOL; echo $?; $CDFWORKFLOW queue list --spool SPOOL; }"
    program.write(spool .. ".sh", (command:gsub("SPOOL", spool):gsub("%$CDFWORKFLOW", function()
      return program.command({}, env)
    end)))
    local said, status = shell.run(("unshare -rm sh %s.sh"):format(spool))
    if status ~= 0 then return print("# no file system can be mounted here: " .. said:match "[^\n]*") end
    local lines = {}
    for line in said:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.matches("^cdfworkflow: what is left waits: the queue in .*: Read%-only file system$", lines[2])
    assert.equal("75", lines[3])
    assert.matches("^cdfworkflow: the queue in .*: cannot keep a delivery: Read%-only file system$", lines[4])
    assert.equal("75", lines[5])
    assert.matches("^read%-only +waiting", lines[6])
    assert.is_nil(runs()["read-only"])
  end)

  describe("drain", function()
    it("starts what waits, oldest first, and prints the ids: 0", function()
      for i = 1, 3 do ok(queue("add", "daily-report", "1", "--id", "in-order-" .. i)) end
      local out = ok(queue "drain")
      assert.equal("in-order-1 UUID\nin-order-2 UUID\nin-order-3 UUID\n", (out:gsub(UUID, "UUID")))
      assert.equal("", ok(queue "drain"))
      assert.equal("", ok(queue "list"))
      for i = 1, 3 do assert.equal(1, runs()["in-order-" .. i]) end
    end)

    it("prints runs in the other forms", function()
      for i = 1, 2 do ok(queue("add", "daily-report", "1", "--id", "form-" .. i)) end
      local list = core.decode(ok(queue("drain", "-o", "json")))
      assert.equal("form-1", list[1].metadata["cdfworkflow.requestId"])
      assert.equal("form-2", list[2].metadata["cdfworkflow.requestId"])
      ok(queue("add", "daily-report", "1", "--id", "form-3"))
      assert.matches("^" .. UUID .. "\n$", ok(queue("drain", "-o", "id")))
    end)

    it("keeps apart what was refused, with the reason, until it is retried or dropped: 6", function()
      ok(queue("add", "no-such", "1", "--id", "bad"))
      ok(queue("add", "daily-report", "1", "--id", "good-after-bad"))
      local outcome = queue "drain"
      assert.equal(6, outcome.status)
      assert.matches("^good%-after%-bad " .. UUID .. "\n$", outcome.out)
      assert.matches("^cdfworkflow: bad was refused, and is kept apart: POST .* was answered with 404: .*\n$",
        outcome.err)
      assert.matches("bad +refused .* 1 +no%-such +1 +POST .* 404", ok(queue "list"))
      assert.equal("bad\n", ok(queue("retry", "bad")))
      assert.matches("bad +waiting", ok(queue "list"))
      assert.equal(6, queue("drain", "--concurrency", "3").status)
      assert.equal("bad\n", ok(queue("drop", "bad")))
      assert.equal("", ok(queue "list"))
      outcome = queue("drop", "bad")
      assert.equal(2, outcome.status)
      assert.equal("cdfworkflow: no delivery bad is there to be chosen\n", outcome.err)
    end)

    it("ends while CDF cannot be reached, and says why: 75", function()
      ok(queue("add", "daily-report", "1", "--id", "unreachable"))
      env = program.settings "http://127.0.0.1:1"
      env.CDF_CLIENT_TIMEOUT = "2"
      local outcome = queue "drain"
      assert.equal(75, outcome.status)
      assert.matches("unreachable: .*no connection.*; nothing is tried for 1[0-3] s\n", outcome.err)
      assert.matches("cdfworkflow: what is left waits: .*no connection", outcome.err)
      assert.matches("unreachable +waiting .* 1 +daily%-report +1 +.*no connection", ok(queue "list"))
    end)

    it("says that another one is at work, and leaves it to that: 0", function()
      ok(queue("add", "daily-report", "1", "--id", "of-another"))
      local folder = assert(core.folder(spool))
      local lock = folder:lock("drain", true, false)
      local outcome = queue "drain"
      assert.equal("", ok(outcome))
      assert.equal("cdfworkflow: another drain is at work on the rest\n", outcome.err)
      lock:close()
      folder:close()
    end)

    it("needs settings: 2", function()
      env = {}
      local outcome = queue "drain"
      assert.equal(2, outcome.status)
      assert.matches("CDF_PROJECT", outcome.err)
    end)
  end)

  describe("drain --follow #timed", function()
    --- Starts it, lets it do what `until_` waits for, and sends it a signal.
    local function follow(until_, signal)
      for _, stream in ipairs { ".out", ".err" } do os.remove(spool .. stream) end -- of the one before
      local script = ("$CDFWORKFLOW queue drain --follow --spool %s >%s.out 2>%s.err & pid=$!; "):format(spool,
        spool, spool) .. "tries=0; until " .. until_ .. "; do tries=$((tries + 1)); [ $tries -lt 500 ] || break;"
        .. (" sleep 0.02; done; kill -%s $pid; wait $pid; status=$?; cat %s.out; cat %s.err >&2; "):format(
          signal, spool, spool) .. "(exit $status)"
      return program.shell(script, { env = env })
    end

    it("starts what comes, until a signal ends it: 143, 130", function()
      for signal, status in pairs { TERM = 143, INT = 130 } do
        local id = "followed-" .. signal
        ok(queue("add", "daily-report", "1", "--id", id))
        local outcome = follow(("grep -qs . %s.out"):format(spool), signal)
        assert.equal(status, outcome.status, outcome.err)
        assert.matches("^followed%-" .. signal .. " " .. UUID .. "\n$", outcome.out)
        assert.equal("", outcome.err)
        assert.equal(1, runs()[id])
      end
    end)

    it("waits for CDF's answer where one is under way, and keeps what came of it", function()
      local slow = program.world("--fault", "run:delay=2")
      ok(queue("add", "daily-report", "1", "--id", "under-way"))
      env = program.settings(slow.url)
      local outcome = follow(("grep -q begun %s/log/under-way 2>/dev/null"):format(spool), "TERM")
      slow:stop()
      assert.equal(143, outcome.status, outcome.err)
      assert.matches("interrupted; waiting for CDF's answer", outcome.err)
      assert.matches("^under%-way ", outcome.out)
      assert.equal("", ok(queue "list"))
    end)

    it("does not wait for it after a second signal, and says who finds out", function()
      local slow = program.world("--fault", "run:delay=60")
      ok(queue("add", "daily-report", "1", "--id", "not-known"))
      env = program.settings(slow.url)
      local told = ("until grep -q waiting %s.err; do sleep 0.02; done"):format(spool)
      local outcome = follow(("grep -q begun %s/log/not-known 2>/dev/null"):format(spool),
        ("TERM $pid; %s; kill -TERM"):format(told))
      slow:stop()
      assert.equal(143, outcome.status, outcome.err)
      assert.equal("", outcome.out)
      assert.matches("interrupted; whether not%-known was started is found out by the next drain, in 90 s\n",
        outcome.err)
      assert.matches("not%-known +waiting", ok(queue "list"))
    end)
  end)
end)
