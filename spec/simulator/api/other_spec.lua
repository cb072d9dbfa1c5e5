-- SPDX-License-Identifier: Apache-2.0
-- Answers of the user's for the rest of CDF's API, as clients get them. (What `cdf` tasks get: project_spec.lua.)

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"
local simulator = require "cdfworkflow.simulator"

local function new(requests)
  return exchange.new { requests = requests, principals = {
    { client_id = "elsewhere", client_secret = "e", projects = {} },
    { client_id = "bare", client_secret = "b", capabilities = {} },
  } }
end

describe("simulator.other", function()
  it("gives a table as it is", function()
    local x = new { ["GET /timeseries"] = { items = { { id = 1 } } }, ["POST /raw/dbs"] = core.array {} }
    assert.same({ items = { { id = 1 } } }, x:call("GET", "/timeseries?limit=5"))
    local _, _, response = x:try("POST", "/raw/dbs", {})
    assert.equal("[]", response.body)
    assert.truthy(response.headers["x-request-id"])
  end)

  it("asks a function, which sees the whole request", function()
    local asked
    local x = new { ["PUT /files/{id}/{name}"] = function(request)
      asked = request
      return { name = request.params.name }, 201
    end }
    local status, answer = x:try("PUT", "/files/7/a%2Fb%20c?x=1&y=%C3%A6", { n = { 1 } }, { ["x-mine"] = "yes" })
    assert.same({ 201, { name = "a/b c" } }, { status, answer })
    assert.same({ "PUT", "/files/7/a%2Fb%20c", { id = "7", name = "a/b c" }, { x = "1", y = "æ" }, { n = { 1 } }, "yes",
      "acme-dev", "svc-acme" }, { asked.method, asked.path, asked.params, asked.query, asked.body,
      asked.headers["x-mine"], asked.project, asked.client_id })
  end)

  it("gives a function the text of what is no JSON, and refuses JSON that is none", function()
    local x = new { ["PUT /bytes"] = function(request) return { size = #request.body } end }
    assert.same({ size = 4 }, select(2, x:try("PUT", "/bytes", "\0\1{}", { ["content-type"] = "application/zip" })))
    assert.equal(400, (x:try("PUT", "/bytes", "{")))
  end)

  it("gives nothing with a status that has no body", function()
    local x = new { ["DELETE /things/{id}"] = function() return nil, 204 end }
    local _, _, response = x:try("DELETE", "/things/7")
    assert.same({ 204, "" }, { response.status, response.body })
    assert.is_nil(response.headers["content-type"])
  end)

  it("is for those who may enter the project, whatever their capabilities", function()
    local x = new { ["GET /timeseries"] = {} }
    assert.equal(401, (x:try("GET", "/timeseries", nil, { authorization = "" })))
    x.token = x:sign_in("elsewhere", "e")
    assert.equal(401, (x:try("GET", "/timeseries")))
    x.token = x:sign_in("bare", "b")
    assert.equal(200, (x:try("GET", "/timeseries")))
  end)

  it("knows its methods, and leaves everything else missing", function()
    local x = new { ["GET /timeseries"] = {}, ["POST /timeseries"] = {} }
    local status, _, response = x:try("DELETE", "/timeseries")
    assert.same({ 405, "GET, POST" }, { status, response.headers.allow })
    assert.equal(404, (x:try("GET", "/timeseries/7")))
    assert.equal(405, (x:try("DELETE", "/workflows")))
  end)

  it("answers with 500 where the function goes wrong, and says what", function()
    local function message(handler)
      local x = new { ["GET /x"] = handler }
      local status, answer = x:try("GET", "/x")
      assert.equal(500, status)
      return answer.error.message
    end
    assert.equal("The handler of GET /x raised: boom", message(function() error("boom", 0) end))
    assert.matches("^The handler of GET /x gave no JSON: ", message(function() return { print } end))
    assert.equal("The handler of GET /x gave teapot, which is no status", message(function() return {}, "teapot" end))
    assert.equal("The handler of GET /x gave 99, which is no status", message(function() return {}, 99 end))
    assert.equal("The handler of GET /x gave 200.5, which is no status", message(function() return {}, 200.5 end))
  end)

  it("is there for client:request", function()
    local sim = simulator.new { project = "p", tokens = { "t" } }
    sim:request_handler("POST /timeseries/list", function(request)
      return { items = { { externalId = request.body.filter.name } } }
    end)
    local client = assert(cdf.client { project = "p", base_url = "http://localhost", transport = sim:transport(),
      credentials = assert(cdf.credentials { token = "t" }) })
    local found = assert(client:request("POST", "/timeseries/list", { filter = { name = "pressure" } }))
    assert.equal("pressure", found.items[1].externalId)
  end)

  it("refuses, at the caller's line, what it could not serve", function()
    local sim = simulator.new()
    for name, case in pairs {
      ["GET /workflows"] = { {}, "GET /workflows is answered by the simulator itself" },
      ["GET /workflows/{x}/versions/{y}"] = { {}, "is answered by the simulator itself" },
      ["/timeseries"] = { {}, '"/timeseries" is not of the form METHOD /path' },
      ["get /timeseries"] = { {}, "is not of the form METHOD /path" },
      ["GET timeseries"] = { {}, "is not of the form METHOD /path" },
      ["GET /timeseries?limit=5"] = { {}, "is not of the form METHOD /path" },
      ["GET /list"] = { { print }, "GET /list gives no JSON: " },
    } do
      local line = debug.getinfo(1, "l").currentline + 1
      local ok, problem = pcall(function() sim:request_handler(name, case[1]) end)
      assert.is_false(ok)
      assert.matches(("other_spec.lua:%d: simulator request: "):format(line), problem, 1, true)
      assert.matches(case[2], problem, 1, true)
    end
    local line = debug.getinfo(1, "l").currentline + 2
    local _, problem = pcall(function()
      simulator.new { requests = { ["GET /workflows"] = {} } }
    end)
    assert.matches(("other_spec.lua:%d: simulator request: GET /workflows is answered"):format(line), problem, 1, true)
  end)
end)
