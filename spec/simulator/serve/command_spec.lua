-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The program cdfworkflow-sim as its user has it: options, files, messages, exit statuses, what it prints and what not.

local core = require "cdfworkflow.core"
local server = require "server"

local folder, sim

local function path_of(name)
  return folder .. "/" .. name
end

local function write(name, text)
  local file = assert(io.open(path_of(name), "wb"))
  file:write(text)
  assert(file:close())
  return path_of(name)
end

local function run(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

-- What the program says and its exit status, for a command line that it does not start serving with. One that did
-- start all the same would be ended after five seconds, with status 124.
local function refused(...)
  local output = run("timeout 60 " .. server.command { "--port", "0", ... } .. " 2>&1; echo $?")
  local said, status = output:match("^(.*)\n(%d+)\n$")
  return said, tonumber(status)
end

local function start(...)
  sim = server.start { ... }
  return sim
end

local function ask(path, more)
  return core.decode(run(("curl -sk --noproxy '*' --max-time 10 %s '%s%s'"):format(more or "", sim.url, path)))
end

local function token(id, secret)
  return ask("/oauth2/token", ("-d 'grant_type=client_credentials&client_id=%s&client_secret=%s'"):format(id, secret))
end

local BASE = "/api/v1/projects/my-project"
local SIGNED = "-H 'Authorization: Bearer fixed' -H 'Content-Type: application/json' "

local function api(path, body)
  return ask(BASE .. path, SIGNED .. (body and "-d '" .. assert(core.encode(body)) .. "'" or ""))
end

local function start_run(workflow)
  local session = api("/sessions", { items = { { tokenExchange = true } } })
  return api("/workflows/" .. workflow .. "/versions/1/run", { authentication = { nonce = session.items[1].nonce } })
end

local WORKFLOW = [[
local function task(id, name)
  local call = { externalId = name, data = { what = "here" } }
  return { externalId = id, type = "function", parameters = { ["function"] = call } }
end
return {
  functions = {
    quick = function(data) return { got = data } end,
    slow = function() return { done = true }, 60 end,
  },
  workflows = { { externalId = "demo", description = "from a file" } },
  versions = {
    { workflowExternalId = "demo", version = "1", workflowDefinition = { tasks = { task("a", "quick") } } },
    { workflowExternalId = "long", version = "1", workflowDefinition = { tasks = { task("a", "slow") } } },
  },
}]]

describe("cdfworkflow-sim", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    write("workflow.lua", WORKFLOW)
  end)

  teardown(function() os.execute("rm -r " .. folder) end)

  after_each(function()
    if sim then sim:stop() end
    sim = nil
  end)

  it("says where it listens in one line, and nothing else", function()
    local output = assert(io.popen("echo $$; exec " .. server.command { "--port", "0" } .. " 2>&1"))
    local pid = output:read "*l"
    assert.matches("^cdfworkflow%-sim listening on http://127%.0%.0%.1:%d+$", output:read "*l")
    os.execute("kill -TERM " .. pid)
    assert.equal("", output:read "*a")
    output:close()
  end)

  it("has a help with every option and the words for faults", function()
    local help = run(server.command { "--help" })
    for _, option in ipairs { "host", "port", "project", "client-id", "client-secret", "token", "load", "fault",
      "state", "certificate", "key", "seed", "clock", "control", "log", "headless", "print-env", "page-actions" } do
      assert.matches("--" .. option, help, 1, true)
    end
    for _, words in ipairs { "run:503x2", "CDF_URL", "token URL", "/_simulator/reset", "requests  ", "/metrics" } do
      assert.matches(words, help, 1, true)
    end
  end)

  it("is ready within 0.3 s, of which a busy machine shows the processor's alone #timed", function()
    start()
    local file = assert(io.open("/proc/" .. ("%d"):format(sim.pid) .. "/stat"))
    local user, system = file:read("*a"):match("^%d+ %b() %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
    file:close()
    assert.is_true(user + system < 30, user + system .. " hundredths of a second")
  end)

  describe("with --print-env", function()
    -- What a shell has after it took the lines in, and a client of this library with it.
    local function environment(before, ...)
      local command = server.command { "--port", "0", "--print-env", ... }
      local pipe = assert(io.popen(before .. " exec 2>/dev/null; echo $$; exec " .. command))
      local pid, lines = pipe:read "*l", {}
      for n = 1, 8 do lines[n] = pipe:read "*l" end
      local file = write("sim.env", table.concat(lines, "\n") .. "\n")
      local said = run(before .. " . " .. file .. [[; printf '%s|' "$CDF_PROJECT" "$CDF_URL" "$LOGIN_FLOW" "$PROVIDER" \
        "$IDP_CLIENT_ID" "$IDP_CLIENT_SECRET" "$IDP_TOKEN_URL"
        curl -s "$IDP_TOKEN_URL" -d grant_type=client_credentials \
        --data-urlencode "client_id=$IDP_CLIENT_ID" --data-urlencode "client_secret=$IDP_CLIENT_SECRET"]])
      os.execute("kill -TERM " .. pid)
      pipe:close()
      return said, table.concat(lines, "\n")
    end

    it("says what a shell needs for a client", function()
      local said, lines = environment("unset IDP_CLIENT_SECRET;")
      local url, answer = said:match("^my%-project|(http://127%.0%.0%.1:%d+)|client_credentials|other|client%-id|"
        .. "client%-secret|(.*)$")
      assert.truthy(url, said)
      assert.equal(url .. "/oauth2/token|", answer:match("^[^{]*"))
      assert.matches('"access_token":"sim.', answer, 1, true)
      assert.matches("^# cdfworkflow%-sim listening on " .. url:gsub("%p", "%%%0") .. "\n", lines)
    end)

    it("quotes what is odd, and leaves a secret of the environment where it is", function()
      local said = environment("", "--client-id", "o'dd $id", "--client-secret", "s'$(x)", "--project", "p 1")
      assert.matches("^p 1|http.*|o'dd %$id|s'%$%(x%)|http.*access_token", said)
      local lines
      said, lines = environment("export IDP_CLIENT_SECRET=hidden-7f3a;")
      assert.matches("|hidden%-7f3a|.*access_token", said)
      assert.is_nil(lines:find("hidden-7f3a", 1, true))
    end)
  end)

  it("says each request in JSON, with --log json, and what is secret in none", function()
    local script = "echo $$; exec " .. server.command { "--port", "0", "--log", "json", "--clock", "manual" } .. " 2>&1"
    local output = assert(io.popen(script))
    local pid = output:read "*l"
    sim = { url = output:read("*l"):match("http.*$"), stop = function() end }
    token("client-id", "client-secret")
    ask("/api/v1/projects/my-project/workflows?cursor=canary-7f3a")
    run("curl -s -X PUT " .. sim.url .. "/upload/canary-7f3a")
    run(([[bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s; printf "GET /\377 HTTP/1.0\r\n\r\n" >&3; cat <&3']])
      :format(sim.url:match "%d+$")) -- curl would spell it as it should be spelled
    os.execute("kill -TERM " .. pid)
    local lines = {}
    for line in output:lines() do
      assert.is_nil(line:find("canary-7f3a", 1, true))
      lines[#lines + 1] = assert(core.decode(line))
      assert.is_true(lines[#lines].seconds >= 0)
      lines[#lines].seconds = nil
    end
    output:close()
    local time = "2026-01-01T00:00:00.000Z"
    assert.same({
      { level = "info", time = time, method = "POST", path = "/oauth2/token", operation = "issueToken", status = 200 },
      { level = "info", time = time, method = "GET", path = "/api/v1/projects/my-project/workflows", status = 401,
        operation = "listWorkflows" },
      { level = "info", time = time, method = "PUT", path = "/upload/…", status = 403,
        operation = "uploadFileContent" },
      { level = "info", time = time, method = "GET", path = "/%FF", status = 404 },
    }, lines)
  end)

  it("serves no page when it is headless", function()
    start("--headless")
    assert.equal(404, ask("/").error.code)
    assert.equal(404, ask("/ui/my-project/executions").error.code)
  end)

  it("lets its page act on this machine only, unless it is told otherwise", function()
    local function has_forms()
      local html = run(("curl -sg --noproxy '*' -H 'Host: localhost' '%s/'"):format(sim.url))
      assert.matches("my%-project", html)
      sim:stop()
      return html:find('method="post"', 1, true) ~= nil
    end
    start()
    assert.is_true(has_forms())
    start("--host", "::ffff:127.0.0.1") -- this machine too, in words that the program does not know as such
    assert.is_false(has_forms())
    start("--host", "::ffff:127.0.0.1", "--page-actions")
    assert.is_true(has_forms())
  end)

  it("lets the given client sign in, into the given projects", function()
    start("--client-id", "me", "--client-secret", "mine", "--project", "one", "--project", "two", "--token", "fixed")
    assert.matches("^sim%.", token("me", "mine").access_token)
    assert.equal("invalid_client", token("me", "wrong").error)
    assert.same({ items = {} }, ask("/api/v1/projects/one/workflows", SIGNED))
    assert.same({ items = {} }, ask("/api/v1/projects/two/workflows", SIGNED))
    assert.equal(401, ask("/api/v1/projects/my-project/workflows", SIGNED).error.code)
  end)

  it("takes the secret from the environment", function()
    local command = server.command { "--port", "0" }
    local output = assert(io.popen("echo $$; export IDP_CLIENT_SECRET=hidden; exec " .. command))
    local pid = output:read("*l")
    sim = { url = output:read("*l"):match("http.*$"), stop = function()
      os.execute("kill -TERM " .. pid)
      output:close()
    end }
    assert.matches("^sim%.", token("client-id", "hidden").access_token)
    assert.equal("invalid_client", token("client-id", "client-secret").error)
  end)

  it("gives the same ids and tokens for the same seed", function()
    local tokens = {}
    for i, seed in ipairs { "7", "7", "8" } do
      start("--clock", "manual", "--seed", seed)
      tokens[i] = token("client-id", "client-secret").access_token
      sim:stop()
    end
    assert.equal(tokens[1], tokens[2])
    assert.not_equal(tokens[1], tokens[3])
  end)

  it("carries out ordered faults", function()
    start("--fault", "token:503x2", "--fault", "token:401@4")
    local statuses = {}
    for i = 1, 5 do
      local answer = token("client-id", "client-secret")
      statuses[i] = answer.error and answer.error.code or 200
    end
    assert.same({ 503, 503, 200, 401, 200 }, statuses)
  end)

  it("loads functions, workflows and versions from a file, and runs them", function()
    start("--token", "fixed", "--clock", "manual", "--load", path_of "workflow.lua")
    assert.equal("from a file", api("/workflows/demo").description)
    local execution = start_run("demo")
    sim:advance(1)
    execution = api("/workflows/executions/" .. execution.id)
    assert.equal("COMPLETED", execution.status)
    assert.equal("here", execution.executedTasks[1].output.response.got.what)
  end)

  it("loads faults from a file", function()
    start("--load", write("faults.lua",
      "return { faults = { { match = { operation = 'token', nth = 2 }, status = 418 } } }"))
    assert.is_string(token("client-id", "client-secret").access_token)
    assert.equal(418, token("client-id", "client-secret").error.code)
  end)

  it("loads a file that returns a function", function()
    local file = write("function.lua", "return function(sim) sim:fault { status = 418 } end")
    start("--load", file)
    assert.equal(418, ask("/oauth2/token").error.code)
  end)

  describe("with --state", function()
    it("goes on where it was stopped", function()
      local options = { "--token", "fixed", "--clock", "manual", "--load", path_of "workflow.lua", "--state",
        path_of "orderly" }
      sim = server.start(options)
      local execution = start_run("long")
      sim:advance(20)
      sim:stop()
      sim = server.start(options)
      assert.equal("RUNNING", api("/workflows/executions/" .. execution.id).status)
      sim:advance(41)
      local ended = api("/workflows/executions/" .. execution.id)
      assert.equal("COMPLETED", ended.status)
      assert.equal(60000, ended.endTime - ended.startTime)
    end)

    it("has saved what changed a moment ago, when it is killed", function()
      local options = { "--token", "fixed", "--state", path_of "killed" }
      sim = server.start(options)
      api("/workflows", { items = { { externalId = "kept" } } })
      local kept = ("grep -q kept '%s' 2>/dev/null"):format(options[4])
      os.execute(("for _ in $(seq 100); do %s && break; sleep 0.02; done"):format(kept)) -- 2 s at most, and some
      sim:stop("KILL")
      sim = server.start(options)
      assert.equal("kept", api("/workflows/kept").externalId)
    end)

    it("refuses a damaged file and leaves it alone", function()
      local text = '{"cdfworkflow-sim state":2}\n{"bytes":100,"sum":"00000001"}\n'
      local path = write("damaged", text)
      local said, status = refused("--state", path)
      assert.equal(1, status)
      assert.matches("^cdfworkflow%-sim: .*damaged is damaged: it holds 28 bytes where 100 were written$", said)
      local file = assert(io.open(path))
      assert.equal(text, file:read("*a"))
      file:close()
    end)

    it("is refused at the start where the state could not be saved", function()
      for _, path in ipairs { path_of "none/state", "/proc/state" } do
        local said, status = refused("--state", path)
        assert.equal(1, status)
        assert.matches("^cdfworkflow%-sim: cannot save " .. path:gsub("%p", "%%%0") .. ": %S", said)
      end
    end)

    it("says so, with status 1, when the state cannot be saved at the end", function()
      os.execute("mkdir " .. path_of "gone")
      local output = assert(io.popen("sh -c 'echo $$; exec " .. server.command({ "--port", "0", "--state",
        path_of "gone/state" }):gsub("'", "'\\''") .. "' 2>&1; echo status $?"))
      local pid = output:read("*l")
      output:read("*l")
      os.execute("rm -r " .. path_of "gone" .. "; kill -TERM " .. pid)
      assert.matches("cannot save .*gone/state.*status 1\n$", output:read("*a"))
      output:close()
    end)

    it("keeps it where only its owner can read it", function()
      sim = server.start { "--state", path_of "private" }
      sim:stop()
      assert.equal("600\n", run("stat -c %a " .. path_of "private"))
    end)
  end)

  describe("says what is wrong with", function()
    local function check(status, message, ...)
      local said, got = refused(...)
      assert.equal(status, got, said)
      assert.matches("^cdfworkflow%-sim: ", said)
      assert.matches(message, said, 1, true)
      assert.is_nil(said:find("stack traceback", 1, true))
    end

    it("the command line", function()
      check(2, "unknown option '--prot'", "--prot", "1")
      check(2, "65536 is not a number from 0 to 65535", "--port", "65536")
      check(2, "must be one of 'real', 'manual'", "--clock", "fast")
      check(2, "abc is not a number", "--seed", "abc")
      check(2, 'there is no operation "rnu"; did you mean "run"?', "--fault", "rnu:503")
    end)

    it("the port", function()
      start()
      check(1, "cannot listen on 127.0.0.1 port " .. ("%d"):format(sim.port), "--port", ("%d"):format(sim.port))
    end)

    it("the certificate", function()
      run(("cd %s && for name in one two; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key"
        .. " -out $name.pem -days 2 -subj /CN=localhost 2>/dev/null; done"):format(folder))
      check(1, "needs both a certificate and a key", "--certificate", path_of "one.pem")
      check(1, "cannot read the certificate", "--certificate", path_of "no.pem", "--key", path_of "one.key")
      check(1, "cannot read the key", "--certificate", path_of "one.pem", "--key", path_of "no.key")
      check(1, "no PEM certificate in", "--certificate", path_of "one.key", "--key", path_of "one.key")
      check(1, "no PEM key in", "--certificate", path_of "one.pem", "--key", path_of "one.pem")
      check(1, "is not the one of the certificate", "--certificate", path_of "one.pem", "--key", path_of "two.key")
    end)

    it("the loaded file", function()
      local function check_file(message, text)
        check(1, message, "--load", write("bad.lua", text))
      end
      check(1, "No such file", "--load", path_of "none.lua")
      check_file("bad.lua:1:", "return {")
      check_file("must return a function or a table", "return 7")
      check_file('bad.lua: unknown member "workflow"; did you mean "workflows"?', "return { workflow = {} }")
      check_file("bad.lua: functions must be a table, not 5", "return { functions = 5 }")
      check_file("bad.lua: functions must have names, and has 1", "return { functions = { print, f = print } }")
      check_file('bad.lua: functions["fn-a"] must be a Lua function, not "x"',
        "return { functions = { ['fn-a'] = 'x' } }")
      check_file('bad.lua: transformations["t"] must be a Lua function, not 5',
        "return { transformations = { t = 5 } }")
      check_file('bad.lua: mappings["m"] must be a Lua function, not a table', "return { mappings = { m = {} } }")
      check_file('bad.lua: requests: "GET x" is not of the form METHOD /path',
        "return { requests = { ['GET x'] = {} } }")
      check_file("bad.lua: requests: GET /x needs a table or a function, not 5",
        "return { requests = { ['GET /x'] = 5 } }")
      check_file("bad.lua: versions[1]: Request had 1 constraint", "return { versions = { { version = '1' } } }")
      check_file("faults[2]: it does nothing", "return { faults = { { status = 500 }, {} } }")
      check_file("bad.lua:1: simulator fault: status must be a whole number",
        "return function(sim) sim:fault { status = '500' } end")
      check_file("bad.lua:1: oh dear", "error 'oh dear'")
      check_file("workflows[1]: Request had 1 constraint violations",
        "return { workflows = { { description = 'no id' } } }")
    end)

    it("the packages that are missing", function()
      local function without(name)
        os.execute("mkdir -p " .. folder .. "/without/http")
        write("without/" .. name .. ".lua", "error 'not here'")
        local script = server.command { "--port", "0" }
        local said = run("timeout 60 " .. script:gsub("LUA_PATH_5_4='", "%0" .. folder .. "/without/?.lua;") .. " 2>&1")
        os.execute("rm -r " .. folder .. "/without")
        return said
      end
      assert.matches("lua%-http is needed to serve the simulator: install the rock `http`", without "http/server")
      assert.matches("argparse is needed: install the rock `argparse`", without "argparse")
    end)
  end)

  it("never prints a secret", function()
    local canary = "canary-7f3a"
    local said = refused("--client-secret", canary, "--token", canary, "--fault", "nowhere:1")
      .. refused("--client-secret", canary, "--token", canary, "--load", "none.lua")
      .. run(server.command { "--client-secret", canary, "--help" })
    assert.is_true(#said > 1000)
    assert.is_nil(said:find(canary, 1, true))
  end)
end)
