-- SPDX-License-Identifier: Apache-2.0
-- Close and collect in any order, close twice, use after close, fork with an open client, lua_close with calls under
-- way: nothing crashes, nothing hangs, and no run is given up without a word.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local native = require "native"
local shell = require "shell"
local wire = require "wire"

local ANSWER = '{"id":"i","status":"RUNNING","workflowExternalId":"foo","items":[{"nonce":"n","id":1}]}'

--- Runs, retries, sessions and /silent are answered after `patience` seconds; everything else at once.
local function serve(patience)
  return wire.serve(([[
    local connection, number = ...
    for request in function() return read(connection) end do
      local path = request.path:gsub("^/api/v1/projects/p", "")
      log("%%d %%s", number, path)
      if path:find "/run$" or path:find "/retry$" or path == "/sessions" or path == "/silent" then sleep(%s) end
      reply(connection, 200, '%s')
    end
  ]]):format(patience, ANSWER))
end

local function client_of(url, opts)
  local all = { project = "p", base_url = url, max_retries = 0, credentials = cdf.credentials { token = "t" } }
  for name, value in pairs(opts or {}) do all[name] = value end
  return assert(cdf.client(all))
end

local function collect()
  collectgarbage()
  collectgarbage()
end

--- Calls `visit` with each order of the names.
local function permute(names, visit, first)
  first = first or 1
  if first == #names then return visit(names) end
  for i = first, #names do
    names[first], names[i] = names[i], names[first]
    permute(names, visit, first + 1)
    names[first], names[i] = names[i], names[first]
  end
end

describe("objects", function()
  local server

  setup(function() server = serve(30) end)

  teardown(function() server:stop() end)

  --- Everything that one call takes: `path` decides whether its transfer is over.
  local function objects_of(path)
    local objects = { http = core.http {}, credentials = cdf.credentials { token = "t" } }
    objects.client = core.client { project = "p", base_url = server.url, credentials = objects.credentials }
    objects.call = core.request(objects.client, "GET", path, nil, {})
    local _
    _, objects.request = objects.call:step("start", core.now())
    objects.http:submit(objects.request)
    objects.http:step()
    return objects
  end

  it("are closed and collected in any order, with a transfer under way", function()
    local orders = 0
    permute({ "http", "credentials", "client", "call", "request" }, function(order)
      local objects = objects_of "/silent"
      for i, name in ipairs(order) do
        if orders % 3 == 0 and name == "http" then objects.http:close() end
        objects[name] = nil
        if (orders + i) % 5 == 0 then collect() end
        for _, left in pairs(objects) do assert.is_string(tostring(left)) end
      end
      orders = orders + 1
    end)
    collect()
    assert.equal(120, orders)
  end)

  it("are closed and collected in any order, with an answer that was taken or not", function()
    local orders = 0
    permute({ "http", "call", "client", "response" }, function(order)
      local objects = objects_of "/quick"
      repeat until objects.http:wait(1)
      if orders % 2 == 0 then
        local _
        _, objects.response = objects.http:finished()
        assert.equal(200, objects.response.status)
      end
      for _, name in ipairs(order) do
        objects[name] = nil
        collect()
        if objects.response then assert.equal(ANSWER, objects.response.body) end
      end
      orders = orders + 1
    end)
    assert.equal(24, orders)
  end)

  it("stay whole while anything that needs them lives", function()
    local call, request
    do
      local credentials = assert(cdf.credentials { client_id = "svc", client_secret = "s", token_url = server.url })
      local client = assert(core.client { project = "p", base_url = server.url, credentials = credentials })
      call = core.run(client, "foo", "1", {})
    end
    collect()
    local action
    action, request = call:step("start", core.now())
    assert.equal("http", action)
    call = nil -- luacheck: no unused
    collect()
    assert.equal("grant_type=client_credentials&client_id=svc&client_secret=s", request.body)
  end)

  it("bear it that their finalizer is called by hand, and again", function()
    local objects = objects_of "/silent"
    for _ = 1, 2 do
      for _, object in pairs(objects) do
        debug.getmetatable(object).__gc(object)
        assert.is_string(tostring(object))
      end
    end
    assert.is_false(pcall(objects.http.step, objects.http))
    assert.equal("", objects.request.url)
    assert.is_false(pcall(objects.call.step, objects.call, "woke", core.now()))
    assert.is_true(pcall(core.run, objects.client, "foo", "1", {}))
    objects = nil -- luacheck: no unused
    collect()
  end)

  it("show their metatables to nobody", function()
    for name, object in pairs(objects_of "/silent") do
      assert.is_string(getmetatable(object), name)
      assert.is_false(pcall(setmetatable, object, {}), name)
    end
  end)
end)

