-- SPDX-License-Identifier: Apache-2.0
-- Whatever comes over the wire in place of an answer: no partial success, no wait beyond the timeout, no memory without
-- bounds, the right kind of error, and one POST …/run for each run.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local h2_server = require "h2_server"
local libcurl = require "libcurl"
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
    -- The very last line feed, behind the last chunk, is no loss, only newer libcurls wait for it.
    local whole_enough = counts[logged(least)] or how == "chunked" and counts[logged(least + 1)]
    assert.is_number(whole_enough, "what passed for whole was not")
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

  if libcurl.is_at_least(8, 17) then -- and takes no length after another one
    local case = CASES["two lengths of which the first is too small"]
    case[2], case[3], case[4] = "protocol", "protocol", "ambiguous"
  end

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
  -- Whether an error follows. A stream that was refused is a matter of refused_spec.lua.
  local ACTS = {
    goaway_after = true, cancelled = true, internal_error = true, http_1_1_required = true,
    reset_in_the_middle = true, reset_for_no_reason = true, reset_for_no_reason_but_short = true,
    closed_in_the_middle = true, no_headers = true, broken_hpack = true, garbage = true, graceful = false, good = false,
  }
  -- Nothing but the JSON itself shows that it is cut short.
  local UNSEEN = { reset_for_no_reason = true }

  local function run_with(server, plan, options)
    local client = server:client(plan, options)
    local begun = core.now()
    local execution, err = client:run("w", "1", { input = { plan = plan } })
    local elapsed = core.now() - begun
    client:close()
    return execution, err, elapsed
  end

  it("streams that are reset and connections that go away are errors like others, and no run is sent twice", function()
    local server = h2_server.start()
    servers[#servers + 1] = server
    for act, fails in pairs(ACTS) do
      for _, kind in ipairs(KINDS) do
        local plan = kind .. "_" .. act
        local execution, err, elapsed = run_with(server, plan)
        assert.is_true(elapsed < 5, plan)
        if not fails then
          assert_whole(execution, err, plan)
        else
          assert.is_nil(execution, plan)
          assert.is_true(kind == "run" and err.kind == "ambiguous" or UNSEEN[act] and err.kind == "protocol" or
            kind ~= "run" and (err.kind == "transport" or err.kind == "protocol"), plan .. ": " .. tostring(err))
        end
      end
    end
    local counts = server:stop()
    for act, fails in pairs(ACTS) do
      for _, kind in ipairs(KINDS) do
        local plan = kind .. "_" .. act
        assert.equal((kind == "run" or not fails) and 1 or nil, counts["run " .. plan], plan)
      end
    end
  end)

  it("frames without end that hold no answer do not hold a call beyond its timeout #timed", function()
    if libcurl.is_on_gnutls() and not libcurl.is_at_least(8, 6) then
      return pending "libcurl 7.88 to 8.5 on GnuTLS tells nobody of such frames: the README says so"
    end
    local server = h2_server.start()
    servers[#servers + 1] = server
    for _, act in ipairs { "empty_data", "unknown_frames" } do
      for _, kind in ipairs(KINDS) do
        local plan = kind .. "_" .. act
        local execution, err, elapsed = run_with(server, plan, { timeout = 2 })
        assert.is_nil(execution, plan)
        assert.is_true(elapsed < 2 + MARGIN, ("%s took %.1f s"):format(plan, elapsed))
        assert.is_true(kind == "run" and err.kind == "ambiguous" or
          kind ~= "run" and (err.kind == "transport" or err.kind == "timeout"), plan .. ": " .. tostring(err))
      end
    end
  end)
end)
