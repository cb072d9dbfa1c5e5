-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

local function refused(schedule)
  local client = fake.new()
  local created, err = client.functions.schedules:create(schedule)
  assert.is_nil(created)
  assert.equal("invalid", err.kind)
  assert.same({}, client.asked)
  return err
end

describe("client.functions.schedules", function()
  it("creates with a fresh session", function()
    local client = fake.new { { items = { { id = 51 } } } }
    local schedule = { name = "nightly", functionId = 123, cronExpression = "0 12 * * *", data = { a = 1 } }
    local credentials = { client_id = "i", client_secret = "s" }
    assert.same({ id = 51 }, client.functions.schedules:create(schedule, { client_credentials = credentials }))
    assert.same({ method = "POST", path = "/functions/schedules", body = { items = { schedule } },
      opts = { repeats = "unsafe", nonce_in = "items.nonce", result = "item",
        client_credentials = credentials } }, client.asked[1])
  end)

  it("looks up the id of a function named by its external id", function()
    local client = fake.new { { items = { { id = 4503599627370496 } } }, { items = { { id = 51 } } } }
    local schedule = { name = "nightly", functionExternalId = "workflow-trigger", cronExpression = "0 12 * * *" }
    assert.same({ id = 51 }, client.functions.schedules:create(schedule, { nonce = "held" }))
    assert.same({ items = { { name = "nightly", functionId = 4503599627370496, cronExpression = "0 12 * * *" } } },
      client.asked[2].body)
    assert.equal("held", client.asked[2].opts.nonce)
    assert.equal("workflow-trigger", schedule.functionExternalId)
  end)

  it("refuses a schedule that lacks something or says too much", function()
    assert.equal("cronExpression", refused({ name = "n", cronExpression = "", functionId = 1 }).field)
    assert.equal("name", refused({ name = "", functionId = 1, cronExpression = "* * * * *" }).field)
    assert.equal("functionId", refused({ name = "n", cronExpression = "* * * * *" }).field)
    assert.equal("functionId",
      refused({ name = "n", cronExpression = "* * * * *", functionId = 1, functionExternalId = "x" }).field)
    assert.equal(140, refused({ name = ("n"):rep(141), cronExpression = "* * * * *", functionId = 1 }).limit)
    assert.error_matches(function() fake.new().functions.schedules:create "n" end, "schedule: expected a table")
  end)

  it("retrieves one or several", function()
    local client = fake.new { { items = { { id = 51 } } }, { items = { { id = 51 }, { id = 52 } } }, { items = {} } }
    assert.same({ id = 51 }, client.functions.schedules:retrieve(51))
    assert.same({ items = { { id = 51 } }, ignoreUnknownIds = false }, client.asked[1].body)
    assert.same({ { id = 51 }, { id = 52 } },
      client.functions.schedules:retrieve({ 51, 52 }, { ignore_unknown_ids = true }))
    assert.same({ items = { { id = 51 }, { id = 52 } }, ignoreUnknownIds = true }, client.asked[2].body)
    assert.equal("protocol", select(2, client.functions.schedules:retrieve(5)).kind)
    assert.equal("ids[2]", select(2, client.functions.schedules:retrieve { 1, 0 }).field)
  end)

  it("takes a schedule wherever its id is", function()
    local client = fake.new { {}, {}, { id = 51 } }
    local schedules = client.functions.schedules
    assert(schedules:delete { id = 51, name = "nightly" })
    assert(schedules:delete { via = "function", name = "nightly", resource = { id = 51 } })
    assert.same({ client.asked[1], { items = { { id = 51 } } } }, { client.asked[2], client.asked[1].body })
    assert(schedules:input_data { id = 51 })
    assert.matches("/51/input_data$", client.asked[3].path)
  end)

  it("lists with a filter, at most 10000", function()
    local client = fake.new { { items = { { id = 1 } } }, { items = {} } }
    assert.same({ { id = 1 } }, client.functions.schedules:list())
    assert.same({ filter = {}, limit = 25 }, client.asked[1].body)
    client.functions.schedules:list { functionExternalId = "fx", limit = math.huge }
    assert.same({ filter = { functionExternalId = "fx" }, limit = 10000 }, client.asked[2].body)
    assert.equal("invalid",
      select(2, client.functions.schedules:list { functionId = 1, functionExternalId = "fx" }).kind)
  end)

  it("deletes one and reads its data", function()
    local client = fake.new { {}, { id = 51, data = { a = 1 } } }
    assert.is_true(client.functions.schedules:delete(51))
    assert.same({ method = "POST", path = "/functions/schedules/delete", body = { items = { { id = 51 } } },
      opts = { result = "gone" } }, client.asked[1])
    assert.same({ id = 51, data = { a = 1 } }, client.functions.schedules:input_data(51))
    assert.same({ method = "GET", path = "/functions/schedules/51/input_data", opts = {} }, client.asked[2])
    assert.equal("id", select(2, client.functions.schedules:delete(0.5)).field)
  end)
end)
