-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- What foreign HTTP clients do on the wire, against cdfworkflow-sim byte by byte: chunks and trailers, interim answers,
-- escapes in either case, HEAD and OPTIONS, requests cut in pieces, connections kept and many of them at once.

local core = require "cdfworkflow.core"
local raw = require "raw_http"
local server = require "server"

local WORKFLOWS = "/api/v1/projects/my-project/workflows"
local BEARER = "Authorization: Bearer static-token"
local JSON = { BEARER, "Content-Type: application/json" }

describe("cdfworkflow-sim on the wire", function()
  local sim, connection

  setup(function() sim = server.start { "--token", "static-token", "--clock", "manual" } end)
  teardown(function() sim:stop() end)
  before_each(function() connection = raw.connect(sim.port) end)
  after_each(function() connection:close() end)

  local function item(external_id)
    return assert(core.encode { items = { { externalId = external_id } } })
  end

  local function ask(method, path, headers, body)
    local answer = assert(connection:ask { method = method, target = path, headers = headers or JSON, body = body })
    return answer.status, answer.body ~= "" and assert(core.decode(answer.body)) or nil, answer
  end

  it("answers one request after another on one connection", function()
    for position = 1, 20 do
      assert.equal(200, (ask("POST", WORKFLOWS, nil, item("kept-" .. position))))
      assert.equal(404, (ask("GET", WORKFLOWS .. "/nope")))
    end
  end)

  it("keeps the connection after every kind of refusal", function()
    for _, request in ipairs {
      { "GET", "/nowhere", 404 }, { "DELETE", WORKFLOWS, 405 }, { "POST", WORKFLOWS, 400, "not JSON" },
      { "POST", WORKFLOWS, 400 }, { "POST", "/oauth2/token", 400, "x=1" }, { "GET", "/ui/nothing", 404 },
      { "PUT", "/upload/nothing", 403, "bytes" },
    } do
      local answer = assert(connection:ask {
        method = request[1], target = request[2], headers = JSON, body = request[4],
      })
      assert.equal(request[3], answer.status, request[2])
    end
    assert.equal(200, (ask("GET", WORKFLOWS)))
  end)

  it("closes the connection when it is asked to", function()
    assert.equal(200, (ask("GET", WORKFLOWS, { BEARER, "Connection: close" })))
    assert.is_true(connection:is_closed())
  end)

  it("speaks to clients of HTTP/1.0", function()
    connection:send(("GET %s HTTP/1.0\r\n%s\r\n\r\n"):format(WORKFLOWS, BEARER))
    assert.equal(200, connection:receive().status)
    assert.is_true(connection:is_closed())
  end)

  it("takes a body in chunks of any size, with extensions and trailers", function()
    local body = item "chunked"
    connection:send(connection:head { method = "POST", target = WORKFLOWS, headers = JSON }
      .. "Transfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n")
    for character in body:gmatch "." do connection:send("1;a=b\r\n" .. character .. "\r\n") end
    connection:send "0\r\nX-Checksum: abc\r\n\r\n"
    assert.equal(200, connection:receive().status)
    assert.equal("chunked", select(2, ask("GET", WORKFLOWS .. "/chunked")).externalId)
  end)

  -- CR and LF stay together: where the header's last two come apart, lua-http takes the CR for a broken header.
  it("takes a request that comes in single bytes", function()
    local body = item "slow"
    local text = connection:head { method = "POST", target = WORKFLOWS, headers = JSON }
      .. ("Content-Length: %d\r\n\r\n"):format(#body) .. body
    for bytes in text:gmatch "\r?." do connection:send(bytes) end
    assert.equal(200, connection:receive().status)
  end)

  it("says 100 before the body to those who wait for it", function()
    local body = item "expected"
    connection:send(connection:head { method = "POST", target = WORKFLOWS, headers = JSON }
      .. ("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n"):format(#body))
    assert.equal(100, connection:receive().status)
    connection:send(body)
    assert.equal(200, connection:receive().status)
    assert.equal(200, (ask("GET", WORKFLOWS .. "/expected")))
  end)

  it("does not mind how escapes and header names are written", function()
    ask("POST", WORKFLOWS, nil, item "vær/1 ☃~")
    for _, path in ipairs {
      "v%C3%A6r%2F1%20%E2%98%83~", "v%c3%a6r%2f1%20%e2%98%83%7e", "%76%c3%A6r%2f1%20%E2%98%83~",
    } do
      local status, body = ask("GET", WORKFLOWS .. "/" .. path, { "AUTHORIZATION: Bearer static-token" })
      assert.equal(200, status, path)
      assert.equal("vær/1 ☃~", body.externalId)
    end
    assert.equal(200, (ask("GET", WORKFLOWS, { "authorization:bearer static-token" })))
  end)

  it("takes the absolute form of a target", function()
    assert.equal(200, (ask("GET", sim.url .. WORKFLOWS .. "?limit=1")))
  end)

  it("answers HEAD without a body and OPTIONS with what there is", function()
    local answer = assert(connection:ask { method = "HEAD", target = "/" })
    assert.equal(200, answer.status)
    answer = assert(connection:ask { method = "HEAD", target = WORKFLOWS, headers = JSON })
    assert.equal(405, answer.status)
    answer = assert(connection:ask { method = "OPTIONS", target = WORKFLOWS, headers = JSON })
    assert.equal(405, answer.status)
    assert.equal("GET, POST", answer.headers.allow)
    assert.equal(404, (ask("OPTIONS", "*")))
    assert.equal(200, (ask("GET", WORKFLOWS)))
  end)

  it("serves many connections at once, as SDKs open them", function()
    local functions, good = {}, 0
    for client = 1, 40 do
      functions[client] = function()
        local own = raw.connect(sim.port)
        for position = 1, 10 do
          local name = ("many-%d-%d"):format(client, position)
          local made = own:ask { method = "POST", target = WORKFLOWS, headers = JSON, body = item(name) }
          local read = own:ask { method = "GET", target = WORKFLOWS .. "/" .. name, headers = JSON }
          if made.status == 200 and core.decode(read.body).externalId == name then good = good + 1 end
        end
        own:close()
      end
    end
    raw.together(functions)
    assert.equal(400, good)
  end)

  it("is not kept from others by one who sends slowly", function()
    connection:send(connection:head { method = "POST", target = WORKFLOWS, headers = JSON }
      .. "Content-Length: 100\r\n\r\n{")
    local other = raw.connect(sim.port)
    assert.equal(200, other:ask({ method = "GET", target = WORKFLOWS, headers = JSON }).status)
    other:close()
  end)

  for what, request in pairs {
    ["a request line that is none"] = "nonsense\r\n\r\n",
    ["a length that is no number"] = "POST /oauth2/token HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ["a header with no name"] = "GET / HTTP/1.1\r\n: x\r\n\r\n",
    ["a TLS hello"] = "\22\3\1\2\0\1\0\1\252\3\3" .. ("\0"):rep(40),
  } do
    it("survives " .. what, function()
      connection:send(request)
      connection.wire:shutdown "w"
      local answer = connection:receive()
      assert.is_true(answer == nil or answer.status >= 400)
      local other = raw.connect(sim.port)
      assert.equal(200, other:ask({ method = "GET", target = WORKFLOWS, headers = JSON }).status)
      other:close()
    end)
  end
end)
