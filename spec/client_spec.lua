-- SPDX-License-Identifier: Apache-2.0
-- The client object: its doors, what it shows and how it ends. What calls do is in core/call_spec.lua and those beside.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local OK = { status = 200, body = "{}" }

local function client_with(answers, opts)
  opts = opts or {}
  opts.project, opts.base_url, opts.transport = "p", opts.base_url or "https://cdf.example", Script.new(answers)
  opts.credentials = assert(cdf.credentials { token = "static-token" })
  return assert(cdf.client(opts)), opts.transport
end

describe("a client", function()
  it("shows where it is, and nothing secret, however one looks at it", function()
    local client = client_with {}
    assert.equal("cdfworkflow.Client: project p at https://cdf.example", tostring(client))
    local seen = {}
    local function walk(value)
      if type(value) == "string" then assert.is_nil(value:find("static-token", 1, true)) end
      if type(value) ~= "table" or seen[value] then return end
      seen[value] = true
      for key, member in pairs(value) do
        walk(key)
        walk(member)
      end
    end
    walk(client)
    assert.equal("cdfworkflow.core.client", getmetatable(client.core)) -- and nobody gets at the real one
  end)

  it("takes slashes at the end of base_url for none", function()
    local client, script = client_with({ OK }, { base_url = "https://cdf.example//" })
    assert(client:request("GET", "/x"))
    assert.equal("https://cdf.example/api/v1/projects/p/x", script.requests[1].url)
    assert.equal("https://cdf.example", client.base_url)
  end)

  it("encodes its project as one segment", function()
    local client = assert(cdf.client {
      project = "a/b c", cluster = "api", transport = Script.new { OK },
      credentials = assert(cdf.credentials { token = "t" }),
    })
    assert(client:request("GET", "/x"))
    assert.equal("https://api.cognitedata.com/api/v1/projects/a%2Fb%20c/x", client.transport.requests[1].url)
  end)

  it("refuses what cannot be sent before it looks anything up", function()
    local client, script = client_with {}
    local long, no_secret = ("n"):rep(5000), { client_id = "i", client_secret = "" }
    local schedule = { name = "s", cronExpression = "* * * * *", functionExternalId = "fx" }
    local trigger = { externalId = "t", workflowExternalId = "w", workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = "* * * * *" } }
    for _, call in ipairs {
      function() return client.functions:call("fx", {}, { nonce = long }) end,
      function() return client.functions:call("fx", {}, { client_credentials = no_secret }) end,
      function() return client.functions:call("fx", { print }) end,
      function() return client.functions:call("fx", {}, { session = "client_credentials" }) end,
      function() return client.functions.schedules:create(schedule, { nonce = long }) end,
      function() return client.functions.schedules:create(schedule, { session = "client_credentials" }) end,
      function() return client.functions.calls:list("fx", { startTime = { min = print } }) end,
      function() return client.workflows.triggers:upsert(trigger, { nonce = long }) end,
      function()
        return client:schedule { via = "function", workflow_external_id = "w", version = "1", cron = "* * * * *",
          client_credentials = no_secret }
      end,
    } do
      local result, err = call()
      assert.is_nil(result)
      assert.equal("invalid", err.kind)
    end
    assert.same({}, script.requests)
  end)

  it("has every namespace of the API", function()
    local client = client_with {}
    local namespaces = {
      [client.workflows] = { "upsert", "retrieve", "list", "each", "delete" },
      [client.workflows.versions] = { "upsert", "retrieve", "list", "each", "delete" },
      [client.workflows.executions] = {
        "run", "run_many", "trigger", "retrieve", "list", "each", "cancel", "retry", "wait", "watch",
      },
      [client.workflows.triggers] = { "upsert", "list", "each", "delete", "history", "pause", "resume" },
      [client.workflows.tasks] = { "update" },
      [client.sessions] = { "create", "list", "retrieve", "revoke" },
      [client.functions] = { "create", "retrieve", "list", "delete", "call" },
      [client.functions.calls] = { "retrieve", "list", "response" },
      [client.functions.schedules] = { "create", "retrieve", "list", "delete", "input_data" },
      [client] = { "run", "wait", "auth", "schedule", "request", "close" },
      [cdf] = { "credentials", "client", "from_env", "auth", "run", "gather", "array", "lint", "graph", "definition" },
    }
    for namespace, methods in pairs(namespaces) do
      for _, method in ipairs(methods) do assert.equal("function", type(namespace[method]), method) end
    end
    assert.equal(core.null, cdf.null)
  end)

  it("authenticates on demand, through cdf.auth as well", function()
    local client = client_with {}
    assert.same({ tokenType = "Bearer" }, client:auth())
    assert.same({ tokenType = "Bearer" }, cdf.auth(client, { timeout = 5 }))
    assert.has_error(function() client:auth { timout = 5 } end)
  end)

  it("runs through cdf.run as well", function()
    local answer = { status = 202, body = '{"id":"i","status":"RUNNING","workflowExternalId":"foo"}' }
    local client, script = client_with { answer }
    assert.equal("i", assert(cdf.run(client, "foo", 1, { nonce = "n" })).id)
    assert.matches("/workflows/foo/versions/1/run$", script.requests[1].path)
  end)

  it("uploads without the access token, and shows nothing of a signed URL", function()
    local client, script = client_with { { status = 201, body = "" }, { status = 403, body = "<xml/>" } }
    assert.is_true(client:_put("https://store.example/f?signature=abc", "bytes", { content_type = "application/zip" }))
    local request = script.requests[1]
    assert.equal("PUT", request.method)
    assert.equal("bytes", request.body)
    assert.is_nil(request.headers.authorization)
    assert.is_nil(request.headers["x-cdp-app"])
    assert.equal("application/zip", request.headers["content-type"])
    local done, err = client:_put("https://store.example/f?signature=abc", "bytes")
    assert.is_nil(done)
    assert.equal(403, err.status)
    assert.is_nil(tostring(err):match("signature"))
    assert.equal("invalid", select(2, client:_put("http://store.example/f", "bytes")).kind)
  end)

  it("closes its transport, once", function()
    local client, script = client_with {}
    local closed = 0
    function script.close() closed = closed + 1 end -- luacheck: ignore 122
    client:close()
    client:close()
    assert.equal(1, closed)
    for name, call in pairs {
      ["client:auth"] = function() client:auth() end,
      ["client:request"] = function() client:request("GET", "/x") end,
      ["client.workflows:list"] = function() client.workflows:list() end,
      ["client:retry"] = function() client:retry("059edaa4-a17a-4102-910e-2c3591500cce") end,
      ["client.sessions:create"] = function() client.sessions:create() end,
    } do
      assert.error_matches(call, name .. ": this cdfworkflow client is closed")
    end
  end)

  it("is closed by <close> on Lua 5.4", function()
    local client = client_with {}
    local load54 = _VERSION == "Lua 5.4" and load or nil
    if load54 then
      load54("local client <close> = ...")(client)
    else
      getmetatable(client).__close(client)
    end
    assert.is_true(client.closed)
  end)

  it("does not begin a call where its transport cannot wait", function()
    local client, script = client_with {}
    function script.check() return "not here; elsewhere" end -- luacheck: ignore 122
    local result, err = client:request("GET", "/x")
    assert.is_nil(result)
    assert.equal("not here; elsewhere", err.message)
    assert.equal(0, #script.requests)
  end)
end)

describe("a transport of Lua's", function()
  it("must answer with a status or a failure", function()
    local client = client_with { { body = "x" } }
    assert.error_matches(function() client:request("GET", "/x") end, "a status or a failure")
  end)

  it("that does not say whether something was sent has perhaps sent everything", function()
    local client = client_with { { failure = "receive" } }
    local _, err = client:run("foo", "1", { nonce = "n" })
    assert.equal("ambiguous", err.kind)
  end)

  it("may give numbers as header values and other letter case", function()
    local answers = { { status = 503, headers = { ["RETRY-AFTER"] = 3 }, body = "" }, OK }
    local client, script = client_with(answers)
    assert(client:request("GET", "/x"))
    assert.is_true(script:slept() >= 3)
  end)
end)
