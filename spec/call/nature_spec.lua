-- SPDX-License-Identifier: Apache-2.0
-- Which requests of client:request are repeated when their answer was lost, whatever way their path is written.

local Script = require "script"
local cdf = require "cdfworkflow"
local nature = require "cdfworkflow.call.nature"

local LOST = { failure = "receive", sent = true }
local REFUSED = { status = 503, body = "" }
local OK = { status = 200, body = "{}" }

local function send(answers, method, path)
  local script = Script.new(answers)
  local client = assert(cdf.client {
    project = "p", base_url = "https://cdf.example", transport = script,
    credentials = assert(cdf.credentials { token = "t" }),
  })
  local result, err = client:request(method, path, method ~= "DELETE" and {} or nil)
  return #script.requests, result, err
end

local ID = "059edaa4-a17a-4102-910e-2c3591500cce"

describe("the nature of a request", function()
  it("is known for what only reads and for what ends the same", function()
    for _, path in ipairs {
      "/assets/list", "/assets/byids", "/timeseries/data/list?cursor=x", "/models/instances/search",
      "/events/aggregate",
      "/sessions", "/sessions/revoke", "/sessions/byids", "/workflows", "/workflows/delete?ignoreUnknownIds=true",
      "/workflows/versions", "/workflows/versions/delete", "/workflows/versions/list", "/workflows/triggers/delete",
      "/workflows/executions/list", "/workflows/executions/" .. ID .. "/cancel", "/workflows/triggers/a%2Fb/pause",
      "/workflows/triggers/t/resume", "/functions/byids",
    } do
      assert.equal("safe", nature("POST", path), path)
    end
    for _, method in ipairs { "GET", "PUT", "DELETE" } do assert.equal("safe", nature(method, "/any/thing")) end
  end)

  it("is the worst for all else", function()
    for _, path in ipairs {
      "/", "", "/assets", "/workflowsx", "/workflows/triggers", "/workflows/tasks/" .. ID .. "/update", "/functions",
      "/functions/7/call", "/functions/schedules", "/functions/delete", "/files", "/transformations/run", "/x/LIST",
      "/x%2Flist", "/x/%256cist", "/x/list;a=b", "/x?y=/list", "/workflows/a/b", "/workflows/new", "/sessions/7",
      "/workflows/triggers/a/b/pause", "/x/list%20",
    } do
      assert.equal("unsafe", nature("POST", path), path)
    end
    assert.equal("unsafe", nature("PATCH", "/assets/list"))
  end)

  it("does not hang on how the path is written", function()
    for path, expected in pairs {
      ["/workflows/a/versions/1/run"] = "run", ["/workflows/a/versions/1/%72un"] = "run",
      ["/workflows/a/versions/1/ru%6E/"] = "run", ["//workflows///a/versions/1/run//?x=list"] = "run",
      ["/%77orkflows/a/versions/1/run"] = "run", ["/workflows/executions/" .. ID .. "/retr%79"] = "run",
      ["/assets/%6Cist"] = "safe", ["/assets/list/"] = "safe", ["/%77orkflows"] = "safe",
    } do
      assert.equal(expected, nature("POST", path), path)
    end
  end)

  it("decides whether a lost one is sent again", function()
    for path, requests in pairs {
      ["/workflows/a/versions/1/%72un"] = 1, ["/workflows/a/versions//1/run"] = 1, ["/assets/list"] = 2,
      ["/workflows/new"] = 1,
    } do
      local sent, _, err = send({ LOST, OK }, "POST", path)
      assert.equal(requests, sent, path)
      if requests == 1 then assert.equal("ambiguous", err.kind) end
    end
    assert.equal(1, send({ LOST, OK }, "PATCH", "/x"))
    assert.equal(2, send({ LOST, OK }, "PUT", "/x"))
  end)

  it("decides whether one is sent again that a gateway may have passed on", function()
    assert.equal(1, send({ REFUSED, OK }, "POST", "/assets"))
    assert.equal(2, send({ REFUSED, OK }, "POST", "/assets/list"))
  end)

  it("takes a DELETE that finds nothing after a loss for done, and no other", function()
    local GONE = { status = 404, body = '{"error":{"code":404,"message":"not there"}}' }
    local sent, result = send({ LOST, GONE }, "DELETE", "/3d/models/7")
    assert.same({ 2, {} }, { sent, result })
    local _, nothing, err = send({ GONE }, "DELETE", "/3d/models/7")
    assert.is_nil(nothing)
    assert.equal(404, err.status)
  end)
end)
