-- SPDX-License-Identifier: Apache-2.0
local core = require "cdfworkflow.core"
local paging = require "cdfworkflow.api.paging"
local replay = require "replay"

--- A function that fetches the given pages one by one, and the questions it was asked.
local function server(pages)
  local asked = {}
  return function(limit, cursor)
    asked[#asked + 1] = { limit = limit, cursor = cursor }
    local page = assert(pages[#asked], "asked for a page too many")
    if page.kind then return nil, page end
    local items = {}
    for i, item in ipairs(page) do items[i] = { name = item } end
    return { items = items, nextCursor = page.next }
  end, asked
end

local function names(items, err)
  local found = {}
  for i, item in ipairs(assert(items, err)) do found[i] = item.name end
  return found
end

local function drain(iterator)
  local found = {}
  for item in iterator do found[#found + 1] = item.name end
  return found
end

describe("paging", function()
  it("asks each page for what is left, at most 1000, the last for the rest", function()
    local thousand = { next = "c" }
    for i = 1, 1000 do thousand[i] = i end
    local fetch, asked = server { thousand, { 1001, next = "d" }, { 1002 } }
    assert.equal(1002, #paging.list(fetch, 1500))
    assert.same({ { limit = 1000 }, { limit = 500, cursor = "c" }, { limit = 499, cursor = "d" } }, asked)
  end)

  it("goes on after a short page and after an empty one, up to the end", function()
    local fetch, asked = server { { "a", next = "1" }, { next = "2" }, { "b" } }
    assert.same({ "a", "b" }, names(paging.list(fetch, math.huge)))
    assert.equal(3, #asked)
    assert.equal(1000, asked[3].limit)
  end)

  it("stops at the limit though there is more, and cuts a page that is too long", function()
    local fetch, asked = server { { "a", "b", "c", next = "1" } }
    assert.same({ "a", "b" }, names(paging.list(fetch, 2)))
    assert.equal(1, #asked)
  end)

  it("takes a null and an empty nextCursor for the end", function()
    for _, ending in ipairs { core.null, "" } do
      assert.same({ "a" }, names(paging.list(server { { "a", next = ending } }, 25)))
    end
  end)

  it("does not follow a cursor in a circle", function()
    local found, err = paging.list(server { { "a", next = "1" }, { "b", next = "1" } }, 25)
    assert.is_nil(found)
    assert.equal("protocol", err.kind)
  end)

  it("hands on the error of a page, and calls an answer without items a protocol error", function()
    local found, err = paging.list(server { { "a", next = "1" }, core.error { kind = "api", status = 403 } }, 25)
    assert.is_nil(found)
    assert.equal(403, err.status)
    for _, items in ipairs { {}, { items = 5 }, { items = { a = {} } }, { items = { {}, "x" } } } do
      found, err = paging.list(function() return items end, 25)
      assert.is_nil(found)
      assert.equal("protocol", err.kind)
    end
  end)

  it("fetches a page only when its first item is asked for", function()
    local fetch, asked = server { { "a", "b", next = "1" }, { "c" } }
    local each = paging.each(fetch, math.huge)
    assert.equal(0, #asked)
    assert.same({ "a", "b" }, names { each(), each() })
    assert.equal(1, #asked)
    assert.equal("c", each().name)
    assert.is_nil(each())
    assert.is_nil(each())
    assert.equal(2, #asked)
  end)

  it("iterates up to a limit, over empty pages, on demand", function()
    assert.same({ "a", "b" }, drain(paging.each(server { { next = "1" }, { "a", next = "2" }, { "b", "c" } }, 2)))
    assert.same({}, drain(paging.each(server { {} }, math.huge)))
  end)

  it("fetches a page with a fresh token when the old one has expired meanwhile", function()
    local tokens, pages_given = 0, 0
    local transport = replay.transport(function(sent)
      if sent.body_type == "form" then
        tokens = tokens + 1
        return replay.answer { status = 200, body = { access_token = "token-" .. tokens, expires_in = 600 } }
      end
      pages_given = pages_given + 1
      assert.equal("Bearer token-" .. pages_given, sent.headers.authorization)
      return replay.answer { status = 200, body = { items = { { externalId = "w" .. pages_given } },
        nextCursor = pages_given < 3 and "more" .. pages_given or core.null } }
    end)
    local client = assert(require("cdfworkflow").client {
      project = "acme-dev", base_url = replay.BASE_URL, transport = transport,
      credentials = core.credentials { client_id = "i", client_secret = "s", tenant_id = replay.TENANT },
    })
    local found = {}
    for workflow in client.workflows:each() do
      found[#found + 1] = workflow.externalId
      transport:sleep(601)
    end
    assert.same({ "w1", "w2", "w3" }, found)
    assert.equal(3, tokens)
  end)

  it("raises the error table in an iterator, which asks for the same page when it is called again", function()
    local fetch, asked = server { { "a", next = "1" }, core.error { kind = "api", status = 500 }, { "b" } }
    local each = paging.each(fetch, math.huge)
    assert.equal("a", each().name)
    local ok, err = pcall(each)
    assert.is_false(ok)
    assert.equal(500, err.status)
    assert.equal("b", each().name)
    assert.same({ "1", "1" }, { asked[2].cursor, asked[3].cursor })
  end)

  it("slices in order, and joins what the slices give, or nothing", function()
    local function double(slice)
      local doubled = {}
      for i, value in ipairs(slice) do doubled[i] = 2 * value end
      return doubled
    end
    assert.same({ 2, 4, 6, 8, 10 }, paging.slices({ 1, 2, 3, 4, 5 }, 2, double))
    assert.same({}, paging.slices({ 1 }, 2, function() return true end))
    assert.is_true(core.is_array(paging.slices({}, 2, double)))
  end)

  it("stops slicing at the first error", function()
    local seen = {}
    local result, err = paging.slices({ 1, 2, 3, 4, 5 }, 2, function(slice)
      seen[#seen + 1] = #slice
      if #seen == 2 then return nil, "no" end
      return slice
    end)
    assert.is_nil(result)
    assert.equal("no", err)
    assert.same({ 2, 2 }, seen)
  end)
end)
