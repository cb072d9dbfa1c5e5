-- SPDX-License-Identifier: Apache-2.0
-- src/http.c, engine.c, transfer.c and driver_*.c through core.http, against servers on loopback that say what a spec
-- wants said. Requests come from core.request, the way every transport gets them.

local core = require "cdfworkflow.core"
local shell = require "shell"
local wire = require "wire"

local TOKEN = "token-that-nobody-may-see"

local servers, handles = {}, {}

local function serve(handler, tls)
  local server = wire.serve("local connection, number = ...\n" .. handler, tls)
  servers[#servers + 1] = server
  return server
end

local function nginx(listen, block)
  local server = wire.nginx(listen, block)
  servers[#servers + 1] = server
  return server
end

local function new(options)
  local http = core.http(options)
  handles[#handles + 1] = http
  return http
end

--- A request userdata. options: `timeout`, `headers`, and `client`, options of core.client.
local function request_to(url, method, path, body, options)
  options = options or {}
  local client_options = options.client or {}
  client_options.project, client_options.base_url = "p", url
  client_options.credentials = core.credentials { token = TOKEN }
  local client = assert(core.client(client_options))
  local call_options = { timeout = options.timeout, headers = options.headers }
  local call = assert(core.request(client, method, path, body, call_options))
  local action, request = call:step("start", core.now())
  assert.equal("http", action)
  return request
end

--- Waits for the next response.
local function finish(http)
  local deadline = core.now() + 10
  repeat
    http:wait(deadline - core.now())
    local id, response = http:finished()
    if id then return response, id end
  until core.now() > deadline
  error("no response within 10 s", 2)
end

--- What lets `http` get on while a spec waits for a server's line.
local function pump(http)
  return function() http:wait(0.01) end
end

--- One request from begin to end.
local function fetch(http, url, method, path, body, options)
  http:submit(request_to(url, method, path, body, options))
  return finish(http)
end

local function assert_failed(failure, sent, response)
  assert.equal(failure, response.failure, response.message)
  assert.equal(sent, response.sent)
  assert.is_nil(response.status)
  assert.is_true(#response.message > 0)
end

local function assert_any(patterns, text)
  for _, pattern in ipairs(patterns) do
    if text:match(pattern) then return end
  end
  error(text, 2)
end

local function open_descriptors()
  collectgarbage()
  collectgarbage()
  local count = shell.run("sleep 0.02; ls /proc/$PPID/fd | wc -l"):match "%d+"
  return tonumber(count)
end

local function count(lines, wanted)
  local found = 0
  for _, line in ipairs(lines) do
    if line == wanted then found = found + 1 end
  end
  return found
end

after_each(function()
  for _, http in ipairs(handles) do http:close() end
  for _, server in ipairs(servers) do server:stop() end
  servers, handles = {}, {}
end)

describe("core.http options", function()
  it("raises on what it does not know or cannot use", function()
    assert.has_error(function() core.http { max_conections = 1 } end, "unknown option 'max_conections'")
    assert.has_error(function() core.http { "x" } end)
    assert.has_error(function() core.http(1) end)
    for _, wrong in ipairs { 0, -1, 1.5, 65536, 0 / 0, "4", true } do
      assert.has_error(function() core.http { max_connections = wrong } end,
        "max_connections must be a whole number from 1 to 65535")
    end
    assert.has_error(function() core.http { ca_file = 1 } end, "ca_file must be a string")
    assert.has_error(function() core.http { proxy = true } end, "proxy must be a string")
    assert.has_error(function() core.http { proxy = "a\0b" } end, "proxy is not usable: too long, or has a NUL in it")
  end)

  it("opens nothing before the first submit", function()
    local before = open_descriptors()
    local http = new { max_connections = 3 }
    assert.equal(before, open_descriptors())
    assert.is_false(http:step())
    assert.is_nil((http:finished()))
    assert.is_nil(http:timeout())
    assert.equal(before, open_descriptors())
  end)
end)

describe("a request", function()
  local server, http

  -- The text of the request as the server got it.
  local function seen(method, body, options)
    server = serve [[
      local request = read(connection)
      reply(connection, 200, request.text .. request.body)
    ]]
    http = new()
    return fetch(http, server.url, method, "/x", body, options).body
  end

  it("goes out as it is, with no header of libcurl's own invention", function()
    local text = seen("POST", { a = 1 }, { headers = { ["X-Some"] = "thing" } })
    assert.matches("^POST /api/v1/projects/p/x HTTP/1.1\r\n", text)
    assert.matches("\r\nAuthorization: Bearer " .. TOKEN:gsub("%-", "%%-") .. "\r\n", text)
    assert.matches("\r\nX%-Some: thing\r\n", text)
    assert.matches("\r\nContent%-Type: application/json\r\n", text)
    assert.matches("\r\nContent%-Length: 7\r\n", text)
    assert.matches("\r\nAccept%-Encoding: [^\r]*gzip", text)
    assert.matches("\r\n\r\n{\"a\":1}$", text)
    assert.is_nil(text:find "Expect")
  end)

  it("has no body and no length when there is none", function()
    for _, method in ipairs { "GET", "POST", "DELETE" } do
      local text = seen(method)
      assert.matches("^" .. method .. " ", text)
      assert.is_nil(text:lower():find "content%-length")
      assert.is_nil(text:lower():find "transfer%-encoding")
    end
  end)

  it("can be a PUT with other bytes, and an empty one", function()
    server = serve [[
      for request in function() return read(connection) end do
        reply(connection, 200, request.method .. request.headers["content-length"] ..
          tostring(request.headers["content-type"]) .. request.body)
      end
    ]]
    http = new()
    local client = assert(core.client {
      project = "p", base_url = server.url, credentials = core.credentials { token = TOKEN } })
    for body, expected in pairs { ["\0\255"] = "PUT2nil\0\255", [""] = "PUT0nil" } do
      local call = assert(core.upload(client, server.url .. "/f", body, {}))
      local _, request = call:step("start", core.now())
      http:submit(request)
      assert.equal(expected, finish(http).body)
    end
  end)

  it("arrives whole however large it is", function()
    server = serve [[
      local request = read(connection)
      reply(connection, 200, tostring(#request.body))
    ]]
    http = new()
    local response = fetch(http, server.url, "POST", "/x", { a = ("x"):rep(3e6) })
    assert.equal("3000008", response.body)
  end)

  it("may be changed or dropped after submit", function()
    server = serve [[
      local request = read(connection)
      reply(connection, 200, request.body)
    ]]
    http = new()
    http:submit(request_to(server.url, "POST", "/x", { a = ("x"):rep(1e6) }))
    collectgarbage()
    collectgarbage()
    assert.equal(1000008, #finish(http).body)
  end)
end)

describe("a response", function()
  local function fetch_raw(answer, options)
    local server = serve(("read(connection) send(connection, %q)"):format(answer))
    return fetch(new(), server.url, "GET", "/x", nil, options)
  end

  it("has the status, the headers by their lower-case names, and the body", function()
    local response = fetch_raw "HTTP/1.1 418 Teapot\r\nX-Request-ID:  abc \r\nContent-Length: 4\r\n\r\nbody"
    assert.equal(418, response.status)
    assert.equal("abc", response.headers["x-request-id"])
    assert.equal("body", response.body)
    assert.is_nil(response.failure)
    assert.is_nil(response.message)
  end)

  it("has the headers of the final answer only", function()
    local response = fetch_raw("HTTP/1.1 100 Continue\r\nX-One: 1\r\n\r\nHTTP/1.1 103 Hints\r\nX-Two: 2\r\n\r\n" ..
      "HTTP/1.1 200 OK\r\nX-Three: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Four: 4\r\n\r\n")
    assert.equal(200, response.status)
    assert.equal("ok", response.body)
    assert.same({ nil, nil, "3", nil }, { response.headers["x-one"], response.headers["x-two"],
      response.headers["x-three"], response.headers["x-four"] })
  end)

  it("is the answer itself where it is a redirect", function()
    local response = fetch_raw "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert.equal(302, response.status)
    assert.equal("http://127.0.0.1:1/", response.headers.location)
  end)

  it("is undone of its compression", function()
    local server = serve [[
      local zlib = require "zlib"
      read(connection)
      reply(connection, 200, zlib.deflate(9, 31)(("text "):rep(1000), "finish"), "Content-Encoding: gzip\r\n")
    ]]
    assert.equal(("text "):rep(1000), fetch(new(), server.url, "GET", "/x").body)
  end)

  it("is too large by what comes out of the decompression", function()
    local server = serve [[
      local zlib = require "zlib"
      read(connection)
      reply(connection, 200, zlib.deflate(9, 31)(("\0"):rep(1e6), "finish"), "Content-Encoding: gzip\r\n")
    ]]
    local options = { client = { max_response_size = 999999 } }
    local response = fetch(new(), server.url, "GET", "/x", nil, options)
    assert_failed("too_large", true, response)
    assert.equal("the answer is larger than 999999 bytes", response.message)
    assert.is_true(#response.body <= 999999)
    options.client.max_response_size = 1000000
    assert.equal(1000000, #fetch(new(), server.url, "GET", "/x", nil, options).body)
  end)

  it("is too large by its headers, in many lines or in one", function()
    local line = "X-Filler: " .. ("x"):rep(1000) .. "\r\n"
    assert_failed("too_large", true, fetch_raw("HTTP/1.1 200 OK\r\n" .. line:rep(70) .. "\r\n"))
    assert_failed("too_large", true, fetch_raw("HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(80000) .. "\r\n\r\n"))
    assert_failed("too_large", true, fetch_raw("HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(200000) .. "\r\n\r\n"))
    assert.equal(200, fetch_raw("HTTP/1.1 200 OK\r\n" .. line:rep(60) .. "Content-Length: 0\r\n\r\n").status)
  end)

  it("is a failure when the connection breaks before its end", function()
    for _, answer in ipairs {
      "", "HTT", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r",
    } do
      local response = fetch_raw(answer)
      assert_failed("receive", true, response)
    end
  end)

  it("is a failure when it is not HTTP as it should be", function()
    assert_failed("protocol", true, fetch_raw "SSH-2.0-OpenSSH_9.2\r\n")
    local head = "HTTP/1.1 200 OK\r\n"
    assert_failed("protocol", true, fetch_raw(head .. "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnogz"))
    assert_failed("protocol", true, fetch_raw(head .. "Content-Length: two\r\n\r\n"))
    assert_failed("protocol", true, fetch_raw(head .. "X: a\0b\r\nContent-Length: 0\r\n\r\n"))
  end)
end)

describe("a kept connection", function()
  it("is used again", function()
    local server = serve "log('connection %d', number) answer_all(connection)"
    local http = new()
    for _ = 1, 3 do assert.equal(200, fetch(http, server.url, "POST", "/x", {}).status) end
    assert.same({ "connection 1" }, server:stop())
  end)

  -- The server answers the first request of a connection, reads every other one whole, and closes.
  local BREAKS = [[
    for i = 1, 2 do
      local request = read(connection)
      if not request then return end
      log("%s %s", request.method, request.body)
      if i == 1 then reply(connection, 200, "ok") end
    end
  ]]

  it("that breaks does not make libcurl send a POST again by itself", function()
    local server = serve(BREAKS)
    local http = new()
    for _, body in ipairs { { n = 1 }, { n = 2 }, { n = 3 } } do
      local response = fetch(http, server.url, "POST", "/x", body)
      if body.n == 2 then
        assert_failed("receive", true, response)
      else
        assert.equal(200, response.status)
      end
    end
    assert.same({ 'POST {"n":1}', 'POST {"n":2}', 'POST {"n":3}' }, server:stop())
  end)

  it("that breaks does not make libcurl send a POST without a body again either, nor a large one", function()
    local server = serve((BREAKS:gsub("request.body", "#request.body")))
    local http = new()
    fetch(http, server.url, "GET", "/x")
    assert_failed("receive", true, fetch(http, server.url, "POST", "/x"))
    fetch(http, server.url, "GET", "/x")
    assert_failed("receive", true, fetch(http, server.url, "POST", "/x", { a = ("x"):rep(200000) }))
    assert.same({ "GET 0", "POST 0", "GET 0", "POST 200008" }, server:stop())
  end)

  it("that breaks costs a GET nothing", function()
    local server = serve(BREAKS)
    local http = new()
    for _ = 1, 2 do assert.equal(200, fetch(http, server.url, "GET", "/x").status) end
    assert.equal(3, #server:stop())
  end)

  for what, tls in pairs { ["without TLS"] = false, ["with TLS"] = "good" } do
    it("that was closed while it was idle costs nothing, " .. what, function()
      local server = serve("read(connection) reply(connection, 200, 'ok') connection:close() log 'closed'", tls or nil)
      local http = new { ca_file = server.ca_file }
      for _ = 1, 3 do
        assert.equal(200, fetch(http, server.url, "POST", "/x", {}).status)
        assert.equal("closed", server:line())
      end
    end)
  end
end)

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
    for _, status in ipairs { 403, 407, 502 } do
      local server = serve(("read(connection) reply(connection, %d, 'no')"):format(status))
      local response = fetch(new { proxy = proxy_url(server) }, "https://api.invalid", "POST", "/x", {})
      assert_failed("proxy", false, response)
      assert.matches(tostring(status), response.message)
      assert.equal("", response.body)
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

describe("many requests", function()
  it("share no more than max_connections connections", function()
    local server = serve [[
      open = (open or 0) + 1
      log("%d", open)
      answer_all(connection, function(request) sleep(0.02) return request.body end)
      open = open - 1
    ]]
    local http = new { max_connections = 4 }
    local expected = {}
    for i = 1, 40 do
      expected[http:submit(request_to(server.url, "POST", "/x", { n = i }))] = ('{"n":%d}'):format(i)
    end
    assert.equal(40, http:pending())
    for _ = 1, 40 do
      local response, id = finish(http)
      assert.equal(expected[id], response.body)
      expected[id] = nil
    end
    assert.is_nil(next(expected))
    assert.equal(0, http:pending())
    http:close()
    assert.same({ "1", "2", "3", "4" }, server:stop())
  end)

  it("that wait for a connection keep their own time", function()
    local server = serve "read(connection) sleep(5)"
    local http = new { max_connections = 1 }
    local begun = core.now()
    http:submit(request_to(server.url, "POST", "/x", {}, { timeout = 8 }))
    local second = http:submit(request_to(server.url, "POST", "/x", {}, { timeout = 0.3 }))
    local response, id = finish(http)
    assert.equal(second, id)
    assert_failed("timeout", false, response)
    assert.is_true(core.now() - begun < 1.5)
  end)

  it("go on when one of them breaks", function()
    local server = serve [[
      for request in function() return read(connection) end do
        if request.path:find "/bad" then return end
        sleep(0.02)
        reply(connection, 200, "ok")
      end
    ]]
    local http = new()
    local bad = http:submit(request_to(server.url, "POST", "/bad", {}))
    for _ = 1, 5 do http:submit(request_to(server.url, "POST", "/good", {})) end
    for _ = 1, 6 do
      local response, id = finish(http)
      assert.equal(id == bad and "receive" or nil, response.failure)
    end
  end)
end)

describe("cancel", function()
  it("gives up one request and leaves the others be", function()
    local server = serve [[
      local request = read(connection)
      log("%s", request.body)
      if request.body == '{"n":2}' then
        log("%s", read(connection) and "more" or "closed")
      else
        sleep(0.1)
        reply(connection, 200, "ok")
      end
    ]]
    local http = new()
    local first = http:submit(request_to(server.url, "POST", "/x", { n = 1 }))
    assert.equal('{"n":1}', server:line(pump(http)))
    local second = http:submit(request_to(server.url, "POST", "/x", { n = 2 }))
    assert.equal('{"n":2}', server:line(pump(http)))
    assert.equal(2, http:pending())
    assert.is_true(http:cancel(second))
    assert.is_false(http:cancel(second))
    assert.equal(1, http:pending())
    assert.equal("closed", server:line())
    local response, id = finish(http)
    assert.equal(first, id)
    assert.equal("ok", response.body)
    assert.is_nil((http:finished()))
  end)

  it("takes away one that is finished, or waits for a connection", function()
    local server = serve "answer_all(connection, function() sleep(0.05) end)"
    local http = new { max_connections = 1 }
    local ids = {}
    for i = 1, 4 do ids[i] = http:submit(request_to(server.url, "POST", "/x", {})) end
    assert.is_true(http:cancel(ids[2]))
    while not http:wait(1) do assert.equal(3, http:pending()) end
    assert.is_true(http:cancel(ids[1]))
    local left = {}
    for _ = 1, 2 do
      local _, id = finish(http)
      left[id] = true
    end
    assert.same({ [ids[3]] = true, [ids[4]] = true }, left)
    assert.is_false(http:cancel(ids[3]))
    assert.is_false(http:cancel(99))
  end)

  it("of the newest finished one keeps the order of the others", function()
    local http = new()
    local url = "http://127.0.0.1:" .. wire.free_port()
    local ids = {}
    for i = 1, 3 do
      ids[i] = http:submit(request_to(url, "POST", "/x", {}))
      while not http:step() do http:wait(1) end
    end
    local deadline = core.now() + 5
    while http:timeout() ~= 0 and core.now() < deadline do http:step() end
    for _ = 1, 20 do http:step() end
    assert.is_true(http:cancel(ids[3]))
    local last = http:submit(request_to(url, "POST", "/x", {}))
    local seen = {}
    for i = 1, 3 do
      local _, id = finish(http)
      seen[i] = id
    end
    assert.same({ ids[1], ids[2], last }, seen)
  end)
end)

describe("wait", function()
  it("sleeps when there is nothing to do, before the first request and after it", function()
    local http = new()
    local function sleep(seconds)
      local begun = core.now()
      repeat assert.is_false(http:wait(seconds - (core.now() - begun))) until core.now() - begun >= seconds
      return core.now() - begun
    end
    assert.is_true(sleep(0.05) < 1)
    fetch(http, "http://127.0.0.1:" .. wire.free_port(), "GET", "/x")
    assert.is_true(sleep(0.3) < 2)
    assert.is_false(http:wait(0))
    assert.is_false(http:wait(-1))
    assert.is_false(http:wait(0 / 0))
  end)

  it("comes back several times a second, so that Lua's hooks run #timed", function()
    local http = new()
    local begun = core.now()
    http:wait(100)
    http:submit(request_to(serve("read(connection) sleep(5)").url, "GET", "/x"))
    http:wait(math.huge)
    assert.is_true(core.now() - begun < 2)
  end)

  it("is interrupted by Ctrl-C at once", function()
    local server = serve "read(connection) log 'read' sleep(10)"
    local program = [[
      package.path, package.cpath = %q, %q
      local core = require "cdfworkflow.core"
      local client = core.client { project = "p", base_url = %q, credentials = core.credentials { token = "t" } }
      local _, request = core.request(client, "POST", "/x", {}, {}):step("start", core.now())
      local http = core.http {}
      http:submit(request)
      local ok, message = pcall(function() while true do http:wait(10) end end)
      print(ok, message:match "interrupted")
    ]]
    local output = assert(io.popen("echo $$; exec " .. shell.lua .. " -e " ..
      shell.quote(program:format(package.path, package.cpath, server.url)), "r"))
    local pid = output:read "*l"
    assert.equal("read", server:line())
    local begun = core.now()
    os.execute("kill -INT " .. pid)
    assert.equal("false\tinterrupted", output:read "*l")
    output:close()
    assert.is_true(core.now() - begun < 1)
  end)

  it("moves other transfers while it sleeps", function()
    local server = serve "answer_all(connection)"
    local http = new()
    http:submit(request_to(server.url, "POST", "/x", {}))
    while not http:wait(5) do assert.equal(1, http:pending()) end
    assert.is_true(http:wait(5))
  end)
end)

describe("the descriptor", function()
  local cqueues = require "cqueues"

  -- What a host does that has nothing but the descriptor.
  local function finish_by_descriptor(http, within)
    local descriptor = http:fd()
    local deadline = core.now() + within
    while core.now() < deadline do
      cqueues.poll({ pollfd = descriptor, events = "r" }, deadline - core.now())
      http:step()
      local id, response = http:finished()
      if id then return response end
    end
    error("the descriptor did not stir", 2)
  end

  it("stirs for an answer", function()
    local server = serve "answer_all(connection, function() sleep(0.05) end)"
    local http = new()
    for _ = 1, 3 do
      http:submit(request_to(server.url, "POST", "/x", {}))
      assert.equal(200, finish_by_descriptor(http, 5).status)
    end
  end)

  it("stirs when the time is up", function()
    local server = serve "read(connection) sleep(5)"
    local http = new()
    local descriptor = http:fd()
    for _, timeout in ipairs { 0.15, 0.05, 0.1 } do
      local begun = core.now()
      http:submit(request_to(server.url, "POST", "/x", {}, { timeout = timeout }))
      assert.equal("timeout", finish_by_descriptor(http, 5).failure)
      assert.is_true(core.now() - begun >= timeout)
      assert.is_true(core.now() - begun < timeout + 1)
      assert.equal(descriptor, http:fd())
    end
  end)

  it("stirs when a response was finished by another call than step", function()
    local http = new()
    local server = serve "answer_all(connection)"
    assert.is_number(http:fd())
    http:submit(request_to(server.url, "POST", "/x", {}))
    http:submit(request_to(server.url, "POST", "/x", {}))
    assert.is_true(http:wait(5))
    assert.equal(0, http:timeout())
    for _ = 1, 2 do assert.equal(200, finish_by_descriptor(http, 5).status) end
  end)

  it("is quiet when there is nothing to do", function()
    local server = serve "answer_all(connection)"
    local http = new()
    http:submit(request_to(server.url, "POST", "/x", {}))
    finish_by_descriptor(http, 5)
    local woken = 0
    local deadline = core.now() + 0.1
    while core.now() < deadline do
      cqueues.poll({ pollfd = http:fd(), events = "r" }, deadline - core.now())
      http:step()
      woken = woken + 1
    end
    assert.is_true(woken <= 3)
    assert.is_nil(http:timeout())
  end)

  it("comes with a time for hosts that poll nothing", function()
    local server = serve "read(connection) sleep(5)"
    local http = new()
    http:submit(request_to(server.url, "POST", "/x", {}, { timeout = 0.5 }))
    for _ = 1, 5 do http:step() end
    local timeout = http:timeout()
    assert.is_true(timeout >= 0 and timeout <= 0.6)
  end)
end)

describe("closing", function()
  it("gives up what is under way and gives back every descriptor", function()
    local server = serve "log('open') read(connection) log(read(connection) and 'more' or 'closed')"
    local before = open_descriptors()
    local http = new()
    for _ = 1, 10 do http:submit(request_to(server.url, "POST", "/x", {})) end
    assert.is_number(http:fd())
    for _ = 1, 10 do assert.equal("open", server:line(pump(http))) end
    http:close()
    for _ = 1, 10 do assert.equal("closed", server:line()) end
    assert.equal(before, open_descriptors())
    http:close()
    assert.equal("http: closed", tostring(http))
  end)

  it("makes every use afterwards an error", function()
    local http = new()
    http:close()
    for _, use in ipairs { "submit", "step", "wait", "finished", "cancel", "fd", "timeout", "pending" } do
      assert.has_error(function() http[use](http, 1) end, "the http object is closed")
    end
  end)

  it("happens by collection too, with requests under way", function()
    local server = serve "read(connection) log('open') log(read(connection) and 'more' or 'closed')"
    do
      local http = core.http {}
      http:submit(request_to(server.url, "POST", "/x", {}))
      assert.equal("open", server:line(pump(http)))
    end
    collectgarbage()
    collectgarbage()
    assert.equal("closed", server:line())
  end)

  it("may be left to the end of the program", function()
    local server = serve "read(connection) sleep(5)"
    local program = [[
      package.path, package.cpath = %q, %q
      local core = require "cdfworkflow.core"
      local client = core.client { project = "p", base_url = %q, credentials = core.credentials { token = "t" } }
      local function submit(http, client)
        local _, request = core.request(client, "POST", "/x", {}, {}):step("start", core.now())
        http:submit(request)
      end
      local unreachable = core.client { project = "p", base_url = "https://nowhere.invalid",
        credentials = core.credentials { token = "t" } }
      http = core.http {}
      for _ = 1, 5 do submit(http, client) submit(http, unreachable) end
      http:step()
      print "end"
    ]]
    local said, status = shell.run_lua(program:format(package.path, package.cpath, server.url))
    assert.equal("end\n", said)
    assert.equal(0, status)
  end)

  it("keeps a request's secrets out of tostring", function()
    local http = new()
    assert.equal("http: 0 pending", tostring(http))
    http:submit(request_to(serve("read(connection) sleep(5)").url, "POST", "/x", {}))
    assert.equal("http: 1 pending", tostring(http))
  end)
end)

-- Only LuaJIT can fork without another library.
if rawget(_G, "jit") then
  describe("a forked child", function()
    local ffi = require "ffi"
    ffi.cdef [[
      int fork(void); int waitpid(int, int *, int); void _exit(int);
      int open(const char *, int); int close(int);
    ]]

    -- The child's exit status is the number of the first thing that went wrong, 0 if none did.
    local function in_child(job)
      local pid = ffi.C.fork()
      if pid == 0 then
        local ok, problem = pcall(job)
        ffi.C._exit(ok and (problem or 0) or 99)
      end
      local status = ffi.new "int[1]"
      ffi.C.waitpid(pid, status, 0)
      return math.floor(status[0] / 256)
    end

    local function test(tls)
      local server = serve([[
        answer_all(connection, function() return tostring(number) end)
        log("closed %d", number)
      ]], tls)
      local http = new { ca_file = server.ca_file }
      assert.equal("1", fetch(http, server.url, "POST", "/x", {}).body)
      assert.equal(0, in_child(function()
        if fetch(http, server.url, "POST", "/x", {}).body ~= "2" then return 1 end
        if fetch(http, server.url, "POST", "/x", {}).body ~= "2" then return 2 end
        http:close()
        http = core.http {}
        collectgarbage()
      end))
      assert.equal("closed 2", server:line())
      assert.equal("1", fetch(http, server.url, "POST", "/x", {}).body)
      assert.equal(0, in_child(function() http:close() end))
      assert.equal("1", fetch(http, server.url, "POST", "/x", {}).body)
      http:close()
      assert.equal("closed 1", server:line())
    end

    it("makes connections of its own and leaves its parent's alone", function() test() end)
    it("does so with TLS", function() test "good" end)

    it("is told of the requests that were under way", function()
      local server = serve "answer_all(connection, function() sleep(0.2) end)"
      local http = new()
      assert.is_number(http:fd())
      local id = http:submit(request_to(server.url, "POST", "/x", {}))
      for _ = 1, 3 do http:step() end
      assert.equal(0, in_child(function()
        if not http:wait(1) then return 1 end
        local got, response = http:finished()
        if got ~= id then return 2 end
        if response.failure ~= "cancelled" or not response.sent then return 3 end
        if http:pending() ~= 0 or http:finished() then return 4 end
      end))
      local response, got = finish(http)
      assert.equal(id, got)
      assert.equal(200, response.status)
    end)

    it("does not close files that took the numbers of its parent's sockets", function()
      local server = serve "answer_all(connection)"
      local http = new()
      fetch(http, server.url, "POST", "/x", {})
      assert.equal(0, in_child(function()
        for descriptor = 3, 63 do ffi.C.close(descriptor) end
        for descriptor = 3, 63 do
          if ffi.C.open("/dev/null", 0) ~= descriptor then return 1 end
        end
        http:close()
        return ffi.C.open("/dev/null", 0) == 64 and 0 or 2
      end))
      assert.equal(200, fetch(http, server.url, "POST", "/x", {}).status)
    end)
  end)
end
