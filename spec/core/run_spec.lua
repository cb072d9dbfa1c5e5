-- SPDX-License-Identifier: Apache-2.0
-- src/run.c, calls.c and arguments.c: what is refused before anything is sent, and what is sent as it was given.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local scripted = require "scripted_calls"

local SESSION, EXECUTION, ACCEPTED = scripted.SESSION, scripted.EXECUTION, scripted.ACCEPTED
local client_with, static = scripted.client_with, scripted.static

--- Whoever is refused is told which field, and which limit.
local function assert_invalid(err)
  assert.equal("invalid", err.kind)
  assert.equal("string", type(err.field))
  assert.is_not_nil(err.limit, err.field)
  assert.equal(1, err.message:find(err.field, 1, true), err.message)
end

describe("values that CDF would refuse", function()
  local function refused(run_options, workflow, version)
    local client, script = static {}
    local result, err = client:run(workflow or "foo", version or "1", run_options)
    assert.is_nil(result)
    assert_invalid(err)
    assert.equal(0, #script.requests)
    return err.message
  end

  it("are named with field and limit", function()
    assert.matches("^workflow_external_id .*255", refused(nil, ("x"):rep(256)))
    assert.matches("^version .*white space", refused(nil, "foo", " 1"))
    assert.matches("^version ", refused(nil, "foo", ".."))
    assert.matches("^workflow_external_id .*NUL", refused(nil, "a\0b"))
    assert.matches("^workflow_external_id is empty", refused(nil, ""))
  end)

  it("of metadata", function()
    local eleven = {}
    for i = 1, 11 do
      eleven["k" .. i] = "v"
    end
    assert.matches("11 pairs.*at most 10", refused { metadata = eleven })
    assert.matches("32 characters", refused { metadata = { [("k"):rep(33)] = "v" } })
    assert.matches("metadata%.k is longer than 255", refused { metadata = { k = ("\195\164"):rep(256) } })
    assert.matches("must be a string, not number", refused { metadata = { k = 1 } })
    assert.matches("no string but a number", refused { metadata = { "v" } })
    assert.matches("UTF%-8", refused { metadata = { k = "\255" } })
  end)

  it("of input", function()
    assert.matches("input.*102400", refused { input = { a = ("x"):rep(102400) } })
    assert.matches("^input%.sensors%[3%]%.value", refused { input = { sensors = { 1, 2, { value = 0 / 0 } } } })
    assert.matches("^input", refused { input = { math.huge } })
    assert.matches("^input%.f", refused { input = { f = print } })
    assert.matches("^input must be a JSON object", refused { input = { 1, 2 } })
    assert.matches("^input", refused { input = { 1, a = 2 } })
    assert.matches("^input", refused { input = { a = { [1] = 1, [3] = 3 } } })
    assert.matches("^input%.s", refused { input = { s = "\255" } })
    local cycle = {}
    cycle.me = cycle
    assert.matches("^input", refused { input = cycle })
    local deep = {}
    for _ = 1, 200 do
      deep = { d = deep }
    end
    assert.matches("^input", refused { input = deep })
  end)

  it("just within the limits are sent", function()
    local client, script = static { SESSION, { status = 202, body = (EXECUTION:gsub("foo", ("x"):rep(255))) } }
    local metadata = {}
    for i = 1, 10 do
      metadata[("k"):rep(31) .. (i % 10)] = ("\195\164"):rep(255)
    end
    assert(client:run(("x"):rep(255), "1", { metadata = metadata, input = { a = ("x"):rep(102400 - 8) } }))
    assert.equal(102400, #script.requests[2].body:match('"input":(.-),"metadata"'))
  end)

  it("of the client and its credentials", function()
    local credentials = assert(cdf.credentials { token = "t" })
    for field, value in pairs {
      project = "a\r\nb ",
      base_url = "http://cdf.example",
      client_name = "x\r\nEvil: y",
      cluster = "evil.example/",
    } do
      local opts = { project = "p", credentials = credentials, base_url = "https://cdf.example" }
      if field == "cluster" then opts.base_url = nil end
      opts[field] = value
      local client, err = cdf.client(opts)
      assert.is_nil(client, field)
      assert_invalid(err)
      assert.matches(field, err.message)
    end
    for _, opts in ipairs {
      { token = "a\nb" },
      { token = "" },
      { client_id = "a", client_secret = "b", token_url = "http://idp.example" },
      { client_id = "a", client_secret = "b", token_url = "https://idp.example", scopes = "a\r\nb" },
      { client_id = "a\0", client_secret = "b", token_url = "https://idp.example" },
      { client_id = "a", client_secret = "\255", token_url = "https://idp.example" },
      { client_id = "a", client_secret = "b", tenant_id = ".." },
    } do
      local made, err = cdf.credentials(opts)
      assert.is_nil(made)
      assert_invalid(err)
    end
  end)
end)

describe("mistakes in the program", function()
  it("raise", function()
    local client = static {}
    for _, mistake in ipairs {
      function() client:run(nil, "1") end,
      function() client:run("foo", {}) end,
      function() client:run("foo", "1", { inptu = {} }) end,
      function() client:run("foo", "1", { input = "text" }) end,
      function() client:run("foo", "1", { metadata = "text" }) end,
      function() client:run("foo", "1", { timeout = 0 }) end,
      function() client:run("foo", "1", { timeout = 0 / 0 }) end,
      function() client:run("foo", "1", { session = "none" }) end,
      function() client:run("foo", "1", { client_credentials = "x" }) end,
      function() client:run("foo", "1", { client_credentials = { client_id = "a" } }) end,
      function() client:run("foo", "1", { nonce = 5 }) end,
      function() client:request("HEAD", "/x") end,
      function() client:request("GET", 5) end,
      function() cdf.client {} end,
      function() cdf.client { project = "p", cluster = "c", credentials = "t" } end,
      function()
        local credentials = cdf.credentials { token = "t" }
        cdf.client { project = "p", cluster = "c", base_url = "https://x", credentials = credentials }
      end,
      function() cdf.client { project = 5, cluster = "c", credentials = cdf.credentials { token = "t" } } end,
      function()
        cdf.client { project = "p", cluster = "c", credentials = cdf.credentials { token = "t" }, timeout = -1 }
      end,
      function()
        cdf.client { project = "p", cluster = "c", credentials = cdf.credentials { token = "t" }, on_event = 1 }
      end,
      function() cdf.credentials {} end,
      function() cdf.credentials { token = "a", client_id = "b" } end,
      function() cdf.credentials { client_id = "a" } end,
      function() cdf.credentials { client_id = "a", client_secret = "b" } end,
      function() cdf.credentials { token = 5 } end,
      function() cdf.credentials { tokn = "x" } end,
    } do
      assert.has_error(mistake)
    end
  end)

  it("after close raise, and closing twice is none", function()
    local client = static {}
    client:close()
    client:close()
    assert.error_matches(function() client:run("foo", "1") end, "client:run: this cdfworkflow client is closed")
  end)
end)

describe("paths of other endpoints", function()
  it("are refused when they could mean another place", function()
    local client, script = static {}
    for _, path in ipairs { "x", "/a b", "/a#b", "/\195\164", "/a/../b", "/..", "/a/./b", "/a\r\nb",
      "/%2e%2e/b", "/a/%2E", "/a/.%2e?x" } do
      local result, err = client:request("GET", path)
      assert.is_nil(result, path)
      assert_invalid(err)
    end
    assert.equal(0, #script.requests)
  end)

  it("take a query, headers of the caller's and another API version", function()
    local client, script = static { { status = 200, body = "{}" } }
    assert(
      client:request(
        "GET",
        "/x",
        nil,
        { query = { b = "ä +", a = 1, c = true }, headers = { ["cdf-version"] = "20230101-beta", ["X-Extra"] = "yes" } }
      )
    )
    assert.matches("/x%?a=1&b=%%C3%%A4%+%%2B&c=true$", script.requests[1].url)
    assert.equal("20230101-beta", script.requests[1].headers["cdf-version"])
    assert.equal("yes", script.requests[1].headers["x-extra"])
    for _, odd in ipairs { 0 / 0, math.huge, {}, print } do
      assert.is_false(pcall(client.request, client, "GET", "/x", nil, { query = { a = odd } }))
    end
    for name, value in pairs { Authorization = "x", ["a b"] = "x", ["X-A"] = "a\r\nb", ["content-length"] = "5" } do
      local _, err = client:request("GET", "/x", nil, { headers = { [name] = value } })
      assert_invalid(err)
    end
  end)
end)

describe("what a caller gives", function()
  it("joins a query that the path has already", function()
    local client, script = static { { status = 200, body = "{}" } }
    assert(client:request("GET", "/x?a=1", nil, { query = { b = 2 } }))
    assert.matches("/x%?a=1&b=2$", script.requests[1].url)
  end)

  it("takes the place of the library's own headers, in that request only", function()
    local client = assert(core.client {
      project = "p", base_url = "https://cdf.example", credentials = assert(cdf.credentials { token = "t" }),
    })
    local given = { ["User-Agent"] = "mine", accept = "text/csv", ["X-CDP-App"] = "mine" }
    local call = core.request(client, "POST", "/x", {}, { headers = given, nonce_in = "nonce" })
    local _, session = call:step("start", 1)
    assert.matches("^cdfworkflow/", session.headers["User-Agent"])
    assert.equal("20230101", session.headers["cdf-version"])
    local _, request = call:step("answer", 1, 1, { status = 200, body = SESSION.body })
    local seen = {}
    for name, value in pairs(request.headers) do
      assert.is_nil(seen[name:lower()], name)
      seen[name:lower()] = value
    end
    assert.same({ "mine", "text/csv", "mine" }, { seen["user-agent"], seen.accept, seen["x-cdp-app"] })
  end)

  it("names versions by whole numbers exactly, or not at all", function()
    local exact, digits = 2 ^ 53, "9007199254740992"
    if math.type then exact, digits = math.maxinteger, "9223372036854775807" end -- luacheck: ignore 143
    local client, script = static { ACCEPTED }
    client:run("foo", exact, { nonce = "n" })
    assert.matches("/versions/" .. digits .. "/", script.requests[1].path, 1, true)
    assert.equal(digits, core.identifier("version", exact))
    assert.is_false(pcall(client.run, client, "foo", 2 ^ 53 + 2, { nonce = "n" }))
    assert.equal(1, #script.requests)
  end)

  it("may come from metamethods that leave nothing behind", function()
    local client = static {}
    local made = setmetatable({}, { __index = function(_, name)
      if name == "session" then return ("tohseno"):reverse() end
      if name ~= "client_credentials" then return nil end
      collectgarbage()
      collectgarbage()
      return { client_id = "a", client_secret = "b" }
    end })
    local ok, message = pcall(core.run, client.core, "foo", "1", made)
    assert.is_false(ok)
    assert.matches('session = "oneshot"', message, 1, true)
  end)

  it("of a token's end is a number, or the token is none", function()
    for _, odd in ipairs { "soon", true, {} } do
      local function give() return "t", odd end
      local client = client_with({}, { credentials = assert(cdf.credentials { token = give }) })
      local result, err = client:request("GET", "/x")
      assert.is_nil(result)
      assert.equal("auth", err.kind)
    end
  end)

  it("steps no upload with a token", function()
    local client = static {}
    for event, value in pairs { token = "t", token_failed = "no" } do
      local call = core.upload(client.core, "https://up.example/", "bytes")
      call:step("start", 1)
      assert.is_false(pcall(call.step, call, event, 2, value))
    end
  end)
end)
