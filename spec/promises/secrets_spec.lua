-- SPDX-License-Identifier: Apache-2.0
-- README «Errors»: no secret (client secret, token, nonce) ever appears in an error, an event, a `tostring` or a
-- traceback. Canaries go through everything, and everything that comes out is searched.
-- What is visible by its nature, and not searched: what the caller himself holds, the nonce that `sessions:create`
-- returns, the fields of a request for a transport or token store written in Lua.

local Script = require "script"
local canary = require "canary"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local example = require "example"
local native = require "native"
local server = require "server"
local shell = require "shell"
local simulator = require "cdfworkflow.simulator"
local wire = require "wire"

local BASE_URL = "https://cdf.example"

local function credentials(token_url)
  return assert(cdf.credentials { client_id = "svc", client_secret = canary.secret(), token_url = token_url })
end

local function client_over(transport, on_event)
  return assert(cdf.client {
    project = "p", base_url = BASE_URL, transport = transport, on_event = on_event,
    credentials = credentials(BASE_URL .. "/token"),
  })
end

local function assert_clean(value, what)
  local finding = canary.find(value)
  if finding then error(("%s: %s"):format(what or "leak", finding), 2) end
end

describe("the search", function()
  it("finds a canary wherever one is", function()
    for _, value in ipairs {
      canary.secret(), { canary.token() }, { [canary.nonce()] = 1 }, { { a = { "x " .. canary.secret() } } },
      setmetatable({}, { canary.secret() }), function() return canary, { canary.secret() } end,
      setmetatable({}, { __tostring = canary.nonce }), core.form(canary.secret()), core.encode { canary.secret() },
    } do
      if type(value) ~= "function" then assert.is_string(canary.find(value)) end
    end
    assert.is_nil(canary.find { "CANARY", "nary-secret", 12, print })
  end)
end)

