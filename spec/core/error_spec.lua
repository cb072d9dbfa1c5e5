-- SPDX-License-Identifier: Apache-2.0
-- Error tables as core.error makes them for the Lua rooms.

local core = require "cdfworkflow.core"

describe("an error", function()
  it("is one good line", function()
    local err = core.error { kind = "api", message = "it is so", requestId = "r-1", status = 404 }
    assert.equal("it is so (api, request id r-1)", tostring(err))
    assert.equal("no message (error)", tostring(core.error {}))
  end)

  it("is one line, whatever it quotes", function()
    local err = core.error { kind = "invalid", message = "id must be a UUID, got \"a\nFAKE LOG LINE\27[2J\"" }
    assert.equal('id must be a UUID, got "a FAKE LOG LINE [2J" (invalid)', tostring(err))
  end)

  it("makes assert a good program", function()
    local err = core.error { kind = "invalid", message = "m" }
    local ok, raised = pcall(function() error(err) end)
    assert.is_false(ok)
    assert.equal(err, raised)
    assert.equal("m (invalid)", tostring(raised))
  end)

  it("is a table of its own, with the members it was given", function()
    local members = { kind = "timeout", message = "m", execution = { id = 1 } }
    assert.equal(members, core.error(members))
    assert.same({ id = 1 }, members.execution)
    assert.has_error(function() core.error "text" end)
  end)
end)

describe("core.segment", function()
  it("encodes what may be one segment, and names what may not", function()
    assert.equal("a%2Fb", core.segment("id", "a/b"))
    assert.equal("7", core.segment("id", 7))
    assert.equal("9007199254740991", core.segment("id", 9007199254740991))
    local segment, err = core.segment("external_id", "..")
    assert.is_nil(segment)
    assert.equal("invalid", err.kind)
    assert.matches("^external_id ", err.message)
    assert.error_matches(function() core.segment("external_id", {}) end, "external_id must be a string")
    assert.error_matches(function() core.segment("external_id", 1.5) end, "external_id must be a string")
  end)
end)
