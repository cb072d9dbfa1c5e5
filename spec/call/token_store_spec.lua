-- SPDX-License-Identifier: Apache-2.0
-- Several clients, as of several processes, over one store.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local token_store = require "cdfworkflow.call.token_store"

--- What ngx.shared is, without expiry.
local function new_dict()
  local values = {}
  return {
    values = values,
    get = function(_, key) return values[key] end,
    set = function(_, key, value)
      values[key] = value
      return true
    end,
    add = function(_, key, value)
      if values[key] ~= nil then return false, "exists" end
      values[key] = value
      return true
    end,
  }
end

local function answer(token, lifetime)
  return { status = 200, body = ('{"access_token":"%s","expires_in":%d}'):format(token, lifetime or 3600) }
end

local EMPTY = { status = 200, body = '{"items":[]}' }
local DENIED = { status = 401, body = '{"error":{"code":401,"message":"no"}}' }

local function new_client(dict, answers, changes)
  local script = Script.new(answers)
  script.clock = core.now() -- core.token goes by the real one
  local settings = { client_id = "id", client_secret = "secret-of-client", token_url = "https://idp.example/token" }
  for name, value in pairs(changes or {}) do settings[name] = value end
  return assert(cdf.client {
    project = "p", base_url = "https://cdf.example", transport = script, token_store = dict,
    credentials = assert(cdf.credentials(settings)),
  }), script
end

--- What was sent.
local function requests(script)
  return (script:story():gsub("sleep; ", ""))
end

describe("a token store", function()
  local dict

  before_each(function() dict = new_dict() end)

  local function stored()
    for key, value in pairs(dict.values) do
      if not key:match ":fetching$" then return value, key end
    end
  end

  it("is used when it is there only", function()
    assert.is_nil(token_store.of(new_client(nil, {})))
  end)

  it("lets one client fetch, and others read", function()
    local one, of_one = new_client(dict, { answer "token-1", EMPTY })
    assert(one:request("GET", "/a"))
    assert.matches("^%d+%.%d+ token%-1$", stored())
    assert.is_nil(dict.values[select(2, stored()) .. ":fetching"])
    local other, of_other = new_client(dict, { EMPTY })
    assert(other:request("GET", "/a"))
    assert.equal("POST /token; GET /a", requests(of_one))
    assert.equal("GET /a", requests(of_other))
    assert.equal("Bearer token-1", of_other.requests[1].headers.authorization)
  end)

  it("that keeps a call waiting takes from the time of its token request", function()
    dict.add = function() return false, "exists" end
    for _, timeout in ipairs { 2, 10, 20 } do
      local client, script = new_client(dict, { { failure = "timeout", sent = true } })
      local began = script.clock
      local _, err = client:request("GET", "/x", nil, { timeout = timeout })
      assert.equal("timeout", err.kind)
      assert.is_true(script.clock - began <= timeout + 0.01, script.clock - began)
    end
  end)

  it("is not left marked by a fetch that ends in a raised error", function()
    local client, script = new_client(dict, { answer "token-1", answer "token-2", EMPTY })
    client.on_event = function(event) if event.phase == "token" then error("from on_event", 0) end end
    local ok, message = pcall(client.request, client, "GET", "/a")
    assert.is_false(ok)
    assert.equal("from on_event", message)
    assert.is_nil(next(dict.values))
    client.on_event = nil
    assert(client:request("GET", "/a"))
    assert.equal(0, script:slept())
  end)

  it("keeps the clients of different credentials apart", function()
    local one = new_client(dict, { answer "token-1", EMPTY })
    assert(one:request("GET", "/a"))
    local key = select(2, stored())
    assert.truthy(key:find("https://idp.example/token", 1, true))
    assert.truthy(key:find("id", 1, true))
    assert.is_nil(key:find("secret", 1, true))
    assert.equal(key, token_store.of(new_client(dict, {})).key)
    for _, changes in ipairs {
      { client_secret = "secret-of-clienT" }, { client_id = "id2" }, { token_url = "https://idp.example/token2" },
      { scopes = "a" }, { audience = "a" },
    } do
      assert.not_equal(key, token_store.of(new_client(dict, {}, changes)).key)
    end
  end)

  it("gives the token of one secret to nobody with another", function()
    local one = new_client(dict, { answer "token-1", EMPTY })
    assert(one:request("GET", "/a"))
    local wrong, script = new_client(dict, { { status = 401, body = '{"error":"invalid_client"}' } },
      { client_secret = "another secret" })
    local result, err = wrong:request("GET", "/a")
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.equal("POST /token", requests(script))
    local again, of_again = new_client(dict, { EMPTY })
    assert(again:request("GET", "/a"))
    assert.equal("GET /a", requests(of_again))
  end)

  it("waits for another's fetch, and takes its token", function()
    local client, script = new_client(dict, { EMPTY })
    local naps = 0
    local key = token_store.of(client).key
    dict.values[key .. ":fetching"] = "another"
    local sleep = script.sleep
    function script:sleep(seconds)
      naps = naps + 1
      if naps == 3 then dict.values[key] = ("%.3f token-of-another"):format(core.time() + 3600) end
      return sleep(self, seconds)
    end
    assert(client:request("GET", "/a"))
    assert.equal(3, naps)
    assert.equal("GET /a", requests(script))
    assert.equal("Bearer token-of-another", script.requests[1].headers.authorization)
    assert.equal("another", dict.values[key .. ":fetching"])
  end)

  it("fetches by itself when another takes too long", function()
    local client, script = new_client(dict, { answer "token-1", EMPTY })
    local key = token_store.of(client).key
    dict.values[key .. ":fetching"] = "another"
    assert(client:request("GET", "/a"))
    assert.equal("POST /token; GET /a", requests(script))
    assert.equal("another", dict.values[key .. ":fetching"]) -- not ours to take away
  end)

  it("fetches by itself when the store is full", function()
    function dict.add() return false, "no memory" end
    local client, script = new_client(dict, { answer "token-1", EMPTY })
    assert(client:request("GET", "/a"))
    assert.equal("POST /token; GET /a", requests(script))
  end)

  it("does not trust a token that was refused, but one that came after it", function()
    local one = new_client(dict, { answer "token-1", EMPTY, DENIED, answer "token-2", EMPTY })
    local other, of_other = new_client(dict, { EMPTY, DENIED, EMPTY })
    assert(one:request("GET", "/a"))
    assert(other:request("GET", "/a"))
    assert(one:request("GET", "/b"))
    assert.matches(" token%-2$", stored())
    assert(other:request("GET", "/b"))
    assert.equal("GET /a; GET /b; GET /b", requests(of_other))
    assert.equal("Bearer token-2", of_other.requests[3].headers.authorization)
  end)

  it("shares no token that ends soon, and uses none", function()
    local client, script = new_client(dict, { answer("token-1", 40), EMPTY })
    local key = token_store.of(client).key
    dict.values[key] = ("%.3f old"):format(core.time() + 40)
    assert(client:request("GET", "/a"))
    assert.equal("POST /token; GET /a", requests(script))
    assert.matches(" old$", dict.values[key])
  end)

  it("lets others fetch after a fetch that failed", function()
    local client = new_client(dict, { { status = 400, body = '{"error":"invalid_client"}' } })
    assert.equal("auth", select(2, client:request("GET", "/a")).kind)
    assert.same({}, dict.values)
  end)

  it("does not keep clients alive", function()
    local kept = setmetatable({}, { __mode = "k" })
    kept[(new_client(dict, {}))] = true
    kept[next(kept)] = token_store.of(next(kept)).key
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(kept))
  end)
end)
