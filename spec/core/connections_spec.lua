-- SPDX-License-Identifier: Apache-2.0
-- What is known of a kept connection, and so of the number of an HTTP/2 stream: never more than is so.

local rooms = require "rooms"

describe("a connection", function()
  local connections
  before_each(function() connections = rooms.connections() end)

  it("has streams with numbers above those of all that were answered before", function()
    connections:begin(1, 5)
    assert.equal(1, connections:least(1))
    connections:answered(1)
    connections:answered(1)
    assert.equal(5, connections:least(1))
    assert.equal(1, connections:least(2))
  end)

  it("begins anew, also under the name of one that is gone", function()
    connections:begin(1, 5)
    connections:answered(1)
    connections:begin(1, 6)
    assert.equal(1, connections:least(1))
    assert.equal(6, connections:descriptor(1))
  end)

  it("of which nothing is known any more has no number and no socket", function()
    for port = 1, 5000 do
      connections:begin(port, port)
      connections:answered(port)
    end
    local known = 0
    for port = 1, 5000 do
      local least = connections:least(port)
      assert.is_true(least == 1 or least == 3)
      if least == 3 then known = known + 1 end
      assert.equal(least == 3 and port or -1, connections:descriptor(port))
      connections:answered(port)
      assert.equal(least == 3 and 5 or 1, connections:least(port))
    end
    assert.is_true(known > 200 and known <= 256, known)
  end)
end)
