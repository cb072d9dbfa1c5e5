-- SPDX-License-Identifier: Apache-2.0
-- Requests from the fuzzer, one after another, to a fresh embedded CDF: each gets a proper answer, nothing is raised,
-- time goes on afterwards, and all state can still be saved.

local core = require "cdfworkflow.core"
local simulator = require "cdfworkflow.simulator"

local MOST_REQUESTS = 8

local VERSION = core.encode({
  items = { { workflowExternalId = "wf", version = "1", workflowDefinition = { tasks = { {
    externalId = "t", type = "function", dependsOn = core.array(),
    parameters = { ["function"] = { externalId = "f", data = { x = "${workflow.input.x}" } } },
  } } } } },
})

local function send(sim, method, path, body)
  return sim:handle({
    method = method, path = "/api/v1/projects/p" .. path, body = body,
    headers = { authorization = "Bearer t", ["content-type"] = "application/json", host = "localhost" },
  })
end

local function new_simulator()
  local sim = simulator.new({
    project = "p", client_id = "id", client_secret = "secret", tokens = { "t" },
    functions = { f = function(data) return { x = data.x } end },
  })
  assert(send(sim, "POST", "/workflows", '{"items":[{"externalId":"wf"}]}').status == 200)
  assert(send(sim, "POST", "/workflows/versions", VERSION).status == 200)
  return sim
end

-- "METHOD target", header lines, an empty line, the body. A nonce that is good stands for NONCE.
local function parse(text, sim)
  if text:find("NONCE", 1, true) then
    local answer = send(sim, "POST", "/sessions", '{"items":[{"tokenExchange":true}]}')
    local nonce = answer.status < 300 and core.decode(answer.body).items[1].nonce or "none"
    text = text:gsub("NONCE", (nonce:gsub("%%", "%%%%")))
  end
  local head, body = text:match("^(.-)\n\n(.*)$")
  head = head or text
  local method, path = head:match("^(%S*) ?([^\n]*)")
  local headers = { authorization = "Bearer t", host = "localhost" }
  for name, value in head:gmatch("\n([^:\n]+): *([^\n]*)") do
    headers[name:lower()] = value
  end
  return { method = method, path = path, headers = headers, body = body }
end

local function check(response)
  assert(type(response.status) == "number" and response.status >= 200 and response.status < 600, "status")
  assert(type(response.body) == "string", "body")
  for name, value in pairs(response.headers) do
    assert(type(name) == "string" and name == name:lower() and not name:find("[%c :]"), "header name")
    assert(type(value) == "string" and not value:find("[\r\n%z]"), "header value")
  end
  assert(response.status < 500, response.body)
  if response.headers["content-type"] == "application/json" then
    assert(core.decode(response.body))
  end
end

return function(bytes)
  local sim = new_simulator()
  local count = 0
  for text in (bytes .. "\n====\n"):gmatch("(.-)\n====\n") do
    count = count + 1
    if count > MOST_REQUESTS then
      break
    end
    check(sim:handle(parse(text, sim)))
    sim:advance(1)
  end
  sim:advance(90)
  assert(core.encode(sim:export()))
end
