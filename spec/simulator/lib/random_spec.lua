-- SPDX-License-Identifier: Apache-2.0

local random = require "cdfworkflow.simulator.lib.random"

local function generator(seed)
  return { random = random.start(seed) }
end

describe("simulator.random", function()
  it("gives the same for the same seed, on every Lua", function()
    local data = generator(1)
    assert.equal("10c6de07-01b6-4218-963b-65b9427f5bcc", random.uuid(data))
    assert.equal(random.uuid(generator(7)), random.uuid(generator(7)))
    assert.are_not.equal(random.uuid(generator(7)), random.uuid(generator(8)))
  end)

  it("makes UUIDs of version 4", function()
    local data = generator(3)
    for _ = 1, 1000 do
      assert.truthy(random.uuid(data):find("^%x+%-%x+%-4%x%x%x%-[89ab]%x%x%x%-%x+$"))
    end
    assert.equal(36, #random.uuid(data))
  end)

  it("makes ids that are exact integers between 2^52 and 2^53", function()
    local data = generator(5)
    for _ = 1, 1000 do
      local id = random.id(data)
      assert.is_true(id >= 2 ^ 52 and id < 2 ^ 53)
      assert.equal(0, id % 1)
      if math.type then
        assert.equal("integer", math.type(id))
      end
    end
  end)

  it("does not repeat itself", function()
    local data, seen = generator(1), {}
    local size = 0
    for _ = 1, 20000 do
      for _, made in ipairs { random.uuid(data), random.id(data), random.hex(data, 16) } do
        size = size + (seen[made] and 0 or 1)
        seen[made] = true
      end
    end
    assert.equal(60000, size)
  end)

  it("gives as many digits as asked", function()
    assert.equal(16, #random.hex(generator(1), 16))
    assert.equal(64, #random.hex(generator(1), 64))
  end)

  it("takes any integer as seed, zero and negative ones too", function()
    for _, seed in ipairs { 0, -1, 2147483647, 2147483646, 123456789012 } do
      local data = generator(seed)
      assert.are_not.equal(random.hex(data, 16), random.hex(data, 16))
    end
  end)
end)
