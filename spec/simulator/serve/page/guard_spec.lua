-- SPDX-License-Identifier: Apache-2.0
-- Whose clicks count. That nothing is done otherwise is in init_spec.lua.

local guard = require "cdfworkflow.simulator.serve.page.guard"

local TOKEN = "0123456789abcdef"
local FORM = "application/x-www-form-urlencoded"

local function takes(headers, token, given)
  local all = { host = "127.0.0.1:8080", ["content-type"] = FORM }
  for name, value in pairs(headers or {}) do all[name] = value or nil end
  local made = guard.new { host = given and given.host or "127.0.0.1", token = TOKEN,
    page_actions = given and given.page_actions }
  return made:takes(all, { token = token or TOKEN })
end

describe("the guard of the page", function()
  it("takes a form of the page itself", function()
    assert.is_true(takes())
    assert.is_true(takes { origin = "http://127.0.0.1:8080", ["sec-fetch-site"] = "same-origin" })
    assert.is_true(takes { origin = "https://127.0.0.1:8080" })
    assert.is_true(takes { host = "LocalHost", origin = "http://localhost" })
    assert.is_true(takes { ["content-type"] = FORM .. "; charset=UTF-8" })
  end)

  it("takes no form without the token, whole", function()
    for _, token in ipairs { "", "0", TOKEN .. "0", TOKEN:sub(1, -2), TOKEN:upper() } do
      assert.is_nil(takes(nil, token), token)
    end
    assert.is_nil(guard.new({ host = "localhost", token = TOKEN }):takes({ ["content-type"] = FORM }, {}))
  end)

  it("takes no form of another page, whatever its token", function()
    for _, origin in ipairs { "null", "", "http://127.0.0.1", "http://127.0.0.1:8081",
      "http://127.0.0.1:8080.evil.example", "file://127.0.0.1:8080", "http://evil.example/127.0.0.1:8080" } do
      assert.is_nil(takes { origin = origin }, origin)
    end
    for _, site in ipairs { "cross-site", "same-site", "none" } do
      assert.is_nil(takes { ["sec-fetch-site"] = site }, site)
    end
  end)

  it("takes no form that any page may send without asking, such as plain text", function()
    for _, kind in ipairs { false, "text/plain", "multipart/form-data; boundary=x" } do
      local headers = { host = "127.0.0.1:8080", ["content-type"] = kind or nil }
      assert.is_nil(guard.new({ host = "localhost", token = TOKEN }):takes(headers, { token = TOKEN }))
    end
  end)

  it("lets act where only this machine is listened to, or where that was asked for", function()
    for _, host in ipairs { "127.0.0.1", "localhost", "::1" } do
      assert.is_true(takes(nil, nil, { host = host }), host)
    end
    for _, host in ipairs { "0.0.0.0", "::", "10.0.0.7", "sim.example" } do
      assert.is_nil(takes(nil, nil, { host = host }), host)
      assert.is_true(takes(nil, nil, { host = host, page_actions = true }), host)
    end
  end)
end)
