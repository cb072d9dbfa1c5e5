-- SPDX-License-Identifier: Apache-2.0
local fake = require "fake_client"

local function trigger(members)
  local made = {
    externalId = "nightly", workflowExternalId = "daily-etl", workflowVersion = "1",
    triggerRule = { triggerType = "schedule", cronExpression = "0 0 * * *" },
  }
  for member, value in pairs(members or {}) do made[member] = value end
  return made
end

local function refused(members, opts)
  local client = fake.new()
  local stored, err = client.workflows.triggers:upsert(trigger(members), opts)
  assert.is_nil(stored)
  assert.equal("invalid", err.kind)
  assert.same({}, client.asked)
  return err
end

describe("client.workflows.triggers", function()
  it("upserts with a nonce made behind the scenes, of the kind that is asked for", function()
    local client = fake.new { { items = { { externalId = "nightly" } } } }
    local credentials = { client_id = "i", client_secret = "s" }
    local given = trigger { input = { a = 1 }, metadata = { k = "v" }, workflowVersion = 2, later = true,
      isPaused = false, createdTime = 1, lastUpdatedTime = 1 }
    assert.same({ externalId = "nightly" }, client.workflows.triggers:upsert(given,
      { client_credentials = credentials, session = "client_credentials" }))
    assert.same({
      method = "POST", path = "/workflows/triggers",
      opts = { nonce_in = "items.authentication", result = "item", client_credentials = credentials,
        session = "client_credentials" },
      body = { items = { trigger { input = { a = 1 }, metadata = { k = "v" }, workflowVersion = "2", later = true } } },
    }, client.asked[1])
    assert.is_nil(given.authentication)
  end)

  it("passes a nonce of the caller on, and leaves out what is empty", function()
    local client = fake.new { { items = { { externalId = "nightly" } } } }
    client.workflows.triggers:upsert(trigger { input = {}, metadata = {} }, { nonce = "held" })
    assert.same({ items = { trigger() } }, client.asked[1].body)
    assert.equal("held", client.asked[1].opts.nonce)
  end)

  it("refuses what CDF would refuse", function()
    assert.equal("invalid", refused({ externalId = "" }).kind)
    assert.equal("invalid", refused({ workflowVersion = " 1" }).kind)
    assert.equal(10, refused({ metadata = { a = "", b = "", c = "", d = "", e = "", f = "", g = "", h = "", i = "",
      j = "", k = "" } }).limit)
    assert.equal(32, refused({ metadata = { [("k"):rep(33)] = "v" } }).limit)
    assert.equal(255, refused({ metadata = { k = ("v"):rep(256) } }).limit)
    assert.equal("metadata.k", refused({ metadata = { k = 1 } }).field)
    local rule = { triggerType = "dataModeling", batchSize = 0, batchTimeout = 60 }
    assert.equal("triggerRule.batchSize", refused({ triggerRule = rule }).field)
    rule = { triggerType = "recordStream", batchSize = 1, batchTimeout = 9 }
    assert.equal("triggerRule.batchTimeout", refused({ triggerRule = rule }).field)
    rule = { triggerType = "dataModeling", batchSize = 20.5, batchTimeout = 60 }
    assert.equal("triggerRule.batchSize must be a whole number from 1 to 1000 for a dataModeling trigger, got 20.5",
      refused({ triggerRule = rule }).message)
    rule = { triggerType = "recordStream", batchSize = 100 }
    assert.equal("triggerRule.batchTimeout", refused({ triggerRule = rule }).field)
  end)

  it("takes the figures of the contract, to their very ends", function()
    local function stored(members)
      local client = fake.new { { items = { { externalId = "x" } } } }
      return client.workflows.triggers:upsert(trigger(members))
    end
    local figures = {
      dataModeling = { batchSize = { 1, 1000 }, batchTimeout = { 10, 86400 } },
      recordStream = { batchSize = { 1, 100 }, batchTimeout = { 10, 86400 } },
    }
    for kind, members in pairs(figures) do
      for i = 1, 2 do
        local rule = { triggerType = kind, batchSize = members.batchSize[i], batchTimeout = members.batchTimeout[i] }
        assert.is_table(stored { triggerRule = rule })
        for member in pairs(members) do
          rule[member] = rule[member] + (i == 1 and -1 or 1)
          assert.equal("triggerRule." .. member, refused({ triggerRule = rule }).field)
          rule[member] = members[member][i]
        end
      end
    end
    local metadata = { [("k"):rep(32)] = ("ø"):rep(255) }
    for i = 2, 10 do metadata["k" .. i] = "v" end
    assert.is_table(stored { metadata = metadata })
  end)

  it("does not ask for a session that record streams do not take", function()
    local rule = { triggerType = "recordStream", batchSize = 100, batchTimeout = 60 }
    local err = refused({ triggerRule = rule }, { session = "token_exchange" })
    assert.equal("session", err.field)
    assert.matches('CDF wants "client_credentials"', err.message)
    local stored = { items = { { externalId = "rs" } } }
    local client = fake.new { stored, stored }
    assert(client.workflows.triggers:upsert(trigger { triggerRule = rule }))
    assert(client.workflows.triggers:upsert(trigger { triggerRule = rule }, { session = "client_credentials" }))
  end)

  it("takes rules that it does not know", function()
    local client = fake.new { { items = { { externalId = "x" } } } }
    assert(client.workflows.triggers:upsert(trigger { triggerRule = { triggerType = "brandNew", batchSize = 7 } }))
  end)

  it("raises for wrong types", function()
    local triggers = fake.new().workflows.triggers
    assert.error_matches(function() triggers:upsert "nightly" end, "trigger: expected a table")
    assert.error_matches(function() triggers:upsert(trigger { triggerRule = "0 0 * * *" }) end, "triggerRule: expected")
    assert.error_matches(function() triggers:upsert(trigger { input = "x" }) end, "input: expected a table")
    assert.error_matches(function() triggers:upsert(trigger { metadata = "x" }) end, "metadata: expected a table")
    assert.error_matches(function() triggers:upsert(trigger(), { sesion = "oneshot" }) end, 'did you mean "session"')
  end)

  it("lists, with the filter of the API", function()
    local client = fake.new {
      { items = {}, nextCursor = "t2" }, { items = { { id = 1 } } }, { items = { { id = 2 } } },
    }
    assert.same({ { id = 1 } }, client.workflows.triggers:list { limit = math.huge, workflowExternalId = "daily-etl" })
    assert.same({ workflowExternalId = "daily-etl", limit = 1000, cursor = "t2" }, client.asked[2].opts.query)
    for found in client.workflows.triggers:each() do assert.same({ id = 2 }, found) end
    assert.same({ limit = 1000 }, client.asked[3].opts.query)
  end)

  it("deletes, pauses and resumes one, the last two without a body", function()
    local client = fake.new { {}, {}, {} }
    assert.is_true(client.workflows.triggers:delete "nightly")
    assert.is_true(client.workflows.triggers:pause "nightly/æ 1")
    assert.is_true(client.workflows.triggers:resume "nightly")
    assert.same({ method = "POST", path = "/workflows/triggers/delete",
      body = { items = { { externalId = "nightly" } } }, opts = { result = "gone" } }, client.asked[1])
    assert.same({ method = "POST", path = "/workflows/triggers/nightly%2F%C3%A6%201/pause", opts = {} },
      client.asked[2])
    assert.equal("/workflows/triggers/nightly/resume", client.asked[3].path)
    assert.equal("invalid", select(2, client.workflows.triggers:pause "..").kind)
    assert.equal("invalid", select(2, client.workflows.triggers:delete "").kind)
  end)

  it("takes a trigger or a schedule wherever the external id is", function()
    local given = { "a/b", trigger { externalId = "a/b" },
      { via = "trigger", name = "a/b", resource = trigger { externalId = "a/b" } } }
    for _, name in ipairs { "delete", "history", "pause", "resume" } do
      local client = fake.new { { items = {} }, { items = {} }, { items = {} } }
      for _, one in ipairs(given) do assert(client.workflows.triggers[name](client.workflows.triggers, one)) end
      assert.same({ client.asked[1], client.asked[1] }, { client.asked[2], client.asked[3] })
    end
    local client = fake.new()
    local by_function = { via = "function", name = "nightly", resource = { id = 5, name = "nightly" } }
    for _, of in ipairs { client, client.workflows.triggers } do
      local done, err = of:pause(by_function)
      assert.is_nil(done)
      assert.same({ "invalid", "trigger" }, { err.kind, err.field })
      assert.matches("CDF cannot pause it and keeps no history of it; client:unschedule removes", err.message, 1, true)
    end
    assert.same({}, client.asked)
  end)

  it("pages through the history", function()
    local client = fake.new {
      { items = { { id = 1 } }, nextCursor = "h2" }, { items = { { id = 2 } } }, { items = {} },
    }
    assert.same({ { id = 1 }, { id = 2 } }, client.workflows.triggers:history("a/b", { limit = 5 }))
    assert.equal("/workflows/triggers/a%2Fb/history", client.asked[2].path)
    assert.same({ limit = 4, cursor = "h2" }, client.asked[2].opts.query)
    client.workflows.triggers:history "nightly"
    assert.same({ limit = 25 }, client.asked[3].opts.query)
    assert.equal("invalid", select(2, client.workflows.triggers:history("nightly", { limit = 0 })).kind)
  end)
end)
