-- SPDX-License-Identifier: Apache-2.0
local core = require "cdfworkflow.core"
local folder = require "cdfworkflow.store.folder"
local shell = require "shell"
local temp_folder = require "temp_folder"

describe("a store in a folder", function()
  local folder_here, path, store, snapshot, now

  before_each(function()
    folder_here, now, snapshot = temp_folder.new(), 1000, assert:snapshot()
    path = folder_here.path
    stub(core, "now", function() return now end)
    store = assert(folder.new(path))
  end)

  after_each(function()
    snapshot:revert()
    folder_here:remove()
  end)

  it("works as ngx.shared", function()
    assert.is_nil(store:get "a")
    assert.is_true(store:set("a", "one two\0three", 10))
    assert.equal("one two\0three", store:get "a")
    assert.same({ false, "exists" }, { store:add("a", "x", 10) })
    now = now + 10
    assert.is_nil(store:get "a")
    assert.is_true(store:add("a", "longer than what was there before", 10))
    assert.is_true(store:set("a", "short"))
    now = now + 1e6
    assert.equal("short", store:get "a")
    assert.is_true(store:set("a", nil))
    assert.is_true(store:set("a", nil))
    assert.is_nil(store:get "a")
    assert.is_true(store:add("a", ""))
    assert.equal("", store:get "a")
  end)

  it("knows a value from what stood there before, whose end a killed process has left", function()
    store:set("a", "short")
    local name = core.sha256 "a"
    local record = store.entries:read(name, 100)
    store:set("a", "longer than what comes next")
    local file = assert(io.open((shell.run(("find %s -name %s"):format(shell.quote(path), name)):gsub("\n", "")), "r+"))
    file:write(record)
    file:close()
    assert.equal("short", store:get "a")
  end)

  it("is the same for all who open it, and its owner's only", function()
    local other = assert(folder.new(path))
    assert.is_true(store:add("a", "1", 10))
    assert.same({ false, "exists" }, { other:add("a", "2", 10) })
    assert.equal("1", other:get "a")
    assert.equal("", shell.run(("find %s -mindepth 1 -perm /077"):format(shell.quote(path))))
  end)

  it("lets one of many who try at once succeed", function()
    local program = ([[
      local store = assert(require("cdfworkflow.store.folder").new(%q))
      local won = 0
      for i = 1, 300 do if store:add("key " .. i, "x", 60) then won = won + 1 end end
      print(won)
    ]]):format(path)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(program)
    file:close()
    local lua = arg and arg[-1] or "lua5.4"
    local said = shell.run(("for i in 1 2 3 4; do %s %s & done; wait"):format(lua, name))
    os.remove(name)
    local total, lines = 0, 0
    for won in said:gmatch "%d+" do total, lines = total + tonumber(won), lines + 1 end
    assert.equal(4, lines, said)
    assert.equal(300, total)
  end)

  it("says what it cannot do, and waits for nobody who holds an entry", function()
    store:set("a", "1")
    local file = assert(store.entries:lock(core.sha256 "a", false, false))
    local value, message = store:get "a"
    assert.is_nil(value)
    assert.matches(path .. ": another process holds an entry", message, 1, true)
    local added, why = store:add("a", "2")
    assert.is_false(added)
    assert.matches("another process holds", why)
    file:close()
    assert.equal("1", store:get "a")
    local made, err = folder.new "/proc/nothing/here"
    assert.is_nil(made)
    assert.matches("the folder /proc/nothing/here cannot be used", err.message)
  end)

  it("makes room of what has ended", function()
    for i = 1, 30 do store:add("key " .. i, "x", 10) end
    store:set("for ever", "x")
    now = now + 700
    for _ = 1, 3 do store:set("another", "x", 10) end
    assert.equal("2\n", shell.run(("find %s -type f | wc -l"):format(shell.quote(path))))
    assert.equal("x", store:get "for ever")
  end)

  it("counts for nothing after another start of the machine", function()
    store:set("a", "1")
    local open = io.open
    stub(io, "open", function(name, mode)
      if name ~= "/proc/sys/kernel/random/boot_id" then return open(name, mode) end
      return { read = function() return "another" end, close = function() end }
    end)
    assert.is_nil(assert(folder.new(path)):get "a")
  end)
end)
