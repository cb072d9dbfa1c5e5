-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local paging = require "cdfworkflow.simulator.api.paging"
local refusal = require "cdfworkflow.simulator.lib.refusal"

local function numbers(size)
  local list = {}
  for number = 1, size do
    list[number] = tostring(number)
  end
  return list
end

local function walk(list, filter)
  return paging.newest_first(list, function(id)
    return (not filter or filter(tonumber(id))) and { n = tonumber(id) } or nil
  end)
end

local function all_pages(make_step, limit)
  local found, sizes, cursor = {}, {}, nil
  repeat
    local page = paging.page(make_step(), { limit = limit, cursor = cursor }, "list")
    sizes[#sizes + 1] = #page.items
    for _, item in ipairs(page.items) do
      found[#found + 1] = item.n
    end
    cursor = page.nextCursor
  until not cursor
  return found, sizes
end

describe("simulator.paging", function()
  it("walks all pages, newest first, each item once", function()
    local found, sizes = all_pages(function()
      return walk(numbers(7))
    end, 3)
    assert.same({ 7, 6, 5, 4, 3, 2, 1 }, found)
    assert.same({ 3, 3, 1 }, sizes)
  end)

  it("gives no cursor when the last page is full", function()
    local page = paging.page(walk(numbers(3)), { limit = 3 }, "list")
    assert.equal(3, #page.items)
    assert.is_nil(page.nextCursor)
  end)

  it("gives an empty array for nothing", function()
    assert.equal('{"items":[]}', core.encode(paging.page(walk {}, { limit = 3 }, "list")))
  end)

  it("skips what the filter does not want", function()
    local found = all_pages(function()
      return walk(numbers(20), function(n)
        return n % 5 == 0
      end)
    end, 2)
    assert.same({ 20, 15, 10, 5 }, found)
  end)

  it("does not show anything twice when the list grows in between", function()
    local list = numbers(4)
    local first = paging.page(walk(list), { limit = 2 }, "list")
    list[5] = "5"
    local second = paging.page(walk(list), { limit = 2, cursor = first.nextCursor }, "list")
    assert.same({ { n = 2 }, { n = 1 } }, { second.items[1], second.items[2] })
  end)

  it("walks a small collection in order of creation, past what was deleted", function()
    local entries = {}
    for seq = 1, 6 do
      entries["k" .. seq] = { seq = seq, resource = { n = seq } }
    end
    local function step()
      return paging.by_creation(entries, function(resource)
        return resource.n ~= 2
      end)
    end
    local first = paging.page(step(), { limit = 2 }, "list")
    assert.same({ 1, 3 }, { first.items[1].n, first.items[2].n })
    entries.k3, entries.k4 = nil, nil
    local second = paging.page(step(), { limit = 2, cursor = first.nextCursor }, "list")
    assert.same({ 5, 6 }, { second.items[1].n, second.items[2].n })
  end)

  it("walks a small collection by name, past what was deleted", function()
    local entries = {}
    for _, name in ipairs { "é", "b/ 1", "a", "c", "B" } do
      entries[name] = { resource = { externalId = name } }
    end
    local function page(cursor)
      local found = paging.page(paging.by_external_id(entries, function()
        return true
      end), { limit = 2, cursor = cursor }, "list")
      return { found.items[1].externalId, found.items[2] and found.items[2].externalId }, found.nextCursor
    end
    local names, cursor = page()
    assert.same({ "B", "a" }, names)
    entries.a = nil
    names, cursor = page(cursor)
    assert.same({ "b/ 1", "c" }, names)
    names, cursor = page(cursor)
    assert.same({ { "é" } }, { names, cursor })
  end)

  it("refuses a cursor that it did not give, or gave for another list", function()
    local cursor = paging.page(walk(numbers(3)), { limit = 1 }, { "list", { a = 1 } }).nextCursor
    for _, bad in ipairs { "x", "", cursor .. "x", cursor .. "f", "0", ("0"):rep(9) } do
      local ok, thrown = pcall(paging.page, walk(numbers(3)), { limit = 1, cursor = bad }, { "list", { a = 1 } })
      assert.is_false(ok, bad)
      assert.is_true(refusal.is(thrown))
      assert.equal(400, thrown.status)
      assert.equal("Invalid cursor", thrown.message)
    end
    assert.is_false((pcall(paging.page, walk(numbers(3)), { limit = 1, cursor = cursor }, { "list", { a = 2 } })))
    assert.is_true((pcall(paging.page, walk(numbers(3)), { limit = 1, cursor = cursor }, { "list", { a = 1 } })))
  end)
end)
