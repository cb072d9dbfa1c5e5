-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"

describe("simulator.functions", function()
  local x

  before_each(function()
    x = exchange.new { functions = { registered = function() end } }
  end)

  local function uploaded_file()
    local file = x:call("POST", "/files", { name = "f.zip" })
    x.sim:handle { method = "PUT", path = file.uploadUrl, headers = {}, body = "zip" }
    return file.id
  end

  local function create(more)
    local item = { name = "starter", fileId = more and more.fileId or uploaded_file() }
    for name, value in pairs(more or {}) do
      item[name] = value
    end
    return x:try("POST", "/functions", { items = { item } })
  end

  local function find(identifier)
    return x:call("POST", "/functions/byids", { items = { identifier } }).items[1]
  end

  local function names(filter, limit)
    local found = {}
    for _, item in ipairs(x:call("POST", "/functions/list", { filter = filter, limit = limit }).items) do
      found[#found + 1] = item.name
    end
    return table.concat(found, " ")
  end

  it("become Ready some seconds after they were made", function()
    local status, answer = create { externalId = "s" }
    assert.equal(201, status)
    local made = answer.items[1]
    assert.equal("Queued", made.status)
    assert.same({ "handler.py", "py312", 1, 1.5, "", "" },
      { made.functionPath, made.runtime, made.cpu, made.memory, made.description, made.owner })
    x.sim:advance(1)
    assert.equal("Deploying", find({ id = made.id }).status)
    x.sim:advance(4)
    assert.equal("Ready", find({ externalId = "s" }).status)
    assert.is_nil(find({ id = made.id }).error)
  end)

  it("fail to build when their file has not come", function()
    local file = x:call("POST", "/files", { name = "f.zip" })
    local _, answer = create { fileId = file.id }
    x.sim:advance(5)
    local found = find { id = answer.items[1].id }
    assert.equal("Failed", found.status)
    assert.truthy(found.error.message:find "uploaded")
  end)

  it("show the names of their secrets only", function()
    local _, answer = create { secrets = { ["client-id"] = "svc", ["client-secret"] = "canary" } }
    assert.same({ ["client-id"] = "***", ["client-secret"] = "***" }, answer.items[1].secrets)
    assert.is_nil(core.encode(find { id = answer.items[1].id }):find("canary", 1, true))
  end)

  it("are refused for what is wrong with them", function()
    assert.equal(201, (create { externalId = "s" }))
    local status, answer = create { externalId = "s" }
    assert.equal(409, status)
    assert.equal("s", answer.error.duplicated[1].externalId)
    status, answer = create { fileId = 5 }
    assert.equal(400, status)
    assert.equal(5, answer.error.missing[1].id)
    assert.equal(400, (create { runtime = "py27" }))
    assert.equal(400, (create { secrets = { UPPER = "x" } }))
    assert.equal(400, (create { name = "" }))
  end)

  it("number 100 at most", function()
    local file = uploaded_file()
    for _ = 1, 99 do
      assert.equal(201, (create { fileId = file }))
    end
    local status, answer = create { fileId = file }
    assert.equal(400, status)
    assert.equal("At most 100 functions", answer.error.message)
    assert.equal(201, (create { fileId = file, externalId = "registered" }))
  end)

  it("are there and Ready when a Lua function stands for them, until one is made in their place", function()
    local registered = find { externalId = "registered" }
    assert.equal("Ready", registered.status)
    local _, answer = create { externalId = "registered" }
    assert.are_not.equal(registered.id, answer.items[1].id)
    assert.equal(400, (x:try("POST", "/functions/byids", { items = { { id = registered.id } } })))
    x.sim:function_handler("registered", function() end)
    assert.equal(answer.items[1].id, find({ externalId = "registered" }).id)
  end)

  it("are listed with filters", function()
    create { name = "a", owner = "me", externalId = "wf-a", metadata = { site = "x", unit = "1" } }
    x.sim:advance(10)
    create { name = "b", owner = "you", externalId = "wf-b" }
    assert.equal("registered a b", (names()))
    assert.equal("registered a", (names(nil, 2)))
    assert.equal("a", (names { owner = "me" }))
    assert.equal("b", (names { name = "b" }))
    assert.equal("b", (names { status = "Queued" }))
    assert.equal("a b", (names { externalIdPrefix = "wf-" }))
    assert.equal("a", (names { metadata = { site = "x" } }))
    assert.equal("", (names { metadata = { site = "x", unit = "2" } }))
    assert.equal("b", (names { createdTime = { min = x.sim:now() } }))
    assert.equal("registered a", (names { createdTime = { max = x.sim:now() - 1 } }))
  end)

  it("are read by GET, too", function()
    local id = find({ externalId = create { name = "a", externalId = "a" } and "a" }).id
    local all = x:call("GET", "/functions").items
    assert.same({ "registered", "a" }, { all[1].name, all[2].name })
    assert.equal(1, #x:call("GET", "/functions?limit=1").items)
    assert.equal("a", x:call("GET", ("/functions/%.0f"):format(id)).name)
    assert.equal(404, (x:try("GET", "/functions/5")))
    assert.equal(400, (x:try("GET", "/functions/none")))
  end)

  it("are missed by name when they are not there, unless that is asked for", function()
    local status, answer = x:try("POST", "/functions/byids", { items = { { externalId = "x" }, { id = 5 } } })
    assert.equal(400, status)
    assert.same({ { external_id = "x" }, { id = 5 } }, answer.error.missing) -- as the SDK's own test has it
    assert.equal(0, #x:call("POST", "/functions/byids", { items = { { id = 5 } }, ignoreUnknownIds = true }).items)
  end)

  it("are deleted, all or none", function()
    create { externalId = "s" }
    assert.equal(400, (x:try("POST", "/functions/delete", { items = { { externalId = "s" }, { id = 5 } } })))
    assert.is_table(find { externalId = "s" })
    x:call("POST", "/functions/delete", { items = { { externalId = "s" }, { id = 5 } }, ignoreUnknownIds = true })
    assert.equal("registered", (names()))
  end)

  it("are activated, and have limits", function()
    assert.equal("activated", x:call("GET", "/functions/status").status)
    local status, activated = x:try("POST", "/functions/status")
    assert.same({ 202, "activated" }, { status, activated.status })
    assert.equal(10, x:call("GET", "/functions/limits").timeoutMinutes)
  end)

  it("keep to the contract in all of this", function()
    assert.same({}, exchange.violations())
  end)
end)
