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

  it("are as old as the first of them, so that a run that shows up on an earlier one is not started again", function()
    local began, started, script = 1000, {}, nil
    local nonces = {}
    -- A nonce lives 60 s and binds once. The first run is held up for 59 s, and is listed 2 s later, on the first page.
    local function start(nonce, at)
      if nonces[nonce].bound or at > nonces[nonce].made + 60 then return { status = 400, body = "{}" } end
      nonces[nonce].bound = true
      started[#started + 1] = at
      return { status = 202, body = ('{"id":"e%d","status":"RUNNING","workflowExternalId":"foo"}'):format(#started) }
    end
    local function answer_to(request, at)
      if request.path:find "/sessions$" then
        local nonce = "nonce-" .. #script.requests
        nonces[nonce] = { made = at }
        return { status = 200, body = ('{"items":[{"id":1,"nonce":"%s"}]}'):format(nonce) }
      elseif request.path:find "/run$" then
        if at > 0 then return start(request.body:match "nonce%-%d+", at) end
        start("nonce-1", 59)
        return { failure = "timeout", sent = true }
      elseif request.body:find '"cursor"' then
        return at < 81 and { status = 503, body = "" } or page()
      end
      if at < 61 then return page(nil, "c-2") end
      return { status = 200, body = '{"items":[{"id":"e1","status":"RUNNING","workflowExternalId":"foo",'
        .. '"metadata":{"cdfworkflow.requestId":"r"}}]}' }
    end
    script = Script.new(setmetatable({}, { __index = function()
      return function(request) return answer_to(request, script.clock - began) end
    end }))
    local client = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", transport = script, timeout = 120,
      credentials = cdf.credentials { token = "t" },
    })
    assert.equal("e1", assert(client:run("foo", "1", { request_id = "r" })).id)
    assert.same({ 59 }, started)
  end)

  it("are asked for from the first one again where a cursor is refused", function()
    local found = '{"items":[{"id":"i","status":"RUNNING","workflowExternalId":"foo",'
      .. '"metadata":{"cdfworkflow.requestId":"r"}}]}'
    local script = Script.new {
      { status = 200, body = '{"items":[{"id":1,"nonce":"n"}]}' }, { failure = "receive", sent = true },
      page(nil, "c-2"), { status = 400, body = '{"error":{"code":400,"message":"the cursor has expired"}}' },
      { status = 200, body = found },
    }
    local client = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", transport = script,
      credentials = cdf.credentials { token = "t" },
    })
    assert.equal("i", assert(client:run("foo", "1", { request_id = "r" })).id)
    assert.is_nil(core.decode(script.requests[5].body).cursor)
  end)
end)
