-- SPDX-License-Identifier: Apache-2.0
-- Whatever comes over the wire in place of an answer: no partial success, no wait beyond the timeout, no memory without
-- bounds, the right kind of error, and one POST …/run for each run.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local stub_cdf = require "stub_cdf"
local wire = require "wire"

local KINDS = { "token", "session", "run" }
local MARGIN = 2 -- seconds beyond the timeout, on a busy machine

local servers = {}

after_each(function()
  for _, server in ipairs(servers) do server:stop() end
  servers = {}
end)

local function serve(behave, tls)
  local server = stub_cdf.serve(behave, tls)
  servers[#servers + 1] = server
  return server
end

-- What a handler says to a look: the run is there.
local LOOKED_FOR = [[
  local function look_finds(connection)
    local found = body_of("run"):gsub('"metadata":{}', '"metadata":{"cdfworkflow.requestId":"mine"}')
    send(connection, answer_of("list", '{"items":[' .. found .. ']}'))
  end
]]

--- One run with a client of its own.
local function run(server, plan, options, request_id)
  local client = server:client(plan, options)
  local begun = core.now()
  local execution, err = client:run("w", "1", { input = { plan = plan }, request_id = request_id })
  client:close()
  local limit = (options and options.timeout or 5) + MARGIN
  assert.is_true(core.now() - begun < limit, ("%s took %.1f s"):format(plan, core.now() - begun))
  return execution, err
end

local function assert_whole(execution, err, plan)
  assert(execution, ("%s: %s"):format(plan or "run", tostring(err)))
  assert.equal("059edaa4-a17a-4102-910e-2c3591500cce", execution.id, plan)
  assert.equal(1767225600000, execution.createdTime, plan)
end

local function assert_kind(kind, execution, err, plan)
  assert.is_nil(execution, plan)
  assert.equal(kind, err.kind, plan .. ": " .. tostring(err))
end

describe("an answer that is cut off", function()
  -- `how`: what becomes of the whole answer first.
  local CUT = [[
    function behave(kind, plan, answer, connection)
      local how, target, at = plan:match "^(%a+)%-(%a+)%-(%d+)$"
      if target ~= kind then return send(connection, answer) end
      if how == "chunked" then
        answer = answer:gsub("Content%-Length: %d+", "Transfer-Encoding: chunked"):gsub("\r\n\r\n(.*)$", function(body)
          return ("\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n"):format(9, body:sub(1, 9), #body - 9, body:sub(10))
        end)
      elseif how == "unbounded" then
        answer = answer:gsub("Content%-Length: %d+\r\n", "")
      end
      log("length %s %s %d", how, target, #answer)
      send(connection, answer:sub(1, tonumber(at)))
      return (how == "unbounded" or #answer > tonumber(at)) and CLOSE
    end
  ]]

  --- Runs with each answer of `kind` cut at each offset until a whole one has come through.
  local function cut_everywhere(how, kind, check)
    local server = serve(CUT)
    local offset, whole = 0
    local function logged(length) return ("length %s %s %d"):format(how, kind, length) end
    repeat
      local plan = ("%s-%s-%d"):format(how, kind, offset)
      local execution, err = run(server, plan)
      whole = execution
      if whole then assert_whole(execution, err, plan) else check(err, plan) end
      offset = offset + 1
    until whole or offset > 1000
    local counts = server:stop()
    local least = offset - 1
    if how == "chunked" then least = least + 1 end -- the very last line feed, behind the last chunk, is no loss
    assert.is_number(counts[logged(least)], "what passed for whole was not")
    for cut = 0, offset - 1 do
      local expected = kind == "run" and 1 or cut == offset - 1 and 1 or nil
      assert.equal(expected, counts[("run %s-%s-%d"):format(how, kind, cut)])
    end
  end

  local EXPECTED = { token = "transport", session = "transport", run = "ambiguous" }

  for _, kind in ipairs(KINDS) do
    it("at any byte is no success: " .. kind, function()
      cut_everywhere("length", kind, function(err, plan) assert.equal(EXPECTED[kind], err.kind, plan) end)
    end)
  end

  it("of a run with a request_id is looked for, wherever it was cut", function()
    local server = serve(LOOKED_FOR .. [[
      function behave(kind, plan, answer, connection)
        if kind:find "list$" then return look_finds(connection) end
        if kind ~= "run" then return send(connection, answer) end
        send(connection, answer:sub(1, tonumber(plan)))
        return CLOSE
      end
    ]])
    for cut = 0, 231, 7 do
      local execution, err = run(server, tostring(cut), nil, "mine")
      assert_whole(execution, err, cut)
    end
    local counts = server:stop()
    for cut = 0, 231, 7 do
      assert.equal(1, counts["run " .. cut])
      assert.equal(1, counts["workflows/executions/list " .. cut], cut)
    end
  end)

  it("in chunks is none either", function()
    cut_everywhere("chunked", "run", function(err, plan) assert.equal("ambiguous", err.kind, plan) end)
  end)

  it("is none where only the end of the connection ends it", function()
    for _, kind in ipairs(KINDS) do
      cut_everywhere("unbounded", kind, function(err, plan)
        assert.is_true(err.kind == EXPECTED[kind] or err.kind == "protocol", plan .. ": " .. tostring(err))
      end)
    end
  end)
end)

describe("an answer that is not as it should be", function()
  -- name → what is sent in place of the answer (Lua 5.4, of `answer`, `body`, `kind`), and the kind of error for token,
  -- session and run; `true` where it is a success all the same. The connection is closed behind it.
  local CASES = {
    ["Content-Length too large"] = {
      'answer:gsub("Content%-Length: (%d+)", function(n) return "Content-Length: " .. n + 1 end)',
      "transport", "transport", "ambiguous" },
    ["Content-Length too small"] = {
      'answer:gsub("Content%-Length: (%d+)", function(n) return "Content-Length: " .. n - 1 end)',
      "protocol", "protocol", "ambiguous" },
    ["Content-Length negative"] = { 'answer:gsub("Content%-Length: ", "Content-Length: -")',
      "protocol", "protocol", "ambiguous" },
    ["Content-Length a word"] = { 'answer:gsub("Content%-Length: %d+", "Content-Length: many")',
      "protocol", "protocol", "ambiguous" },
    ["two lengths of which the first is too small"] = {
      'answer:gsub("Content%-Length: %d+", "Content-Length: 1\\r\\n%0")', true, true, true },
    ["two lengths of which the last is too small"] = {
      'answer:gsub("Content%-Length: %d+", "%0\\r\\nContent-Length: 1")', "protocol", "protocol", "ambiguous" },
    ["two lengths that agree"] = { 'answer:gsub("Content%-Length: %d+", "%0\\r\\n%0")', true, true, true },
    ["chunks that are garbage"] = {
      'answer:gsub("Content%-Length: %d+", "Transfer-Encoding: chunked")', "transport", "transport", "ambiguous" },
    ["a chunk of a huge size"] = {
      'answer:gsub("Content%-Length: %d+", "Transfer-Encoding: chunked")' ..
      ':gsub("\\r\\n\\r\\n", "%0ffffffffffffffff\\r\\n")',
      "transport", "transport", "ambiguous" },
    ["a 100 before it"] = { '"HTTP/1.1 100 Continue\\r\\n\\r\\n" .. answer', true, true, true },
    ["103s before it"] = {
      '("HTTP/1.1 103 Early Hints\\r\\nLink: </a>\\r\\n\\r\\n"):rep(20) .. answer', true, true, true },
    ["only a 100"] = { '"HTTP/1.1 100 Continue\\r\\n\\r\\n"', "transport", "transport", "ambiguous" },
    ["headers twice"] = {
      'answer:gsub("Content%-Type: [^\\r]*\\r\\n", "%0%0X-Request-ID: a\\r\\nX-Request-ID: b\\r\\n")',
      true, true, true },
    ["headers without end"] = { '"HTTP/1.1 200 OK\\r\\n" .. ("X-Filler: " .. ("x"):rep(1000) .. "\\r\\n"):rep(10000)',
      "protocol", "protocol", "ambiguous" },
    ["a header of a megabyte"] = { 'answer:gsub("Content%-Type", "X: " .. ("x"):rep(1e6) .. "\\r\\n%0")',
      "protocol", "protocol", "ambiguous" },
    ["headers without end from a gateway"] = {
      '"HTTP/1.1 504 Lost\\r\\n" .. ("X-Filler: " .. ("x"):rep(1000) .. "\\r\\n"):rep(10000)',
      "protocol", "protocol", "ambiguous" },
    ["a 204"] = { '"HTTP/1.1 204 No Content\\r\\n\\r\\n"', "protocol", "protocol", "ambiguous" },
    ["a 200 without body"] = {
      '"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"', "protocol", "protocol", "ambiguous" },
    ["a BOM"] = { 'answer_of(kind, "\\xEF\\xBB\\xBF" .. body)', "protocol", "protocol", "ambiguous" },
    ["invalid UTF-8"] = { 'answer_of(kind, (body:gsub("token%-1", "\\xFF"):gsub("nonce%-1", "\\xC0\\x80")' ..
      ':gsub("059edaa4", "\\xED\\xA0\\x80")))', "protocol", "protocol", "ambiguous" },
    ["a NUL"] = { 'answer_of(kind, "\\0" .. body)', "protocol", "protocol", "ambiguous" },
    ["HTML"] = {
      'answer_of(kind, "<html><h1>Welcome to the airport</h1></html>")', "protocol", "protocol", "ambiguous" },
    ["an array"] = { 'answer_of(kind, "[" .. body .. "]")', "protocol", "protocol", "ambiguous" },
    ["brackets without end"] = { 'answer_of(kind, ("["):rep(1e6))', "protocol", "protocol", "ambiguous" },
    ["a run of another workflow"] = { 'answer_of(kind, (body:gsub(":\\"w\\"", ":\\"W\\"")))', true, true, "ambiguous" },
    ["a run of another version"] = { 'answer_of(kind, (body:gsub("\\"version\\":\\"1\\"", "\\"version\\":\\"2\\"")))',
      true, true, "ambiguous" },
    ["an answer for another kind of request"] = { 'answer_of(kind, body_of(kind == "run" and "session" or "run"))',
      "protocol", "protocol", "ambiguous" },
    ["two answers in one"] = { 'answer .. answer', true, true, true },
    ["another protocol"] = { '"220 mail.example ESMTP\\r\\n"', "protocol", "protocol", "ambiguous" },
    ["HTTP/0.9"] = { 'body', "protocol", "protocol", "ambiguous" },
    ["a redirect"] = { '"HTTP/1.1 307 Elsewhere\\r\\nLocation: /token/x\\r\\nContent-Length: 0\\r\\n\\r\\n"',
      "auth", "protocol", "ambiguous" },
    ["switching protocols"] = { '"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: h2c\\r\\n\\r\\n"',
      "transport", "transport", "ambiguous" },
  }

  local function plan_of(kind, name) return kind .. "-" .. name:gsub("%W", "_") end

  local function behaviour()
    local lines = { "local made, good = {}, {}" }
    for name, case in pairs(CASES) do
      for i, kind in ipairs(KINDS) do
        if case[i + 1] == true then lines[#lines + 1] = ("good[%q] = true"):format(plan_of(kind, name)) end
      end
      lines[#lines + 1] = ("made[%q] = function(answer, body, kind) return (%s) end"):format(
        plan_of("", name), case[1])
    end
    lines[#lines + 1] = LOOKED_FOR .. [[
      function behave(kind, plan, answer, connection)
        if kind:find "list$" then return look_finds(connection) end
        local target, name = plan:match "^(%a+)(%-.*)$"
        if target ~= kind then return send(connection, answer) end
        send(connection, (made[name](answer, body_of(kind), kind)))
        return not good[plan] and CLOSE
      end
    ]]
    return table.concat(lines, "\n")
  end

  it("never passes for one, nor counts twice", function()
    local server = serve(behaviour())
    for name, case in pairs(CASES) do
      for i, kind in ipairs(KINDS) do
        local plan = plan_of(kind, name)
        local execution, err = run(server, plan)
        local expected = case[i + 1]
        if expected == true then
          assert_whole(execution, err, plan)
        else
          assert_kind(expected, execution, err, plan)
        end
      end
    end
    local counts = server:stop()
    for name, case in pairs(CASES) do
      for i, kind in ipairs(KINDS) do
        local plan = plan_of(kind, name)
        local expected = (kind == "run" or case[i + 1] == true) and 1 or nil
        assert.equal(expected, counts["run " .. plan], plan)
      end
    end
  end)

  it("is looked for where it is the answer to a run with a request_id", function()
    local server = serve(behaviour())
    for name, case in pairs(CASES) do
      local plan = plan_of("run", name)
      local execution, err = run(server, plan, nil, "mine")
      assert_whole(execution, err, plan)
      if case[4] == "ambiguous" then assert.equal("mine", execution.metadata["cdfworkflow.requestId"], plan) end
    end
    local counts = server:stop()
    for name, case in pairs(CASES) do
      local plan = plan_of("run", name)
      assert.equal(1, counts["run " .. plan], plan)
      assert.equal(case[4] == "ambiguous" and 1 or nil, counts["workflows/executions/list " .. plan], plan)
    end
  end)
end)

describe("what never ends", function()
  it("is given up at the timeout, whichever answer drips, stalls or does not come", function()
    local server = serve [[
      function behave(kind, plan, answer, connection)
        local how, target = plan:match "^(%a+)%-(%a+)$"
        if target ~= kind then return send(connection, answer) end
        if how == "silence" then sleep(20) end
        if how == "stall" then send(connection, answer:sub(1, -10)) sleep(20) end
        if how == "hints" then repeat sleep(0.02) until not send(connection, "HTTP/1.1 103 Early Hints\r\n\r\n") end
        for i = 1, #answer do
          if how == "drip" then sleep(0.05) end
          if not send(connection, answer:sub(i, i)) then return CLOSE end
        end
      end
    ]]
    for _, how in ipairs { "silence", "stall", "drip", "hints" } do
      for _, kind in ipairs(KINDS) do
        local plan = how .. "-" .. kind
        local begun = core.now()
        local execution, err = run(server, plan, { timeout = 0.2, max_retries = 10 })
        assert.is_true(core.now() - begun >= 0.15, plan)
        assert_kind(kind == "run" and "ambiguous" or "timeout", execution, err, plan)
      end
    end
    local counts = server:stop()
    for _, how in ipairs { "silence", "stall", "drip", "hints" } do
      assert.equal(1, counts["run " .. how .. "-run"])
    end
  end)

  it("is a handshake, too, before which nothing is sent #timed", function()
    local server = wire.serve("connection_count = (connection_count or 0) + 1 log('open') sleep(20)")
    servers[#servers + 1] = server
    local url = server.url:gsub("^http:", "https:")
    local client = assert(cdf.client { project = "p", base_url = url, timeout = 0.3, proxy = "",
      credentials = assert(cdf.credentials { token = "t" }) })
    local begun = core.now()
    local execution, err = client:run("w", "1", { nonce = "n" })
    assert.is_true(core.now() - begun < 0.3 + MARGIN)
    assert_kind("timeout", execution, err, "a stalled handshake")
    assert.is_true(err.retryable)
  end)
end)

describe("an answer of enormous size", function()
  -- Highest resident memory since the mark, in MB.
  local function peak()
    return tonumber(io.open("/proc/self/status"):read("*a"):match "VmHWM:%s*(%d+)") / 1024
  end
  local function mark()
    collectgarbage()
    collectgarbage()
    local file = assert(io.open("/proc/self/clear_refs", "w"))
    file:write "5"
    file:close()
    return peak()
  end

  local HUGE = [[
    local zlib = require "zlib"
    function behave(kind, plan, answer, connection)
      local how, target = plan:match "^(%a+)%-(%a+)$"
      if target ~= kind then return send(connection, answer) end
      local body = ("<p>x"):rep(2.5e6)
      if how == "page" then return reply(connection, 500, body) end
      if how == "gateway" then return reply(connection, 504, body:rep(2)) end
      if not bomb then
        local deflate, zeros, parts = zlib.deflate(1, 31), ("\0"):rep(1e6), {}
        for i = 1, 200 do parts[i] = deflate(zeros, i == 200 and "finish" or nil) end
        bomb = table.concat(parts)
      end
      reply(connection, 200, bomb, "Content-Encoding: gzip\r\n")
      return CLOSE
    end
  ]]

  local EXPECTED = {
    page = { token = "auth", session = "api", run = "ambiguous" },
    gateway = { token = "protocol", session = "protocol", run = "ambiguous" },
    bomb = { token = "protocol", session = "protocol", run = "ambiguous" },
  }

  it("costs no more memory than max_response_size and its copy #timed", function()
    local server = serve(HUGE)
    for how, kinds in pairs(EXPECTED) do
      for kind, expected in pairs(kinds) do
        local plan = how .. "-" .. kind
        local before = mark()
        local execution, err = run(server, plan)
        assert.is_true(peak() - before < 50, ("%s took %.0f MB"):format(plan, peak() - before))
        assert_kind(expected, execution, err, plan)
        assert.is_true(#tostring(err) < 500)
      end
    end
    local counts = server:stop()
    for how in pairs(EXPECTED) do assert.equal(1, counts[("run %s-run"):format(how)]) end
  end)
end)

describe("a run with a request_id that is answered with another run", function()
  it("is looked for", function()
    local server = serve [[
      function behave(kind, plan, answer, connection)
        local function bears(id)
          return (body_of("run"):gsub('"metadata":{}', '"metadata":{"cdfworkflow.requestId":"' .. id .. '"}'))
        end
        if kind == "run" then answer = answer_of(kind, (bears("another"):gsub("059edaa4", "00000000"))) end
        if kind:find "list$" then answer = answer_of(kind, '{"items":[' .. bears("mine") .. ']}') end
        send(connection, answer)
      end
    ]]
    local client = server:client "other"
    assert_whole(client:run("w", "1", { request_id = "mine" }))
    assert.equal(1, server:stop()["run other"])
  end)
end)

describe("HTTP/2", function()
  -- A server by hand: it reads frames, knows a request by its body, and does what the plan (the client id, or the
  -- input of the run) says.
  local H2 = [[
    local BODIES = {
      token = '{"access_token":"token-1","token_type":"Bearer","expires_in":3600}',
      session = '{"items":[{"id":7001,"status":"READY","type":"CLIENT_CREDENTIALS","nonce":"nonce-1"}]}',
      run = '{"id":"059edaa4-a17a-4102-910e-2c3591500cce","workflowExternalId":"w","version":"1","status":"RUNNING",' ..
        '"engineExecutionId":"1","createdTime":1767225600000,"metadata":{}}',
    }
    local DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
    local END_STREAM, END_HEADERS = 1, 4
    local connection = ...

    local function frame(type, flags, stream, payload)
      return string.pack(">I3BBI4", #payload, type, flags, stream) .. payload
    end
    local function goaway(last) return frame(GOAWAY, 0, 0, string.pack(">I4I4", last, 0)) end
    local function rst(stream, code) return frame(RST_STREAM, 0, stream, string.pack(">I4", code)) end
    local function head(kind, stream)
      -- :status 200 from the static table; 202 as a literal with the table's name
      return frame(HEADERS, END_HEADERS, stream, kind == "run" and "\8\003202" or "\x88")
    end

    local acts = {
      good = function(kind, stream)
        return head(kind, stream) .. frame(DATA, END_STREAM, stream, BODIES[kind]), true
      end,
      goaway_before = function(_, stream) return goaway(stream - 1) end,
      goaway_after = function(_, stream) return goaway(stream) end,
      cancelled = function(_, stream) return rst(stream, 8), true end,
      internal_error = function(_, stream) return rst(stream, 2), true end,
      refused_stream = function(_, stream) return rst(stream, 7), true end,
      http_1_1_required = function(_, stream) return rst(stream, 13), true end,
      reset_in_the_middle = function(kind, stream)
        return head(kind, stream) .. frame(DATA, 0, stream, BODIES[kind]:sub(1, 20)) .. rst(stream, 8), true
      end,
      reset_for_no_reason = function(kind, stream)
        return head(kind, stream) .. frame(DATA, 0, stream, BODIES[kind]:sub(1, -2)) .. rst(stream, 0), true
      end,
      closed_in_the_middle = function(kind, stream)
        return head(kind, stream) .. frame(DATA, 0, stream, BODIES[kind]:sub(1, 20))
      end,
      no_headers = function(kind, stream) return frame(DATA, END_STREAM, stream, BODIES[kind]) end,
      broken_hpack = function(_, stream)
        return frame(HEADERS, END_HEADERS + END_STREAM, stream, "\xff\xff\xff\xff")
      end,
      garbage = function() return ("garbage "):rep(100) end,
      graceful = function(kind, stream)
        -- and reads on: a close with bytes unread would be a reset, which can overtake the answer
        return goaway(stream) .. head(kind, stream) .. frame(DATA, END_STREAM, stream, BODIES[kind]), true
      end,
    }

    local function kind_and_plan(body)
      if body:find "^grant_type" then return "token", body:match "client_id=([%w_]+)" end
      if body:find "clientId" then return "session", body:match '"clientId":"([%w_]+)"' end
      return "run", body:match '"plan":"([%w_]+)"'
    end

    local function serve(stream, body)
      local kind, plan = kind_and_plan(body)
      local target, act = plan:match "^(%a+)_(.*)$"
      log("%s %s", kind, plan)
      local bytes, go_on = acts[target == kind and act or "good"](kind, stream)
      send(connection, bytes)
      return go_on
    end

    if not alpn then
      alpn = true
      context:setAlpnSelect(function(_, offered) return offered[1] == "h2" and "h2" or "http/1.1" end)
    end
    if not start_tls(connection) then return end
    if connection:checktls():getAlpnSelected() == "http/1.1" then
      local body = read(connection).body -- of a client that tries once more
      log("%s %s", kind_and_plan(body))
      return reply(connection, 200, BODIES[kind_and_plan(body)])
    end
    connection:read(24)
    send(connection, frame(SETTINGS, 0, 0, ""))
    local bodies = {}
    while true do
      local prefix = connection:read(9)
      if not prefix or #prefix < 9 then return end
      local length, type, flags, stream = string.unpack(">I3BBI4", prefix)
      local payload = length > 0 and connection:read(length) or ""
      if type == SETTINGS and flags == 0 then send(connection, frame(SETTINGS, 1, 0, "")) end
      if type == DATA then
        bodies[stream] = (bodies[stream] or "") .. payload
        if flags & END_STREAM ~= 0 and not serve(stream, bodies[stream]) then return end
      end
    end
  ]]

  local ACTS = {
    goaway_before = true, goaway_after = true, cancelled = true, internal_error = true, refused_stream = true,
    http_1_1_required = true, reset_in_the_middle = true, reset_for_no_reason = true, closed_in_the_middle = true,
    no_headers = true, broken_hpack = true, garbage = true, graceful = false, good = false,
  }

  it("streams that are reset and connections that go away are errors like others, and no run is sent twice", function()
    local server = wire.serve(H2, "later")
    servers[#servers + 1] = server
    local url = server.url:gsub("^http:", "https:")
    for act, fails in pairs(ACTS) do
      for _, kind in ipairs(KINDS) do
        local plan = kind .. "_" .. act
        local client = assert(cdf.client { project = "p", base_url = url, ca_file = server.ca_file, timeout = 5,
          max_retries = 0, proxy = "", credentials = assert(cdf.credentials {
            client_id = plan, client_secret = "s", token_url = url .. "/token" }) })
        local begun = core.now()
        local execution, err = client:run("w", "1", { input = { plan = plan } })
        assert.is_true(core.now() - begun < 5, plan)
        client:close()
        if not fails then
          assert_whole(execution, err, plan)
        else
          assert.is_nil(execution, plan)
          assert.is_true(kind == "run" and err.kind == "ambiguous" or
            kind ~= "run" and (err.kind == "transport" or err.kind == "protocol"), plan .. ": " .. tostring(err))
        end
      end
    end
    local counts = {}
    for _, line in ipairs(server:stop()) do counts[line] = (counts[line] or 0) + 1 end
    for act, fails in pairs(ACTS) do
      for _, kind in ipairs(KINDS) do
        local plan = kind .. "_" .. act
        assert.equal((kind == "run" or not fails) and 1 or nil, counts["run " .. plan], plan)
      end
    end
  end)
end)