describe("a client", function()
  it("is closed twice without a mistake, and after it was used, and unused", function()
    local server = serve(0)
    local unused, used = client_of(server.url), client_of(server.url)
    assert(used:request("GET", "/x"))
    for _ = 1, 3 do
      unused:close()
      used:close()
    end
    collect()
    assert.matches("^cdfworkflow.Client: project p at", tostring(used))
    server:stop()
  end)

  it("closes its connections when it is closed, and when it is collected", function()
    local server = wire.serve [[
      local connection = ...
      for request in function() return read(connection) end do reply(connection, 200, "{}") end
      log("closed")
    ]]
    for _, close in ipairs { true, false } do
      local client = client_of(server.url)
      assert(client:request("GET", "/x"))
      if close then client:close() end
      if not close then client = nil end -- luacheck: no unused
      collect()
      assert.equal("closed", server:line())
    end
    server:stop()
  end)

  it("refuses every method after close, where the call stands", function()
    local client = client_of("http://127.0.0.1:1", { transport = Script.new {} })
    local uuid = "059edaa4-a17a-4102-910e-2c3591500cce"
    local workflows, executions, triggers = client.workflows, client.workflows.executions, client.workflows.triggers
    local trigger = {
      externalId = "t", workflowExternalId = "w", workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = "0 0 * * *" },
    }
    local version = { workflowExternalId = "w", version = "1", workflowDefinition = { tasks = cdf.array() } }
    local functions, schedules = client.functions, client.functions.schedules
    client:close()
    local calls = {
      auth = function() return client:auth() end,
      run = function() return client:run("foo", "1") end,
      wait = function() return client:wait(uuid) end,
      request = function() return client:request("GET", "/x") end,
      schedule = function()
        return client:schedule { workflow_external_id = "w", version = "1", cron = "0 0 * * *", via = "trigger" }
      end,
      schedules = function() return client:schedules() end,
      ["cdf.auth"] = function() return cdf.auth(client) end,
      ["cdf.run"] = function() return cdf.run(client, "foo", "1") end,
      ["executions:retrieve"] = function() return executions:retrieve(uuid) end,
      ["executions:list"] = function() return executions:list() end,
      ["executions:each"] = function() return executions:each()() end,
      ["executions:watch"] = function() return executions:watch(uuid)() end,
      ["executions:cancel"] = function() return executions:cancel(uuid, "r") end,
      ["executions:retry"] = function() return executions:retry(uuid) end,
      ["workflows:upsert"] = function() return workflows:upsert { externalId = "w" } end,
      ["workflows:retrieve"] = function() return workflows:retrieve "w" end,
      ["workflows:list"] = function() return workflows:list() end,
      ["workflows:delete"] = function() return workflows:delete "w" end,
      ["versions:upsert"] = function() return workflows.versions:upsert(version) end,
      ["versions:list"] = function() return workflows.versions:list() end,
      ["triggers:upsert"] = function() return triggers:upsert(trigger) end,
      ["triggers:list"] = function() return triggers:list() end,
      ["triggers:pause"] = function() return triggers:pause "t" end,
      ["tasks:update"] = function() return workflows.tasks:update(uuid, "COMPLETED", {}) end,
      ["sessions:create"] = function() return client.sessions:create() end,
      ["sessions:list"] = function() return client.sessions:list() end,
      ["functions:list"] = function() return functions:list() end,
      ["functions:call"] = function() return functions:call(1, {}) end,
      ["schedules:list"] = function() return schedules:list() end,
    }
    for name, call in pairs(calls) do
      local ok, message = pcall(call)
      assert.is_false(ok, name)
      assert.matches("this cdfworkflow client is closed", tostring(message), 1, true)
    end
  end)

  it("is closed at the end of its block on Lua 5.4", function()
    local load_text = rawget(_G, "loadstring") or load
    local chunk = load_text "local client <close> = ... ; return client.project"
    if not chunk then return assert.is_true(_VERSION ~= "Lua 5.4") end
    local client = client_of("http://127.0.0.1:1")
    assert.equal("p", chunk(client))
    assert.is_false(pcall(client.auth, client))
  end)

  it("that is closed while others wait raises there, and disturbs no other", function()
    local server = serve(0.5)
    local client, other = client_of(server.url), client_of(server.url)
    local begun = core.now()
    local results, errors = cdf.gather(
      function() return client:request("GET", "/silent") end,
      function() return other:run("foo", "1", { nonce = "n" }) end,
      function()
        client:request("GET", "/x")
        client:close()
      end,
      function()
        client:_sleep(30)
      end)
    assert.is_true(core.now() - begun < 10)
    assert.equal("i", results[2].id)
    for _, i in ipairs { 1, 4 } do assert.matches("was closed while a call was under way", errors[i]) end
    other:close()
    client:close()
    collect()
    server:stop()
  end)

  it("goes on after an error in an event handler", function()
    local server = serve(0)
    local fail = true
    local client = client_of(server.url, { on_event = function() if fail then error "no" end end })
    assert.is_false(pcall(client.request, client, "GET", "/x"))
    fail = false
    assert(client:request("GET", "/x"))
    client:close()
    server:stop()
  end)
