-- SPDX-License-Identifier: Apache-2.0
local answer = require "cdfworkflow.api.answer"
local core = require "cdfworkflow.core"

describe("answer", function()
  it("keeps an empty list a list in JSON", function()
    assert.is_true(core.is_array(answer.list {}))
    assert.same({ 1 }, answer.list { 1 })
    local given = {}
    answer.list(given)
    assert.is_false(core.is_array(given))
  end)

  it("knows both of CDF's ways to say that something is not there", function()
    assert.is_true(answer.is_missing { status = 404, code = 404 })
    assert.is_true(answer.is_missing { status = 400, code = 400, missing = { { id = 1 } } })
    assert.is_false(answer.is_missing { status = 400, code = 400 })
  end)

  it("takes no proxy's word for it", function()
    assert.is_false(answer.is_missing { status = 404 })
    assert.is_false(answer.is_missing { kind = "transport" })
  end)

  it("calls an answer without its members a protocol error", function()
    assert.equal("protocol", select(2, answer.first("trigger", {})).kind)
    assert.equal("protocol", select(2, answer.first("trigger", { items = {} })).kind)
    for _, items in ipairs { "x", { a = 1 }, { {}, 5 } } do
      assert.equal("protocol", select(2, answer.items("triggers", { items = items })).kind)
    end
  end)

  it("passes the error of a call on", function()
    for _, name in ipairs { "first", "items" } do assert.equal("no", select(2, answer[name]("x", nil, "no"))) end
    assert.equal("no", select(2, answer.done(nil, "no")))
    assert.is_true(answer.done {})
  end)
end)
