-- SPDX-License-Identifier: Apache-2.0

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"

describe("simulator.transport", function()
  local x, transport

  before_each(function()
    x = exchange.new()
    transport = x.sim:transport()
  end)

  local function get(path, more)
    local request = {
      method = "GET", url = "https://x.cognitedata.com" .. path, headers = { Authorization = "Bearer " .. x.token },
    }
    for name, value in pairs(more or {}) do
      request[name] = value
    end
    return transport:http(request)
  end

  local WORKFLOWS = "/api/v1/projects/acme-dev/workflows"

  it("answers requests, with header names in any case", function()
    local response = get(WORKFLOWS .. "?limit=1")
    assert.same({ 200, "application/json" }, { response.status, response.headers["content-type"] })
    assert.same({ items = {} }, core.decode(response.body))
    assert.equal(404, get("").status)
    assert.equal(404, get("?x=1").status)
  end)

  it("has the simulator's clock, and moves it by sleeping", function()
    local before = transport:now()
    transport:sleep(1.5)
    assert.equal(1.5, transport:now() - before)
    assert.equal(transport:now() * 1000, x.sim:now())
    transport:sleep(-1)
    assert.equal(1.5, transport:now() - before)
  end)

  it("gives upload URLs at the host that the client asked", function()
    local response = transport:http {
      method = "POST", url = "https://x.cognitedata.com:8443/api/v1/projects/acme-dev/files",
      headers = { Authorization = "Bearer " .. x.token }, body = '{"name":"f"}',
    }
    local url = core.decode(response.body).uploadUrl
    assert.truthy(url:find("https://x.cognitedata.com:8443/upload/", 1, true))
    assert.equal(200, transport:http({ method = "PUT", url = url, body = "zip" }).status)
  end)

  it("shows dropped connections as failures after sending, handled or not", function()
    for drop, size in pairs { before = 0, after = 1 } do
      x = exchange.new()
      transport = x.sim:transport()
      x.sim:fault { drop = drop }
      local response = get(WORKFLOWS, { method = "POST", body = '{"items":[{"externalId":"w"}]}' })
      assert.same({ "receive", true }, { response.failure, response.sent })
      assert.equal(size, #core.decode(get(WORKFLOWS).body).items)
    end
  end)

  it("waits out a delay, up to the request's timeout", function()
    local before = transport:now()
    x.sim:fault { delay = 2 }
    assert.equal(200, get(WORKFLOWS, { timeout = 10 }).status)
    assert.equal(2, transport:now() - before)
    x.sim:fault { delay = 20 }
    local response = get(WORKFLOWS, { timeout = 10 })
    assert.same({ "timeout", true }, { response.failure, response.sent })
    assert.equal(12, transport:now() - before)
    x.sim:fault { delay = 20 }
    assert.equal(200, get(WORKFLOWS).status)
  end)

  it("shows a cut body as a failure", function()
    x.sim:fault { truncate = 5 }
    local response = get(WORKFLOWS)
    assert.same({ "receive", true }, { response.failure, response.sent })
    assert.is_nil(response.body)
    x.sim:fault { truncate = 1000 } -- what is shorter is cut all the same, as over a socket
    response = get(WORKFLOWS)
    assert.same({ "receive", "the connection was closed with 1 bytes outstanding" },
      { response.failure, response.message })
  end)

  it("carries a client, which waits on the simulator's clock", function()
    x.sim:function_handler("f", function(data)
      return data, 60
    end)
    local client = cdf.client {
      project = "acme-dev",
      base_url = "https://x.cognitedata.com",
      transport = transport,
      credentials = cdf.credentials {
        token_url = "https://x.cognitedata.com/oauth2/token", client_id = "svc-acme", client_secret = "s3cr3t",
      },
    }
    x:version("w", "1", { exchange.task("a", "f") })
    local execution = assert(client:run("w", "1"))
    assert.equal("RUNNING", execution.status)
    execution = assert(client:wait(execution))
    assert.equal("COMPLETED", execution.status)
    assert.equal(60000, execution.endTime - execution.startTime)
    x.sim:fault { match = { operation = "run" }, drop = "after" }
    local _, err = client:run("w", "1")
    assert.equal("ambiguous", err.kind)
  end)

  it("gives ordered statuses as answers, without the order", function()
    x.sim:fault { status = 503, headers = { ["Retry-After"] = "1" } }
    local response = get(WORKFLOWS)
    assert.same({ 503, "1" }, { response.status, response.headers["retry-after"] })
    assert.is_nil(response.fault)
  end)
end)
