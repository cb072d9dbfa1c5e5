-- SPDX-License-Identifier: Apache-2.0

local router = require "cdfworkflow.simulator.api.router"

local function routes_of(list)
  local routes = router.new()
  for _, entry in ipairs(list) do
    routes:add { method = entry[1], path = entry[2], name = entry[1] .. " " .. entry[2] }
  end
  return routes
end

describe("simulator.router", function()
  describe("split", function()
    it("undoes percent-encoding inside segments only", function()
      local path, segments, query = router.split "/a%2Fb/c%20d/%C3%A6?x=1%262&y=a+b%2Bc&z"
      assert.equal("/a%2Fb/c%20d/%C3%A6", path)
      assert.same({ "a/b", "c d", "æ" }, segments)
      assert.same({ x = "1&2", y = "a b+c", z = "" }, query)
    end)

    it("takes a percent sign that encodes nothing as it is", function()
      local _, segments = router.split "/100%/%zz/%4"
      assert.same({ "100%", "%zz", "%4" }, segments)
    end)

    it("keeps empty and dot segments, and a NUL", function()
      local _, segments = router.split "//./../a%00b"
      assert.same({ "", ".", "..", "a\0b" }, segments)
    end)

    it("does not mind one slash at the end", function()
      local path, segments, query = router.split "/a/b/?x=/"
      assert.equal("/a/b/", path)
      assert.same({ "a", "b" }, segments)
      assert.same({ x = "/" }, query)
      assert.same({ "a", "" }, select(2, router.split "/a//"))
    end)
  end)

  it("undoes what `escape` does, for every byte", function()
    local bytes = {}
    for code = 0, 255 do
      bytes[#bytes + 1] = string.char(code)
    end
    local text = table.concat(bytes)
    local _, segments = router.split("/" .. router.escape(text))
    assert.same({ text }, segments)
    assert.same({ a = text }, router.form("a=" .. router.escape(text)))
  end)

  describe("find", function()
    local routes = routes_of {
      { "GET", "/w/{id}" }, { "POST", "/w" }, { "POST", "/w/delete" }, { "GET", "/w/{id}/v/{version}" },
      { "POST", "/w/e/list" }, { "PUT", "/{any}/x" },
    }

    local function found(method, path)
      local _, segments = router.split(path)
      local operation, params = routes:find(method, segments)
      return operation and operation.name, params
    end

    it("gives the operation and the values of its template", function()
      local name, params = found("GET", "/w/a%2Fb/v/1")
      assert.equal("GET /w/{id}/v/{version}", name)
      assert.same({ id = "a/b", version = "1" }, params)
    end)

    it("prefers a fixed segment, and falls back to the template where the rest fits only there", function()
      assert.equal("POST /w/delete", (found("POST", "/w/delete")))
      assert.equal("GET /w/{id}/v/{version}", (found("GET", "/w/e/v/2")))
      assert.equal("PUT /{any}/x", (found("PUT", "/q/x")))
    end)

    it("tells which methods a known path has", function()
      local name, methods = found("GET", "/w/delete")
      assert.is_nil(name)
      assert.equal("POST", methods)
    end)

    it("knows nothing of other paths", function()
      for _, path in ipairs { "", "/", "/w/a/v", "/w/a/v/1/2", "/w/", "/e/list" } do
        local name, methods = found("DELETE", path)
        assert.is_nil(name)
        assert.is_true(methods == nil or path == "/w/", path)
      end
    end)
  end)
end)
