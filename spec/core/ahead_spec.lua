-- SPDX-License-Identifier: Apache-2.0
-- While the token is asked for, the connection with CDF is made, and nothing is said on it: it saves a first run two
-- round trips where CDF speaks HTTP/2.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local libcurl = require "libcurl"
local world = require "http_world"

after_each(world.stop)

--- An identity provider that takes its time: so many seconds, and no longer once the file `sign` is there.
local function slow_provider(seconds, sign)
  return world.serve(([[
    local sign, turns = %q, %g
    for _ in function() return read(connection) end do
      for _ = 1, turns do
        if io.open(sign) then break end
        sleep(0.02)
      end
      reply(connection, 200, '{"access_token":"t","expires_in":3600}')
    end
  ]]):format(sign or "", (seconds or 0.3) / 0.02))
end

local function client_of(base_url, provider, ca_file)
  return assert(cdf.client {
    project = "p", base_url = base_url, ca_file = ca_file, proxy = "", max_retries = 0, timeout = 10,
    credentials = assert(cdf.credentials {
      client_id = "id", client_secret = "secret", token_url = provider.url .. "/token",
    }),
  })
end

local function token_request(base_url, token_url)
  local client = core.client { project = "p", base_url = base_url, credentials = core.credentials {
    client_id = "id", client_secret = "secret", token_url = token_url .. "/token" } }
  local action, request = core.run(client, "w", "1", {}):step("start", core.now(), core.time())
  assert.equal("http", action)
  return request
end

--- What a server is told until the token is there. → its log
local function told(options, url_of)
  local sign = os.tmpname()
  os.remove(sign)
  finally(function() os.remove(sign) end)
  local provider = slow_provider(options.seconds, sign)
  local server = world.serve(([[
    io.open(%q, "w"):close()
    log "connection"
    log(read(connection) and "request" or "nothing")
  ]]):format(sign), options.tls)
  local http = world.new { ca_file = server.ca_file, proxy = "", max_connections = options.max_connections }
  http:submit(token_request(url_of and url_of(server, provider) or server.url, provider.url))
  local response = world.finish(http)
  assert.equal(200, response.status)
  assert.equal(0, http:pending())
  assert.is_nil((http:finished()))
  http:close()
  local lines = {}
  for i = 1, options.lines or 0 do lines[i] = server:line() end -- the last comes when the connection is closed
  for _, line in ipairs(server:stop()) do lines[#lines + 1] = line end
  return lines
end

describe("a connection with CDF", function()
  it("is made while the token is asked for, and nothing is said on it", function()
    local expected, seconds = { "connection", "nothing" }, 10 -- of which it takes the handshake's
    if not libcurl.is_at_least(7, 88) then expected, seconds = {}, nil end
    assert.same(expected, told { tls = "good", seconds = seconds, lines = #expected })
  end)

  it("is nobody's, and not cancelled in place of a request that is not there", function()
    local provider, silent = slow_provider(), world.serve "sleep(3)"
    local url = silent.url:gsub("^http:", "https:") -- the handshake takes longer than the token
    local http = world.new { proxy = "" }
    http:submit(token_request(url, provider.url))
    http:wait(0)
    local client = core.client { project = "p", base_url = url, credentials = core.credentials { token = "t" } }
    assert.is_false(http:cancel(assert(core.run(client, "w", "1", {}))))
    assert.is_false(http:cancel(0))
    assert.equal(1, http:pending())
    assert.equal(200, world.finish(http).status)
    assert.equal(0, http:pending())
  end)

  it("is not made ahead where it would be without TLS, or the only one there may be", function()
    assert.same({}, told {})
    assert.same({}, told { tls = "good", max_connections = 1 })
  end)

  it("is not made ahead to the identity provider itself", function()
    assert.same({}, told({ tls = "good" }, function(_, provider) return provider.url end))
  end)

  local with_http_2 = libcurl.is_at_least(7, 88) and it or function() end -- else nothing is made ahead
  with_http_2("carries session and run where it speaks HTTP/2", function()
    -- By when the connection is there, also on a machine that has much to do, or is emulated.
    local provider = slow_provider(os.getenv "MACHINE" and 4 or 1)
    local server = world.nginx("ssl http2", [[
      location ~ /status$ { stub_status; }
      location = /api/v1/projects/p/sessions { return 201 '{"items":[{"id":1,"status":"READY","nonce":"n"}]}'; }
      location / { return 202 '{"id":"059edaa4-a17a-4102-910e-2c3591500cce",
        "workflowExternalId":"w","status":"RUNNING"}'; }
    ]])
    local function accepted()
      local http = world.new { ca_file = server.ca_file, proxy = "" }
      return tonumber(world.fetch(http, server.url, "GET", "/status").body:match "requests%s+(%d+)")
    end
    local before = accepted()
    local client = client_of(server.url, provider, server.ca_file)
    assert(client:run("w", "1"))
    client:close()
    assert.equal(before + 2, accepted()) -- the second is the one that asks
  end)

  it("that cannot be made is the business of the request that needs it", function()
    local provider = slow_provider()
    local client = client_of("https://127.0.0.1:1", provider)
    assert(client:auth())
    local result, err = client:run("w", "1")
    assert.is_nil(result)
    assert.equal("transport", err.kind)
    assert.equal(1, err.attempts)
  end)
end)
