-- SPDX-License-Identifier: Apache-2.0
-- The contract's own files against the contract: what the other specs hold their answers and requests to.
-- Runs on: 5.4

local contract = require "contract"
local json = require "dkjson"

local function text(value)
  if value == nil or value == json.null then
    return ""
  end
  return type(value) == "table" and json.encode(value) or value
end

local function golden_exchange(golden, index)
  local request = golden.requests[index]
  local answered = request.answered
  local query = request.raw_query or ""
  return {
    name = ("%s, request %d"):format(golden.case, index),
    method = request.method,
    path = request.path .. (query ~= "" and "?" .. query or ""),
    request = request.body_type ~= "bytes" and text(request.body) or nil,
    status = answered.status,
    response = answered.status and text(answered.body),
  }
end

local function golden_exchanges(golden)
  local exchanges = {}
  for index in ipairs(golden.requests) do
    exchanges[index] = golden_exchange(golden, index)
  end
  return exchanges
end

-- The names of the exchanges with complaints, as a set.
local function complained(exchanges)
  local names = {}
  for _, violation in ipairs(contract.violations(exchanges)) do
    names[violation:match "^(.-), request" or violation:match "^(.-):"] = true
  end
  return names
end

local function append(list, more)
  for _, value in ipairs(more) do
    list[#list + 1] = value
  end
end

describe("the contract", function()
  local kept, violating, violating_names = {}, {}, {}
  local goldens = contract.files "golden"
  for _, golden in ipairs(goldens) do
    append(golden.content.violates_spec and violating or kept, golden_exchanges(golden.content))
    if golden.content.violates_spec then
      violating_names[golden.content.case] = true
    end
  end

  it("accepts every request and answer of the golden cases", function()
    assert.equal(208, #goldens)
    assert.equal(278, #kept)
    assert.same({}, contract.violations(kept))
  end)

  it("refuses each golden case that violates it on purpose", function()
    assert.equal(9, #violating)
    assert.same(violating_names, complained(violating))
  end)

  it("accepts every recorded answer", function()
    local exchanges = {}
    for index, file in ipairs(contract.files "responses") do
      local answer = file.content
      exchanges[index] = {
        name = answer.name,
        operationId = answer.operationId,
        method = answer.method,
        path = answer.path,
        status = answer.status,
        response = text(answer.body),
      }
    end
    assert.equal(145, #exchanges)
    assert.same({}, contract.violations(exchanges))
  end)

  it("knows an answer of the wrong operation, with the wrong status or the wrong body", function()
    local workflow = '{"externalId":"daily-etl","createdTime":1,"lastUpdatedTime":1}'
    local exchanges = {
      { name = "right", status = 200, response = workflow },
      { name = "operation", operationId = "listWorkflows", status = 200, response = workflow },
      { name = "status", status = 404, response = workflow },
      { name = "html", status = 200, response = "<html>" },
      { name = "empty", status = 200, response = "" },
      { name = "request body", request = "{}" },
      { name = "query", path = "?limit=1", request = "" },
    }
    for _, exchange in ipairs(exchanges) do
      exchange.method = "GET"
      exchange.path = "/api/v1/projects/acme-dev/workflows/daily-etl" .. (exchange.path or "")
    end
    assert.same({ operation = true, status = true, html = true, empty = true, ["request body"] = true, query = true },
      complained(exchanges))
  end)
end)
