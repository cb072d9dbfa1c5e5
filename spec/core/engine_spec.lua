-- SPDX-License-Identifier: Apache-2.0
-- src/engine.c and driver_*.c through core.http: many requests, giving up, waiting, descriptors, closing, forks.

local core = require "cdfworkflow.core"
local http_world = require "http_world"
local shell = require "shell"
local wire = require "wire"

local serve = http_world.serve
local new = http_world.new
local request_to = http_world.request_to
local finish = http_world.finish
local pump = http_world.pump
local fetch = http_world.fetch
local assert_failed = http_world.assert_failed
local open_descriptors = http_world.open_descriptors

after_each(http_world.stop)

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

  it("that wait for a connection get one first come, first served, and those that are given up none", function()
    local server = serve [[
      answer_all(connection, function(request) log("%s", request.body) sleep(0.02) return request.body end)
    ]]
    local http, ids = new { max_connections = 1 }, {}
    for i = 1, 12 do ids[i] = http:submit(request_to(server.url, "POST", "/x", { n = i })) end
    for _, gone in ipairs { 3, 7, 12 } do assert.is_true(http:cancel(ids[gone])) end
    local last = http:submit(request_to(server.url, "POST", "/x", { n = 13 }))
    local order = { 1, 2, 4, 5, 6, 8, 9, 10, 11, 13 }
    for i = 1, #order do
      local _, id = finish(http)
      assert.equal(ids[order[i]] or last, id)
      order[i] = ('{"n":%d}'):format(order[i])
    end
    http:close()
    assert.same(order, server:stop())
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

  it("take little memory while they wait #timed", function() -- which memcheck changes as it does times
    local said = shell.run_lua(([[
      package.path, package.cpath = %q, %q
      local core = require "cdfworkflow.core"
      local world = require "http_world"
      local function resident() return tonumber(io.open "/proc/self/status":read "*a":match "VmRSS:%%s*(%%d+)") end
      local http = core.http { max_connections = 1 }
      local function submit() http:submit(world.request_to(%q, "POST", "/x", {})) end
      for _ = 1, 3 do submit() end
      local before = resident()
      for _ = 1, 2000 do submit() end
      collectgarbage()
      collectgarbage()
      print((resident() - before) / 2000)
    ]]):format(package.path, package.cpath, serve("read(connection) sleep(5)").url))
    assert.is_true(assert(tonumber(said), said) < 8, said .. " kB each")
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
    while not http:wait(5) do assert.equal(2, http:pending()) end -- it comes back several times a second
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
