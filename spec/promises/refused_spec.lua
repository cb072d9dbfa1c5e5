-- SPDX-License-Identifier: Apache-2.0
-- An HTTP/2 stream that the server refused (REFUSED_STREAM), or that lies behind the last one that a server looked at
-- before it went away (GOAWAY), has surely not been carried out (RFC 9113 8.7): it is sent again, a run too, without
-- a request_id.

local h2_server = require "h2_server"
local libcurl = require "libcurl"

local REFUSALS = { "refused_stream" }

-- Older ones say nothing of a server that goes away, so that its streams are in doubt.
if libcurl.is_at_least(7, 88) then
  REFUSALS[2], REFUSALS[3] = "goaway_before", "goaway_before_and_closed"
end

local server

before_each(function() server = h2_server.start() end)
after_each(function() server:stop() end)

-- `used`: whether the connection has carried token and session before.
local function run(plan, used, options)
  local client = server:client(plan, options)
  if used then assert(client:auth()) end
  local execution, err = client:run("w", "1", { input = { plan = plan }, nonce = not used and "n" or nil })
  client:close()
  return execution, err
end

describe("a run whose HTTP/2 stream was refused", function()
  for _, refusal in ipairs(REFUSALS) do
    for _, used in ipairs { true, false } do
      local where = used and "a used connection" or "a new connection"

      it("is sent again: " .. refusal .. " on " .. where, function()
        local plan = "run_once_" .. refusal
        local execution, err = run(plan, used, { max_retries = 3, timeout = 20 })
        assert(execution, tostring(err))
        assert.equal("059edaa4-a17a-4102-910e-2c3591500cce", execution.id)
        assert.equal(2, server:stop()["run " .. plan])
      end)

      it("is no ambiguous one when it is given up: " .. refusal .. " on " .. where, function()
        local plan = "run_" .. refusal
        local execution, err = run(plan, used)
        assert.is_nil(execution)
        assert.equal("transport", err.kind, tostring(err))
        assert.matches("the server refused to take the request", err.message)
        assert.is_true(err.retryable)
        assert.equal(1, server:stop()["run " .. plan])
      end)
    end
  end

  it("is in doubt where the server went away after it had begun with it", function()
    for _, used in ipairs { true, false } do
      local _, err = run("run_goaway_after", used, { max_retries = 3 })
      assert.equal("ambiguous", err.kind, tostring(err))
    end
    assert.equal(2, server:stop()["run run_goaway_after"])
  end)

  it("says nothing about the next one", function()
    local client = server:client("run_internal_error", { max_retries = 0 })
    for _ = 1, 3 do
      local _, refused = client:run("w", "1", { input = { plan = "run_refused_stream" } })
      assert.equal("transport", refused.kind)
      local _, lost = client:run("w", "1", { input = { plan = "run_internal_error" } })
      assert.equal("ambiguous", lost.kind)
    end
    client:close()
  end)
end)

describe("a kept HTTP/2 connection that was closed meanwhile", function()
  it("costs a run nothing, not even a repeat", function()
    local client = server:client "token_good_and_closed"
    assert(client:auth())
    server.wire:wait_until_it_closes()
    local execution, err = client:run("w", "1", { input = { plan = "run_good" }, nonce = "n" })
    assert(execution, tostring(err))
    client:close()
    assert.equal(1, server:stop()["run run_good"])
  end)
end)
