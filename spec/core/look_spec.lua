-- SPDX-License-Identifier: Apache-2.0
-- How far back a look reaches, and how looks grow apart (README «Promises»).

local rooms = require "rooms"

describe("a look reaches back", function()
  -- { CDF's Date or -1, read at, this machine's clock, read at }
  it("a quarter of an hour before the first attempt", function()
    assert.equal((5000 + 20 - 900) * 1000, rooms.look_from({ 5000, 100, 5000, 100 }, 120, 0))
  end)

  it("by the more cautious of the two clocks", function()
    assert.equal((5000 - 900) * 1000, rooms.look_from({ 5000, 100, 9000, 100 }, 100, 0))
    assert.equal((4000 - 900) * 1000, rooms.look_from({ 5000, 100, 4000, 100 }, 100, 0))
  end)

  it("by this machine's where CDF's is not known", function()
    assert.equal((9000 - 900) * 1000, rooms.look_from({ -1, 0, 9000, 100 }, 100, 0))
  end)

  it("as far as it was asked to, beyond that", function()
    assert.equal((900000 - 900 - 86400) * 1000, rooms.look_from({ 900000, 100, 900000, 100 }, 100, 86400))
    assert.equal(0, rooms.look_from({ 5000, 100, 5000, 100 }, 100, 86400))
  end)
end)

describe("looks", function()
  --- The delay after so many looks, a second apart from all that is to be waited for.
  local function delay(looks, random) return rooms.look_delay(looks, -1000, -1000, 0, 1e9, random or 1) end

  it("grow apart, up to 20 s", function()
    for looks, seconds in pairs { [0] = 1, 2, 4, 8, 16, 20, 20 } do assert.near(seconds, delay(looks), 1e-6) end
    assert.near(20, delay(4000000000), 1e-6)
  end)

  it("spread, by a quarter", function()
    for looks = 0, 8 do assert.near(0.75 * delay(looks), delay(looks, 0), 1e-6) end
  end)

  it("do not sleep through the moment at which a loss would show", function()
    assert.near(3, rooms.look_delay(6, 0, -1000, 7, 1e9, 1), 1e-6)
    assert.near(20, rooms.look_delay(6, 0, -1000, 10, 1e9, 1), 1e-6)
  end)

  it("nor through the one at which the nonce is dead and all would show", function()
    assert.near(5, rooms.look_delay(6, 0, 0, 75, 1e9, 1), 1e-6)
  end)

  it("leave time for another before the deadline", function()
    assert.near(4, rooms.look_delay(6, -1000, -1000, 0, 8, 1), 1e-6)
  end)
end)
