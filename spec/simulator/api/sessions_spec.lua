-- SPDX-License-Identifier: Apache-2.0

local exchange = require "sim_exchange"

local CREDENTIALS = { clientId = "svc-acme", clientSecret = "s3cr3t" }

describe("simulator.sessions", function()
  local x

  before_each(function()
    x = exchange.new {
      projects = { "acme-dev", "second" },
      principals = {
        { client_id = "creator", client_secret = "c", capabilities = {
          sessionsAcl = { "CREATE", "DELETE" }, workflowOrchestrationAcl = { "READ", "WRITE" },
        } },
        { client_id = "elsewhere", client_secret = "e", projects = { "second" } },
        { client_id = "app", client_secret = "a", token_exchange = false },
      },
    }
    x:version("w", "1", {})
  end)

  local function create(item)
    return x:call("POST", "/sessions", { items = { item } }).items[1]
  end

  local function status_of(id)
    return x:call("POST", "/sessions/byids", { items = { { id = id } } }).items[1].status
  end

  local function run(nonce)
    return x:try("POST", "/workflows/w/versions/1/run", { authentication = { nonce = nonce } })
  end

  it("come in three kinds", function()
    local made = create(CREDENTIALS)
    assert.same({ "CLIENT_CREDENTIALS", "READY", "svc-acme" }, { made.type, made.status, made.clientId })
    assert.equal(16, #made.nonce)
    assert.equal("TOKEN_EXCHANGE", create({ tokenExchange = true }).type)
    made = create { oneshotTokenExchange = true }
    assert.equal("ONESHOT_TOKEN_EXCHANGE", made.type)
    assert.is_nil(made.clientId)
  end)

  it("are refused for credentials that are wrong or not of this project, and for the wrong kind of token", function()
    for _, item in ipairs {
      { clientId = "svc-acme", clientSecret = "no" }, { clientId = "nobody", clientSecret = "s3cr3t" },
      { clientId = "elsewhere", clientSecret = "e" },
    } do
      local status, answer = x:try("POST", "/sessions", { items = { item } })
      assert.equal(400, status)
      assert.equal("Invalid client credentials", answer.error.message)
    end
    x.token = x:sign_in("app", "a")
    local status, answer = x:try("POST", "/sessions", { items = { { tokenExchange = true } } })
    assert.equal(400, status)
    assert.equal("Invalid access token from identity provider", answer.error.message)
    assert.equal("READY", create({ oneshotTokenExchange = true }).status)
    assert.equal("READY", create(CREDENTIALS).status)
  end)

  it("give a nonce that binds once", function()
    local made = create(CREDENTIALS)
    assert.equal(202, (run(made.nonce)))
    local status, answer = run(made.nonce)
    assert.equal(400, status)
    assert.equal("Failed to bind session using nonce", answer.error.message)
  end)

  it("give a nonce that dies after a minute", function()
    local early, late = create(CREDENTIALS), create(CREDENTIALS)
    x.sim:advance(59.9)
    assert.equal(202, (run(early.nonce)))
    x.sim:advance(0.1)
    assert.equal(400, (run(late.nonce)))
    assert.equal("READY", status_of(late.id))
  end)

  it("do not bind with a nonce that nobody made, or with one of another project", function()
    assert.equal(400, (run "made-up"))
    local other = x:call("POST", "/api/v1/projects/second/sessions", { items = { CREDENTIALS } }).items[1]
    assert.equal(400, (run(other.nonce)))
  end)

  it("stay READY when the run is refused for another reason", function()
    local made = create(CREDENTIALS)
    assert.equal(404, (x:try("POST", "/workflows/nope/versions/1/run", { authentication = { nonce = made.nonce } })))
    assert.equal("READY", status_of(made.id))
    assert.equal(202, (run(made.nonce)))
  end)

  it("are ACTIVE while their execution runs, and over when it is", function()
    x.sim:function_handler("slow", function()
      return nil, 60
    end)
    x:version("s", "1", { exchange.task("a", "slow") })
    local made = create(CREDENTIALS)
    x:call("POST", "/workflows/s/versions/1/run", { authentication = { nonce = made.nonce } })
    x.sim:advance(59)
    assert.equal("ACTIVE", status_of(made.id))
    x.sim:advance(1)
    assert.equal("CANCELLED", status_of(made.id))
  end)

  it("can be revoked, again and again, bound or not", function()
    local made = create(CREDENTIALS)
    for _ = 1, 2 do
      local revoked = x:call("POST", "/sessions/revoke", { items = { { id = made.id } } }).items[1]
      assert.equal("REVOKED", revoked.status)
      assert.equal("svc-acme", revoked.clientId)
    end
    assert.equal(400, (run(made.nonce)))
  end)

  it("answer a revocation with ids only to callers that may not list", function()
    local made = create(CREDENTIALS)
    x.token = x:sign_in("creator", "c")
    assert.same({ { id = made.id } },
      { x:call("POST", "/sessions/revoke", { items = { { id = made.id } } }).items[1] })
  end)

  it("expire after an hour when nothing uses them", function()
    local made = create(CREDENTIALS)
    x.sim:advance(3599)
    assert.equal("READY", status_of(made.id))
    x.sim:advance(1)
    x.token = x:sign_in("svc-acme", "s3cr3t")
    assert.equal("EXPIRED", status_of(made.id))
  end)

  it("fail as a whole by ids when one is unknown", function()
    local made = create(CREDENTIALS)
    for _, path in ipairs { "/sessions/byids", "/sessions/revoke" } do
      local status, answer = x:try("POST", path, { items = { { id = made.id }, { id = 7 } } })
      assert.equal(400, status)
      assert.equal(1, #answer.error.missing)
      assert.equal(7, answer.error.missing[1].id)
    end
    assert.equal("READY", status_of(made.id))
  end)

  it("are listed newest first, by status in either case, page by page", function()
    local ids = {}
    for position = 1, 5 do
      ids[position] = create(CREDENTIALS).id
    end
    x:call("POST", "/sessions/revoke", { items = { { id = ids[2] } } })
    local page = x:call("GET", "/sessions?limit=2")
    assert.same({ ids[5], ids[4] }, { page.items[1].id, page.items[2].id })
    page = x:call("GET", "/sessions?limit=2&cursor=" .. page.nextCursor)
    assert.same({ ids[3], ids[2] }, { page.items[1].id, page.items[2].id })
    for _, status in ipairs { "revoked", "REVOKED" } do
      local items = x:call("GET", "/sessions?status=" .. status).items
      assert.equal(1, #items)
      assert.equal(ids[2], items[1].id)
    end
    assert.equal(400, (x:try("GET", "/sessions?status=Revoked")))
    assert.equal(400, (x:try("GET", "/sessions?limit=1001")))
    assert.equal(400, (x:try("GET", "/sessions?cursor=nonsense")))
  end)

  it("are 25 on a page unless told", function()
    for _ = 1, 26 do
      create(CREDENTIALS)
    end
    assert.equal(25, #x:call("GET", "/sessions").items)
  end)

  it("have a ceiling of 10000 live ones, and room again when some are over", function()
    local sim, last = x.sim, nil
    local request = {
      method = "POST", path = x.root .. "/sessions", headers = { authorization = "Bearer " .. x.token },
      body = '{"items":[{"tokenExchange":true}]}',
    }
    for _ = 1, 10001 do
      last = sim:handle(request)
    end
    assert.equal(400, last.status)
    assert.truthy(last.body:find("There can be only 10000 sessions", 1, true))
    local one = x:call("GET", "/sessions?limit=1").items[1]
    x:call("POST", "/sessions/revoke", { items = { { id = one.id } } })
    assert.equal(200, sim:handle(request).status)
    assert.equal(400, sim:handle(request).status)
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
