-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/spool/file.lua: a delivery as a file, and the file's name.

local file = require "cdfworkflow.queue.spool.file"

local PUT = { time = 1000.5, up = 7, boot = "b" }

describe("the name of a delivery's file", function()
  it("is the id where that does, and differs on file systems that tell no capitals from small letters", function()
    assert.equal("059edaa4-a17a-4102-910e-2c3591500cce", file.name "059edaa4-a17a-4102-910e-2c3591500cce")
    assert.equal("%4frder%20%41%2f%2e%2e%2fx%c3%a9", file.name "Order A/../xé")
    assert.equal("%2e%2e", file.name "..")
    assert.not_equal(file.name("A"):lower(), file.name("a"):lower())
  end)

  it("is short enough for every file system, and still differs", function()
    local long = ("é"):rep(254)
    assert.is_true(#file.name(long .. "a") <= 255 - 75) -- what is put behind it while it is written
    assert.not_equal(file.name(long .. "a"), file.name(long .. "b"))
    assert.equal(file.name(long), file.name(long))
    assert.is_true(#file.name(("x"):rep(180)) == 180)
  end)
end)

describe("a delivery's file", function()
  local function delivery(more)
    local one = { id = "a", workflow = "w", version = "1" }
    for name, value in pairs(more or {}) do one[name] = value end
    return one
  end

  it("holds the input byte for byte, line ends and all", function()
    for _, input in ipairs { '{"a":\n1}\n', "{}", '{"x":"' .. ("x"):rep(102392) .. '"}' } do
      local read, put = file.delivery(file.text(delivery { input = input, metadata = { k = "v\n" } }, PUT), "a")
      assert.equal(input, read.input)
      assert.same({ k = "v\n" }, read.metadata)
      assert.same(PUT, put)
      assert.equal(1000.5, read.created)
    end
    assert.is_nil(file.delivery(file.text(delivery(), PUT), "a").input)
  end)

  it("has a first line that is read by itself", function()
    local metadata = {}
    for i = 1, 10 do metadata[("\1"):rep(30) .. i] = ("\1"):rep(255) end
    local text = file.text(delivery { metadata = metadata, input = ("x"):rep(102400), id = ("\1"):rep(255) }, PUT)
    assert.equal("w", file.head(text:sub(1, file.HEAD)).workflow)
    assert.is_true(#text <= file.MOST)
  end)

  it("is damaged where a byte is missing, or there is one more, or it is another's", function()
    local text = file.text(delivery { input = "{}" }, PUT)
    assert.truthy(file.delivery(text, "a"))
    for length = 0, #text - 1 do assert.is_nil(file.delivery(text:sub(1, length)), length) end
    assert.is_nil(file.delivery(text .. "x"))
    assert.is_nil(file.delivery(text, "b"))
    assert.is_nil(file.delivery((text:gsub('"format":1', '"format":2'))))
  end)
end)