describe("an error", function()
  -- What a server may do with what it was told: the request as it came, and in plain the secrets that are known by now.
  local function echo_of(seen, phase)
    return ("you sent %s with %s: %s %s %s"):format(seen.body or "", seen.headers.authorization or "", canary.secret(),
      phase ~= "token" and canary.token() or "", phase ~= "token" and phase ~= "session" and canary.nonce() or "")
  end

  local function json(value)
    return assert(core.encode(value))
  end

  local bodies = {
    ["CDF's envelope"] = function(echo)
      return json { error = {
        code = 400, message = echo, missing = { { x = echo } }, duplicated = { { [echo] = 1 } },
        extra = { { { echo } } },
      } }
    end,
    ["an envelope without an object"] = function(echo) return json { error = echo } end,
    ["OAuth's"] = function(echo) return json { error = "invalid_client", error_description = echo } end,
    ["OAuth's with a strange code"] = function(echo) return json { error = echo, error_description = echo } end,
    ["a page"] = function(echo) return "<html>" .. echo .. "</html>" end,
    ["broken JSON"] = function(echo) return '{"error":{"message":"' .. echo end,
    ["the wrong shape"] = function(echo)
      return json { access_token = { echo }, id = { echo }, items = { { nonce = { echo }, id = echo } }, x = echo }
    end,
    ["a strange lifetime"] = function(echo) return json { access_token = canary.token(), expires_in = echo } end,
    ["a token that is none"] = function(echo) return json { access_token = echo } end,
    ["another workflow"] = function(echo)
      return json { id = echo, status = "RUNNING", workflowExternalId = echo, items = { { nonce = canary.nonce() } } }
    end,
    ["nothing"] = function() return "" end,
  }
  local statuses = { 200, 302, 400, 401, 403, 404, 429, 500, 503 }
  local failures = {
    "resolve", "connect", "tls", "proxy", "timeout", "send", "receive", "too_large", "protocol", "cancelled", "local",
  }

  local function phase_of(path)
    if path:find "/token$" then return "token" end
    if path:find "/sessions$" then return "session" end
    if path:find "/sessions/revoke$" then return "revoke" end
    if path:find "/executions/list$" then return "look" end
    return "call"
  end

  local usual = {
    token = { status = 200, body = json { access_token = canary.token(), expires_in = 3600 } },
    session = { status = 200, body = json { items = { { id = 1, nonce = canary.nonce() } } } },
    call = { status = 202, body = json { id = "i", status = "RUNNING", workflowExternalId = "foo" } },
    look = { status = 200, body = json { items = core.array {} } },
    revoke = { status = 200, body = "{}" },
  }
  -- What makes the client look, or revoke.
  local before = {
    look = { call = { failure = "receive", message = "closed" } },
    revoke = { call = { status = 400, body = json { error = { message = "no" } } } },
  }

  --- A run in which each request of one phase gets the answer that `make` makes of an echo.
  local function run(phase, make)
    local events = {}
    local script = Script.new(setmetatable({}, { __index = function()
      return function(seen)
        local own = phase_of(seen.path)
        if own == phase then return make(echo_of(seen, phase)) end
        return before[phase] and before[phase][own] or usual[own]
      end
    end }))
    local client = client_over(script, function(event) events[#events + 1] = event end)
    local options = { request_id = phase == "look" and "r" or nil, timeout = 30 }
    local _, result, err, trace = xpcall(function()
      local execution, err = client:run("foo", "1", options)
      local _, trace = xpcall(function() assert(execution, err) end, function(problem)
        return debug.traceback(tostring(problem))
      end)
      return execution, err, trace
    end, debug.traceback)
    return { result = result, err = err, trace = trace, events = events, client = client, core = client.core }
  end

  local kinds = {}

  local function check(phase, name, make)
    local outcome = run(phase, make)
    if outcome.err then kinds[outcome.err.kind] = true end
    if outcome.err then assert_clean(tostring(outcome.err), name) end
    -- The client has no other fields than these two that are the caller's own.
    outcome.client.transport, outcome.client.on_event = nil, nil
    assert_clean(outcome, ("%s, %s"):format(phase, name))
  end

  for _, phase in ipairs { "token", "session", "call", "look", "revoke" } do
    it("shows none, whatever a server says to the " .. phase .. " request", function()
      for name, body in pairs(bodies) do
        for _, status in ipairs(statuses) do
          check(phase, ("%s with %d"):format(name, status), function(echo)
            return { status = status, body = body(echo), headers = {
              ["x-request-id"] = echo, ["retry-after"] = echo, date = echo, location = echo,
            } }
          end)
        end
      end
      for _, failure in ipairs(failures) do
        check(phase, failure, function(echo) return { failure = failure, message = echo:sub(-100) } end)
      end
    end)
  end

  it("shows no part of one where a long text is cut", function()
    for length = 850, 1010 do
      check("call", ("cut after %d"):format(length), function()
        return { status = 400, body = json { error = { message = ("x"):rep(length) .. canary.token() } } }
      end)
    end
  end)

  it("shows no part of a long one in a request id that is cut", function()
    local token = (canary.token() .. "."):rep(100)
    local script = Script.new { { status = 400, headers = { ["x-request-id"] = token }, body = "{}" } }
    local client = assert(cdf.client {
      project = "p", base_url = BASE_URL, transport = script, credentials = cdf.credentials { token = token },
    })
    local _, err = client:request("GET", "/x")
    assert.equal("[redacted]", err.requestId)
    assert_clean { err, tostring(err) }
  end)

  it("shows no part of a long one in what a transport or a token function says", function()
    local token = canary.token() .. ("Z"):rep(600)
    local script = Script.new { { failure = "receive", message = "a proxy said: Bearer " .. token } }
    local calls = 0
    for _, given in ipairs { token, function()
      calls = calls + 1
      if calls > 1 then error(("x"):rep(900) .. token) end
      return token
    end } do
      script.answers[#script.requests + 1] = script.answers[1]
      script.answers[#script.requests + 2] = script.answers[1]
      local client = assert(cdf.client { project = "p", base_url = BASE_URL, transport = script, max_retries = 0,
        credentials = cdf.credentials { token = given } })
      for _ = 1, 2 do
        local _, err = client:request("GET", "/x")
        assert_clean { err, tostring(err) }
      end
    end
    assert.equal(2, calls)
  end)

  it("shows nothing of an upload's URL but its host, whatever the host says", function()
    local url = "https://up.example/" .. canary.token() .. "?sig=" .. canary.nonce()
    local events = {}
    local client = client_over(Script.new {
      { status = 403, body = json { error = { message = "bad " .. url } }, headers = { ["x-request-id"] = "r" } },
    }, function(event) events[#events + 1] = event end)
    local _, err = client:_put(url, "bytes", {})
    assert.equal("PUT https://up.example was answered with 403, without an error text (api, request id r)",
      tostring(err))
    assert_clean { err, events }
    assert.equal("https://up.example", events[1].url)
  end)

  it("shows none of a function's secrets that CDF repeats", function()
    local secret = canary.nonce() -- none that the client has of its own
    local client = client_over(Script.new {
      usual.token, { status = 400, body = json { error = { message = "bad: " .. secret, extra = { secret } } } },
    })
    local _, err = client.functions:create { name = "f", fileId = 1, secrets = { a = secret } }
    assert.equal(400, err.status)
    assert_clean { err, tostring(err) }
  end)

  it("shows none of a token that has been replaced meanwhile", function()
    local script = Script.new {
      usual.token, { status = 401, body = json { error = { message = "no" } } },
      { status = 200, body = json { access_token = "another-token" } },
      { status = 401, body = json { error = { message = "another-token is no better" } } },
    }
    local _, err = client_over(script):request("GET", "/x")
    assert.equal(401, err.status)
    assert.matches("%[redacted%] is no better", err.message)
  end)

  it("shows none of what was refused here", function()
    local function refused(result, err)
      assert.is_nil(result)
      kinds[err.kind] = true
      assert_clean({ err, tostring(err) })
    end
    local function raised(...)
      local ok, message = pcall(...)
      assert.is_false(ok)
      assert_clean(tostring(message))
    end
    refused(cdf.credentials { token = canary.token() .. " x" })
    refused(cdf.credentials { token = canary.token() .. "\n" })
    refused(cdf.credentials { client_id = "a", client_secret = canary.secret() .. "\0", token_url = BASE_URL })
    refused(cdf.credentials { client_id = "a", client_secret = canary.secret() .. "\255", token_url = BASE_URL })
    refused(cdf.credentials {
      client_id = "a", client_secret = "b", token_url = "https://u:" .. canary.token() .. "@idp.example/token",
    })
    refused(cdf.client {
      project = "p", credentials = credentials(BASE_URL), base_url = "https://u:" .. canary.token() .. "@cdf.example",
    })
    raised(cdf.credentials, { client_id = "a", client_secret = { canary.secret() }, token_url = BASE_URL })
    raised(cdf.credentials, { token = canary.token(), client_id = "a" })
    raised(cdf.credentials, { token = { canary.token() } })
    raised(cdf.credentials, { client_id = "a", client_secret = canary.secret() })
    local client = client_over(Script.new {})
    refused(client:run("foo", "1", { nonce = canary.nonce() .. "\255" }))
    refused(client:run("foo", "1", { nonce = canary.nonce():rep(1000) }))
    refused(client:run(" foo", "1", { client_credentials = { client_id = "a", client_secret = canary.secret() } }))
    raised(client.run, client, "foo", "1", { nonce = { canary.nonce() } })
    raised(client.run, client, "foo", "1", { session = canary.secret() })
    raised(client.run, client, "foo", "1", { client_credentials = canary.secret() })
    raised(client.run, client, "foo", "1", { client_credentials = { client_secret = canary.secret() } })
  end)

  it("shows none when the caller's token function gives what is no token", function()
    for _, give in ipairs {
      function() return canary.token() .. " \n" end, function() return { canary.token() } end,
      function() return canary.token():rep(4000) end,
    } do
      local client = assert(cdf.client {
        project = "p", base_url = BASE_URL, transport = Script.new {}, credentials = cdf.credentials { token = give },
      })
      local _, result, err = pcall(client.auth, client)
      assert_clean({ result, err, tostring(err) })
    end
  end)

  it("was looked for in every kind of error there is", function()
    local wanted = {
      "ambiguous", "api", "auth", "cancelled", "invalid", "protocol", "throttled", "timeout", "tls", "transport",
    }
    local seen = {}
    for kind in pairs(kinds) do seen[#seen + 1] = kind end
    table.sort(seen)
    assert.same(wanted, seen)
  end)
end)

describe("a success", function()
  local VERSION = {
    workflowExternalId = "wf", version = "1",
    workflowDefinition = { tasks = { {
      externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f", data = { x = 1 } } },
    } } },
  }
  local TRIGGER = {
    externalId = "tr", workflowExternalId = "wf", workflowVersion = "1",
    triggerRule = { triggerType = "schedule", cronExpression = "0 0 * * *" },
  }
  local CRON = { name = "s", workflow_external_id = "wf", version = "1", cron = "0 0 * * *" }

  local function simulate()
    return simulator.new {
      project = "p", client_id = "svc", client_secret = canary.secret(),
      functions = { f = function(data) return data, 5 end },
    }
  end

  local function client_of(sim, events)
    return assert(cdf.client {
      project = "p", base_url = BASE_URL, transport = canary.transport(sim),
      credentials = credentials(BASE_URL .. "/oauth2/token"),
      on_event = function(event) events[#events + 1] = event end,
    })
  end

  it("shows none, whatever the call", function()
    local events, calls = {}, 0
    local client = client_of(simulate(), events)
    local function check(result, err)
      assert(result ~= nil, err)
      assert_clean(result)
      calls = calls + 1
      return result
    end
    local function collect(iterator)
      local list = {}
      for item in iterator do list[#list + 1] = item end
      return check(list)
    end
    local given = { client_credentials = credentials(BASE_URL) }
    local workflows, executions, triggers = client.workflows, client.workflows.executions, client.workflows.triggers
    check(client:auth())
    check(workflows:upsert { externalId = "wf" })
    check(workflows:retrieve "wf")
    check(workflows:list())
    collect(workflows:each())
    check(workflows.versions:upsert(VERSION))
    check(workflows.versions:retrieve("wf", "1"))
    check(workflows.versions:list())
    local run = check(client:run("wf", "1", { input = { x = 1 }, metadata = { a = "b" } }))
    check(client:run("wf", "1", { request_id = "r" }))
    check(client:run("wf", "1", given))
    check(client:run("wf", "1", { session = "oneshot" }))
    check(client:run("wf", "1", { session = "token_exchange" }))
    check(client:run("wf", "1", { nonce = client.sessions:create().nonce }))
    check(executions:run_many { { "wf", "1" }, { "wf", "1" } })
    collect(executions:watch(run))
    check(client:wait(run))
    check(executions:retrieve(run.id))
    check(executions:list())
    check(executions:cancel(assert(client:run("wf", "1")).id, "because"))
    check(executions:retry(executions:list({ status = { "TERMINATED" } })[1].id))
    check(triggers:upsert(TRIGGER, given))
    check(triggers:list())
    check(triggers:history "tr")
    check(triggers:pause "tr")
    check(triggers:resume "tr")
    check(triggers:delete "tr")
    local cron = check(client:schedule(CRON))
    check(client:schedules())
    check(client:unschedule(cron))
    check(client.functions:retrieve "f")
    check(client.functions:list())
    check(client.functions:call("f", { x = 1 }))
    check(client.functions.schedules:create {
      name = "s", functionExternalId = "f", cronExpression = "0 0 * * *", data = { x = 1 },
    })
    check(client.functions.schedules:list())
    local session = assert(client.sessions:create())
    assert.is_string(session.nonce) -- the one secret that is a result, and asked for
    session.nonce = nil
    check(session)
    check(client.sessions:list())
    check(client.sessions:retrieve(session.id))
    check(client.sessions:revoke(session.id))
    check(client:request("GET", "/workflows"))
    assert.is_true(calls >= 40)
    assert.is_true(#events > 2 * calls)
    assert_clean(events)
  end)

  it("shows none in what the client's objects say of themselves", function()
    local events = {}
    local client = client_of(simulate(), events)
    assert(client.workflows:upsert { externalId = "wf" })
    local call = core.run(client.core, "wf", "1", { client_credentials = credentials(BASE_URL) })
    local objects = { client, client.core, call, credentials(BASE_URL), cdf.credentials { token = canary.token() } }
    local action, request = call:step("start", 1)
    while action == "http" do
      objects[#objects + 1] = request
      local response = client.transport:http(request)
      action, request = call:step("answer", 1, 1, response)
    end
    objects[#objects + 1] = core.http { proxy = "http://user:" .. canary.token() .. "@127.0.0.1:1" }
    for _, object in ipairs(objects) do
      assert.is_nil(canary.in_text(tostring(object)))
      assert_clean(debug.getmetatable(object))
    end
    for name in pairs(core) do assert.is_nil(canary.in_text(name)) end
    assert.equal(9, #objects)
  end)
end)

local ANSWERS = ([[
    local connection = ...
    while true do
      local request = read(connection)
      if not request then return end
      local path = request.path
      if path == "/token" then reply(connection, 200, '{"access_token":"%s","expires_in":3600}')
      elseif path:find "/sessions" then reply(connection, 200, '{"items":[{"id":1,"nonce":"%s"}]}')
      elseif path:find "refused" then
        local text = (request.body .. request.headers.authorization):gsub('[\\"]', "\\%%0")
        reply(connection, 400, '{"error":{"message":"' .. text .. '"}}')
      elseif path:find "triggers" then reply(connection, 200, '{"items":[{"externalId":"t"}]}')
      else reply(connection, 200, '{"id":"i","status":"RUNNING","workflowExternalId":"foo"}') end
    end
]]):format(canary.token(), canary.nonce())

describe("over libcurl", function()
  local function hooked(url, hiding_place)
    local program = debug.getinfo(1, "S").source:match "^@(.*)promises/" .. "support/hooked.lua"
    local said, status = shell.run(("%s %s %s %s"):format(shell.lua, shell.quote(program), url, hiding_place or ""))
    assert.equal(0, status, said)
    local findings, events = said:match "^(.*)searched (%d+) times\n$"
    return findings, tonumber(events)
  end

  it("a debug hook finds none, at any call, return or line", function()
    local wired = wire.serve(ANSWERS)
    local findings, events = hooked(wired.url)
    wired:stop()
    assert.equal("", findings)
    assert.is_true(events > 500)
  end)

  it("it would find one anywhere", function()
    for _, place in ipairs { "of_caller", "upvalue", "key", "coroutine", "registry", "argument" } do
      assert.truthy(canary.in_text((hooked("unused", place))), place)
    end
  end)

  it("errors of the transport show none", function()
    local token = canary.token()
    for _, opts in ipairs {
      { base_url = "http://127.0.0.1:1" }, { base_url = "https://nowhere.invalid" },
      { proxy = "http://user:" .. token .. "@127.0.0.1:1" }, { proxy = "http://" .. token .. ":x@nowhere.invalid:1" },
      { proxy = "bad://user:" .. token .. "@127.0.0.1:1" }, { ca_file = "/no/such/file" },
    } do
      opts.project, opts.max_retries, opts.timeout = "p", 0, 5
      opts.base_url = opts.base_url or "https://127.0.0.1:1"
      opts.credentials = cdf.credentials { token = token }
      local client = assert(cdf.client(opts))
      local result, err = client:request("GET", "/x")
      assert.is_nil(result)
      assert_clean({ err, tostring(err), tostring(client) })
      client:close()
    end
  end)

  it("the signature of an upload is in no error and no event", function()
    local events = {}
    local client = client_over(nil, function(event) events[#events + 1] = event end)
    local result, err = client:_put("http://127.0.0.1:1/up?signature=" .. canary.token(), "x", { timeout = 0.2 })
    assert.is_nil(result)
    client:close()
    assert_clean { err, tostring(err), events }
    assert.is_true(#events > 0)
  end)
end)

describe("what secrets leave in memory", function()
  it("is wiped before the module or libcurl gives it back; strings of Lua are not ours", function()
    local wired = wire.serve(ANSWERS)
    local watcher = native.build "freed"
    local said, status = shell.run(native.command("freed", "LD_PRELOAD=" .. watcher .. " FREED_MODULE=core.so")
      .. " " .. wired.url)
    wired:stop()
    os.remove(watcher)
    assert.equal(0, status, said)
    local ours, unwiped, libcurls, others =
      said:match "(%d+) blocks of core.so, (%d+) with a canary; (%d+) of libcurl with one, (%d+) of others\n$"
    assert.is_true(tonumber(ours) > 100, said)
    assert.equal("0", unwiped, said)
    assert.equal("0", libcurls, said)
    assert.is_true(tonumber(others) > 0, said) -- the watcher sees what it is to see
  end)

  -- How often the text stands in the memory of a process that can be written to.
  local function occurrences(pid, text)
    local found, memory = 0, assert(io.open(("/proc/%s/mem"):format(pid), "rb"))
    for line in io.lines(("/proc/%s/maps"):format(pid)) do
      local from, to = line:match "^(%x+)%-(%x+) rw"
      if from and memory:seek("set", tonumber(from, 16)) then
        local content = memory:read(tonumber(to, 16) - tonumber(from, 16)) or ""
        found = found + select(2, content:gsub(text:gsub("%p", "%%%0"), ""))
      end
    end
    memory:close()
    return found
  end

  it("is no request header, neither in a client that rests nor after it is closed", function()
    local wired = wire.serve(ANSWERS)
    local pipe = os.tmpname()
    shell.run(("rm %s; mkfifo %s"):format(pipe, pipe))
    local process = assert(io.popen(("echo $$; exec %s %s <%s"):format(native.command "resting", wired.url, pipe)))
    local pid, words = process:read "*l", assert(io.open(pipe, "w"))
    for _, state in ipairs { "under way", "resting", "closed" } do
      assert.equal(state, process:read "*l")
      local found = occurrences(pid, "Bearer " .. canary.token())
      assert.equal(state == "under way", found > 0, ("%s: %d"):format(state, found))
      words:write "go on\n"
      words:flush()
    end
    words:close()
    process:close()
    wired:stop()
    os.remove(pipe)
  end)
end)

describe("a program", function()
  local function start_simulator(...)
    local process = assert(io.popen("echo $$; exec env IDP_CLIENT_SECRET=" .. shell.quote(canary.secret()) .. " "
      .. server.command { "--port", "0", "--control", "--token", canary.token(), ... } .. " 2>&1"))
    local pid, line = process:read "*l", process:read "*l"
    return process, pid, line:match "listening on (%S+)"
  end

  it("cdfworkflow-sim prints none and keeps none in its log and its page", function()
    local process, pid, url = start_simulator()
    local function client_with(secret)
      return assert(cdf.client {
        project = "my-project", base_url = url, max_retries = 0,
        credentials = cdf.credentials {
          client_id = "client-id", client_secret = secret, token_url = url .. "/oauth2/token",
        },
      })
    end
    local client, stranger = client_with(canary.secret()), client_with(canary.secret() .. "?")
    assert(client.workflows:upsert { externalId = "wf" })
    assert.is_nil(client:run("none", "1"))
    local _, err = stranger:auth()
    assert.equal("auth", err.kind)
    assert_clean { err, tostring(err) }
    local answers = {}
    local function ask(arguments)
      answers[#answers + 1] = shell.run("curl -sS " .. arguments)
    end
    local bearer = shell.quote("Authorization: Bearer " .. canary.token())
    ask(("-H %s %s/api/v1/projects/my-project/sessions -d '{'"):format(bearer, url))
    ask(("-H %s %s/api/v1/projects/other/workflows"):format(bearer, url))
    ask(("-H %s %s/"):format(bearer, url))
    ask(("%s/oauth2/token --data-urlencode grant_type=x --data-urlencode client_secret=%s"):format(
      url, shell.quote(canary.secret())))
    ask(url .. "/_simulator/log")
    client:close()
    stranger:close()
    os.execute("kill " .. pid)
    answers[#answers + 1] = process:read "*a"
    process:close()
    assert.matches("runWorkflowVersion", answers[5])
    assert_clean(answers)
  end)

  it("cdfworkflow-sim shows none when it cannot start", function()
    for _, arguments in ipairs {
      { "--client-secret", canary.secret(), "--load", "/no/such/file" },
      { "--client-secret", canary.secret(), "--bogus" },
      { "--client-secret", canary.secret(), "--port", "x" },
      { "--token", canary.token(), "--state", "/no/such/folder/state", "--certificate", "/no/such/file" },
    } do
      local said, status = shell.run(server.command(arguments))
      assert.is_true(status > 0)
      assert_clean(said)
    end
  end)

  it("of the examples prints none", function()
    for _, name in ipairs { "run_and_wait", "follow_with_picture", "schedule_both_ways", "complete_async_task" } do
      local secrets = { example.SECRET }
      local sim = example.simulator()
      local make_transport = sim.transport
      function sim:transport()
        local inner = make_transport(self)
        local http = inner.http
        inner.http = function(_, request)
          local answer = http(inner, request)
          for _, member in ipairs { "access_token", "nonce" } do
            secrets[#secrets + 1] = (answer.body or ""):match('"' .. member .. '":"([^"]+)"')
          end
          return answer
        end
        return inner
      end
      local printed = example.run(name, sim, { "/dev/null" })
      assert.is_true(#printed > 0 and #secrets >= 2, name)
      for _, secret in ipairs(secrets) do assert.is_nil(printed:find(secret, 1, true), name) end
    end
  end)
end)