end)

describe("a process that forks", function()
  local module, server

  setup(function() module = native.build "fork" end)

  teardown(function() os.remove(module) end)

  before_each(function() server = serve(0.3) end)

  after_each(function() server:stop() end)

  for _, ending in ipairs { "waits", "closes", "returns" } do
    it("keeps its connections, and its run, when the child " .. ending, function()
      -- The memory of what belongs to the parent stays in the child (engine.c): not a leak to look for.
      local no_leaks = "ASAN_OPTIONS=detect_leaks=0 VALGRIND_OPTS=--leak-check=no"
      local said, status = shell.run(("%s %s %s %s %s %s"):format(no_leaks,
        shell.lua, shell.quote(native.folder .. "forked.lua"), module, server.url, ending))
      assert.equal(0, status, said)
      -- Nothing of the parent's runs is reported by the child.
      assert.equal("done\n", said)
      local lines = server:stop()
      table.sort(lines)
      assert.same({ "1 /first", "1 /second", "2 /workflows/foo/versions/1/run", "3 /child" }, lines)
    end)
  end
end)

describe("lua_close with a call under way", function()
  local server

  setup(function() server = serve(60) end)

  teardown(function() server:stop() end)

  local RUN = "cdfworkflow: POST /workflows/foo/versions/1/run was abandoned before its answer came"
  local RETRY = "cdfworkflow: POST /workflows/executions/059edaa4-a17a-4102-910e-2c3591500cce/retry was abandoned "
    .. "before its answer came"
  local told = { run = RUN .. ", request id r-1", plain_run = RUN, retry = RETRY }

  --- → what the program wrote about abandoned calls, line by line, its exit status, all that it wrote
  local function abandon(ending, what, prefix)
    local said, status = shell.run(("%s %s %s %s %s %s"):format(
      prefix or "", shell.lua, shell.quote(native.folder .. "abandoned.lua"), server.url, ending, what))
    local lines = {}
    for line in said:gmatch "(cdfworkflow: [^\n]*)\n" do lines[#lines + 1] = line end
    return lines, status, said
  end

  for _, what in ipairs { "run", "plain_run", "retry", "session", "request" } do
    it("is told on the standard error where it is a run: " .. what, function()
      local lines, status, said = abandon("return", what)
      assert.same({ told[what] }, lines)
      assert.equal(0, status, said)
    end)
  end

  it("ends in good order, however the program ends", function()
    -- On Lua 5.1 os.exit does not close the state.
    local closes = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil
    for ending, expected in pairs { exit = 3, error = 1, closed = 0, collected = 0 } do
      local lines, status, said = abandon(ending, "run")
      assert.same((ending ~= "exit" or closes) and { told.run } or {}, lines, said)
      assert.equal(expected, status, said)
    end
    assert.matches("still here\n$", (select(3, abandon("collected", "run"))))
  end)

  it("is told in one line, whatever the request id holds", function()
    local said = shell.run(("%s -e %s"):format(shell.lua, shell.quote(([[
      package.path, package.cpath = %q, %q
      local core = require "cdfworkflow.core"
      local client = core.client { project = "p", base_url = "https://cdf.example",
        credentials = core.credentials { token = "t" } }
      core.run(client, "foo", "1", { nonce = "n", request_id = "a\nFAKE: all is well\27[2J" }):step("start", 1)
    ]]):format(package.path, package.cpath))))
    assert.equal(RUN .. ", request id a FAKE: all is well [2J\n", said)
  end)

  it("tells of each run of a gathering that a hook has stopped", function()
    local lines, status, said = abandon("hook", "run")
    assert.same({ told.run, told.run }, lines, said)
    assert.equal(1, status)
  end)

  -- In the foreground, timeout sends one signal, and not a second one to the group, which ends Lua's program at once.
  it("tells of a run that was interrupted at the keyboard #timed", function()
    local lines, _, said = abandon("interrupt", "run", "timeout --foreground -s INT 2")
    assert.same({ "cdfworkflow: interrupted", told.run }, lines, said)
  end)
end)
