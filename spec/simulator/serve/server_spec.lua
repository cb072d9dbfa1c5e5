-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The simulator behind real sockets: HTTP/1.1, HTTP/2, TLS, ordered faults on the wire, limits, the clock, the end.
-- curl is the client, since it is none of ours and speaks everything.

local core = require "cdfworkflow.core"
local server = require "server"

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  assert(file:close())
end

local scratch

-- Runs curl; gives the body, what -w asked for, and curl's own exit status.
local function curl(arguments, wanted)
  local command = ("curl -sk --noproxy '*' --max-time 20 -o '%s/body' -w '%s' %s; echo \" $?\""):format(scratch,
    wanted or "%{http_code}", arguments)
  os.remove(scratch .. "/body")
  local pipe = assert(io.popen(command))
  local facts, status = pipe:read("*a"):match("^(.*) (%d+)\n$")
  pipe:close()
  local file = io.open(scratch .. "/body", "rb")
  local body = file and file:read("*a")
  if file then file:close() end
  return body, facts, tonumber(status)
end

-- In hundredths of a second.
local function processor_time(pid)
  local file = assert(io.open("/proc/" .. pid .. "/stat"))
  local user, system = file:read("*a"):match("^%d+ %b() %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  file:close()
  return tonumber(user) + tonumber(system)
end

local FORM = "-d 'grant_type=client_credentials&client_id=client-id&client_secret=client-secret'"
local UNSIGNED = "/api/v1/projects/my-project/workflows"

setup(function()
  scratch = os.tmpname()
  os.remove(scratch)
  os.execute("mkdir " .. scratch)
  os.execute(("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2"
    .. " -subj /CN=localhost 2>/dev/null"):format(scratch))
  write(scratch .. "/fits", ("x"):rep(16 * 1024 * 1024))
  write(scratch .. "/large", ("x"):rep(16 * 1024 * 1024 + 1))
end)

teardown(function() os.execute("rm -r " .. scratch) end)

local CHUNKED = "-H 'Transfer-Encoding: chunked'"

for _, kind in ipairs {
  { name = "HTTP/1.1", flags = "--http1.1", version = "1.1", uploads = { "", CHUNKED, "-H 'Expect:'" } },
  { name = "HTTP/1.1 over TLS", flags = "--http1.1", version = "1.1", tls = true, uploads = {} },
  { name = "HTTP/2 over TLS", flags = "--http2", version = "2", tls = true, uploads = { "" } },
} do
  describe("over " .. kind.name, function()
    local sim

    setup(function()
      local args = { "--clock", "manual" }
      if kind.tls then
        for _, word in ipairs { "--certificate", scratch .. "/certificate.pem", "--key", scratch .. "/key.pem" } do
          args[#args + 1] = word
        end
      end
      sim = server.start(args)
    end)

    teardown(function() sim:stop() end)

    local function ask(path, more, wanted)
      return curl(kind.flags .. " " .. (more or "") .. " '" .. sim.url .. path .. "'", wanted)
    end

    it("answers, with status, headers and body as the simulator says", function()
      local body, facts = ask("/oauth2/token", FORM, "%{http_code} %{http_version} %{content_type}")
      assert.equal("200 " .. kind.version .. " application/json", facts)
      assert.matches("^sim%.", assert(core.decode(body)).access_token)
      body, facts = ask(UNSIGNED)
      assert.equal("401", facts)
      assert.equal("Unauthorized", core.decode(body).error.message)
    end)

    it("hands on the path as it was sent", function()
      ask("/a%2Fb/%20c/..%2e?q=%2B+&x", "--path-as-is")
      local log = sim:log()
      assert.equal("/a%2Fb/%20c/..%2e?q=%2B+&x", log[#log].path)
    end)

    it("keeps the connection", function()
      local _, facts = curl(("%s -o /dev/null '%s/x' '%s/y'"):format(kind.flags, sim.url, sim.url), "%{num_connects}")
      assert.equal("10", facts)
    end)

    it("gives no body with 204, so that the connection can be kept", function()
      sim:fault { status = 204, match = { path = "^/x$" } }
      local _, facts, status = curl(("%s -o /dev/null '%s/x' '%s/y'"):format(kind.flags, sim.url, sim.url),
        "%{http_code} %{num_connects};")
      assert.same({ "204 1;404 0;", 0 }, { facts, status })
    end)

    it("answers HEAD without a body", function()
      local _, facts, status = ask("/", "--head", "%{http_code} %{size_download}")
      assert.equal("200 0", facts)
      assert.equal(0, status)
    end)

    for _, way in ipairs(kind.uploads) do
      it("takes bodies up to a limit #timed " .. way, function()
        assert.equal("400", (select(2, ask("/oauth2/token", way .. " --data-binary @" .. scratch .. "/fits"))))
        local body, facts = ask("/oauth2/token", way .. " --data-binary @" .. scratch .. "/large")
        assert.equal("413", facts)
        assert.equal(413, core.decode(body).error.code)
      end)
    end

    it("does nothing with a request that breaks off, and rests afterwards #timed", function()
      local before = #sim:log()
      for _, way in ipairs { "", CHUNKED } do
        local _, _, status = ask("/oauth2/token",
          "-m 0.2 --limit-rate 50000 " .. way .. " --data-binary @" .. scratch .. "/fits")
        assert.equal(28, status)
      end
      local busy = processor_time(sim.pid)
      os.execute("sleep 0.2")
      assert.is_true(processor_time(sim.pid) - busy < 8)
      assert.equal(before, #sim:log())
    end)

    it("carries out an ordered delay", function()
      sim:fault { delay = 0.3, match = { operation = "token" } }
      local _, facts = ask("/oauth2/token", FORM, "%{http_code} %{time_total}")
      local status, seconds = facts:match("^(%d+) (.*)$")
      assert.equal("200", status)
      assert.is_true(tonumber(seconds) >= 0.3)
    end)

    for when, handled in pairs { before = false, after = true } do
      it("cuts the connection " .. when .. " a request is handled", function()
        local token = core.decode((ask("/oauth2/token", FORM))).access_token
        local bearer = "-H 'Authorization: Bearer " .. token .. "' -H 'Content-Type: application/json'"
        sim:fault { drop = when, match = { operation = "upsertWorkflows", path = "/workflows$" } }
        local item = ("-d '{\"items\":[{\"externalId\":\"%s\"}]}'"):format(when)
        local body, facts, status = ask(UNSIGNED, bearer .. " " .. item)
        assert.equal("000", facts)
        assert.is_nil(body)
        assert.truthy(status == 52 or status == 56 or status == 92 or status == 16 or status == 18)
        body = ask(UNSIGNED .. "/" .. when, bearer)
        assert.equal(handled, core.decode(body).externalId == when)
      end)
    end

    it("cuts the connection after a whole answer that did not tell of it", function()
      -- The answer and the end of its connection reach a client one after the other. What is asked in between, by
      -- another name and so on another connection, is answered by the same thread, which has cut the first by then.
      local elsewhere = sim.url:gsub("127%.0%.0%.1", "localhost") .. UNSIGNED
      local function twice()
        return ask(UNSIGNED, ("-4 -o /dev/null '%s' -o /dev/null '%s'"):format(sim.url .. UNSIGNED, elsewhere),
          "%{http_code} %{num_connects},")
      end
      assert.equal("401 1,401 1,401 0,", (select(2, twice()))) -- the last request went by the connection of the first
      sim:fault { close = true }
      local _, facts, status = twice()
      assert.equal("401 1,401 1,401 1,", facts)
      assert.equal(0, status)
    end)

    it("dates every answer by the simulator's clock", function()
      sim:fault { date = -7200, match = { nth = 2 } }
      local function date(path)
        return (select(2, ask(path, nil, "%header{date}")))
      end
      assert.equal("Thu, 01 Jan 2026", date(UNSIGNED):sub(1, 16))
      local apart = date(UNSIGNED)
      for _, path in ipairs { UNSIGNED, "/", "/_simulator/log" } do
        assert.not_equal(apart, date(path), path)
        assert.matches("^Thu, 01 Jan 2026 %d%d:%d%d:%d%d GMT$", date(path))
      end
      local _, facts = ask("/oauth2/token", "--data-binary @" .. scratch .. "/large", "%{http_code} %header{date}")
      assert.matches("^413 Thu, 01 Jan 2026 ", facts)
    end)

    it("promises a whole body and cuts it short", function()
      local full = ask(UNSIGNED)
      for _, bytes in ipairs { 0, 5, 100000 } do
        sim:fault { truncate = bytes }
        local body, facts, status = ask(UNSIGNED, nil, "%{http_code}")
        assert.equal("401", facts)
        assert.equal(18, status) -- a part of the promised body
        assert.equal(full:sub(1, math.min(bytes, #full - 1)), (body or ""))
      end
      assert.equal(full, (ask(UNSIGNED)))
    end)

    it("serves the page and nothing else beside the API", function()
      local body, facts = ask("/", nil, "%{http_code} %{content_type}")
      assert.equal("200 text/html; charset=utf-8", facts)
      assert.matches("<title>my%-project · cdfworkflow%-sim</title>", body)
      assert.equal("404 text/html; charset=utf-8", (select(2, ask("/ui/none", nil, "%{http_code} %{content_type}"))))
      assert.equal("404 application/json", (select(2, ask("/uixyz", nil, "%{http_code} %{content_type}"))))
      assert.equal("404", (select(2, ask("/", "-X POST"))))
    end)

    it("shows the page under its own names only, and acts on its own forms only", function()
      assert.equal("403", (select(2, ask("/", "-H 'Host: rebound.example'"))))
      local form = "-d 'deed=advance&seconds=60&token=%s'"
      local function clock() return (ask "/"):match("<time>(.-)</time>") end
      local before = clock()
      assert.equal("403", (select(2, ask("/ui/controls", form:format "guessed"))))
      local token = ask("/"):match('name="token" value="(%x+)"')
      assert.equal(32, #token)
      assert.equal("403", (select(2, ask("/ui/controls", form:format(token) .. " -H 'Origin: https://evil.example'"))))
      assert.equal(before, clock())
      local _, facts = ask("/ui/controls", form:format(token) .. " -H 'Origin: " .. sim.url .. "'",
        "%{http_code} %{redirect_url}")
      assert.equal("303 " .. sim.url .. "/ui/controls?notice=1", facts)
      assert.not_equal(before, clock())
    end)
  end)
end

describe("the seam for tests", function()
  local sim

  setup(function() sim = server.start { "--clock", "manual" } end)
  teardown(function() sim:stop() end)

  it("moves the clock, orders faults, and shows the requests", function()
    local now = sim:advance(0)
    assert.equal(now + 90500, sim:advance(90.5))
    sim:fault { status = 503, match = { operation = "token" } }
    local _, facts = curl(FORM .. " " .. sim.url .. "/oauth2/token")
    assert.equal("503", facts)
    local log = sim:log()
    assert.same({ method = "POST", path = "/oauth2/token", operation = "issueToken", status = 503 }, log[#log])
  end)

  it("lists the faults that wait, and takes them back", function()
    local function faults(arguments)
      return core.decode((curl((arguments or "") .. " " .. sim.url .. "/_simulator/fault")))
    end
    local first = faults "-d '{\"status\":503,\"match\":{\"operation\":\"run\"}}'"
    local second = faults "-d '{\"drop\":\"after\",\"match\":{\"operation\":\"token\",\"nth\":2,\"times\":3}}'"
    assert.same({
      { id = first.id, skip = 0, left = 1, fault = { status = 503, match = { operation = "run" } } },
      { id = second.id, skip = 1, left = 3,
        fault = { drop = "after", match = { operation = "token", nth = 2, times = 3 } } },
    }, faults().items)
    assert.equal(1, faults("-X DELETE -d '{\"id\":" .. ("%d"):format(first.id) .. "}'").cleared)
    assert.equal(second.id, faults().items[1].id)
    assert.equal(1, faults("-X DELETE").cleared)
    assert.same({}, faults().items)
  end)

  it("says what is wrong", function()
    local function refused(status, message, arguments)
      local body, facts = curl(arguments)
      assert.equal(status, facts)
      assert.matches(message, core.decode(body).error.message)
    end
    refused("400", "seconds", "-d '{\"seconds\": -1}' " .. sim.url .. "/_simulator/advance")
    refused("400", "seconds: a number from 0 to 3155760000", "-d '{\"seconds\": 1e300}' " .. sim.url
      .. "/_simulator/advance")
    refused("400", 'unknown member "fault"', "-X DELETE -d '{\"fault\":1}' " .. sim.url .. "/_simulator/fault")
    refused("400", "JSON object", "-d nonsense " .. sim.url .. "/_simulator/advance")
    for order, why in pairs {
      ['{"statsu":1}'] = 'unknown member "statsu"; did you mean "status"?', ["{}"] = "it does nothing",
      ['{"status":"503"}'] = "status must be a whole number", ['{"status":null}'] = "status must be a whole number",
      ['{"status":503,"match":{"operation":"rnu"}}'] = 'there is no operation "rnu"',
    } do
      refused("400", why, "-d '" .. order .. "' " .. sim.url .. "/_simulator/fault")
    end
    refused("400", "id: the number of a fault", "-X DELETE -d '{\"id\":\"1\"}' " .. sim.url .. "/_simulator/fault")
    refused("404", "no such control", sim.url .. "/_simulator/advance")
    refused("403", "programs on this machine",
      "-H 'Origin: http://page.example' -d '{\"seconds\": 1}' " .. sim.url .. "/_simulator/advance")
    refused("403", "programs on this machine", "-H 'Host: rebound.example' " .. sim.url .. "/_simulator/log")
  end)
end)

describe("the server", function()
  -- Its process id, its own output, and its exit status, each on a line.
  local function start_alone(args)
    local script = "echo $$; exec " .. server.command(args)
    return assert(io.popen("sh -c '" .. script:gsub("'", "'\\''") .. "' 2>&1; echo status $?"))
  end

  it("has no seam unless it is asked for", function()
    local output = start_alone { "--port", "0" }
    local pid, url = output:read("*l"), output:read("*l"):match("http.*$")
    local _, facts = curl("-d '{\"seconds\": 1}' " .. url .. "/_simulator/advance")
    os.execute("kill -TERM " .. pid)
    output:close()
    assert.equal("404", facts)
  end)

  it("keeps the simulator's clock at the wall's, and wakes for what is due", function()
    write(scratch .. "/slow.lua", [[return {
      functions = { slow = function() return { done = true }, 0.4 end },
      versions = { { workflowExternalId = "w", version = "1", workflowDefinition = { tasks = {
        { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "slow" } } } } } } },
    }]])
    local sim = server.start { "--token", "abc", "--load", scratch .. "/slow.lua" }
    assert.is_true(math.abs(sim:advance(0) / 1000 - os.time()) < 3)
    local base = sim.url .. "/api/v1/projects/my-project"
    local bearer = "-H 'Authorization: Bearer abc' -H 'Content-Type: application/json' "
    local session = core.decode((curl(bearer .. "-d '{\"items\":[{\"tokenExchange\":true}]}' " .. base .. "/sessions")))
    local execution = core.decode((curl(("%s -d '{\"authentication\":{\"nonce\":\"%s\"}}' %s"):format(bearer,
      session.items[1].nonce, base .. "/workflows/w/versions/1/run"))))
    assert.equal("RUNNING", execution.status)
    os.execute("sleep 0.7")
    local after = core.decode((curl(bearer .. base .. "/workflows/executions/" .. execution.id)))
    assert.equal("COMPLETED", after.status)
    local took = after.endTime - execution.createdTime -- no request came at that time
    assert.is_true(took >= 400 and took < 600, took)
    sim:stop()
  end)

  it("lets time go on from where it was moved to", function()
    local sim = server.start()
    local moved, tries = sim:advance(1000), 0
    repeat
      tries = tries + 1
    until sim:advance(0) > moved or tries == 500 -- each is a request of some milliseconds
    assert.is_true(tries < 500)
    assert.is_true(sim:advance(0) - moved < 60000)
    sim:stop()
  end)

  it("lives on after a mistake of its own", function()
    write(scratch .. "/broken.lua", [[return function(sim)
      local handle = sim.handle
      function sim:handle(request)
        if request.path:find "^/boom" then error "a mistake" end
        return handle(self, request)
      end
    end]])
    local output = start_alone { "--port", "0", "--load", scratch .. "/broken.lua" }
    local pid, url = output:read("*l"), output:read("*l"):match("http.*$")
    local body, facts = curl(url .. "/boom?secret=hidden")
    assert.equal("500", facts)
    assert.equal(500, core.decode(body).error.code)
    assert.equal("401", (select(2, curl(url .. UNSIGNED))))
    os.execute("kill -TERM " .. pid)
    local said = output:read("*a")
    output:close()
    assert.matches("^cdfworkflow%-sim: GET /boom: .*broken.lua:4: a mistake", said)
    assert.is_nil(said:find("hidden", 1, true))
  end)

  it("goes on with a connection on which a frame comes late, for a stream that is over", function()
    write(scratch .. "/forgetful.lua", [[return function(sim)
      local handle = sim.handle
      function sim:handle(request)
        collectgarbage() -- as it may come at any time: streams that are over are forgotten by lua-http
        return handle(self, request)
      end
    end]])
    local sim = server.start { "--load", scratch .. "/forgetful.lua" }
    local cqueues, h2, new_headers = require "cqueues", require "http.h2_connection", require "http.headers".new
    local answers = {}
    local loop = cqueues.new():wrap(function()
      local connection = h2.new(require("cqueues.socket").connect("127.0.0.1", sim.port), "client", {})
      cqueues.running():wrap(function() connection:loop() end)
      for i = 1, 4 do
        local stream, headers = connection:new_stream(), new_headers()
        for name, value in pairs { [":method"] = "GET", [":scheme"] = "http", [":authority"] = "localhost",
          [":path"] = UNSIGNED } do headers:append(name, value) end
        assert(stream:write_headers(headers, true, 5))
        local answer = stream:get_headers(5)
        answers[i] = answer and answer:get ":status" or "none"
        stream:get_body_as_string(5)
        connection:write_http2_frame(8, 0, 1, "\0\0\0\1", 5, "f") -- WINDOW_UPDATE, as libcurl 8.22 is fond of
      end
      connection:close()
    end)
    local ok, message = loop:loop(20)
    sim:stop()
    assert.is_true(ok, message)
    assert.same({ "401", "401", "401", "401" }, answers)
  end)

  for _, name in ipairs { "INT", "TERM" } do
    it("ends in good order on SIG" .. name .. ", after the answer under way", function()
      local output = start_alone { "--port", "0", "--control", "--fault", "any:delay=0.6" }
      local pid, url = output:read("*l"), output:read("*l"):match("http.*$")
      local client = assert(io.popen(("curl -s --noproxy '*' -o /dev/null -w '%%{http_code}' %s/x"):format(url)))
      repeat until curl(url .. "/_simulator/log"):find '"/x"'
      os.execute(("kill -s %s %s"):format(name, pid))
      assert.equal("404", client:read("*a"))
      client:close()
      assert.equal("status 0", output:read("*l"))
      output:close()
      assert.equal(7, (select(3, curl(url .. "/x")))) -- nobody listens any more
    end)
  end
end)
