-- SPDX-License-Identifier: Apache-2.0
-- src/http.c and what requests and responses are on the wire, through core.http.

local core = require "cdfworkflow.core"
local http_world = require "http_world"

local serve = http_world.serve
local new = http_world.new
local request_to = http_world.request_to
local finish = http_world.finish
local fetch = http_world.fetch
local assert_failed = http_world.assert_failed
local open_descriptors = http_world.open_descriptors
local TOKEN = http_world.TOKEN

after_each(http_world.stop)

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

describe("a call that is carried", function()
  local SESSION = [['{"items":[{"id":1,"nonce":"abc"}]}']]
  local EXECUTION = [['{"id":"e","workflowExternalId":"foo","version":"1","status":"RUNNING"}']]

  local function client_of(url, credentials)
    return assert(core.client { project = "p", base_url = url, credentials = core.credentials(credentials) })
  end

  --- A server that counts on each connection, and answers a session, then `answer`.
  local function serve_run(answer)
    return serve(([[
      for request in function() return read(connection) end do
        if request.path:find "/sessions$" then reply(connection, 200, %s) else %s end
      end
    ]]):format(SESSION, answer))
  end

  it("goes from request to request by itself, and comes back under one id with what call:step would give", function()
    local server, http = serve_run("reply(connection, 202, " .. EXECUTION .. ")"), new()
    local call = assert(core.run(client_of(server.url, { token = TOKEN }), "foo", "1"))
    local id = http:carry(call)
    assert.equal(1, http:pending())
    local step, finished = finish(http)
    assert.equal(id, finished)
    assert.same({ "done", { id = "e", workflowExternalId = "foo", version = "1", status = "RUNNING" }, "call", false },
      step)
    assert.equal(0, http:pending())
    assert.is_nil((http:finished()))
  end)

  it("comes back at once where Lua must give a token first", function()
    local http = new()
    local call = assert(core.run(client_of("http://127.0.0.1:1", { token = function() end }), "foo", "1"))
    local id, action, value, phase, denied = http:carry(call)
    assert.is_nil(id)
    assert.same({ "token", "function", "token", false }, { action, type(value), phase, denied })
    assert.equal(0, http:pending())
  end)

  it("comes back with what Lua has to wait for, and with an error", function()
    local server, http = serve [[
      for request in function() return read(connection) end do
        reply(connection, request.path:find "/busy$" and 429 or 404, '{"error":{"code":404,"message":"no"}}')
      end
    ]], new()
    local client = client_of(server.url, { token = TOKEN })
    local function step_of(path)
      http:carry(assert(core.request(client, "GET", path)))
      return finish(http)
    end
    local step = step_of "/busy"
    assert.same({ "sleep", "number", "call" }, { step[1], type(step[2]), step[3] })
    step = step_of "/nothing"
    assert.same({ "error", "api", 404 }, { step[1], step[2].kind, step[2].status })
  end)

  it("tells what a step raises to whoever waits for it", function()
    local server, http = serve_run("reply(connection, 202, " .. EXECUTION .. ")"), new()
    local call = assert(core.run(client_of(server.url, { token = TOKEN }), "foo", "1"))
    local id = http:carry(call)
    assert.same({ nil, "raised", "a call is started once, before all other steps" }, { http:carry(call) })
    call:drop()
    local step, finished = finish(http)
    assert.equal(id, finished)
    assert.same({ "raised", "the call is over" }, step)
  end)

  --- Whether a finalizer has closed the object in the very step that takes a run's answer, as it does on Lua 5.4; and
  --- what comes of that step.
  local function close_in_step(server)
    local http = new()
    local call = assert(core.run(client_of(server.url, { token = TOKEN }), "foo", "1"))
    http:carry(call)
    while not http:wait(1) do end
    assert.is_nil((http:finished())) -- the session's answer
    while not http:wait(1) do end
    local finished, is_closed = http.finished, false
    local kept = { setmetatable({}, { __gc = function()
      http:close()
      is_closed = true
    end }) }
    pcall(collectgarbage, "incremental", 100, 1000, 30) -- of 5.4: whole rounds, the first with the next new object
    collectgarbage()
    collectgarbage "stop"
    rawset(kept, 1, nil)
    collectgarbage "restart"
    local before = is_closed
    local ok, _, step = pcall(finished, http)
    local during = is_closed and not before
    pcall(collectgarbage, "incremental", 200, 100, 13)
    http:close()
    assert.is_true(during and ok or not during)
    return during, step
  end

  it("gives what it has, and sends nothing more, where a finalizer closes the object while it takes a step", function()
    local during, step = close_in_step(serve_run("reply(connection, 202, " .. EXECUTION .. ")"))
    if during then assert.equal("done", step[1]) end
    local server = serve_run [[
      log(request.path) reply(connection, 400, '{"error":{"code":400,"message":"no"}}')
    ]]
    during, step = close_in_step(server)
    if during then assert.same({ "raised", "the http object is closed" }, step) end
    if during then assert.equal(1, #server:stop()) end -- the session is not revoked any more
  end)

  it("can be cancelled, and is let go of then and when the object is closed", function()
    local server = serve "read(connection) sleep(5)"
    local http = new()
    local calls = setmetatable({}, { __mode = "k" })
    local function carry()
      local call = assert(core.run(client_of(server.url, { token = TOKEN }), "foo", "1"))
      calls[call] = true
      return http:carry(call)
    end
    assert.is_true(http:cancel(carry()))
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(calls))
    carry()
    http:close()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(calls))
  end)
end)
