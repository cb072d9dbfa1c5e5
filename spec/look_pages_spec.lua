-- SPDX-License-Identifier: Apache-2.0
-- Regression: the pages of one look for a lost run were asked for with different filters, since CDF's Date header moved
-- the start a little from page to page; a cursor is good for the filter it was given for.

local Script = require "script"
local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"

local function page(date, cursor)
  return { status = 200, body = core.encode { items = core.array {}, nextCursor = cursor }, headers = { date = date } }
end

describe("the pages of one look", function()
  it("are asked for with one filter, whatever the answers' dates", function()
    local found = '{"items":[{"id":"i","status":"RUNNING","workflowExternalId":"foo","version":"1",'
      .. '"metadata":{"cdfworkflow.requestId":"r"}}]}'
    local script = Script.new {
      { status = 200, body = '{"items":[{"id":1,"nonce":"n"}]}', headers = { date = "Thu, 01 Jan 2026 00:00:00 GMT" } },
      { failure = "receive", sent = true, message = "closed" },
      page("Thu, 01 Jan 2026 00:00:01 GMT", "c-2"),
      page("Thu, 01 Jan 2026 00:00:03 GMT", "c-3"),
      { status = 200, body = found },
    }
    local client = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", transport = script,
      credentials = cdf.credentials { token = "t" },
    })
    assert(client:run("foo", "1", { request_id = "r" }))
    local starts = {}
    for i = 3, 5 do starts[#starts + 1] = core.decode(script.requests[i].body).filter.createdTimeStart end
    assert.same({ starts[1], starts[1], starts[1] }, starts)
  end)
end)
