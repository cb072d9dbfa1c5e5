-- SPDX-License-Identifier: Apache-2.0

local refusal = require "cdfworkflow.simulator.lib.refusal"

describe("simulator.refusal", function()
  it("throws what `is` knows, with status and message", function()
    local missing = { missing = { { id = 1 } } }
    local ok, thrown = pcall(refusal.refuse_with, missing, { 404, "No %s." }, "100 % of it")
    assert.is_false(ok)
    assert.is_true(refusal.is(thrown))
    assert.same({ 404, "No 100 % of it.", missing }, { thrown.status, thrown.message, thrown.more })
    thrown = select(2, pcall(refusal.refuse, { 400, "No." }))
    assert.same({ 400, "No." }, { thrown.status, thrown.message, thrown.more })
  end)

  it("does not take other errors for refusals", function()
    for _, thrown in ipairs { "text", 1, {}, setmetatable({}, {}) } do
      assert.is_false(refusal.is(thrown))
    end
  end)

  it("makes CDF's envelope, with what else belongs in it", function()
    assert.same({ error = { code = 400, message = "no" } }, refusal.envelope(400, "no"))
    assert.same({ error = { code = 409, message = "twice", duplicated = { { externalId = "a" } } } },
      refusal.envelope(409, "twice", { duplicated = { { externalId = "a" } } }))
  end)
end)
