-- SPDX-License-Identifier: Apache-2.0
-- src/transfer.c, flight.c and ending.c through core.http: what failures say, TLS and proxies.

local core = require "cdfworkflow.core"
local http_world = require "http_world"
local shell = require "shell"
local wire = require "wire"

local serve = http_world.serve
local nginx = http_world.nginx
local new = http_world.new
local request_to = http_world.request_to
local finish = http_world.finish
local fetch = http_world.fetch
local assert_failed = http_world.assert_failed
local assert_any = http_world.assert_any
local count = http_world.count

after_each(http_world.stop)

describe("a failure says whether anything was sent:", function()
  it("nobody listens", function()
    assert_failed("connect", false, fetch(new(), "http://127.0.0.1:" .. wire.free_port(), "POST", "/x", {}))
  end)

  it("no such name", function()
    local response = fetch(new(), "https://nowhere.invalid", "POST", "/x", {})
    assert_failed("resolve", false, response)
    assert.matches("nowhere.invalid", response.message)
  end)

  it("the time is up before the handshake is through #timed", function()
    local server = serve("read(connection)", "later")
    local begun = core.now()
    local response = fetch(new(), (server.url:gsub("^http:", "https:")), "POST", "/x", {},
      { timeout = 8, client = { connect_timeout = 0.2 } })
    assert_failed("timeout", false, response)
    assert.is_true(core.now() - begun < 2)
  end)

  it("the time is up before the answer is there", function()
    local server = serve "read(connection) sleep(5)"
    local begun = core.now()
    assert_failed("timeout", true, fetch(new(), server.url, "POST", "/x", {}, { timeout = 0.2 }))
    assert.is_true(core.now() - begun >= 0.2)
    assert.is_true(core.now() - begun < 2)
  end)

  it("the answer never ends", function()
    local server = serve [[
      read(connection)
      send(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
      while send(connection, "x") do sleep(0.01) end
    ]]
    assert_failed("timeout", true, fetch(new(), server.url, "POST", "/x", {}, { timeout = 0.3 }))
  end)

  it("the connection breaks under a large request", function()
    local server = serve "connection:xread(1000) connection:close()"
    local response = fetch(new(), server.url, "POST", "/x", { a = ("x"):rep(5e6) })
    assert.is_true(response.failure == "send" or response.failure == "receive")
    assert.is_true(response.sent)
  end)

  it("this machine has no descriptor left", function()
    local program = [[
      package.path, package.cpath = %q, %q
      local core, wire = require "cdfworkflow.core", require "wire"
      local client = core.client { project = "p", base_url = "http://127.0.0.1:1",
        credentials = core.credentials { token = "t" } }
      local function request()
        local _, request = core.request(client, "POST", "/x", {}, {}):step("start", core.now())
        return request
      end
      local http = core.http {}
      assert(http:fd())
      local files = {}
      while #files < 100 do
        local file = io.open "/dev/null"
        if not file then break end
        files[#files + 1] = file
      end
      http:submit(request())
      local _, late = http:finished()
      local other = core.http {}
      other:submit(request())
      local _, early = other:finished()
      print(#files < 100, late.failure, late.sent, late.message)
      print(early.failure, early.sent, early.message)
    ]]
    local said = shell.run("ulimit -n 40; exec " .. shell.lua .. " -e " ..
      shell.quote(program:format(package.path, package.cpath)))
    assert.equal("true\tlocal\tfalse\tToo many open files\nlocal\tfalse\tToo many open files\n", said)
  end)
end)

describe("TLS", function()
  it("goes well with a certificate that ca_file vouches for", function()
    local server = serve("answer_all(connection)", "good")
    assert.equal(200, fetch(new { ca_file = server.ca_file }, server.url, "POST", "/x", {}).status)
  end)

  it("refuses a certificate that nobody vouches for, has expired, or is another's", function()
    for kind, message in pairs {
      good = { "self%-signed certificate", "verification failed" }, -- OpenSSL's words, GnuTLS's
      expired = { "expired", "verification failed", "expiration date has passed" },
      elsewhere = { "127.0.0.1" },
    } do
      local server = serve("answer_all(connection)", kind)
      local response = fetch(new { ca_file = kind ~= "good" and server.ca_file or nil }, server.url, "POST", "/x", {})
      assert_failed("tls", false, response)
      assert_any(message, response.message)
    end
  end)

  it("says so when ca_file cannot be read", function()
    local server = serve("answer_all(connection)", "good")
    assert_failed("tls", false, fetch(new { ca_file = "/nowhere/ca.pem" }, server.url, "POST", "/x", {}))
  end)

  it("takes a handshake that broke off for a connection that failed", function()
    local server = serve("connection:close()", "later")
    assert_failed("connect", false, fetch(new(), (server.url:gsub("^http:", "https:")), "POST", "/x", {}))
    server = serve("connection:xread(1) connection:close()", "later") -- with bytes unread, that is a reset
    assert_failed("connect", false, fetch(new(), (server.url:gsub("^http:", "https:")), "POST", "/x", {}))
    server = serve("connection:xread(-2000) connection:close()", "later")
    assert_failed("connect", false, fetch(new(), (server.url:gsub("^http:", "https:")), "POST", "/x", {}))
  end)

  it("is plain that a server that speaks no TLS speaks none", function()
    local server = serve("send(connection, 'HTTP/1.1 400 Bad Request\\r\\n\\r\\n') sleep(1)", "later")
    local response = fetch(new(), (server.url:gsub("^http:", "https:")), "POST", "/x", {})
    assert_failed("tls", false, response)
    assert.equal("what answers there speaks no TLS", response.message)
  end)

  -- What a fatal alert in place of the server's hello comes to.
  local function alerted(code)
    local handler = "connection:xread(-2000) send(connection, '\\21\\3\\3\\0\\2\\2\\%d') sleep(0.2)"
    local server = serve(handler:format(code), "later")
    return fetch(new(), (server.url:gsub("^http:", "https:")), "POST", "/x", {})
  end

  it("names the alert by which a server refuses, and blames no certificate", function()
    for code, words in pairs {
      [40] = { "the TLS alert handshake failure", "Handshake failed" },
      [49] = { "the TLS alert access denied", "Access was denied" },
      [70] = { "the TLS alert protocol version", "Error in protocol version" },
    } do
      local response = alerted(code)
      assert_failed("tls", false, response)
      assert_any(words, response.message)
      assert.is_nil(response.message:find "ca_file")
    end
  end)

  it("takes a server's own trouble in the handshake for a connection that failed", function()
    local response = alerted(80)
    assert_failed("connect", false, response)
    assert_any({ "the TLS alert internal error", "Internal error" }, response.message)
  end)

  it("sends nothing to a server that wants a certificate of ours, and says what it wants", function()
    local server = serve([[
      context:setVerify(3) -- and fails without
      if start_tls(connection) and read(connection) then log "read" reply(connection, 200, "ok") end
    ]], "later")
    local url = server.url:gsub("^http:", "https:")
    local response = fetch(new { ca_file = server.ca_file }, url, "POST", "/x", {})
    assert.is_true(response.failure == "tls" or response.failure == "receive" or response.failure == "send",
      response.failure)
    if response.failure == "tls" then
      assert_failed("tls", false, response)
      assert.equal("the server sent the TLS alert certificate required", response.message)
    end
    assert.same({}, server:stop())
  end)

  it("does not serialise HTTP/1.1 #timed", function()
    local server = serve("answer_all(connection, function() sleep(0.1) end)", "good")
    local http = new { ca_file = server.ca_file }
    local begun = core.now()
    for _ = 1, 8 do http:submit(request_to(server.url, "POST", "/x", {})) end
    for _ = 1, 8 do assert.equal(200, finish(http).status) end
    assert.is_true(core.now() - begun < 0.6)
  end)

  it("carries many requests at once over one connection where the server speaks HTTP/2", function()
    local server = nginx("ssl http2", "location / { return 200 ok; }")
    local http = new { ca_file = server.ca_file }
    for _ = 1, 60 do http:submit(request_to(server.url, "POST", "/x", { a = 1 })) end
    for _ = 1, 60 do assert.equal("ok", finish(http).body) end
    http:close()
    local connections, requests = {}, 0
    for _, line in ipairs(server:stop()) do
      local connection, protocol, status = line:match "^(%d+) (%S+) (%d+)$"
      if protocol == "HTTP/2.0" and status == "200" then
        connections[connection] = (connections[connection] or 0) + 1
        requests = math.max(requests, connections[connection])
      end
    end
    assert.equal(60, requests)
  end)

  it("does not end the host when the server has gone", function()
    local server = serve("read(connection) reply(connection, 200, 'ok') connection:shutdown('rw') log 'gone'", "good")
    local http = new { ca_file = server.ca_file }
    for _ = 1, 3 do
      assert.equal(200, fetch(http, server.url, "GET", "/x").status)
      assert.equal("gone", server:line())
    end
    http:close()
  end)
end)

describe("a proxy", function()
  local function proxy_url(server, user)
    return ("http://%s127.0.0.1:%d"):format(user or "", server.port)
  end

  it("is asked for a tunnel, and never shown the token", function()
    local server = serve([[
      local request = read(connection)
      log("%s %s %s", request.method, request.path, tostring(request.headers.authorization))
      log("%s", tostring(request.headers["proxy-authorization"]))
      send(connection, "HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
      start_tls(connection)
      answer_all(connection)
    ]], "later")
    local response = fetch(new { proxy = proxy_url(server, "user:word@") }, "https://api.invalid", "POST", "/x", {})
    assert_failed("tls", false, response)
    local lines = server:stop()
    assert.equal("CONNECT api.invalid:443 nil", lines[1])
    assert.equal("Basic dXNlcjp3b3Jk", lines[2])
  end)

  it("that refuses is named as what failed, and nothing was sent", function()
    for _, status in ipairs { 403, 407, 404 } do
      local server = serve(("read(connection) reply(connection, %d, 'no')"):format(status))
      local response = fetch(new { proxy = proxy_url(server) }, "https://api.invalid", "POST", "/x", {})
      assert_failed("proxy", false, response)
      assert.matches(tostring(status), response.message)
      assert.equal("", response.body)
    end
  end)

  it("that does not reach the server is not what refused", function()
    for _, status in ipairs { 502, 503, 504 } do
      local server = serve(("read(connection) reply(connection, %d, 'no')"):format(status))
      local response = fetch(new { proxy = proxy_url(server) }, "https://api.invalid", "POST", "/x", {})
      assert_failed("connect", false, response)
      assert.matches(("it answered %d to CONNECT"):format(status), response.message)
    end
  end)

  it("never sees a request that goes to this machine without TLS", function()
    local proxy = serve "log('asked') answer_all(connection)"
    local server = serve "reply(connection, 200, read(connection).text)"
    local response = fetch(new { proxy = proxy_url(proxy) }, server.url, "POST", "/x", {})
    assert.matches("^POST /api/v1/projects/p/x HTTP/1.1\r\n", response.body)
    assert.same({}, proxy:stop())
  end)

  it("is not what a server's own 407 comes from", function()
    local server = serve "read(connection) reply(connection, 407, 'no')"
    assert.equal(407, fetch(new(), server.url, "POST", "/x", {}).status)
  end)

  it("that does not answer or breaks off leaves nothing sent", function()
    local server = serve "read(connection)"
    assert_failed("connect", false, fetch(new { proxy = proxy_url(server) }, "https://api.invalid", "POST", "/x", {}))
    local nobody = "http://127.0.0.1:" .. wire.free_port()
    assert_failed("connect", false, fetch(new { proxy = nobody }, "https://api.invalid", "POST", "/x", {}))
  end)

  it("never has its password told in a failure", function()
    for _, proxy in ipairs { "http://user:word@[bad", "http://user:word@host:bad", "quux://user:word@host",
      "user:word@:::", "http://user:word@nowhere.invalid:1", "socks9://word@x" } do
      local response = fetch(new { proxy = proxy }, "https://api.invalid", "POST", "/x", {})
      assert.is_string(response.failure)
      assert.is_nil(response.message:find "word")
      assert.is_false(response.sent)
    end
  end)

  -- What becomes of a request in a process with that environment.
  local function run_with(environment, url, ca_file, proxy)
    local program = [[
      package.path, package.cpath = %q, %q
      local core = require "cdfworkflow.core"
      local client = core.client { project = "p", base_url = %q, credentials = core.credentials { token = "t" } }
      local _, request = core.request(client, "POST", "/x", {}, {}):step("start", core.now())
      local http = core.http { proxy = %s, ca_file = %q }
      http:submit(request)
      while not http:wait(1) do end
      local _, response = http:finished()
      print(response.status or response.failure)
    ]]
    local source = program:format(package.path, package.cpath, url, proxy or "nil", ca_file or "")
    return shell.run(environment .. " " .. shell.lua .. " -e " .. shell.quote(source)):match "%w+"
  end

  it("comes from the environment, unless it is excepted there or switched off here", function()
    local server = serve("log('asked') answer_all(connection)", "good")
    local nobody = "https_proxy=http://127.0.0.1:" .. wire.free_port()
    assert.equal("connect", run_with(nobody, server.url, server.ca_file))
    assert.equal("200", run_with(nobody .. " NO_PROXY=127.0.0.1", server.url, server.ca_file))
    assert.equal("200", run_with(nobody, server.url, server.ca_file, "''"))
    assert.equal(2, count(server:stop(), "asked"))
  end)

  it("in the environment never sees what goes to this machine without TLS", function()
    local proxy = serve "log('asked') answer_all(connection)"
    local server = serve "log('asked') answer_all(connection)"
    for _, name in ipairs { "http_proxy", "all_proxy", "ALL_PROXY" } do
      assert.equal("200", run_with(name .. "=" .. proxy_url(proxy), server.url))
    end
    assert.equal("200", run_with("no_proxy=example.com http_proxy=" .. proxy_url(proxy), server.url))
    assert.same({}, proxy:stop())
    assert.equal(4, count(server:stop(), "asked"))
  end)
end)
