-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow run: what it sends, what it prints, and that a request id names one run.

local core = require "cdfworkflow.core"
local program = require "program"
local stub_cdf = require "stub_cdf"

local UUID = "%x+%-%x+%-%x+%-%x+%-%x+"

describe("run", function()
  local sim, env

  setup(function()
    sim = program.world()
    env = program.settings(sim.url)
  end)

  teardown(function() sim:stop() end)

  local function run(...) return program.run({ "run", ... }, { env = env }) end

  local function started(...)
    local outcome = run(...)
    assert.equal(0, outcome.status, outcome.err)
    local shown = program.run({ "show", outcome.out:match "%S+", "-o", "json" }, { env = env })
    return assert(core.decode(shown.out))
  end

  it("sends the input byte for byte, from an argument, a file or standard input", function()
    local text = '{"list": [], "object": {}, "null": null, "big": 9007199254740993, "text": "\\u00e5"}'
    local execution = started("daily-report", "1", "-i", text)
    assert.is_true(core.is_array(execution.input.list))
    assert.equal(core.null, execution.input.null)
    local folder = program.folder()
    program.write(folder .. "/input.json", "\239\187\191" .. text) -- as Windows' editors write it
    assert.equal("å", started("daily-report", "1", "--input", "@" .. folder .. "/input.json").input.text)
    os.execute("rm -r " .. folder)
    local outcome = program.run({ "run", "daily-report", "-n", "-i", "-" }, { env = env, input = text })
    assert.truthy(outcome.out:find('"input":' .. text, 1, true), outcome.out)
  end)

  it("sends metadata", function()
    local execution = started("daily-report", "-m", "site=north", "-m", "note=a=b")
    assert.same({ site = "north", note = "a=b" }, execution.metadata)
  end)

  it("takes the version that there is, or asks for one of several", function()
    assert.equal("1", started("daily-report").version)
    assert.equal("2", started("two-versions", "2").version)
    local outcome = run("two-versions")
    assert.equal(2, outcome.status)
    assert.equal("cdfworkflow: the workflow two-versions has several versions, so name one: 1, 2\n", outcome.err)
    outcome = run("without-version")
    assert.equal(2, outcome.status)
    assert.equal("cdfworkflow: the workflow without-version has no version\n", outcome.err)
    assert.equal(6, run("no-such-workflow").status)
    assert.equal(6, run("daily-report", "17").status)
  end)

  it("prints in each form", function()
    assert.matches("^" .. UUID .. "\n$", run("daily-report").out)
    assert.matches("^" .. UUID .. "\n$", run("daily-report", "-o", "id", "--wait").out)
    local outcome = run("daily-report", "-o", "json", "--wait")
    local execution = assert(core.decode(outcome.out))
    assert.equal("COMPLETED", execution.status)
    assert.equal(("cdfworkflow: execution %s\n"):format(execution.id), outcome.err)
    assert.truthy(outcome.out:find('{\n  "', 1, true))
    local lines = {}
    outcome = run("daily-report", "-o", "jsonl", "--wait")
    for line in outcome.out:gmatch "[^\n]+" do lines[#lines + 1] = core.decode(line) end
    assert.equal(2, #lines)
    assert.equal("RUNNING", lines[1].status)
    assert.equal("COMPLETED", lines[2].status)
    assert.equal(lines[1].id, lines[2].id)
  end)

  it("takes the global options before and after the command", function()
    assert.matches("^{", program.run({ "-o", "jsonl", "run", "daily-report" }, { env = env }).out)
    assert.matches("^{", program.run({ "run", "daily-report", "-o", "jsonl" }, { env = env }).out)
  end)

  it("shows what it would send, and sends nothing", function()
    local before = program.run({ "list", "-o", "id" }, { env = env }).out
    local outcome = run("daily-report", "1", "-n", "-m", "a=b")
    assert.equal(0, outcome.status)
    assert.matches("POST http://127%.0%.0%.1:%d+/oauth2/token\n", outcome.out)
    assert.matches("POST http://127%.0%.0%.1:%d+/api/v1/projects/p/workflows/daily%-report/versions/1/run\n",
      outcome.out)
    assert.truthy(outcome.out:find('"metadata":{"a":"b"}', 1, true))
    local requests = core.decode(run("daily-report", "1", "--dry-run", "-o", "json").out)
    assert.equal(3, #requests)
    assert.equal("[redacted]", requests[3].headers.Authorization)
    assert.equal(before, program.run({ "list", "-o", "id" }, { env = env }).out)
  end)

  it("refuses what is wrong in one sentence, and sends nothing", function()
    local sent = #sim:log()
    local function refused(words, ...)
      local outcome = run("daily-report", "1", ...)
      assert.equal(2, outcome.status)
      assert.equal("cdfworkflow: " .. words .. "\n", outcome.err)
    end
    local folder = program.folder()
    program.write(folder .. "/bad.json", '{\n  "site": north\n}')
    refused(folder .. "/bad.json: not JSON: unexpected character at line 2, column 11",
      "-i", "@" .. folder .. "/bad.json")
    refused(folder .. "/none.json: No such file or directory", "-i", "@" .. folder .. "/none.json")
    refused(folder .. " cannot be read: Is a directory", "-i", "@" .. folder)
    os.execute("rm -r " .. folder)
    refused("--metadata takes KEY=VALUE, not 'a'", "-m", "a")
    refused("--metadata gives a twice", "-m", "a=1", "-m", "a=2")
    refused("--look-back has no meaning without --request-id", "--look-back", "1h")
    refused("--timeout has no meaning without --wait or --watch", "-t", "1h")
    refused("--cancel-on-timeout has no meaning without --timeout", "-w", "--cancel-on-timeout")
    refused("'5x' is no duration: a number with s, m, h or d behind it, such as 90s or 10m "
      .. "(see cdfworkflow run --help)", "-t", "5x")
    refused("'93d' is longer than 92 days (see cdfworkflow run --help)", "--request-id", "a", "--look-back", "93d")
    refused("'9999999999999999d' is longer than 36500 days (see cdfworkflow run --help)", "-w", "-t",
      "9999999999999999d")
    assert.matches("^cdfworkflow: metadata", run("daily-report", "1", "-m", ("k"):rep(33) .. "=v").err)
    refused("--input must be a JSON object, not an array", "-i", "[1]")
    refused("--input must be a JSON object, not a text", "-i", '"{}"')
    refused("--input must be a JSON object, not a number", "-i", " -1")
    refused("the name of a file is missing", "-i", "@")
    assert.matches("^cdfworkflow: metadata", run("daily-report", "-m", ("k"):rep(33) .. "=v").err) -- before the version
    assert.equal(sent, #sim:log())
  end)
end)

describe("a run with --request-id", function()
  --- A stand-in for CDF that remembers its runs and can be told, by the request id, to have no time for the first, to
  --- lose its answer or to hold it back.
  local REMEMBERS = [[
    runs, busy = runs or {}, busy or 1 -- of all connections
    local function execution(id, request_id)
      return ('{"id":"059edaa4-a17a-4102-910e-%012d","workflowExternalId":"w","version":"1","status":"RUNNING",'
        .. '"engineExecutionId":"1","createdTime":%d,"metadata":{"cdfworkflow.requestId":"%s"}}'):format(id,
        os.time() * 1000, request_id)
    end
    function behave(kind, plan, answer, connection, request)
      if kind == "run" then
        local request_id = request.body:match '"cdfworkflow.requestId":"([^"]*)"'
        if request_id == "busy" and busy == 1 then
          busy = 0
          return connection:write("HTTP/1.1 429 Slow\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")
        end
        runs[#runs + 1] = execution(#runs + 1, request_id)
        log("started %s", request_id)
        if request_id == "lost" and #runs == 1 then return CLOSE end
        if request_id == "killed" and #runs == 1 then sleep(30) end
        answer = answer_of(kind, runs[#runs])
      elseif kind:find "/list$" then
        looks = (looks or 0) + 1
        if looks == 2 and runs[1] and runs[1]:find '"lost"' then -- for once, nobody may look
          return connection:write("HTTP/1.1 403 No\r\nContent-Type: application/json\r\nContent-Length: 39\r\n\r\n" ..
            '{"error":{"code":403,"message":"Read"}}')
        end
        answer = answer_of(kind, '{"items":[' .. table.concat(runs, ",") .. "]}")
      end
      connection:write(answer)
    end]]

  local stub, settings

  before_each(function()
    stub = stub_cdf.serve(REMEMBERS)
    settings = program.settings(stub.url)
    settings.IDP_TOKEN_URL = stub.url .. "/token/p"
  end)

  local function started()
    local counts = stub:stop()
    local sum = 0
    for line, count in pairs(counts) do
      if line:find "^started" then sum = sum + count end
    end
    return sum
  end

  it("that is repeated starts no second one", function()
    local first = program.run({ "run", "w", "1", "--request-id", "same" }, { env = settings })
    local second = program.run({ "run", "w", "1", "--request-id", "same" }, { env = settings })
    local other = program.run({ "run", "w", "1", "--request-id", "another" }, { env = settings })
    assert.equal(2, started())
    assert.equal(first.out, second.out)
    assert.not_equal(first.out, other.out)
  end)

  it("that is repeated after 75 starts one", function()
    local first = program.run({ "run", "w", "1", "--request-id", "busy" }, { env = settings })
    assert.equal(75, first.status, first.err)
    local second = program.run({ "run", "w", "1", "--request-id", "busy" }, { env = settings })
    assert.equal(0, second.status, second.err)
    assert.equal(1, started())
  end)

  --- For a shell: comes back once the first run has arrived.
  local function arrived()
    return ("until grep -q 'started killed' %s || [ $((tries = tries + 1)) = 500 ]; do sleep 0.02; done")
      :format(stub.wire.log_name)
  end

  it("that is repeated after kill -9 starts no second one", function()
    program.shell(([[( $CDFWORKFLOW run w 1 --request-id killed & pid=$!
      %s; kill -KILL $pid; wait $pid 2>/dev/null; exit 0 )]]):format(arrived()), { env = settings })
    local second = program.run({ "run", "w", "1", "--request-id", "killed" }, { env = settings })
    assert.equal(0, second.status, second.err)
    assert.matches("^" .. UUID .. "\n$", second.out)
    assert.equal(1, started())
  end)

  it("that is repeated after 7 starts no second one", function()
    local first = program.run({ "run", "w", "1", "--request-id", "lost" }, { env = settings })
    assert.equal(7, first.status, first.err)
    assert.matches("run it again with the same %-%-request%-id\n$", first.err)
    local second = program.run({ "run", "w", "1", "--request-id", "lost" }, { env = settings })
    assert.equal(0, second.status, second.err)
    assert.equal(1, started())
  end)

  it("that is repeated after Ctrl-C starts no second one", function()
    local script = ([[( $CDFWORKFLOW run w 1 --request-id killed & pid=$!
      %s; kill -INT $pid; until grep -q 'waiting for CDF' err; do sleep 0.02; done
      kill -INT $pid; wait $pid; exit $? )]]):format(arrived())
    local first = program.shell(script, { env = settings })
    assert.equal(130, first.status)
    assert.matches("run it again with the same %-%-request%-id", first.err)
    local second = program.run({ "run", "w", "1", "--request-id", "killed" }, { env = settings })
    assert.equal(0, second.status, second.err)
    assert.equal(1, started())
  end)
end)
